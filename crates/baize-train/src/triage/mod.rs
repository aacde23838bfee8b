//! Triage: labelled visits, training on them, and how well the triage that serves does on them.

mod acuity;
mod answer;
mod card;
mod confusion;
mod evaluation;
mod figures;
mod groups;
mod inputs;
mod ktas;
mod perceptron;
mod plots;
mod report;
mod second;
mod second_training;
mod table;
mod training;
mod visit;
mod yale;

pub use evaluation::TriageEvaluation;
pub use report::TriageReport;
pub use training::TriageTraining;

#[cfg(test)]
mod visit_tests;
