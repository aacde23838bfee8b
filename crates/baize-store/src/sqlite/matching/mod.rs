//! Which order a study answers, found from both sides.
//!
//! By the Study UID that the order names, by the accession number, or, where neither is known, by patient, modality and
//! time, if nothing else would fit as well. Never where the patients contradict each other. What is matched raises the
//! study in the same transaction; nothing lowers it again.

mod candidates;
pub(super) mod moments;
mod person;
pub(super) mod queue;
pub(super) mod rules;

use baize_core::ports::{Admission, MatchedBy, ReconcileReason};
use baize_core::{ImageFacts, Lane, StudyUid, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::convert::{micros, rank};
use super::inquiries;
use super::messages;
use super::trouble::Trouble;
use candidates::{OrderSide, StudySide};
use rules::Rules;

pub(super) use person::{dismiss, match_by_person, unmatch};

/// An image of a study is about to be entered. The first one looks for an order; a later one does where it is the first
/// that brings an accession number.
pub(super) fn image_came(db: &Connection, study: i64, admission: &Admission) -> Result<(), Trouble> {
    let Some(rules) = rules::read(db)? else { return Ok(()) };
    let (is_prior, received_at): (bool, i64) = db
        .prepare_cached("SELECT is_prior, received_at FROM study WHERE id = ?1")?
        .query_row([study], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if is_prior {
        return Ok(());
    }
    let facts = &admission.facts;
    let was_tried = db
        .prepare_cached(
            "SELECT 1 FROM reconciliation WHERE study_id = ?1
             UNION ALL SELECT 1 FROM order_match WHERE study_id = ?1",
        )?
        .exists([study])?;
    if was_tried && !brings_accession(db, study, facts)? {
        return Ok(());
    }
    let side = StudySide {
        id: study,
        uid: admission.identity.study.as_str().to_owned(),
        received_at,
        facts: facts.clone(),
    };
    study_came(db, &side, &rules, admission.accepted_at)
}

fn brings_accession(db: &Connection, study: i64, facts: &ImageFacts) -> Result<bool, Trouble> {
    let Some(accession) = &facts.accession else { return Ok(false) };
    let known = db
        .prepare_cached("SELECT 1 FROM instance WHERE accession = ?1 AND study_id = ?2")?
        .exists(params![accession, study])?;
    Ok(!known)
}

/// A study that was a prior is one no more.
pub(super) fn no_prior(db: &Connection, study: i64, at: Timestamp) -> Result<(), Trouble> {
    let Some(rules) = rules::read(db)? else { return Ok(()) };
    match candidates::study(db, study)? {
        Some(side) => study_came(db, &side, &rules, at),
        None => Ok(()),
    }
}

/// Looks for the orders of a study.
fn study_came(db: &Connection, study: &StudySide, rules: &Rules, at: Timestamp) -> Result<(), Trouble> {
    let named = candidates::orders_named(db, &study.uid, study.facts.accession.as_deref())?;
    let mut reason = None;
    for order in &named {
        match join(db, order, study, rules, at)? {
            Joined::Yes | Joined::Already => {}
            Joined::No(against) => reason = reason.max_by_weight(against),
        }
    }
    if named.is_empty() {
        reason = match candidates::orders_fitting(db, study, rules)?.as_slice() {
            [] => None,
            [only] if rivals(db, only, study, rules)?.is_empty() => {
                matched(db, only.id, study.id, MatchedBy::PatientAndTime, None, at)?;
                None
            }
            _ => Some(ReconcileReason::Ambiguous),
        };
    }
    if is_matched(db, study.id)? {
        queue::settle_study(db, study.id)?;
        raise(db, study.id, rules)
    } else {
        queue::list_study(db, study.id, reason.unwrap_or(ReconcileReason::NoOrder), at)
    }
}

/// The other studies that an order could mean.
fn rivals(
    db: &Connection,
    order: &OrderSide,
    study: &StudySide,
    rules: &Rules,
) -> Result<Vec<StudySide>, Trouble> {
    let mut studies = candidates::studies_fitting(db, order, rules)?;
    studies.retain(|other| other.id != study.id);
    Ok(studies)
}

/// An order came in or has changed: looks for its study among those that are here.
pub(super) fn order_came(db: &Connection, order: i64, at: Timestamp) -> Result<(), Trouble> {
    let Some(rules) = rules::read(db)? else { return Ok(()) };
    let Some(order) = candidates::order(db, order)? else { return Ok(()) };
    queue::reschedule(db, order.id, at)?;
    if let Some(study) = order.matched {
        if !was_guessed_wrong(db, &order, study)? {
            return raise(db, study, &rules);
        }
        undone(db, order.id, study, None, at)?;
        queue::list_study(db, study, ReconcileReason::NoOrder, at)?;
    }
    let named = candidates::studies_named(db, &order)?;
    for study in &named {
        // After the first, the order is taken; its lane still counts for the others.
        let Some(order) = candidates::order(db, order.id)? else { return Ok(()) };
        match join(db, &order, study, &rules, at)? {
            Joined::Yes | Joined::Already => {
                queue::settle_study(db, study.id)?;
                raise(db, study.id, &rules)?;
            }
            Joined::No(Some(reason)) if !is_matched(db, study.id)? => {
                queue::list_study(db, study.id, reason, at)?;
            }
            Joined::No(_) => {}
        }
    }
    if named.is_empty() && !order.cancelled {
        let fitting = candidates::studies_fitting(db, &order, &rules)?;
        if let [only] = fitting.as_slice()
            && candidates::orders_fitting(db, only, &rules)?.len() == 1
        {
            matched(db, order.id, only.id, MatchedBy::PatientAndTime, None, at)?;
            queue::settle_study(db, only.id)?;
            return raise(db, only.id, &rules);
        }
        for study in fitting {
            queue::list_study(db, study.id, ReconcileReason::Ambiguous, at)?;
        }
    }
    Ok(())
}

/// A match that was guessed by patient and time, and the order names another accession number now.
fn was_guessed_wrong(db: &Connection, order: &OrderSide, study: i64) -> Result<bool, Trouble> {
    let Some(accession) = &order.accession else { return Ok(false) };
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM order_match
              WHERE order_id = ?1 AND how = 'patient_and_time'
                AND EXISTS (SELECT 1 FROM instance WHERE study_id = ?2 AND accession IS NOT NULL)
                AND NOT EXISTS (SELECT 1 FROM instance WHERE study_id = ?2 AND accession = ?3)",
        )?
        .exists(params![order.id, study, accession])?)
}

