//! What comes in.

use baize_core::ports::{Admission, Novelty};
use baize_core::{Fault, Outcome, Report, Timestamp};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::convert::{door_text, micros, rank, sex_text};
use super::trouble::Trouble;
use super::{inquiries, matching, mistake, report};

/// An image that has neither a job nor a reason for having none would be silently unread.
pub(super) fn check(admission: &Admission) -> Result<(), Fault> {
    if admission.models.is_empty() == admission.refusal.is_some() {
        return Ok(());
    }
    Err(mistake("an admission needs either models or a refusal"))
}

pub(super) fn admit(db: &Connection, admission: &Admission) -> Result<Novelty, Trouble> {
    let expected = inquiries::is_expected(db, admission.identity.study.as_str(), admission.lane)?;
    if !expected {
        inquiries::no_prior(db, admission.identity.study.as_str(), admission.accepted_at)?;
    }
    let known = db
        .prepare_cached("SELECT id FROM instance WHERE sop = ?1")?
        .query_row([admission.identity.sop.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(instance) = known {
        return admit_again(db, instance, admission);
    }
    let study = enter_study(db, admission, expected)?;
    let series = enter_series(db, study, admission)?;
    // Its order decides the lane of its jobs, too.
    matching::image_came(db, study, admission)?;
    let (lane, deadline) =
        inquiries::ordered(db, study, admission.lane, admission.accepted_at, admission.deadline)?;
    let instance = insert_instance(db, study, series, lane, admission)?;
    let mut insert_job = db.prepare_cached(
        "INSERT INTO job (instance_id, model_id, model_version, lane, deadline) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
    )?;
    for model in &admission.models {
        insert_job.execute(params![instance, model.id, model.version, lane, deadline])?;
    }
    if let Some(fault) = &admission.refusal {
        let refused = Report {
            instance: admission.identity.clone(),
            model: None,
            outcome: Outcome::Refused(fault.clone()),
            finished_at: admission.accepted_at,
            gate: None,
        };
        report::insert(db, instance, &refused)?;
    }
    Ok(Novelty::New)
}

/// A data set under a SOP Instance UID that is taken. The study belongs to the comparison because the bytes are
/// kept by study.
fn admit_again(db: &Connection, instance: i64, admission: &Admission) -> Result<Novelty, Trouble> {
    let study = admission.identity.study.as_str();
    let here = db
        .prepare_cached(
            "SELECT 1 FROM instance JOIN study ON study.id = instance.study_id
              WHERE instance.id = ?1 AND study.uid = ?2 AND instance.digest = ?3
             UNION ALL
             SELECT 1 FROM instance_copy WHERE instance_id = ?1 AND study_uid = ?2 AND digest = ?3",
        )?
        .exists(params![instance, study, admission.digest.0])?;
    if here {
        return Ok(Novelty::Duplicate);
    }
    let identity = &admission.identity;
    let (door, peer) = door_text(&admission.door);
    db.prepare_cached(
        "INSERT INTO instance_copy (instance_id, study_uid, series_uid, sop_class, transfer_syntax, digest,
                                    spool_key, size, door, peer, accepted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        instance,
        study,
        identity.series.as_str(),
        identity.sop_class,
        identity.transfer_syntax,
        admission.digest.0,
        admission.spool_key.0,
        stored_size(admission),
        door,
        peer,
        micros(admission.accepted_at),
    ])?;
    Ok(Novelty::Variant)
}

fn enter_study(db: &Connection, admission: &Admission, is_prior: bool) -> Result<i64, Trouble> {
    let uid = admission.identity.study.as_str();
    let now = micros(admission.accepted_at);
    let lane = rank(admission.lane);
    let known = db
        .prepare_cached(
            // Whatever was said about the whole study is no longer so.
            "UPDATE study
                SET updated_at = MAX(updated_at, ?2), lane = MAX(lane, ?3),
                    completed_at = NULL, completed_by = NULL, stowed_at = NULL
              WHERE uid = ?1 RETURNING id",
        )?
        .query_row(params![uid, now, lane], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let received = free_moment(db, admission.accepted_at)?;
    db.prepare_cached(
        "INSERT INTO study (uid, received_at, updated_at, lane, is_prior) VALUES (?1, ?2, ?2, ?3, ?4)",
    )?
    .execute(params![uid, received, lane, is_prior])?;
    let study = db.last_insert_rowid();
    if !is_prior {
        // In the study's own transaction: no crash comes between it and what is to be asked about it.
        inquiries::enter(db, study, admission.accepted_at)?;
    }
    Ok(study)
}

/// The first microsecond from `wanted` on in which no study began.
fn free_moment(db: &Connection, wanted: Timestamp) -> Result<i64, Trouble> {
    let free = db
        .prepare_cached(
            "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM study WHERE received_at = ?1) THEN ?1
                    ELSE (SELECT taken.received_at + 1 FROM study AS taken
                           WHERE taken.received_at >= ?1
                             AND NOT EXISTS (SELECT 1 FROM study WHERE received_at = taken.received_at + 1)
                           ORDER BY taken.received_at LIMIT 1) END",
        )?
        .query_row([micros(wanted)], |row| row.get(0))?;
    Ok(free)
}

fn enter_series(db: &Connection, study: i64, admission: &Admission) -> Result<i64, Trouble> {
    let uid = admission.identity.series.as_str();
    db.prepare_cached("INSERT INTO series (study_id, uid) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![study, uid])?;
    let id = db
        .prepare_cached("SELECT id FROM series WHERE study_id = ?1 AND uid = ?2")?
        .query_row(params![study, uid], |row| row.get(0))?;
    Ok(id)
}

fn insert_instance(
    db: &Connection,
    study: i64,
    series: i64,
    lane: i64,
    admission: &Admission,
) -> Result<i64, Trouble> {
    let identity = &admission.identity;
    let facts = &admission.facts;
    let (door, peer) = door_text(&admission.door);
    db.prepare_cached(
        "INSERT INTO instance (study_id, series_id, sop, sop_class, transfer_syntax, digest, spool_key, size,
             door, peer, accepted_at, lane, modality, body_part, view, frames, rows, columns, age_years, sex,
             patient_id, patient_name, accession, study_date, study_description, burned_in_annotation,
             patient_id_issuer, birth_date)
         VALUES (:study, :series, :sop, :sop_class, :transfer_syntax, :digest, :spool_key, :size,
             :door, :peer, :accepted_at, :lane, :modality, :body_part, :view, :frames, :rows, :columns, :age, :sex,
             :patient_id, :patient_name, :accession, :study_date, :study_description, :burned_in,
             :patient_id_issuer, :birth_date)",
    )?
    .execute(named_params! {
        ":study": study,
        ":series": series,
        ":sop": identity.sop.as_str(),
        ":sop_class": identity.sop_class,
        ":transfer_syntax": identity.transfer_syntax,
        ":digest": admission.digest.0,
        ":spool_key": admission.spool_key.0,
        ":size": stored_size(admission),
        ":door": door,
        ":peer": peer,
        ":accepted_at": micros(admission.accepted_at),
        ":lane": lane,
        ":modality": facts.modality,
        ":body_part": facts.body_part,
        ":view": facts.view,
        ":frames": facts.frames,
        ":rows": facts.rows,
        ":columns": facts.columns,
        ":age": facts.age.map(|age| age.0),
        ":sex": facts.sex.map(sex_text),
        ":patient_id": facts.patient_id,
        ":patient_name": facts.patient_name,
        ":accession": facts.accession,
        ":study_date": facts.study_date,
        ":study_description": facts.study_description,
        ":burned_in": facts.burned_in_annotation,
        ":patient_id_issuer": facts.patient_id_issuer,
        ":birth_date": facts.birth_date,
    })?;
    Ok(db.last_insert_rowid())
}

fn stored_size(admission: &Admission) -> i64 {
    i64::try_from(admission.size).unwrap_or(i64::MAX)
}
