//! When a study is here as a whole.

use baize_core::ports::{Arrival, CompletedBy, CompletedStudy, Completion, Silence};
use baize_core::{StudyUid, Timestamp};
use rusqlite::{Connection, Row, named_params, params};

use super::convert::{self, micros, unsigned};
use super::messages;
use super::trouble::Trouble;

/// Columns for [`arrival`]; needs `study` in the FROM clause.
macro_rules! arrival_columns {
    () => {
        "study.completed_at, study.completed_by, study.revision, \
         (SELECT instances FROM announced WHERE study_uid = study.uid) AS expected"
    };
}

pub(super) use arrival_columns;

pub(super) fn arrival(row: &Row<'_>) -> Result<Arrival, Trouble> {
    Ok(Arrival { complete: completion(row)?, revision: row.get("revision")?, expected: row.get("expected")? })
}

fn completion(row: &Row<'_>) -> Result<Option<Completion>, Trouble> {
    let Some(by) = row.get::<_, Option<String>>("completed_by")? else { return Ok(None) };
    let by = CompletedBy::from_name(&by).ok_or(Trouble::BadRow("completed_by"))?;
    Ok(Some(Completion { by, at: convert::time(row, "completed_at")? }))
}

pub(super) fn expect(db: &Connection, study: &StudyUid, instances: u32) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO announced (study_uid, instances) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET instances = excluded.instances",
    )?
    .execute(params![study.as_str(), instances])?;
    Ok(())
}

pub(super) fn stowed(db: &Connection, study: &StudyUid, now: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE study SET stowed_at = ?2 WHERE uid = ?1 AND completed_at IS NULL")?
        .execute(params![study.as_str(), micros(now)])?;
    Ok(())
}

pub(super) fn complete(
    db: &Connection,
    silence: Silence,
    now: Timestamp,
) -> Result<Vec<CompletedStudy>, Trouble> {
    // The surest sign is the one that is named.
    let mut update = db.prepare_cached(
        "UPDATE study
            SET completed_at = :now, revision = revision + 1, stowed_at = NULL,
                completed_by = CASE WHEN here.instances >= here.announced THEN 'order'
                                    WHEN stowed_at <= :stow THEN 'stow'
                                    ELSE 'quiet' END
           FROM (SELECT id AS study_id,
                        (SELECT COUNT(*) FROM instance WHERE study_id = study.id) AS instances,
                        (SELECT instances FROM announced WHERE study_uid = study.uid) AS announced
                   FROM study WHERE completed_at IS NULL) AS here
          WHERE here.study_id = study.id
            AND completed_at IS NULL
            AND (updated_at <= :quiet OR stowed_at <= :stow OR here.instances >= here.announced)
         RETURNING study.id AS id, study.uid AS study_uid, completed_at, completed_by, revision",
    )?;
    let completed = update.query_and_then(
        named_params! { ":now": micros(now), ":quiet": micros(silence.quiet), ":stow": micros(silence.stow) },
        |row| {
            let missing = Trouble::BadRow("completed_by");
            let study = row.get("id")?;
            let (instances, expected) = counts(db, study)?;
            messages::owe_if_done(db, study, now)?;
            Ok(CompletedStudy {
                study: convert::study_uid(row)?,
                completion: completion(row)?.ok_or(missing)?,
                revision: row.get("revision")?,
                instances,
                expected,
            })
        },
    )?;
    completed.collect()
}

fn counts(db: &Connection, study: i64) -> Result<(u64, Option<u32>), Trouble> {
    db.prepare_cached(
        "SELECT (SELECT COUNT(*) FROM instance WHERE study_id = study.id) AS instances,
                (SELECT instances FROM announced WHERE study_uid = study.uid) AS expected
           FROM study WHERE id = ?1",
    )?
    .query_and_then([study], |row| Ok((unsigned(row, "instances")?, row.get("expected")?)))?
    .next()
    .unwrap_or(Err(Trouble::BadRow("study")))
}
