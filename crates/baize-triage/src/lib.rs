//! Symptom triage: rules that never under-call, a reader of chief complaints, and the decision made from
//! both and a model's probabilities.
//!
//! Architecture Invariant: pure functions over data files that are validated when they are loaded; no storage,
//! no HTTP, no tensor library.

pub mod complaint;
