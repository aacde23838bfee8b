//! A step at the triage desk.

use baize_core::ports::VisitResult;
use baize_core::{ErrorCode, Fault, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::study::PatientDoc;
use super::time_text;

/// A step at the triage desk.
#[derive(Serialize)]
pub(super) struct TriageDoc<'a> {
    visit: &'a str,
    /// From 1.
    sequence: u32,
    /// `assessed`, `vitals`, `level`, `imaging`, `imaging_note` or `acknowledged`.
    step: &'static str,
    at: String,
    by: &'a str,
    /// The hospital's identifier of the visit, as sent.
    encounter: Option<&'a str>,
    /// As the HIS knows them; null where it has told nothing.
    patient: Option<PatientDoc<'a>>,
    /// The four-level category of the assessment; 1 is the most urgent.
    level_cn: u8,
    /// The five-level acuity of the assessment; 1 is the most urgent.
    acuity: u8,
    /// What a nurse or physician decided last, as it was recorded; null while nobody has.
    decision: Value,
    /// What images told the visit, as it was recorded.
    imaging: Value,
    /// As it was recorded, and as `GET /v1/triage/assessments/{id}` has it.
    assessment: Value,
}

impl<'a> TriageDoc<'a> {
    pub(super) fn of(result: &'a VisitResult) -> Result<Self, Fault> {
        let entry = &result.entry;
        let unreadable =
            |_| Fault::new(ErrorCode::Internal, "the record of this triage visit cannot be read");
        let known: Value = serde_json::from_str(&entry.known).map_err(unreadable)?;
        Ok(Self {
            visit: entry.visit.as_str(),
            sequence: entry.sequence,
            step: entry.step.as_str(),
            at: time_text(entry.at),
            by: &entry.actor,
            encounter: entry.encounter.as_deref(),
            patient: result.encounter.as_ref().map(|encounter| PatientDoc::of_his(&encounter.patient)),
            level_cn: entry.level_cn,
            acuity: entry.acuity,
            decision: with_time(&known["decision"]),
            imaging: known["imaging"].as_array().into_iter().flatten().map(with_time).collect(),
            assessment: serde_json::from_str(&entry.assessment).map_err(unreadable)?,
        })
    }
}

/// A part of the record, its time as text: the record keeps microseconds.
fn with_time(recorded: &Value) -> Value {
    let mut told = recorded.clone();
    if let Some(at) = told.get("at").and_then(Value::as_u64) {
        told["at"] = Value::String(time_text(Timestamp::from_micros(at)));
    }
    told
}
