//! What other systems know about a study: what the patient had before, and how urgent its order is.

use async_trait::async_trait;

use super::LinkLost;
use crate::{Fault, ImageFacts, Lane, Sex, StudyUid, Timestamp};

/// Whom a study shows, as far as two systems can compare it. Holds patient data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatientIdentity {
    /// Patient ID (0010,0020).
    pub id: Option<String>,
    /// Issuer of Patient ID (0010,0021).
    pub issuer: Option<String>,
    /// Patient's Birth Date (0010,0030) as `YYYYMMDD`.
    pub birth_date: Option<String>,
    /// Patient's Sex (0010,0040).
    pub sex: Option<Sex>,
}

/// A study that an archive has. Holds patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedStudy {
    /// The study.
    pub study: StudyUid,
    /// Whom it shows.
    pub patient: PatientIdentity,
    /// Study Date as `YYYYMMDD`.
    pub date: Option<String>,
    /// Modalities in Study, upper case; empty where the archive does not say.
    pub modalities: Vec<String>,
}

/// How a retrieval ended, or how far it is, as the peer says it (PS3.4 section C.4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retrieval {
    /// The final status; 0x0000: all was sent, 0xB000 or 0xA702: not all.
    pub status: u16,
    /// The peer's Error Comment.
    pub comment: Option<String>,
    /// Objects still to be sent.
    pub remaining: u16,
    /// Objects that were sent.
    pub completed: u16,
    /// Objects that could not be sent.
    pub failed: u16,
    /// Objects that the receiver took with a warning.
    pub warning: u16,
    /// SOP Instance UIDs of objects that could not be sent, where the peer lists them.
    pub failed_instances: Vec<String>,
}

impl Retrieval {
    /// Something was sent and nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.status == 0 && self.failed == 0 && self.remaining == 0 && self.sent() > 0
    }

    /// Objects that the receiver has.
    pub fn sent(&self) -> u32 {
        u32::from(self.completed) + u32::from(self.warning)
    }
}

/// An archive that can be asked for a patient's studies.
#[async_trait]
pub trait StudySource: Send + Sync {
    /// What it has of a patient, in no order; at most a few hundred studies.
    ///
    /// # Errors
    /// [`LinkLost`] where it does not answer, or not to its end.
    async fn studies_of(&self, patient: &PatientIdentity) -> Result<Vec<ArchivedStudy>, LinkLost>;

    /// The body parts that the series of a study name, upper case; empty where it does not say.
    ///
    /// # Errors
    /// As [`studies_of`](Self::studies_of).
    async fn body_parts(&self, study: &StudyUid) -> Result<Vec<String>, LinkLost>;

    /// Has a study sent to us. Returns when the archive is done.
    ///
    /// # Errors
    /// [`LinkLost`] where it does not answer, or refuses as a whole.
    async fn retrieve(&self, study: &StudyUid) -> Result<Retrieval, LinkLost>;
}

/// By what an order is found. Holds patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderKey {
    /// The study.
    pub study: StudyUid,
    /// Accession Number.
    pub accession: Option<String>,
    /// Patient ID.
    pub patient_id: Option<String>,
}

/// A worklist that can be asked how urgent a study is.
#[async_trait]
pub trait OrderSource: Send + Sync {
    /// The most urgent lane that the orders of a study ask for; `None` where there is no order for it.
    ///
    /// # Errors
    /// [`LinkLost`] where the worklist does not answer.
    async fn lane_of(&self, key: &OrderKey) -> Result<Option<Lane>, LinkLost>;
}

/// What is asked about a study that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InquiryKind {
    /// Which earlier studies of the patient are worth having.
    Priors,
    /// How urgent its order is.
    Order,
}

impl InquiryKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Priors, Self::Order];

    /// The stable name used in storage and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priors => "priors",
            Self::Order => "order",
        }
    }
}

/// A question about a study that has no answer yet. Holds patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct Inquiry {
    /// What is asked.
    pub kind: InquiryKind,
    /// About which study.
    pub study: StudyUid,
    /// Facts of its first image.
    pub facts: ImageFacts,
    /// When its first image came in.
    pub received_at: Timestamp,
    /// How often it was asked in vain.
    pub attempts: u32,
}

/// The durable list of what is still to be asked.
///
/// The ledger makes an inquiry of every wanted kind in the transaction that enters a new study, except for a study that
/// was fetched as a prior itself.
#[async_trait]
pub trait Inquiries: Send + Sync {
    /// After a start, before anything comes in: says what is asked about the studies to come. What is open of a kind
    /// that is no longer wanted rests. No prior is expected any more.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn set_wanted(&self, kinds: Vec<InquiryKind>) -> Result<(), Fault>;

    /// The open inquiry of a kind that has been due for longest; `None` where none is due. Stays due until it is
    /// [settled](Self::settle_inquiry): there is one caller for each kind.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn due_inquiry(&self, kind: InquiryKind, now: Timestamp) -> Result<Option<Inquiry>, Fault>;

    /// Ends an inquiry with a sentence that says how, or with `again` puts it off until then. The sentence holds no
    /// patient data.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn settle_inquiry(
        &self,
        kind: InquiryKind,
        study: &StudyUid,
        again: Option<Timestamp>,
        outcome: String,
    ) -> Result<(), Fault>;

    /// Notes that a study is about to be fetched as a prior, before it is: what arrives of it in the routine lane until
    /// [`end_prior`](Self::end_prior) makes it one. Somebody who sends it at another time, or more urgently, makes it a
    /// study like others. `false`: it is here already, as a study like others or fetched to its end.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn expect_prior(&self, prior: &StudyUid, now: Timestamp) -> Result<bool, Fault>;

    /// The archive is done with sending a prior, or has failed to. `whole`: nothing of it is missing.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn end_prior(&self, prior: &StudyUid, whole: bool) -> Result<(), Fault>;
}

/// Makes a study more urgent while its images wait or are worked on.
#[async_trait]
pub trait Urgency: Send + Sync {
    /// Raises a study, those of its images that are still to be read, and those that come later. Nothing lowers.
    /// Returns whether it was less urgent.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn raise(&self, study: &StudyUid, lane: Lane) -> Result<bool, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_retrieval_that_brought_everything_is_complete() {
        let whole = Retrieval { completed: 2, ..Retrieval::default() };
        assert!(whole.is_complete());
        assert!(Retrieval { warning: 1, ..Retrieval::default() }.is_complete());
        for part in [
            Retrieval::default(),
            Retrieval { failed: 1, ..whole.clone() },
            Retrieval { remaining: 1, ..whole.clone() },
            Retrieval { status: 0xB000, ..whole.clone() },
        ] {
            assert!(!part.is_complete(), "{part:?}");
        }
    }
}
