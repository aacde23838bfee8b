//! The record of the triage desk: an append-only history of each visit.

use std::fmt;

use async_trait::async_trait;

use crate::{Fault, ModelRef, Timestamp};

/// Why a text does not name a visit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a visit id: it must be a UUID such as 3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")]
pub struct BadVisitId;

/// Names one visit to the triage desk: a UUID (RFC 9562) in lower case. Made by Baize, so it says nothing about the
/// patient and may be logged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitId(String);

impl VisitId {
    /// Reads a UUID with hyphens, in upper or lower case.
    ///
    /// # Errors
    /// [`BadVisitId`] for any other text.
    pub fn parse(text: &str) -> Result<Self, BadVisitId> {
        let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
        let sound = |(at, byte): (usize, u8)| match is_hyphen(at) {
            true => byte == b'-',
            false => byte.is_ascii_hexdigit(),
        };
        match text.len() == 36 && text.bytes().enumerate().all(sound) {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(BadVisitId),
        }
    }

    /// The UUID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VisitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happened at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriageStep {
    /// The patient was assessed for the first time.
    Assessed,
    /// Vital signs were measured again.
    Vitals,
    /// A nurse or physician decided on a level.
    Level,
    /// A finding of an image speaks for a level; a nurse is to acknowledge it.
    Imaging,
    /// Something about an image that a nurse should know and that speaks for no level: that it could not be read, or
    /// what is to be measured.
    ImagingNote,
    /// A nurse has seen all that imaging said before.
    Acknowledged,
}

impl TriageStep {
    /// All steps.
    pub const ALL: [Self; 6] =
        [Self::Assessed, Self::Vitals, Self::Level, Self::Imaging, Self::ImagingNote, Self::Acknowledged];

    /// The stable name used in JSON, storage and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assessed => "assessed",
            Self::Vitals => "vitals",
            Self::Level => "level",
            Self::Imaging => "imaging",
            Self::ImagingNote => "imaging_note",
            Self::Acknowledged => "acknowledged",
        }
    }
}

/// One step of a visit. Holds patient data: never log it.
#[derive(Clone, Debug, PartialEq)]
pub struct TriageEntry {
    /// Of which visit.
    pub visit: VisitId,
    /// Its place in the history, from 1 without gaps.
    pub sequence: u32,
    /// What happened.
    pub step: TriageStep,
    /// When.
    pub at: Timestamp,
    /// Who sent it: the authenticated client, or `anonymous` where nobody has to log in.
    pub actor: String,
    /// What was sent, as it was sent: JSON text.
    pub sent: String,
    /// All that is known of the patient after this step, as the desk understood it: JSON text. The next step builds on
    /// it, so that a visit goes on under rules that would read what was sent differently.
    pub known: String,
    /// The assessment that was made: JSON text.
    pub assessment: String,
    /// The assessment's four-level category, 1 to 4.
    pub level_cn: u8,
    /// The assessment's acuity, 1 to 5.
    pub acuity: u8,
    /// The hospital's identifier of the visit.
    pub encounter: Option<String>,
    /// The model that ran, or was installed and could not.
    pub model: Option<ModelRef>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is durable.
    Kept,
    /// The history does not end just before it: somebody else was quicker. Nothing was written; read the history again.
    Conflict,
}

/// The histories of all visits. What was appended is never changed or removed.
#[async_trait]
pub trait TriageRecords: Send + Sync {
    /// Adds an entry to the history of its visit, in one durable transaction. The entry with sequence 1 begins it.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn append(&self, entry: TriageEntry) -> Result<Appended, Fault>;

    /// All entries of a visit, in their order; empty where it is unknown.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn history(&self, visit: &VisitId) -> Result<Vec<TriageEntry>, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_name_visits() {
        let id = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11";
        assert_eq!(VisitId::parse(id).unwrap().as_str(), id);
        assert_eq!(VisitId::parse(&id.to_uppercase()).unwrap().as_str(), id);
        for bad in [
            "",
            "1",
            "3f0c6d0e0d3f4f0e9f570b7f0b0f7f11",
            "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f1",
            "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f1g",
            "3f0c6d0e_0d3f_4f0e_9f57_0b7f0b0f7f11",
            "３f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f",
        ] {
            assert!(VisitId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
