//! What can go wrong inside one request to the database.

use baize_core::{ErrorCode, Fault};

#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the database refused: {0}")]
    Database(#[from] rusqlite::Error),
    /// A row that this version did not write, or that was altered.
    #[error("a row of the ledger has a bad {0}")]
    BadRow(&'static str),
    /// The caller asked for what must not be.
    #[error(transparent)]
    Mistake(#[from] Fault),
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Mistake(fault) => fault,
            // SQLite's messages name tables and columns but never values.
            Trouble::Database(_) | Trouble::BadRow(_) => {
                tracing::error!(error = %trouble, "a ledger request failed");
                Self::new(ErrorCode::StorageFailed, trouble.to_string())
            }
        }
    }
}
