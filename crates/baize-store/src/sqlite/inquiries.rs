//! What is to be asked about studies, which of them are priors, and how urgent orders make them.

use std::time::Duration;

use baize_core::ports::{Inquiry, InquiryKind};
use baize_core::{Lane, StudyUid, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::convert::{self, facts_columns, micros, rank, span_micros};
use super::trouble::Trouble;
use super::{matching, outbox};

pub(super) fn set_wanted(db: &Connection, kinds: &[InquiryKind]) -> Result<(), Trouble> {
    // Nothing is being fetched at a start.
    db.execute("DELETE FROM expected_prior", [])?;
    db.execute("DELETE FROM wanted_inquiry", [])?;
    let mut insert = db.prepare_cached("INSERT INTO wanted_inquiry (kind) VALUES (?1)")?;
    for kind in kinds {
        insert.execute([kind.as_str()])?;
    }
    Ok(())
}

/// Makes the inquiries about a study that is no prior.
pub(super) fn enter(db: &Connection, study: i64, at: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO inquiry (study_id, kind, due_at) SELECT ?1, kind, ?2 FROM wanted_inquiry WHERE true
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![study, micros(at)])?;
    Ok(())
}

/// Whether what arrives of a study now arrives because we asked for it. More urgent than routine is only what somebody
/// sends on his own account.
pub(super) fn is_expected(db: &Connection, study: &str, lane: Lane) -> Result<bool, Trouble> {
    let expected = db.prepare_cached("SELECT 1 FROM expected_prior WHERE study_uid = ?1")?.exists([study])?;
    Ok(expected && lane == Lane::Routine)
}

/// Somebody sends a study on his own account that was fetched as a prior: it is one no more, and what was held back
/// goes out.
pub(super) fn no_prior(db: &Connection, study: &str, at: Timestamp) -> Result<(), Trouble> {
    let was_prior: Option<i64> = db
        .prepare_cached("UPDATE study SET is_prior = 0 WHERE uid = ?1 AND is_prior RETURNING id")?
        .query_row([study], |row| row.get(0))
        .optional()?;
    match was_prior {
        Some(id) => {
            enter(db, id, at)?;
            matching::no_prior(db, id, at)?;
            outbox::enqueue_held_back(db, id, at)
        }
        None => Ok(()),
    }
}

pub(super) fn due(db: &Connection, kind: InquiryKind, now: Timestamp) -> Result<Option<Inquiry>, Trouble> {
    // The first image tells more than a report that came before it.
    db.prepare_cached(concat!(
        "SELECT study.uid AS study_uid, study.received_at, inquiry.attempts, ",
        facts_columns!(),
        " FROM inquiry JOIN study ON study.id = inquiry.study_id
           JOIN instance ON instance.id = (SELECT id FROM instance AS one WHERE one.study_id = study.id
                                            ORDER BY one.rows = 0, one.id LIMIT 1)
          WHERE inquiry.kind = ?1 AND inquiry.state = 'due' AND inquiry.due_at <= ?2
          ORDER BY inquiry.due_at LIMIT 1"
    ))?
    .query_and_then(params![kind.as_str(), micros(now)], |row| {
        Ok(Inquiry {
            kind,
            study: convert::study_uid(row)?,
            facts: convert::facts(row)?,
            received_at: convert::time(row, "received_at")?,
            attempts: row.get("attempts")?,
        })
    })?
    .next()
    .transpose()
}

pub(super) fn settle(
    db: &Connection,
    kind: InquiryKind,
    study: &StudyUid,
    again: Option<Timestamp>,
    outcome: &str,
) -> Result<(), Trouble> {
    let state = if again.is_some() { "due" } else { "settled" };
    db.prepare_cached(
        "UPDATE inquiry SET state = ?3, attempts = attempts + 1, due_at = COALESCE(?4, due_at), outcome = ?5
          WHERE kind = ?1 AND study_id = (SELECT id FROM study WHERE uid = ?2)",
    )?
    .execute(params![kind.as_str(), study.as_str(), state, again.map(micros), outcome])?;
    Ok(())
}

pub(super) fn expect_prior(db: &Connection, prior: &StudyUid, now: Timestamp) -> Result<bool, Trouble> {
    let here = db
        .prepare_cached("SELECT 1 FROM study WHERE uid = ?1 AND (NOT is_prior OR prior_is_whole)")?
        .exists([prior.as_str()])?;
    if here {
        return Ok(false);
    }
    db.prepare_cached(
        "INSERT INTO expected_prior (study_uid, asked_at) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET asked_at = excluded.asked_at",
    )?
    .execute(params![prior.as_str(), micros(now)])?;
    Ok(true)
}

pub(super) fn end_prior(db: &Connection, prior: &StudyUid, whole: bool) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE study SET prior_is_whole = ?2 WHERE uid = ?1")?
        .execute(params![prior.as_str(), whole])?;
    db.prepare_cached("DELETE FROM expected_prior WHERE study_uid = ?1")?.execute([prior.as_str()])?;
    Ok(())
}

pub(super) fn raise(db: &Connection, study: &StudyUid, lane: Lane, due: Duration) -> Result<bool, Trouble> {
    let raised: Option<i64> = db
        .prepare_cached(
            "UPDATE study SET lane = MAX(lane, ?2), ordered_lane = ?2, ordered_due = ?3
              WHERE uid = ?1 AND ordered_lane < ?2 RETURNING id",
        )?
        .query_row(params![study.as_str(), rank(lane), span_micros(due)], |row| row.get(0))
        .optional()?;
    let Some(id) = raised else { return Ok(false) };
    db.prepare_cached("UPDATE instance SET lane = ?2 WHERE study_id = ?1 AND lane < ?2")?
        .execute(params![id, rank(lane)])?;
    db.prepare_cached(
        "UPDATE job SET lane = ?2, deadline = MIN(deadline, (SELECT accepted_at FROM instance WHERE id = instance_id) + ?3)
          WHERE state <> 'done' AND lane < ?2
            AND instance_id IN (SELECT id FROM instance WHERE study_id = ?1)",
    )?
    .execute(params![id, rank(lane), span_micros(due)])?;
    // Its results overtake others on their way out, too.
    db.prepare_cached(
        "UPDATE delivery SET lane = ?2
          WHERE study_id = ?1 AND lane < ?2 AND state IN ('pending', 'sending', 'waiting')",
    )?
    .execute(params![id, rank(lane)])?;
    Ok(true)
}

/// The lane of an image that comes in, and when its results are due: as it came, or as its study's order has it.
pub(super) fn ordered(
    db: &Connection,
    study: i64,
    lane: Lane,
    accepted_at: Timestamp,
    deadline: Timestamp,
) -> Result<(i64, i64), Trouble> {
    let (ordered, due): (i64, Option<i64>) = db
        .prepare_cached("SELECT ordered_lane, ordered_due FROM study WHERE id = ?1")?
        .query_row([study], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match due {
        Some(due) if ordered > rank(lane) => {
            Ok((ordered, micros(deadline).min(micros(accepted_at).saturating_add(due))))
        }
        _ => Ok((rank(lane), micros(deadline))),
    }
}
