//! What resources are made with, and how they refer to one another.

use std::collections::BTreeMap;

use baize_core::{ModelRef, Text, Timestamp};
use serde_json::{Value, json};

use crate::element::{Object, Resource, instant};
use crate::key::Key;
use crate::systems::Systems;
use crate::terms::{BadTerms, Terms};

/// How resources refer to one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// By the `urn:uuid:` under which they stand in one Bundle.
    Urn,
    /// By the ids under which they are served.
    Served,
}

/// What is known of a model beside its name and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFacts {
    /// Which.
    pub model: ModelRef,
    /// SHA-256 of its weights in hexadecimal.
    pub sha256: String,
    /// What it is for.
    pub intended_use: Text,
}

/// Makes resources.
#[derive(Clone, Debug)]
pub struct Mapper {
    pub(crate) systems: Systems,
    pub(crate) terms: Terms,
    pub(crate) models: BTreeMap<ModelRef, ModelFacts>,
    /// Our own version.
    pub(crate) software: String,
}

impl Mapper {
    /// `models` are those that are installed; `software` is our own version.
    ///
    /// # Errors
    /// A code map that does not hold.
    pub fn new(systems: Systems, models: Vec<ModelFacts>, software: &str) -> Result<Self, BadTerms> {
        Ok(Self {
            systems,
            terms: Terms::builtin()?,
            models: models.into_iter().map(|facts| (facts.model.clone(), facts)).collect(),
            software: software.to_owned(),
        })
    }

    /// The hospital's identifier systems.
    pub fn systems(&self) -> &Systems {
        &self.systems
    }

    /// The Coding Scheme Designator that a FHIR system stands for; `None` for a system that no code of ours has.
    pub fn scheme(&self, system: &str) -> Option<String> {
        self.terms.scheme(system)
    }
}

impl Links {
    /// A reference to a resource of ours.
    pub(crate) fn to(self, key: &Key, display: Option<&str>) -> Value {
        let reference = match self {
            Self::Urn => key.urn(),
            Self::Served => key.path(),
        };
        Object::default()
            .with("reference", json!(reference))
            .with("type", json!(key.kind().as_str()))
            .maybe("display", display)
            .done()
    }
}

impl Resource {
    /// As it is served: with its id, and when it last changed.
    #[must_use]
    pub fn served(mut self, changed_at: Timestamp) -> Self {
        if let Value::Object(members) = &mut self.json {
            members.insert("id".to_owned(), json!(self.key.id()));
            let meta = members.entry("meta").or_insert_with(|| json!({}));
            meta["lastUpdated"] = json!(instant(changed_at));
            meta["versionId"] = json!(changed_at.as_micros().to_string());
        }
        self
    }
}
