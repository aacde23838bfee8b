//! Fusion: what a finding of an image does to the triage of the same encounter, as rules that a hospital keeps.
//!
//! [`FusionRules::parse`] reads a file such as `deploy/fusion.toml`; [`FusionRules::builtin`] is that very file.
//! [`FusionRules::judge`] looks at one report and at what is known of the patient, and says for each finding and rule
//! whether the level is to be raised, what is to be measured first, or why the finding counts for nothing.
//!
//! Architecture Invariant: pure functions over a data file; no storage, no network, no tensor library, no clock.
//!
//! Architecture Invariant: fusion only raises. There is no verdict that calms: an image without a finding, one that was
//! refused and one that could not be read give no judgement at all.

mod file;
mod judge;
mod rules;

pub use file::Strength;
pub use judge::{Judgement, Patient, Verdict};
pub use rules::{FusionError, FusionRules, Rule};
