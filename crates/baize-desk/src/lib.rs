//! The triage desk: a patient is assessed, measured again and decided upon, and every step is durable before it is
//! answered.
//!
//! [`Desk`] takes what an edge was sent (JSON, as it came), has [`baize_triage::Triage`] assess it on a bounded pool, and
//! appends the step to the visit's history through the port [`TriageRecords`](baize_core::ports::TriageRecords).
//! A [`Visit`] is what is known after a step: the newest assessment, what a nurse or physician decided, and the history.
//!
//! Architecture Invariant: urgency only rises by itself. A re-assessment stands on the one before it; a decision that is
//! calmer is recorded with its reason beside the assessment and lowers nothing.
//!
//! Architecture Invariant: nothing is answered before it is durable, and what was refused leaves nothing behind.

mod desk;
mod metrics;
mod pool;
mod refusal;
mod visit;

pub use baize_triage::{FieldError, FieldProblem, Words};
pub use desk::{Desk, DeskSettings};
pub use metrics::Metrics;
pub use refusal::Refusal;
pub use visit::{Decision, Step, Visit};
