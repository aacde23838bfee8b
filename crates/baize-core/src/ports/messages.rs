//! Results as messages to the HIS: what they are made from, who words them and who carries them.
//!
//! A message tells all that is known of its subject when it is made. It is made once, kept with its delivery and sent
//! until the peer has answered for it, so that every attempt is the same message under the same identifier.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    Encounter, InstanceRecord, LinkLost, RecordedReview, Review, StudyContext, StudySummary, TriageEntry,
    TriageStep, VisitId,
};
use crate::{Fault, Lane, Report, StudyUid, Timestamp};

/// How far a result is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Made by models, and no physician has signed it.
    Preliminary,
    /// It differs from what was told before, and no physician has signed it as it now is.
    Corrected,
    /// A physician has signed every analysed image's result.
    Final,
    /// A physician has signed it, and it differs from what was told as final before.
    Amended,
}

impl Standing {
    /// All standings.
    pub const ALL: [Self; 4] = [Self::Preliminary, Self::Corrected, Self::Final, Self::Amended];

    /// The stable name used in JSON and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preliminary => "preliminary",
            Self::Corrected => "corrected",
            Self::Final => "final",
            Self::Amended => "amended",
        }
    }

    /// The standing of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == name)
    }

    /// Whether a physician answers for it.
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Final | Self::Amended)
    }
}

/// Names what a message tells of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKey {
    /// A study.
    Study(StudyUid),
    /// A step of a visit to the triage desk, by its place in the visit's history.
    Visit(VisitId, u32),
}

/// Why a message is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A study is complete, and nothing of it is pending.
    Complete,
    /// A model found something.
    Finding,
    /// A model found something critical.
    Critical,
    /// A physician signed a result, or corrected it.
    Reviewed,
    /// An order of the HIS was found to belong to the study, or not to.
    Matched,
    /// A step at the triage desk.
    Step(TriageStep),
}

impl Cause {
    /// All causes of messages about studies.
    pub const OF_STUDIES: [Self; 5] =
        [Self::Complete, Self::Finding, Self::Critical, Self::Reviewed, Self::Matched];

    /// The stable name used in JSON and storage. That of a step is the step's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Finding => "finding",
            Self::Critical => "critical",
            Self::Reviewed => "reviewed",
            Self::Matched => "matched",
            Self::Step(step) => step.as_str(),
        }
    }

    /// The cause of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::OF_STUDIES.into_iter().chain(TriageStep::ALL.into_iter().map(Self::Step));
        all.find(|cause| cause.as_str() == name)
    }
}

/// What a message tells of a study, as far as it must be compared with another's. The digests are SHA-256 and are
/// compared for equality only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The standing that it tells.
    pub standing: Standing,
    /// The study was complete and nothing of it pending: whatever is told after it differs from it.
    pub whole: bool,
    /// Of all that matters.
    pub content: [u8; 32],
    /// Of the results, with what physicians changed in them.
    pub results: [u8; 32],
    /// Of what physicians changed in them.
    pub corrections: [u8; 32],
}

/// All that is known of a study. Holds patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyResult {
    /// The study, and how far it is.
    pub summary: StudySummary,
    /// Its order and encounter.
    pub context: StudyContext,
    /// Its images with their reports.
    pub instances: Vec<InstanceRecord>,
    /// What physicians said of the reports, the last word on each.
    pub reviews: Vec<RecordedReview>,
    /// How far it is to be trusted, given what was told to this destination before.
    pub standing: Standing,
}

impl StudyResult {
    /// The last word of a physician on a report.
    pub fn review_of(&self, report: &Report) -> Option<&Review> {
        let about = |recorded: &&RecordedReview| {
            recorded.review.sop == report.instance.sop
                && Some(&recorded.review.model) == report.model.as_ref()
        };
        self.reviews.iter().filter(about).max_by_key(|recorded| recorded.sequence).map(|last| &last.review)
    }
}

/// One step of a visit at the triage desk. Holds patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct VisitResult {
    /// The step.
    pub entry: TriageEntry,
    /// The encounter of the HIS, where it has told of one.
    pub encounter: Option<Encounter>,
}

/// What a message tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A study's results.
    Study(Box<StudyResult>),
    /// An assessment of the triage desk.
    Visit(Box<VisitResult>),
}

/// Names a message for good: it is the same however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(pub String);

/// Makes messages in one format.
pub trait Wording: Send + Sync {
    /// The message in the form in which it is sent. Computes: not for a thread that serves requests.
    ///
    /// # Errors
    /// `Unreadable` or `Internal`: trying again does not help.
    fn message(&self, id: &MessageId, subject: &Subject, now: Timestamp) -> Result<Bytes, Fault>;
}

/// What the peer said of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageAnswer {
    /// It has it. What it said: `AA`, `CA`, `200`.
    Accepted(String),
    /// It has trouble with it now and may take it later: `AE`, `503`. What it said, and its comment.
    Later(String, String),
    /// As [`Later`](Self::Later), and it says how long to wait at least.
    LaterThan(Duration, String, String),
    /// It will never take it: `AR`, `422`. What it said, and its comment.
    Refused(String, String),
}

/// The way of messages to one destination.
#[async_trait]
pub trait MessageCourier: Send + Sync {
    /// Sends a message and waits for the peer's answer about it.
    ///
    /// # Errors
    /// [`LinkLost`] where no answer came: whether the peer has it is unknown, and it is sent again.
    async fn send(&self, id: &MessageId, lane: Lane, message: &Bytes) -> Result<MessageAnswer, LinkLost>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for standing in Standing::ALL {
            assert_eq!(Standing::from_name(standing.as_str()), Some(standing));
        }
        let steps = TriageStep::ALL.map(Cause::Step);
        for cause in Cause::OF_STUDIES.into_iter().chain(steps) {
            assert_eq!(Cause::from_name(cause.as_str()), Some(cause));
        }
    }
}
