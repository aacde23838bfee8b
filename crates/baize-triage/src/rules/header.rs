//! What every rule file says about itself, and what may be wrong with one.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::level::Words;

/// How far a rule file has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Written by the authors of Baize; not reviewed by a clinical lead.
    Draft,
    /// Copied from its source.
    Transcribed,
    /// Copied from what others say about its source.
    SecondarySource,
    /// Reviewed and adopted by the hospital.
    Reviewed,
}

/// Where rules come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Stable name.
    pub id: String,
    /// For people.
    pub title: Words,
    /// The citation.
    pub source: String,
    /// Version of the rules.
    pub version: String,
    /// How far they have been checked.
    pub status: Status,
}

/// A rule file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The file or its folder cannot be read.
    #[error("rules: {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file is not as it should be.
    #[error("rules: {file}: {reason}")]
    Invalid {
        /// The file's name.
        file: String,
        /// What is wrong, and where.
        reason: String,
    },
}

impl RuleError {
    pub(crate) fn invalid(file: &str, reason: impl Into<String>) -> Self {
        Self::Invalid { file: file.to_owned(), reason: reason.into() }
    }
}

/// Splits a rule file into its header and its own content, refusing keys that neither knows.
pub(super) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<(Header, T), RuleError> {
    let fail = |error: toml::de::Error| RuleError::invalid(file, error.to_string());
    let mut content: toml::Table = toml::from_str(text).map_err(fail)?;
    let mut head = toml::Table::new();
    for key in ["id", "title", "source", "version", "status"] {
        if let Some(value) = content.remove(key) {
            head.insert(key.to_owned(), value);
        }
    }
    let header: Header = head.try_into().map_err(fail)?;
    for (key, value) in [("id", &header.id), ("source", &header.source), ("version", &header.version)] {
        if value.trim().is_empty() {
            return Err(RuleError::invalid(file, format!("{key} is empty")));
        }
    }
    Ok((header, content.try_into().map_err(fail)?))
}

/// Refuses an id that stands twice.
pub(super) fn unique<'a>(file: &str, ids: impl Iterator<Item = &'a str>) -> Result<(), RuleError> {
    let mut seen = HashSet::new();
    for id in ids {
        if id.is_empty() || !seen.insert(id) {
            return Err(RuleError::invalid(file, format!("the id {id:?} is empty or stands twice")));
        }
    }
    Ok(())
}
