//! What people and integrators read.

use baize_core::ports::{InstanceRecord, Progress, StudySummary};
use baize_core::{StudyUid, Timestamp};
use rusqlite::{Connection, Row};

use super::completion::{arrival, arrival_columns};
use super::convert::{self, facts_columns, identity_columns, micros, unsigned};
use super::report;
use super::trouble::Trouble;

/// The study's own columns and the facts of its first image.
macro_rules! select_summary {
    ($tail:literal) => {
        concat!(
            "SELECT study.id, study.uid AS study_uid, study.received_at, study.updated_at, study.lane, ",
            arrival_columns!(),
            ", ",
            facts_columns!(),
            " FROM study JOIN instance ON instance.id = (SELECT MIN(id) FROM instance WHERE study_id = study.id) ",
            $tail
        )
    };
}

pub(super) fn list(
    db: &Connection,
    before: Option<Timestamp>,
    limit: usize,
) -> Result<Vec<StudySummary>, Trouble> {
    let newest = before.map_or(i64::MAX, |before| micros(before) - 1);
    db.prepare_cached(select_summary!(
        "WHERE study.received_at <= ?1 ORDER BY study.received_at DESC LIMIT ?2"
    ))?
    .query_and_then([newest, convert::limit(limit)], |row| summary(db, row))?
    .collect()
}

pub(super) fn study(db: &Connection, study: &StudyUid) -> Result<Option<StudySummary>, Trouble> {
    db.prepare_cached(select_summary!("WHERE study.uid = ?1"))?
        .query_and_then([study.as_str()], |row| summary(db, row))?
        .next()
        .transpose()
}

/// Day and moment of a study decide what is earlier: a prior that is fetched comes in after the study that it is for.
pub(super) fn earlier(db: &Connection, study: &StudyUid, limit: usize) -> Result<Vec<StudySummary>, Trouble> {
    db.prepare_cached(select_summary!(
        "JOIN (SELECT own.id AS own_id, own.received_at AS own_received, first.study_date AS own_date,
                      first.patient_id AS own_patient
                 FROM study AS own
                 JOIN instance AS first ON first.id = (SELECT MIN(id) FROM instance WHERE study_id = own.id)
                WHERE own.uid = ?1)
         WHERE study.id IN (SELECT study_id FROM instance WHERE patient_id = own_patient)
           AND study.id <> own_id
           AND instance.patient_id = own_patient
           AND CASE WHEN instance.study_date IS NULL OR own_date IS NULL OR instance.study_date = own_date
                    THEN study.received_at < own_received
                    ELSE instance.study_date < own_date END
         ORDER BY instance.study_date DESC, study.received_at DESC
         LIMIT ?2"
    ))?
    .query_and_then(rusqlite::params![study.as_str(), convert::limit(limit)], |row| summary(db, row))?
    .collect()
}

fn summary(db: &Connection, row: &Row<'_>) -> Result<StudySummary, Trouble> {
    Ok(StudySummary {
        study: convert::study_uid(row)?,
        facts: convert::facts(row)?,
        received_at: convert::time(row, "received_at")?,
        updated_at: convert::time(row, "updated_at")?,
        lane: convert::lane(row)?,
        progress: progress(db, row.get("id")?)?,
        arrival: arrival(row)?,
    })
}

/// With several models one image can be analysed by one and fail under another: it counts as both, so that a
/// failure never hides behind a success. Refused is an image that every model refused.
fn progress(db: &Connection, study: i64) -> Result<Progress, Trouble> {
    let read = |row: &Row<'_>| -> Result<Progress, Trouble> {
        Ok(Progress {
            instances: unsigned(row, "instances")?,
            pending: unsigned(row, "pending")?,
            analysed: unsigned(row, "analysed")?,
            refused: unsigned(row, "refused")?,
            failed: unsigned(row, "failed")?,
        })
    };
    db
        .prepare_cached(
            "SELECT COUNT(*) AS instances,
                    COALESCE(SUM(pending), 0) AS pending,
                    COALESCE(SUM(analysed), 0) AS analysed,
                    COALESCE(SUM(failed), 0) AS failed,
                    COALESCE(SUM(refused AND NOT analysed AND NOT failed AND pending = 0), 0) AS refused
               FROM (SELECT (SELECT COUNT(*) FROM job WHERE instance_id = instance.id AND state <> 'done') AS pending,
                            EXISTS (SELECT 1 FROM report WHERE instance_id = instance.id AND outcome = 'analysed')
                                AS analysed,
                            EXISTS (SELECT 1 FROM report WHERE instance_id = instance.id AND outcome = 'failed')
                                AS failed,
                            EXISTS (SELECT 1 FROM report WHERE instance_id = instance.id AND outcome = 'refused')
                                AS refused
                       FROM instance WHERE study_id = ?1)",
        )?
        .query_and_then([study], read)?
        .next()
        .unwrap_or(Err(Trouble::BadRow("progress")))
}

pub(super) fn instances(db: &Connection, study: &StudyUid) -> Result<Vec<InstanceRecord>, Trouble> {
    db.prepare_cached(concat!(
        "SELECT instance.id, instance.accepted_at,
                (SELECT COUNT(*) FROM job WHERE instance_id = instance.id AND state <> 'done') AS pending, ",
        identity_columns!(),
        ", ",
        facts_columns!(),
        " FROM study
          JOIN instance ON instance.study_id = study.id
          JOIN series ON series.id = instance.series_id
         WHERE study.uid = ?1
         ORDER BY instance.id"
    ))?
    .query_and_then([study.as_str()], |row| record(db, row))?
    .collect()
}

fn record(db: &Connection, row: &Row<'_>) -> Result<InstanceRecord, Trouble> {
    let identity = convert::identity(row)?;
    let reports = report::of_instance(db, row.get("id")?, &identity)?;
    Ok(InstanceRecord {
        identity,
        facts: convert::facts(row)?,
        received_at: convert::time(row, "accepted_at")?,
        pending: unsigned(row, "pending")?,
        reports,
    })
}
