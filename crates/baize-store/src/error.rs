//! Why a store cannot be opened. Once open, stores speak in [`Fault`](baize_core::Fault)s.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Why a spool or a ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the lock.
    #[error("{} is held by another process: stop that one, or give this one a folder of its own", lock.display())]
    InUse {
        /// The lock file.
        lock: PathBuf,
    },
    /// The database was written by a newer version.
    #[error(
        "{} has schema version {found}, but this version of Baize knows only up to {known}: use the newer one",
        path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// The version it has.
        found: usize,
        /// The newest version known here.
        known: usize,
    },
    /// A file or folder cannot be made, read or locked.
    #[error("cannot use {}: {source}", path.display())]
    Path {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite refuses the file or a setting.
    #[error("cannot open the database {}: {source}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl OpenError {
    pub(crate) fn path(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Path { path: path.to_owned(), source }
    }

    pub(crate) fn database<E: Into<Box<dyn Error + Send + Sync>>>(
        path: &Path,
    ) -> impl FnOnce(E) -> Self + '_ {
        move |source| Self::Database { path: path.to_owned(), source: source.into() }
    }
}