/// What is known of a patient has changed, identifiers too: the patient's orders look for studies again.
pub(super) fn patient_changed(db: &Connection, patient: i64, at: Timestamp) -> Result<(), Trouble> {
    let orders: Vec<i64> = db
        .prepare_cached(
            "SELECT id FROM his_order
              WHERE patient_id = ?1 AND NOT EXISTS (SELECT 1 FROM order_match WHERE order_id = his_order.id)
              ORDER BY id DESC LIMIT 200",
        )?
        .query_map([patient], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    orders.into_iter().try_for_each(|order| order_came(db, order, at))
}

enum Joined {
    Yes,
    Already,
    No(Option<ReconcileReason>),
}

/// Matches an order with a study that it names, if the patients don't contradict each other.
fn join(
    db: &Connection,
    order: &OrderSide,
    study: &StudySide,
    rules: &Rules,
    at: Timestamp,
) -> Result<Joined, Trouble> {
    if order.matched == Some(study.id) {
        return Ok(Joined::Already);
    }
    if candidates::was_undone(db, order.id, study.id)? {
        return Ok(Joined::No(Some(ReconcileReason::Undone)));
    }
    if let Some(reason) = candidates::contradiction(db, order, &study.facts)? {
        return Ok(Joined::No(Some(reason)));
    }
    if order.matched.is_some() {
        // One order, one study; but whoever sent the images under one order meant them to be as urgent.
        raise_to(db, study.id, lane_of(db, order.id)?, rules)?;
        return Ok(Joined::No(Some(ReconcileReason::OrderTaken)));
    }
    let how = if order.study_uid.as_deref() == Some(&study.uid) {
        MatchedBy::StudyUid
    } else {
        MatchedBy::Accession
    };
    matched(db, order.id, study.id, how, None, at)?;
    Ok(Joined::Yes)
}

/// Which of two reasons a person should see.
trait Weight {
    fn max_by_weight(self, other: Self) -> Self;
}

impl Weight for Option<ReconcileReason> {
    fn max_by_weight(self, other: Self) -> Self {
        let is_grave = |reason: &ReconcileReason| reason.is_contradiction();
        if self.as_ref().is_some_and(is_grave) || other.is_none() { self } else { other }
    }
}

/// Who said it, and why; `None`: the rules.
type By<'a> = Option<(&'a str, &'a str)>;

fn matched(
    db: &Connection,
    order: i64,
    study: i64,
    how: MatchedBy,
    by: By<'_>,
    at: Timestamp,
) -> Result<(), Trouble> {
    db.prepare_cached("INSERT INTO order_match (order_id, study_id, how, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![order, study, how.as_str(), micros(at)])?;
    record(db, "matched", (Some(order), Some(study)), Some(how), by, at)?;
    messages::owe_matched(db, study, at)?;
    queue::settle_order(db, order)
}

fn undone(db: &Connection, order: i64, study: i64, by: By<'_>, at: Timestamp) -> Result<(), Trouble> {
    db.prepare_cached("DELETE FROM order_match WHERE order_id = ?1")?.execute([order])?;
    record(db, "undone", (Some(order), Some(study)), None, by, at)?;
    messages::owe_matched(db, study, at)
}

fn record(
    db: &Connection,
    action: &str,
    (order, study): (Option<i64>, Option<i64>),
    how: Option<MatchedBy>,
    by: By<'_>,
    at: Timestamp,
) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO match_record (action, order_id, study_id, how, actor, reason, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        action,
        order,
        study,
        how.map(MatchedBy::as_str),
        by.map(|(actor, _)| actor),
        by.map(|(_, reason)| reason),
        micros(at),
    ])?;
    Ok(())
}

