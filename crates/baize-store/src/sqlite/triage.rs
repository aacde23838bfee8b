//! The record of the triage desk.

use baize_core::ModelRef;
use baize_core::ports::{Appended, TriageEntry, TriageStep, VisitId};
use rusqlite::{Connection, Row, named_params};

use super::convert::{micros, time};
use super::messages;
use super::trouble::Trouble;

pub(super) fn append(db: &Connection, entry: &TriageEntry) -> Result<Appended, Trouble> {
    let last: u32 = db
        .prepare_cached("SELECT COALESCE(MAX(sequence), 0) FROM triage_entry WHERE visit = ?1")?
        .query_row([entry.visit.as_str()], |row| row.get(0))?;
    if entry.sequence.checked_sub(1) != Some(last) {
        return Ok(Appended::Conflict);
    }
    db.prepare_cached(
        "INSERT INTO triage_entry (visit, sequence, step, at, actor, sent, known, assessment, level_cn, acuity,
                                   encounter, model_id, model_version)
         VALUES (:visit, :sequence, :step, :at, :actor, :sent, :known, :assessment, :level_cn, :acuity,
                 :encounter, :model_id, :model_version)",
    )?
    .execute(named_params! {
        ":visit": entry.visit.as_str(),
        ":sequence": entry.sequence,
        ":step": entry.step.as_str(),
        ":at": micros(entry.at),
        ":actor": entry.actor,
        ":sent": entry.sent,
        ":known": entry.known,
        ":assessment": entry.assessment,
        ":level_cn": entry.level_cn,
        ":acuity": entry.acuity,
        ":encounter": entry.encounter,
        ":model_id": entry.model.as_ref().map(|model| &model.id),
        ":model_version": entry.model.as_ref().map(|model| &model.version),
    })?;
    // In the entry's own transaction: no crash can come between an assessment and its way out.
    messages::owe_entry(db, entry)?;
    Ok(Appended::Kept)
}

pub(super) fn history(db: &Connection, visit: &VisitId) -> Result<Vec<TriageEntry>, Trouble> {
    db.prepare_cached("SELECT * FROM triage_entry WHERE visit = ?1 ORDER BY sequence")?
        .query_and_then([visit.as_str()], |row| entry(row, visit))?
        .collect()
}

pub(super) fn entry(row: &Row<'_>, visit: &VisitId) -> Result<TriageEntry, Trouble> {
    let step: String = row.get("step")?;
    let model_id: Option<String> = row.get("model_id")?;
    let model_version: Option<String> = row.get("model_version")?;
    Ok(TriageEntry {
        visit: visit.clone(),
        sequence: row.get("sequence")?,
        step: TriageStep::ALL
            .into_iter()
            .find(|known| known.as_str() == step)
            .ok_or(Trouble::BadRow("triage step"))?,
        at: time(row, "at")?,
        actor: row.get("actor")?,
        sent: row.get("sent")?,
        known: row.get("known")?,
        assessment: row.get("assessment")?,
        level_cn: row.get("level_cn")?,
        acuity: row.get("acuity")?,
        encounter: row.get("encounter")?,
        model: model_id.zip(model_version).map(|(id, version)| ModelRef { id, version }),
    })
}
