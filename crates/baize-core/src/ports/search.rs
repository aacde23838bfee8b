//! Looking for results: studies and steps of visits by what an integrator knows of them, page by page.
//!
//! The ledger narrows, the caller decides: what is found may hold more than what matches (a time that is more exact than a
//! day, an identifier with its issuer), never less.

use async_trait::async_trait;

use super::{TriageEntry, VisitId};
use crate::{Fault, ModelRef, SopUid, StudyUid, Timestamp};

/// From the first on, up to but without the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment behind it.
    pub to: Timestamp,
}

/// Which studies. Of what is `Some`, one must fit; a study must fit everything that is `Some`. Holds patient data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StudySearch {
    /// Study Instance UIDs.
    pub studies: Option<Vec<StudyUid>>,
    /// Identifiers of the patient, in the images or as the HIS has them.
    pub patients: Option<Vec<String>>,
    /// Accession Numbers, or numbers that the HIS gave the order.
    pub orders: Option<Vec<String>>,
    /// Numbers of encounters.
    pub encounters: Option<Vec<String>>,
    /// First and last Study Date, as `YYYYMMDD`.
    pub days: Option<(String, String)>,
    /// When something last changed: a result or a review, and for studies without results an image.
    pub changed: Option<Span>,
    /// Only studies of which there is something to tell.
    pub with_results: bool,
    /// Only those at this place or behind it.
    pub from_place: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// A study that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundStudy {
    /// Its place among all studies: the newest has the greatest. It never changes.
    pub place: u64,
    /// The study.
    pub study: StudyUid,
    /// When its last image came in.
    pub updated_at: Timestamp,
    /// When what is told of it last changed; `None` where there is nothing to tell yet.
    pub changed_at: Option<Timestamp>,
}

/// Which steps of visits to the triage desk; as [`StudySearch`]. Holds patient data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisitSearch {
    /// Steps by visit and place in its history.
    pub steps: Option<Vec<(VisitId, u32)>>,
    /// Identifiers of the patient, as the HIS has them.
    pub patients: Option<Vec<String>>,
    /// Numbers of encounters.
    pub encounters: Option<Vec<String>>,
    /// When the step was recorded.
    pub at: Option<Span>,
    /// Only those at this place or behind it.
    pub from_place: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// A step that was found. Holds patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundStep {
    /// Its place among all changes: the newest has the greatest.
    pub place: u64,
    /// The step.
    pub entry: TriageEntry,
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedSubject {
    /// A study.
    Study(StudyUid),
    /// A step of a visit.
    Step(VisitId, u32),
}

/// That something which is told of a study or visit has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultChange {
    /// Its place among all changes, in the order of the commits, from 1.
    pub sequence: u64,
    /// When; never before the change ahead of it.
    pub at: Timestamp,
    /// What.
    pub subject: ChangedSubject,
}

/// The search side of the ledger.
#[async_trait]
pub trait ResultSearch: Send + Sync {
    /// Studies, the newest first.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn find_studies(&self, search: StudySearch) -> Result<Vec<FoundStudy>, Fault>;

    /// Steps of visits, the newest first.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn find_steps(&self, search: VisitSearch) -> Result<Vec<FoundStep>, Fault>;

    /// The study of an image.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn study_of_image(&self, sop: &SopUid) -> Result<Option<StudyUid>, Fault>;

    /// All models that results name, with when they first did, in the order of their names.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn told_models(&self) -> Result<Vec<(ModelRef, Timestamp)>, Fault>;

    /// Up to `limit` changes behind that sequence, in their order.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn changes(&self, behind: u64, limit: usize) -> Result<Vec<ResultChange>, Fault>;

    /// The sequence of the last change; 0 before the first.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn last_change(&self) -> Result<u64, Fault>;
}
