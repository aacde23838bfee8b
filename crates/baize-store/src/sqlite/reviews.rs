//! What physicians say of results.

use baize_core::ports::{Cause, FindingOpinion, Opinion, RecordedReview, Review, Reviewed, Verdict};
use baize_core::{ModelRef, SopUid, StudyUid, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

use super::convert::{micros, study_uid, time};
use super::messages;
use super::trouble::Trouble;

pub(super) fn append(db: &Connection, review: &Review) -> Result<Reviewed, Trouble> {
    let Some(instance) = instance_of(db, review)? else { return Ok(Reviewed::UnknownImage) };
    let model = &review.model;
    let report: Option<(i64, String)> = db
        .prepare_cached(
            "SELECT id, outcome FROM report WHERE instance_id = ?1 AND model_id = ?2 AND model_version = ?3",
        )?
        .query_row(params![instance, model.id, model.version], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((report, outcome)) = report else { return Ok(Reviewed::NoSuchResult) };
    if outcome != "analysed" {
        return Ok(Reviewed::NotAnalysed);
    }
    let mut finding = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM finding WHERE report_id = ?1 AND scheme = ?2 AND code = ?3)",
    )?;
    for FindingOpinion { scheme, value, .. } in &review.findings {
        let exists: bool = finding.query_row(params![report, scheme, value], |row| row.get(0))?;
        if !exists {
            return Ok(Reviewed::NoSuchFinding { scheme: scheme.clone(), value: value.clone() });
        }
    }
    let last = of_result(db, instance, review)?.pop();
    match last {
        Some(last) if last.review.says_the_same(review) => Ok(Reviewed::Repeated(last)),
        last => {
            let sequence = last.map_or(0, |last| last.sequence) + 1;
            insert(db, instance, sequence, review)?;
            if review.signed || review.verdict != Verdict::Confirmed {
                messages::owe_for_instance(db, instance, Cause::Reviewed, review.at)?;
            }
            Ok(Reviewed::Kept(RecordedReview { sequence, review: review.clone() }))
        }
    }
}

fn instance_of(db: &Connection, review: &Review) -> Result<Option<i64>, Trouble> {
    let instance = db
        .prepare_cached(
            "SELECT instance.id FROM instance JOIN study ON study.id = instance.study_id
              WHERE instance.sop = ?1 AND study.uid = ?2",
        )?
        .query_row([review.sop.as_str(), review.study.as_str()], |row| row.get(0))
        .optional()?;
    Ok(instance)
}

fn insert(db: &Connection, instance: i64, sequence: u32, review: &Review) -> Result<(), Trouble> {
    let model = &review.model;
    db.prepare_cached(
        "INSERT INTO review (instance_id, model_id, model_version, sequence, verdict, findings, comment, signed,
                             reviewer, at)
         VALUES (:instance, :model_id, :model_version, :sequence, :verdict, :findings, :comment, :signed,
                 :reviewer, :at)",
    )?
    .execute(named_params! {
        ":instance": instance,
        ":model_id": model.id,
        ":model_version": model.version,
        ":sequence": sequence,
        ":verdict": review.verdict.as_str(),
        ":findings": i64::try_from(review.findings.len()).unwrap_or(i64::MAX),
        ":comment": review.comment,
        ":signed": review.signed,
        ":reviewer": review.reviewer,
        ":at": micros(review.at),
    })?;
    let mut insert = db.prepare_cached(
        "INSERT INTO review_finding (instance_id, model_id, model_version, sequence, ordinal, scheme, code, opinion)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (ordinal, finding) in (0_i64..).zip(&review.findings) {
        let FindingOpinion { scheme, value, opinion } = finding;
        insert.execute(params![
            instance,
            model.id,
            model.version,
            sequence,
            ordinal,
            scheme,
            value,
            opinion.as_str()
        ])?;
    }
    Ok(())
}

/// Of one result, in their order.
fn of_result(db: &Connection, instance: i64, about: &Review) -> Result<Vec<RecordedReview>, Trouble> {
    db.prepare_cached(
        "SELECT review.*, instance.sop, study.uid AS study_uid
           FROM review JOIN instance ON instance.id = review.instance_id JOIN study ON study.id = instance.study_id
          WHERE review.instance_id = ?1 AND review.model_id = ?2 AND review.model_version = ?3
          ORDER BY review.sequence",
    )?
    .query_and_then(params![instance, about.model.id, about.model.version], |row| recorded(db, row))?
    .collect()
}

pub(super) fn of_study(db: &Connection, study: &StudyUid) -> Result<Vec<RecordedReview>, Trouble> {
    db.prepare_cached(
        "SELECT review.*, instance.sop, study.uid AS study_uid
           FROM review JOIN instance ON instance.id = review.instance_id JOIN study ON study.id = instance.study_id
          WHERE study.uid = ?1
          ORDER BY review.instance_id, review.model_id, review.model_version, review.sequence",
    )?
    .query_and_then([study.as_str()], |row| recorded(db, row))?
    .collect()
}

pub(super) fn studies(db: &Connection, since: Option<Timestamp>) -> Result<Vec<StudyUid>, Trouble> {
    db.prepare_cached(
        "SELECT DISTINCT study.uid AS study_uid
           FROM review JOIN instance ON instance.id = review.instance_id JOIN study ON study.id = instance.study_id
          WHERE review.at >= ?1
          ORDER BY study.uid",
    )?
    .query_and_then([since.map_or(0, micros)], study_uid)?
    .collect()
}

fn recorded(db: &Connection, row: &Row<'_>) -> Result<RecordedReview, Trouble> {
    let sequence: u32 = row.get("sequence")?;
    let (sop, verdict): (String, String) = (row.get("sop")?, row.get("verdict")?);
    let model = ModelRef { id: row.get("model_id")?, version: row.get("model_version")? };
    let findings = db
        .prepare_cached(
            "SELECT scheme, code, opinion FROM review_finding
              WHERE instance_id = ?1 AND model_id = ?2 AND model_version = ?3 AND sequence = ?4 ORDER BY ordinal",
        )?
        .query_and_then(params![row.get::<_, i64>("instance_id")?, model.id, model.version, sequence], opinion)?
        .collect::<Result<_, _>>()?;
    let review = Review {
        study: study_uid(row)?,
        sop: SopUid::parse(&sop).map_err(|_| Trouble::BadRow("sop instance uid"))?,
        model,
        verdict: Verdict::from_name(&verdict).ok_or(Trouble::BadRow("verdict"))?,
        findings,
        comment: row.get("comment")?,
        signed: row.get("signed")?,
        reviewer: row.get("reviewer")?,
        at: time(row, "at")?,
    };
    Ok(RecordedReview { sequence, review })
}

fn opinion(row: &Row<'_>) -> Result<FindingOpinion, Trouble> {
    let opinion: String = row.get("opinion")?;
    Ok(FindingOpinion {
        scheme: row.get("scheme")?,
        value: row.get("code")?,
        opinion: Opinion::from_name(&opinion).ok_or(Trouble::BadRow("opinion"))?,
    })
}
