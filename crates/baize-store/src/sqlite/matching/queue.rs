//! What waits for a person.

use baize_core::ports::{Reconcile, ReconcileId, ReconcileReason, Unmatched};
use baize_core::{StudyUid, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::convert::{self, micros, time};
use super::super::hospital::{orders, patients};
use super::super::trouble::Trouble;
use super::candidates::{self, OrderSide, StudySide};

/// More than a person would look at.
const CANDIDATES: usize = 10;

/// A study waits, or waits for another reason. What a person has dismissed stays so.
pub(super) fn list_study(
    db: &Connection,
    study: i64,
    reason: ReconcileReason,
    at: Timestamp,
) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO reconciliation (study_id, reason, since) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET reason = excluded.reason,
             since = CASE state WHEN 'open' THEN since ELSE excluded.since END, state = 'open'
          WHERE state <> 'dismissed'",
    )?
    .execute(params![study, reason.as_str(), micros(at)])?;
    Ok(())
}

/// An order waits because a person has undone its match.
pub(super) fn list_order(
    db: &Connection,
    order: i64,
    reason: ReconcileReason,
    at: Timestamp,
) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO reconciliation (order_id, reason, since) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET reason = excluded.reason, since = excluded.since, state = 'open'
          WHERE state = 'settled'",
    )?
    .execute(params![order, reason.as_str(), micros(at)])?;
    db.prepare_cached("UPDATE his_order SET overdue_at = NULL WHERE id = ?1")?.execute([order])?;
    Ok(())
}

pub(super) fn settle_study(db: &Connection, study: i64) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE reconciliation SET state = 'settled' WHERE study_id = ?1 AND state = 'open'")?
        .execute([study])?;
    Ok(())
}

pub(super) fn settle_order(db: &Connection, order: i64) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE reconciliation SET state = 'settled' WHERE order_id = ?1 AND state = 'open'")?
        .execute([order])?;
    db.prepare_cached("UPDATE his_order SET overdue_at = NULL WHERE id = ?1")?.execute([order])?;
    Ok(())
}

/// An order has changed: one that was cancelled or put off is missed no more.
pub(super) fn reschedule(db: &Connection, order: i64, at: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE reconciliation SET state = 'settled'
          WHERE order_id = ?1 AND state = 'open'
            AND (SELECT cancelled OR overdue_at > ?2 FROM his_order WHERE id = ?1)",
    )?
    .execute(params![order, micros(at)])?;
    Ok(())
}

/// Lists orders whose time is past. A bounded step.
pub(in super::super) fn list_overdue(
    db: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<usize, Trouble> {
    let overdue: Vec<i64> = db
        .prepare_cached("SELECT id FROM his_order WHERE overdue_at <= ?1 ORDER BY overdue_at LIMIT ?2")?
        .query_map(params![micros(now), convert::limit(limit)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for order in &overdue {
        list_order(db, *order, ReconcileReason::Overdue, now)?;
    }
    Ok(overdue.len())
}

pub(in super::super) fn page(
    db: &Connection,
    before: Option<ReconcileId>,
    limit: usize,
) -> Result<Vec<Reconcile>, Trouble> {
    db.prepare_cached(
        "SELECT * FROM reconciliation WHERE state = 'open' AND id < ?1 ORDER BY id DESC LIMIT ?2",
    )?
    .query_and_then(params![before.map_or(i64::MAX, |id| id.0), convert::limit(limit)], |row| entry(db, row))?
    .collect()
}

fn entry(db: &Connection, row: &Row<'_>) -> Result<Reconcile, Trouble> {
    let reason: String = row.get("reason")?;
    let (study, order): (Option<i64>, Option<i64>) = (row.get("study_id")?, row.get("order_id")?);
    let subject = match (study, order) {
        (Some(study), _) => of_study(db, study)?,
        (None, Some(order)) => of_order(db, order)?,
        (None, None) => return Err(Trouble::BadRow("reconciliation")),
    };
    Ok(Reconcile {
        id: ReconcileId(row.get("id")?),
        subject,
        reason: ReconcileReason::from_name(&reason).ok_or(Trouble::BadRow("reconciliation reason"))?,
        since: time(row, "since")?,
    })
}

fn of_study(db: &Connection, study: i64) -> Result<Unmatched, Trouble> {
    let study = candidates::study(db, study)?.ok_or(Trouble::BadRow("study"))?;
    let mut found = candidates::orders_named(db, &study.uid, study.facts.accession.as_deref())?;
    if let Some(pid) = &study.facts.patient_id {
        for patient in patients::of_identifier(db, pid)? {
            let waiting = candidates::orders_waiting(db, patient)?;
            found.extend(waiting.into_iter().filter(|order| !is_among(&found, order)).collect::<Vec<_>>());
        }
    }
    found.truncate(CANDIDATES);
    let mut candidates = Vec::with_capacity(found.len());
    for order in found {
        let against = against(db, &order, &study)?;
        let order = orders::find(db, order.id)?.ok_or(Trouble::BadRow("order"))?;
        candidates.push((order, against));
    }
    Ok(Unmatched::Study { study: uid(&study)?, facts: Box::new(study.facts), candidates })
}

fn is_among(found: &[OrderSide], order: &OrderSide) -> bool {
    found.iter().any(|other| other.id == order.id)
}

fn of_order(db: &Connection, id: i64) -> Result<Unmatched, Trouble> {
    let order = candidates::order(db, id)?.ok_or(Trouble::BadRow("order"))?;
    let mut found = candidates::studies_named(db, &order)?;
    for study in candidates::studies_waiting(db, order.patient)? {
        if found.iter().all(|other| other.id != study.id) {
            found.push(study);
        }
    }
    found.truncate(CANDIDATES);
    let mut candidates = Vec::with_capacity(found.len());
    for study in found {
        candidates.push((uid(&study)?, against(db, &order, &study)?));
    }
    let order = orders::find(db, id)?.ok_or(Trouble::BadRow("order"))?;
    Ok(Unmatched::Order { order: Box::new(order), candidates })
}

/// What speaks against matching the two, if anything.
fn against(
    db: &Connection,
    order: &OrderSide,
    study: &StudySide,
) -> Result<Option<ReconcileReason>, Trouble> {
    if let Some(reason) = candidates::contradiction(db, order, &study.facts)? {
        return Ok(Some(reason));
    }
    if order.matched.is_some_and(|other| other != study.id) {
        return Ok(Some(ReconcileReason::OrderTaken));
    }
    Ok(candidates::was_undone(db, order.id, study.id)?.then_some(ReconcileReason::Undone))
}

fn uid(study: &StudySide) -> Result<StudyUid, Trouble> {
    StudyUid::parse(&study.uid).map_err(|_| Trouble::BadRow("study uid"))
}

/// The study or the order that an entry is about.
type About = (Option<i64>, Option<i64>);

/// Takes an open entry out of the queue for good. Returns what it was about; `None` where nothing waits under this number.
pub(super) fn dismiss(db: &Connection, entry: ReconcileId) -> Result<Option<About>, Trouble> {
    let subject = db
        .prepare_cached(
            "UPDATE reconciliation SET state = 'dismissed' WHERE id = ?1 AND state = 'open'
             RETURNING study_id, order_id",
        )?
        .query_row([entry.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(subject)
}
