//! Triage: labelled visits, and how well the triage that serves does on them.

mod answer;
mod confusion;
mod evaluation;
mod figures;
mod groups;
mod ktas;
mod plots;
mod report;
mod second;
mod table;
mod visit;
mod yale;

pub use evaluation::TriageEvaluation;
pub use report::TriageReport;

#[cfg(test)]
mod visit_tests;