fn is_matched(db: &Connection, study: i64) -> Result<bool, Trouble> {
    Ok(db.prepare_cached("SELECT 1 FROM order_match WHERE study_id = ?1")?.exists([study])?)
}

/// Raises a study to the most urgent of its orders that the HIS has not taken back.
fn raise(db: &Connection, study: i64, rules: &Rules) -> Result<(), Trouble> {
    let most: Option<u8> = db
        .prepare_cached(
            "SELECT MAX(his_order.lane) FROM order_match JOIN his_order ON his_order.id = order_match.order_id
              WHERE order_match.study_id = ?1 AND NOT his_order.cancelled",
        )?
        .query_row([study], |row| row.get(0))?;
    let lane = most.and_then(|rank| Lane::ALL.get(usize::from(rank)).copied());
    raise_to(db, study, lane.unwrap_or(Lane::Routine), rules)
}

/// The lane of an order; routine where the HIS has taken it back.
fn lane_of(db: &Connection, order: i64) -> Result<Lane, Trouble> {
    let rank: Option<u8> = db
        .prepare_cached("SELECT lane FROM his_order WHERE id = ?1 AND NOT cancelled")?
        .query_row([order], |row| row.get(0))
        .optional()?;
    Ok(rank.and_then(|rank| Lane::ALL.get(usize::from(rank)).copied()).unwrap_or(Lane::Routine))
}

fn raise_to(db: &Connection, study: i64, lane: Lane, rules: &Rules) -> Result<(), Trouble> {
    if lane == Lane::Routine {
        return Ok(());
    }
    let uid: String =
        db.prepare_cached("SELECT uid FROM study WHERE id = ?1")?.query_row([study], |row| row.get(0))?;
    let uid = StudyUid::parse(&uid).map_err(|_| Trouble::BadRow("study uid"))?;
    if inquiries::raise(db, &uid, lane, rules.due(lane))? {
        db.prepare_cached(
            "INSERT INTO raise_due (study_id, lane) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET lane = MAX(lane, excluded.lane)",
        )?
        .execute(params![study, rank(lane)])?;
    }
    Ok(())
}
