//! Orders and studies that come into question for each other.

use baize_core::ImageFacts;
use baize_core::ports::ReconcileReason;
use rusqlite::{Connection, Row, params};

use super::super::convert::{self, facts_columns};
use super::super::hospital::patients;
use super::super::trouble::Trouble;
use super::moments::{self, Span};
use super::rules::Rules;

/// More orders or studies that could be meant are no help: nobody compares so many.
const MOST: i64 = 50;

/// An order, as far as it decides.
#[derive(Clone, Debug)]
pub(super) struct OrderSide {
    pub(super) id: i64,
    pub(super) patient: i64,
    pub(super) accession: Option<String>,
    pub(super) study_uid: Option<String>,
    modality: Option<String>,
    planned: Span,
    pub(super) cancelled: bool,
    /// The study that it belongs to.
    pub(super) matched: Option<i64>,
}

/// A study, as far as it decides.
#[derive(Clone, Debug)]
pub(super) struct StudySide {
    pub(super) id: i64,
    pub(super) uid: String,
    pub(super) received_at: i64,
    pub(super) facts: ImageFacts,
}

macro_rules! select_order {
    ($tail:literal) => {
        concat!(
            "SELECT his_order.id, his_order.patient_id, his_order.accession, his_order.study_uid, his_order.modality,
                    his_order.planned_from, his_order.planned_to, his_order.cancelled, order_match.study_id AS matched
               FROM his_order LEFT JOIN order_match ON order_match.order_id = his_order.id ",
            $tail
        )
    };
}

/// A study with one of its images.
macro_rules! select_study {
    ($tail:literal) => {
        concat!(
            "SELECT study.id, study.uid AS study_uid, study.received_at, ",
            facts_columns!(),
            " FROM study JOIN instance ON instance.study_id = study.id ",
            $tail
        )
    };
}

fn order_side(row: &Row<'_>) -> rusqlite::Result<OrderSide> {
    Ok(OrderSide {
        id: row.get("id")?,
        patient: row.get("patient_id")?,
        accession: row.get("accession")?,
        study_uid: row.get("study_uid")?,
        modality: row.get("modality")?,
        planned: Span { from: row.get("planned_from")?, to: row.get("planned_to")? },
        cancelled: row.get("cancelled")?,
        matched: row.get("matched")?,
    })
}

fn study_side(row: &Row<'_>) -> Result<StudySide, Trouble> {
    Ok(StudySide {
        id: row.get("id")?,
        uid: row.get("study_uid")?,
        received_at: row.get("received_at")?,
        facts: convert::facts(row)?,
    })
}

pub(super) fn order(db: &Connection, id: i64) -> Result<Option<OrderSide>, Trouble> {
    Ok(db
        .prepare_cached(select_order!("WHERE his_order.id = ?1"))?
        .query_map([id], order_side)?
        .next()
        .transpose()?)
}

/// A study with the facts of its first image.
pub(super) fn study(db: &Connection, id: i64) -> Result<Option<StudySide>, Trouble> {
    db.prepare_cached(select_study!("WHERE study.id = ?1 ORDER BY instance.id LIMIT 1"))?
        .query_and_then([id], study_side)?
        .next()
        .transpose()
}

/// The orders that name a study or its accession number, those that name the study itself first.
pub(super) fn orders_named(
    db: &Connection,
    uid: &str,
    accession: Option<&str>,
) -> Result<Vec<OrderSide>, Trouble> {
    let mut named: Vec<OrderSide> = db
        .prepare_cached(select_order!("WHERE his_order.study_uid = ?1 ORDER BY his_order.id DESC LIMIT ?2"))?
        .query_map(params![uid, MOST], order_side)?
        .collect::<Result<_, _>>()?;
    if let Some(accession) = accession {
        let by_accession = db
            .prepare_cached(select_order!(
                "WHERE his_order.accession = ?1 ORDER BY his_order.id DESC LIMIT ?2"
            ))?
            .query_map(params![accession, MOST], order_side)?
            .collect::<Result<Vec<_>, _>>()?;
        named.extend(by_accession.into_iter().filter(|order| order.study_uid.as_deref() != Some(uid)));
    }
    Ok(named)
}

/// The studies that an order names, by their UID or by an image with its accession number; no priors.
pub(super) fn studies_named(db: &Connection, order: &OrderSide) -> Result<Vec<StudySide>, Trouble> {
    let mut named = Vec::new();
    if let Some(uid) = &order.study_uid {
        named = db
            .prepare_cached(select_study!(
                "WHERE study.uid = ?1 AND NOT study.is_prior ORDER BY instance.id LIMIT 1"
            ))?
            .query_and_then([uid], study_side)?
            .collect::<Result<Vec<_>, Trouble>>()?;
    }
    if let Some(accession) = &order.accession {
        let mut query = db.prepare_cached(select_study!(
            "WHERE instance.id IN (SELECT MIN(id) FROM instance WHERE accession = ?1 GROUP BY study_id)
               AND NOT study.is_prior
             ORDER BY study.received_at DESC LIMIT ?2"
        ))?;
        let by_accession = query.query_and_then(params![accession, MOST], study_side)?;
        for study in by_accession {
            let study = study?;
            if named.iter().all(|other: &StudySide| other.id != study.id) {
                named.push(study);
            }
        }
    }
    Ok(named)
}

