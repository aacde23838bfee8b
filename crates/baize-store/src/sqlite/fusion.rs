//! What is to be brought together of images and triage, and what nobody has acknowledged yet.

use baize_core::ports::{FusionDue, FusionSubject, Unacknowledged, VisitId};
use baize_core::{StudyUid, Timestamp};
use rusqlite::{Connection, Row, params};

use super::convert::{self, micros, time, unsigned};
use super::trouble::Trouble;

pub(super) fn due(db: &Connection, now: Timestamp) -> Result<Option<FusionDue>, Trouble> {
    db.prepare_cached(
        "SELECT kind, name, changes, attempts FROM fusion_due WHERE due_at <= ?1 ORDER BY due_at, kind, name LIMIT 1",
    )?
    .query_and_then([micros(now)], |row| {
        Ok(FusionDue {
            subject: subject(row)?,
            changes: unsigned(row, "changes")?,
            attempts: row.get("attempts")?,
        })
    })?
    .next()
    .transpose()
}

fn subject(row: &Row<'_>) -> Result<FusionSubject, Trouble> {
    let (kind, name): (String, String) = (row.get("kind")?, row.get("name")?);
    match kind.as_str() {
        "study" => {
            Ok(FusionSubject::Study(StudyUid::parse(&name).map_err(|_| Trouble::BadRow("study uid"))?))
        }
        "encounter" => Ok(FusionSubject::Encounter(name)),
        _ => Err(Trouble::BadRow("fusion kind")),
    }
}

fn key(subject: &FusionSubject) -> (&'static str, &str) {
    match subject {
        FusionSubject::Study(study) => ("study", study.as_str()),
        FusionSubject::Encounter(number) => ("encounter", number),
    }
}

pub(super) fn settle(db: &Connection, due: &FusionDue, again: Option<Timestamp>) -> Result<(), Trouble> {
    let (kind, name) = key(&due.subject);
    let changes = i64::try_from(due.changes).unwrap_or(i64::MAX);
    match again {
        Some(again) => db
            .prepare_cached(
                "UPDATE fusion_due SET attempts = attempts + 1, due_at = ?4
                  WHERE kind = ?1 AND name = ?2 AND changes = ?3",
            )?
            .execute(params![kind, name, changes, micros(again)])?,
        None => db
            .prepare_cached("DELETE FROM fusion_due WHERE kind = ?1 AND name = ?2 AND changes = ?3")?
            .execute(params![kind, name, changes])?,
    };
    Ok(())
}

pub(super) fn visits(db: &Connection, number: &str) -> Result<Vec<VisitId>, Trouble> {
    // Under every number that was merged with this one.
    db.prepare_cached(
        "WITH kept (number) AS (
             SELECT COALESCE((SELECT merged_into FROM encounter WHERE number = ?1), ?1))
         SELECT visit FROM triage_entry
          WHERE encounter IN (SELECT number FROM kept
                              UNION SELECT encounter.number FROM encounter JOIN kept ON merged_into = kept.number)
            AND sequence = 1
          ORDER BY at, visit",
    )?
    .query_and_then([number], visit)?
    .collect()
}

pub(super) fn told(db: &Connection, study: &StudyUid) -> Result<Vec<VisitId>, Trouble> {
    db.prepare_cached("SELECT visit FROM fusion_told WHERE study_uid = ?1 ORDER BY visit")?
        .query_and_then([study.as_str()], visit)?
        .collect()
}

fn visit(row: &Row<'_>) -> Result<VisitId, Trouble> {
    let visit: String = row.get("visit")?;
    VisitId::parse(&visit).map_err(|_| Trouble::BadRow("visit"))
}

pub(super) fn unacknowledged(db: &Connection, limit: usize) -> Result<Vec<Unacknowledged>, Trouble> {
    db.prepare_cached(
        "SELECT waiting.visit, waiting.sequence, waiting.since, last.level_cn, last.acuity
           FROM triage_waiting AS waiting
           JOIN triage_entry AS last
             ON last.visit = waiting.visit
            AND last.sequence = (SELECT MAX(sequence) FROM triage_entry AS one WHERE one.visit = waiting.visit)
          ORDER BY last.level_cn, last.acuity, waiting.since
          LIMIT ?1",
    )?
    .query_and_then([convert::limit(limit)], |row| {
        Ok(Unacknowledged {
            visit: visit(row)?,
            sequence: row.get("sequence")?,
            since: time(row, "since")?,
            level_cn: row.get("level_cn")?,
            acuity: row.get("acuity")?,
        })
    })?
    .collect()
}
