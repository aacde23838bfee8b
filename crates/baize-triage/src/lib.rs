//! Symptom triage: rules that never under-call, a reader of chief complaints, and the decision made from
//! both and a model's probabilities.
//!
//! ```
//! use baize_triage::{RuleSet, Triage, assess_json};
//! use baize_triage::complaint::Lexicon;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let triage = Triage::new(RuleSet::builtin()?, Lexicon::builtin()?, None)?;
//! let request = serde_json::json!({ "age_years": 58, "chief_complaint": "胸痛2小时", "vitals": { "heart_rate": 186 } });
//! let assessment = assess_json(&triage, &request).map_err(|errors| errors[0].to_string())?;
//! assert_eq!(assessment["level_cn"], 1);
//! # Ok(())
//! # }
//! ```
//!
//! Architecture Invariant: pure functions over data files that are validated when they are loaded; no storage,
//! no HTTP, no tensor library.
//!
//! Architecture Invariant: nothing lowers urgency. An assessment is the most urgent of what the model, the rules, the
//! nurse and the assessment before it say; where the model could not run, a cautious level stands in for it.

pub mod assessment;
pub mod complaint;
mod features;
mod json;
mod level;
mod model;
pub mod request;
pub mod rules;
mod triage;
mod understood;

pub use assessment::{Assessment, Standing};
pub use features::{FeatureSchema, Features};
pub use json::{assess_json, assess_json_many, read_json};
pub use level::{Acuity, LevelCn, Words};
pub use model::{AcuityModel, Contribution, ModelOutput};
pub use request::{FieldError, FieldProblem, NurseDecision, Request, Vital, Vitals};
pub use rules::{RuleError, RuleSet};
pub use triage::Triage;
