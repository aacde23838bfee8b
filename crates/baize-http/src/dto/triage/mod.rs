//! Triage: what is sent and what is answered.

mod assessment;
mod imaging;
mod request;
mod visit;
mod why;

pub(crate) use imaging::{AcknowledgementDto, UnacknowledgedDto, WaitingDto};
pub(crate) use request::{NurseLevelDto, TriageRequestDto, VitalsBodyDto};
pub(crate) use visit::TriageVisitDto;
pub(crate) use why::WordsDto;
