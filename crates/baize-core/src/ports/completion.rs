//! When a study is here as a whole.

use async_trait::async_trait;

use crate::{Fault, StudyUid, Timestamp};

/// Why a study is taken as complete. DICOM has no word for it that every modality says, so there are three signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompletedBy {
    /// No image came in for the configured time.
    Quiet,
    /// A STOW request stored all of its objects, and no other followed at its heels.
    Stow,
    /// As many images are here as were announced.
    Order,
}

impl CompletedBy {
    /// All signs.
    pub const ALL: [Self; 3] = [Self::Quiet, Self::Stow, Self::Order];

    /// The stable name used in JSON and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Stow => "stow",
            Self::Order => "order",
        }
    }

    /// The sign of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sign| sign.as_str() == name)
    }
}

/// That a study is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// By which sign.
    pub by: CompletedBy,
    /// When it was seen.
    pub at: Timestamp,
}

/// How far a study's images have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// `None` while images are expected. A late image takes a completion back.
    pub complete: Option<Completion>,
    /// How often the study has been complete: above one, late images came.
    pub revision: u32,
    /// How many images were announced; `None` where nobody said.
    pub expected: Option<u32>,
}

/// A study that has just become complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedStudy {
    /// The study.
    pub study: StudyUid,
    /// By which sign, and when.
    pub completion: Completion,
    /// How often it has been complete, this time included.
    pub revision: u32,
    /// How many images are here.
    pub instances: u64,
    /// How many were announced. Above `instances`, some are missing.
    pub expected: Option<u32>,
}

/// Up to when there must have been silence for a study to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Since no image has come in.
    pub quiet: Timestamp,
    /// Since a STOW request stored all of its objects and no image has come in.
    pub stow: Timestamp,
}

/// The durable side of completion.
#[async_trait]
pub trait CompletionRecords: Send + Sync {
    /// Notes how many images a study has, before or after the first of them came in. A later word replaces an earlier
    /// one.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn expect(&self, study: &StudyUid, instances: u32) -> Result<(), Fault>;

    /// Notes that a STOW request stored all of its objects of a study. The next image takes it back.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn stowed(&self, study: &StudyUid, now: Timestamp) -> Result<(), Fault>;

    /// Makes complete what has become so, and returns it.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn complete(&self, silence: Silence, now: Timestamp) -> Result<Vec<CompletedStudy>, Fault>;
}

/// Where the edges tell what they know about a study as a whole.
#[async_trait]
pub trait StudyWatch: Send + Sync {
    /// As [`CompletionRecords::expect`].
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn expect(&self, study: &StudyUid, instances: u32) -> Result<(), Fault>;

    /// As [`CompletionRecords::stowed`], now.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn stowed(&self, study: &StudyUid) -> Result<(), Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for sign in CompletedBy::ALL {
            assert_eq!(CompletedBy::from_name(sign.as_str()), Some(sign));
        }
    }
}
