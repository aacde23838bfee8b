//! What people say of orders and studies; all of it is recorded.

use baize_core::StudyUid;
use baize_core::ports::{MatchedBy, OrderId, ReconcileId, ReconcileReason, Reconciled, Say};
use rusqlite::{Connection, OptionalExtension as _};

use super::super::trouble::Trouble;
use super::{candidates, queue, rules};
use super::{is_matched, matched, raise, record, undone};

pub(in super::super) fn match_by_person(
    db: &Connection,
    study: &StudyUid,
    order: OrderId,
    say: &Say,
    confirmed: bool,
) -> Result<Reconciled, Trouble> {
    let known: Option<i64> = db
        .prepare_cached("SELECT id FROM study WHERE uid = ?1")?
        .query_row([study.as_str()], |row| row.get(0))
        .optional()?;
    let study = match known {
        Some(id) => candidates::study(db, id)?,
        None => None,
    };
    let Some(study) = study else { return Ok(Reconciled::UnknownStudy) };
    let Some(order) = candidates::order(db, order.0)? else { return Ok(Reconciled::UnknownOrder) };
    match order.matched {
        Some(other) if other == study.id => return Ok(Reconciled::Already),
        Some(_) => return Ok(Reconciled::OrderTaken),
        None => {}
    }
    let against = candidates::contradiction(db, &order, &study.facts)?;
    if let Some(reason) = against
        && (!confirmed || say.reason.trim().is_empty())
    {
        return Ok(Reconciled::Contradiction(reason));
    }
    let by = Some((say.actor.as_str(), say.reason.as_str()));
    matched(db, order.id, study.id, MatchedBy::Person, by, say.at)?;
    queue::settle_study(db, study.id)?;
    if let Some(rules) = rules::read(db)? {
        raise(db, study.id, &rules)?;
    }
    Ok(Reconciled::Done)
}

pub(in super::super) fn unmatch(db: &Connection, order: OrderId, say: &Say) -> Result<Reconciled, Trouble> {
    let Some(order) = candidates::order(db, order.0)? else { return Ok(Reconciled::UnknownOrder) };
    let Some(study) = order.matched else { return Ok(Reconciled::Already) };
    let by = Some((say.actor.as_str(), say.reason.as_str()));
    undone(db, order.id, study, by, say.at)?;
    if !is_matched(db, study)? {
        queue::list_study(db, study, ReconcileReason::Undone, say.at)?;
    }
    if !order.cancelled {
        queue::list_order(db, order.id, ReconcileReason::Undone, say.at)?;
    }
    Ok(Reconciled::Done)
}

pub(in super::super) fn dismiss(
    db: &Connection,
    entry: ReconcileId,
    say: &Say,
) -> Result<Reconciled, Trouble> {
    let Some((study, order)) = queue::dismiss(db, entry)? else { return Ok(Reconciled::UnknownOrder) };
    let by = Some((say.actor.as_str(), say.reason.as_str()));
    record(db, "dismissed", (order, study), None, by, say.at)?;
    Ok(Reconciled::Done)
}
