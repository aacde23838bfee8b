//! Why the desk did not do what it was asked.

use baize_core::Fault;
use baize_triage::FieldError;

/// Nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What was sent has these mistakes. They repeat what was sent, which may be patient data: never log them.
    Fields(Vec<FieldError>),
    /// An unknown visit, an overload, or trouble of our own.
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Vec<FieldError>> for Refusal {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::Fields(errors)
    }
}