/// The orders without a study that a study of the patient could answer, by modality and time.
pub(super) fn orders_fitting(
    db: &Connection,
    study: &StudySide,
    rules: &Rules,
) -> Result<Vec<OrderSide>, Trouble> {
    let Some(pid) = &study.facts.patient_id else { return Ok(Vec::new()) };
    let mut fitting = Vec::new();
    for patient in patients::of_identifier(db, pid)? {
        for order in orders_waiting(db, patient)? {
            if fits(db, &order, study, rules)? {
                fitting.push(order);
            }
        }
    }
    Ok(fitting)
}

/// A patient's orders that have no study and were not taken back.
pub(super) fn orders_waiting(db: &Connection, patient: i64) -> Result<Vec<OrderSide>, Trouble> {
    Ok(db
        .prepare_cached(select_order!(
            "WHERE his_order.patient_id = ?1 AND NOT his_order.cancelled AND order_match.study_id IS NULL
             ORDER BY his_order.id DESC LIMIT ?2"
        ))?
        .query_map(params![patient, MOST], order_side)?
        .collect::<Result<_, _>>()?)
}

/// The studies without an order that an order of the patient could mean, by modality and time; no priors.
pub(super) fn studies_fitting(
    db: &Connection,
    order: &OrderSide,
    rules: &Rules,
) -> Result<Vec<StudySide>, Trouble> {
    let mut fitting = Vec::new();
    for study in studies_waiting(db, order.patient)? {
        if fits(db, order, &study, rules)? {
            fitting.push(study);
        }
    }
    Ok(fitting)
}

/// A patient's studies that have no order, under any of the patient's identifiers; no priors.
pub(super) fn studies_waiting(db: &Connection, patient: i64) -> Result<Vec<StudySide>, Trouble> {
    let mut waiting: Vec<StudySide> = Vec::new();
    for (pid, _) in patients::identifiers(db, patient)? {
        let mut query = db.prepare_cached(select_study!(
            "WHERE instance.id IN (SELECT MIN(id) FROM instance
                                    WHERE study_id IN (SELECT study_id FROM instance WHERE patient_id = ?1)
                                    GROUP BY study_id)
               AND NOT study.is_prior
               AND NOT EXISTS (SELECT 1 FROM order_match WHERE study_id = study.id)
             ORDER BY study.received_at DESC LIMIT ?2"
        ))?;
        for study in query.query_and_then(params![pid, MOST], study_side)? {
            let study = study?;
            if waiting.iter().all(|other| other.id != study.id) {
                waiting.push(study);
            }
        }
    }
    Ok(waiting)
}

/// Whether order and study are of the same patient and modality, near in time, and nothing speaks against it.
fn fits(db: &Connection, order: &OrderSide, study: &StudySide, rules: &Rules) -> Result<bool, Trouble> {
    let facts = &study.facts;
    let differ = |one: &Option<String>, other: Option<&str>| match (one, other) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    };
    let other_name =
        differ(&order.accession, facts.accession.as_deref()) || differ(&order.study_uid, Some(&study.uid));
    let same_kind = match (&order.modality, &facts.modality) {
        (Some(ordered), Some(made)) => kin(ordered) == kin(made),
        _ => false,
    };
    if other_name || !same_kind || facts.patient_id.is_none() {
        return Ok(false);
    }
    let made =
        moments::of_study(db, facts.study_date.as_deref(), study.received_at, rules.utc_offset_seconds)?;
    Ok(order.planned.is_near(made, rules.window)
        && contradiction(db, order, facts)?.is_none()
        && !was_undone(db, order.id, study.id)?)
}

/// CR and DX are two ways to the same radiograph.
fn kin(modality: &str) -> &str {
    if modality == "DX" { "CR" } else { modality }
}

/// What says that order and image are of different patients; what one of them doesn't say contradicts nothing.
pub(super) fn contradiction(
    db: &Connection,
    order: &OrderSide,
    facts: &ImageFacts,
) -> Result<Option<ReconcileReason>, Trouble> {
    fn differ<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
        matches!((one, other), (Some(one), Some(other)) if one != other)
    }
    if let Some(pid) = &facts.patient_id {
        let same: Vec<_> =
            patients::identifiers(db, order.patient)?.into_iter().filter(|(known, _)| known == pid).collect();
        if same.is_empty() {
            return Ok(Some(ReconcileReason::PatientIdDiffers));
        }
        if same.iter().all(|(_, issuer)| differ(issuer, &facts.patient_id_issuer)) {
            return Ok(Some(ReconcileReason::IssuerDiffers));
        }
    }
    let patient = patients::read(db, order.patient)?;
    if differ(&patient.birth_date, &facts.birth_date) {
        return Ok(Some(ReconcileReason::BirthDateDiffers));
    }
    if differ(&patient.sex, &facts.sex) {
        return Ok(Some(ReconcileReason::SexDiffers));
    }
    Ok(None)
}

/// Whether a person has said, or a correction has shown, that the two do not belong together.
pub(super) fn was_undone(db: &Connection, order: i64, study: i64) -> Result<bool, Trouble> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM match_record WHERE action = 'undone' AND order_id = ?1 AND study_id = ?2",
        )?
        .exists([order, study])?)
}
