//! Where findings of images and the triage desk meet: what is still to be brought together, and what a nurse has not
//! seen yet.

use async_trait::async_trait;

use super::{Event, VisitId};
use crate::{Fault, StudyUid, Timestamp};

/// What has changed and is to be looked at again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FusionSubject {
    /// A study: it has a new result, or belongs to an order since, or to none any more.
    Study(StudyUid),
    /// An encounter, by its number: one of its visits has begun or knows something new.
    Encounter(String),
}

/// An entry of the durable list of what is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FusionDue {
    /// What.
    pub subject: FusionSubject,
    /// How often it had changed when it was read: it stays on the list where it has changed since.
    pub changes: u64,
    /// How often it was looked at in vain.
    pub attempts: u32,
}

/// A visit with a finding that no nurse has acknowledged. Holds no patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unacknowledged {
    /// The visit.
    pub visit: VisitId,
    /// The newest step that imaging made.
    pub sequence: u32,
    /// When the oldest of them was made that nobody has acknowledged.
    pub since: Timestamp,
    /// The visit's four-level category now, 1 to 4.
    pub level_cn: u8,
    /// The visit's acuity now, 1 to 5.
    pub acuity: u8,
}

/// The durable side of fusion.
///
/// The ledger enters a study in the transaction of each of its results and when it is found to belong to an order, and
/// an encounter in the transaction of each step of its visits that measures or decides something.
#[async_trait]
pub trait FusionRecords: Send + Sync {
    /// What has been due for longest; `None` where nothing is. It stays due until it is
    /// [settled](Self::settle_fusion): there is one caller.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn due_fusion(&self, now: Timestamp) -> Result<Option<FusionDue>, Fault>;

    /// Takes it off the list unless it has changed since; with `again` puts it off until then and counts the attempt.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn settle_fusion(&self, due: &FusionDue, again: Option<Timestamp>) -> Result<(), Fault>;

    /// The visits of an encounter, in the order in which they began.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn visits_of_encounter(&self, number: &str) -> Result<Vec<VisitId>, Fault>;

    /// The visits to which a study has told something.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn visits_told_of(&self, study: &StudyUid) -> Result<Vec<VisitId>, Fault>;

    /// Up to `limit` visits with a step that imaging made and no acknowledgement after it, the most urgent first, and
    /// of these the longest waiting.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn unacknowledged(&self, limit: usize) -> Result<Vec<Unacknowledged>, Fault>;
}

/// Where events are told to those who listen.
pub trait Announce: Send + Sync {
    /// Tells it; listeners that are too slow miss it.
    fn announce(&self, event: Event);
}
