//! The ledger for those who only read it, whether a server has it open or not.

use std::num::NonZeroUsize;
use std::path::Path;

use baize_core::ports::{ArchiveQuery, ArchiveRow, InstanceRecord, RecordedReview};
use baize_core::{Fault, StudyUid, Timestamp};

use super::readers::Readers;
use super::{archive, reviews, schema, studies};
use crate::OpenError;

/// A ledger opened without its lock. It changes nothing, and a server that runs goes on undisturbed: in WAL mode readers
/// and the writer don't wait for one another. Each answer belongs to one moment, two answers need not.
#[derive(Debug)]
pub struct LedgerReader(Readers);

impl LedgerReader {
    /// Opens the database. Blocks shortly.
    ///
    /// # Errors
    /// [`OpenError`] where there is no database, or where another version wrote it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        schema::check_version(path)?;
        Ok(Self(Readers::open(path, NonZeroUsize::MIN)?))
    }

    /// As [`Reviews::reviewed_studies`](baize_core::ports::Reviews::reviewed_studies).
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn reviewed_studies(&self, since: Option<Timestamp>) -> Result<Vec<StudyUid>, Fault> {
        self.0.read(move |db| reviews::studies(db, since)).await
    }

    /// As [`Reviews::reviews`](baize_core::ports::Reviews::reviews).
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn reviews(&self, study: &StudyUid) -> Result<Vec<RecordedReview>, Fault> {
        let study = study.clone();
        self.0.read(move |db| reviews::of_study(db, &study)).await
    }

    /// As [`Studies::instances`](baize_core::ports::Studies::instances).
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn instances(&self, study: &StudyUid) -> Result<Vec<InstanceRecord>, Fault> {
        let study = study.clone();
        self.0.read(move |db| studies::instances(db, &study)).await
    }

    /// As [`Archive::find`](baize_core::ports::Archive::find).
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn find(&self, query: ArchiveQuery) -> Result<Vec<ArchiveRow>, Fault> {
        self.0.read(move |db| archive::find(db, &query)).await
    }
}
