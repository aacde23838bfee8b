//! The audit trail: who saw or got which patients' results.

use async_trait::async_trait;

use super::Span;
use crate::{Fault, Timestamp};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audited {
    /// One resource was read.
    Read,
    /// A search was run.
    Search,
    /// A result went to another system, which acknowledged it.
    Export,
}

impl Audited {
    /// All.
    pub const ALL: [Self; 3] = [Self::Read, Self::Search, Self::Export];

    /// The stable name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Export => "export",
        }
    }

    /// That of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audited| audited.as_str() == name)
    }
}

/// One thing that was done. Holds patient data: never log it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Audited,
    /// Who: the client or user; for an export, the destination.
    pub who: String,
    /// The id of the request or message.
    pub request_id: Option<String>,
    /// `Type/id` of what was read or sent; for a search, its type.
    pub what: String,
    /// The query of a search, as it was sent.
    pub query: Option<String>,
    /// The patients whose data it showed, as `system|value`.
    pub patients: Vec<String>,
}

/// An entry with its place in the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place, from 1; the newest has the greatest.
    pub sequence: u64,
    /// What was done.
    pub entry: AuditEntry,
}

/// Which records to list; all that is `Some` must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Places in the trail.
    pub sequences: Option<Vec<u64>>,
    /// Values of patients' identifiers, without their systems.
    pub patients: Option<Vec<String>>,
    /// When it was done.
    pub at: Option<Span>,
    /// Only those at this place or behind it.
    pub from_place: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// The audit trail. What was recorded is never changed or removed.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    /// Records something in a durable transaction.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn record(&self, entry: AuditEntry) -> Result<(), Fault>;

    /// Records, the newest first.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn audited(&self, query: AuditQuery) -> Result<Vec<AuditRecord>, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for audited in Audited::ALL {
            assert_eq!(Audited::from_name(audited.as_str()), Some(audited));
        }
    }
}
