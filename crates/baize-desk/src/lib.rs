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
//! [`Fusion`] brings what images show to the visits of the same encounter, and [`Monitors`] what monitors measure; both
//! work off durable lists, so that a crash loses nothing and a step is made once.
//!
//! Architecture Invariant: nothing is answered before it is durable, and what was refused leaves nothing behind.

mod desk;
mod evidence;
mod fusion;
mod metrics;
mod monitors;
mod pool;
mod refusal;
mod sight;
mod steps;
mod visit;

pub use baize_triage::{FieldError, FieldProblem, Words};
pub use desk::{Desk, DeskSettings};
pub use evidence::{EvidenceKind, ImagingEvidence, SeenFinding, SeenModel};
pub use fusion::{Fusion, FusionParts};
pub use metrics::Metrics;
pub use monitors::{MonitorParts, Monitors};
pub use refusal::Refusal;
pub use visit::{Decision, Step, Visit};
