//! What survives a power cut: the spool of objects and the ledger of work and results.
//!
//! [`FolderSpool`] keeps DICOM objects and annotated pictures in a local folder; [`SqliteLedger`] keeps
//! studies, jobs, reports, the outbox and the record of the triage desk in one SQLite file. Both answer only after the bytes are on stable storage, both
//! do their file work on bounded pools, and both hold a lock so that a second process cannot share them.
//!
//! ```no_run
//! # use std::num::NonZeroUsize;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use baize_store::{FolderSpool, LedgerConfig, SpoolConfig, SqliteLedger};
//!
//! let ledger = SqliteLedger::open(&LedgerConfig {
//!     path: "data/ledger.db".into(),
//!     queue: NonZeroUsize::new(1024).ok_or("queue")?,
//!     readers: NonZeroUsize::new(4).ok_or("readers")?,
//! })?;
//! let spool = FolderSpool::open(&SpoolConfig {
//!     root: "data/spool".into(),
//!     quota_bytes: 64 << 30,
//!     parallel: NonZeroUsize::new(8).ok_or("parallel")?,
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! Architecture Invariant: pixels never enter the database; it holds spool keys. SQL and its types do not
//! leave this crate.

mod blocking;
mod durable;
mod error;
mod spool;
mod sqlite;

pub use error::OpenError;
pub use spool::{FolderSpool, SpoolConfig, read_object};
pub use sqlite::{LedgerConfig, LedgerReader, SqliteLedger};
