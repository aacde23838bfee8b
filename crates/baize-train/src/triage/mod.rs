//! Triage: labelled visits, and how well the triage that serves does on them.

mod ktas;
mod table;
mod visit;
mod yale;

pub(crate) use ktas::read_ktas;
pub(crate) use visit::{Cohort, Visit};
pub(crate) use yale::read_yale;

#[cfg(test)]
mod visit_tests;
