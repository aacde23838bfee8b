//! Triage: what is sent and what is answered.

mod assessment;
mod request;
mod visit;
mod why;

pub(crate) use request::{NurseLevelDto, TriageRequestDto, VitalsBodyDto};
pub(crate) use visit::TriageVisitDto;
pub(crate) use why::WordsDto;
