//! A profile's file: read, merged with the one it extends, and checked.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use baize_core::Lane;
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

use super::scope::Sources;
use super::types::{OrderAction, OrderSources, PatientSources, VisitSources};
use super::vitals::VitalRule;

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("HL7 profile {path}: {reason}")]
pub struct ProfileError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it, and where.
    pub reason: String,
}

/// How a hospital's messages are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub(super) id: String,
    pub(super) version: String,
    source: String,
    #[serde(rename = "extends")]
    _extends: Option<String>,
    #[serde(rename = "message")]
    pub(super) messages: Vec<MessageRule>,
    pub(super) patient: PatientSources,
    pub(super) visit: VisitSources,
    pub(super) order: OrderRules,
    #[serde(rename = "vital")]
    pub(super) vitals: Vec<VitalRule>,
    /// Administrative sex, by the sender's code in upper case.
    pub(super) sexes: BTreeMap<String, SexWord>,
}

/// What a type of message is read as.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageRule {
    #[serde(rename = "type")]
    pub(super) message_type: String,
    #[serde(rename = "as")]
    pub(super) reading: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reading {
    Admit,
    Register,
    Update,
    Cancel,
    Merge,
    Orders,
    Vitals,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SexWord {
    Male,
    Female,
    Other,
    Unknown,
}

impl SexWord {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderRules {
    pub(super) control: Sources,
    pub(super) priority: Sources,
    pub(super) fields: OrderSources,
    pub(super) actions: BTreeMap<String, OrderAction>,
    #[serde(deserialize_with = "lanes")]
    pub(super) lanes: BTreeMap<String, Lane>,
}

fn lanes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Lane>, D::Error> {
    let names = BTreeMap::<String, String>::deserialize(deserializer)?;
    let lane = |(code, name): (String, String)| Ok((code, name.parse().map_err(serde::de::Error::custom)?));
    names.into_iter().map(lane).collect()
}

impl Profile {
    /// Reads `<folder>/<id>.toml` and what it extends. Reads files: call it before serving.
    ///
    /// # Errors
    /// [`ProfileError`] names the file and what is wrong with it.
    pub fn load(folder: &FilePath, id: &str) -> Result<Self, ProfileError> {
        let path = folder.join(format!("{id}.toml"));
        let bad = |reason: String| ProfileError { path: path.clone(), reason };
        let mut table = read(&path)?;
        if let Some(base) = table.get("extends").and_then(Value::as_str) {
            let below = read(&folder.join(format!("{base}.toml")))?;
            if below.contains_key("extends") {
                return Err(bad(format!("it extends {base}, which extends another profile itself")));
            }
            table = merged(below, table);
        }
        let profile: Self = table.try_into().map_err(|error: toml::de::Error| bad(error.to_string()))?;
        if profile.id != id {
            return Err(bad(format!("its id is '{}', not the name of its file", profile.id)));
        }
        profile.check().map_err(bad)?;
        Ok(profile)
    }

    /// Its id and version, as results name it.
    pub fn name(&self) -> String {
        format!("{} {}", self.id, self.version)
    }

    /// The types of messages that it reads, such as `ADT^A01`.
    pub fn message_types(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().map(|rule| rule.message_type.as_str())
    }

    /// Where its rules come from.
    pub fn source(&self) -> &str {
        &self.source
    }

    fn check(&self) -> Result<(), String> {
        if self.version.is_empty() || self.source.is_empty() {
            return Err("version and source must say something".to_owned());
        }
        for rule in &self.messages {
            if !rule.message_type.contains('^') {
                return Err(format!("message type '{}' is not like ADT^A04", rule.message_type));
            }
        }
        if self.patient.id.0.is_empty() {
            return Err("patient.id has no path".to_owned());
        }
        let codes = self.sexes.keys().chain(self.order.actions.keys()).chain(self.order.lanes.keys());
        if let Some(code) = codes.into_iter().find(|code| code.to_uppercase() != **code) {
            return Err(format!("the code '{code}' must be in upper case"));
        }
        self.vitals.iter().try_for_each(VitalRule::check)
    }
}

fn read(path: &FilePath) -> Result<Table, ProfileError> {
    let bad = |reason: String| ProfileError { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    text.parse().map_err(|error: toml::de::Error| bad(error.to_string()))
}

/// The site's tables over the base's: what the site names replaces what the base says. Of the lists `message` and
/// `vital` the site's entries come first and win.
fn merged(mut below: Table, above: Table) -> Table {
    for (key, value) in above {
        match (below.remove(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => {
                below.insert(key, Value::Table(merged(old, new)));
            }
            (Some(Value::Array(old)), Value::Array(mut new)) if key == "message" || key == "vital" => {
                new.extend(old);
                below.insert(key, Value::Array(new));
            }
            (_, new) => {
                below.insert(key, new);
            }
        }
    }
    below
}
