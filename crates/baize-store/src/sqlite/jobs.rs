//! What is to be done.

use std::mem;
use std::sync::PoisonError;

use baize_core::ports::{Job, JobId, SpoolKey};
use baize_core::{Lane, ModelRef, Report};
use rusqlite::{Connection, OptionalExtension, Row};

use super::convert::{self, identity_columns};
use super::trouble::Trouble;
use super::writer::Abandoned;
use super::{messages, mistake, report};

/// Jobs on their way to the caller. If it goes away before it has them, the writer gives them back: else they
/// would wait for the next start.
pub(super) struct Taken {
    jobs: Vec<Job>,
    abandoned: Abandoned,
}

impl Taken {
    pub(super) fn new(jobs: Vec<Job>, abandoned: Abandoned) -> Self {
        Self { jobs, abandoned }
    }

    pub(super) fn keep(mut self) -> Vec<Job> {
        mem::take(&mut self.jobs)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut abandoned = self.abandoned.lock().unwrap_or_else(PoisonError::into_inner);
        abandoned.extend(self.jobs.iter().map(|job| job.id));
    }
}

pub(super) fn take(db: &Connection, limit: usize) -> Result<Vec<Job>, Trouble> {
    let jobs = db
        .prepare_cached(concat!(
            "SELECT job.id, job.model_id, job.model_version, job.lane, job.deadline, job.attempts,
                    instance.spool_key, instance.accepted_at, ",
            identity_columns!(),
            " FROM job
              JOIN instance ON instance.id = job.instance_id
              JOIN series ON series.id = instance.series_id
              JOIN study ON study.id = instance.study_id
             WHERE job.state = 'open'
             ORDER BY (job.lane = 2) DESC, job.deadline, job.lane DESC, job.id
             LIMIT ?1"
        ))?
        .query_and_then([convert::limit(limit)], job)?
        .collect::<Result<Vec<_>, _>>()?;
    let mut begin =
        db.prepare_cached("UPDATE job SET state = 'begun', attempts = attempts + 1 WHERE id = ?1")?;
    for job in &jobs {
        begin.execute([job.id.0])?;
    }
    Ok(jobs)
}

fn job(row: &Row<'_>) -> Result<Job, Trouble> {
    Ok(Job {
        id: JobId(row.get("id")?),
        identity: convert::identity(row)?,
        spool_key: SpoolKey(row.get("spool_key")?),
        model: ModelRef { id: row.get("model_id")?, version: row.get("model_version")? },
        lane: convert::lane(row)?,
        accepted_at: convert::time(row, "accepted_at")?,
        deadline: convert::time(row, "deadline")?,
        attempts: row.get("attempts")?,
    })
}

pub(super) fn release(db: &Connection, job: JobId) -> Result<(), Trouble> {
    db.prepare_cached(
        "UPDATE job SET state = 'open', attempts = attempts - 1 WHERE id = ?1 AND state = 'begun'",
    )?
    .execute([job.0])?;
    Ok(())
}

pub(super) fn reopen_interrupted(db: &Connection) -> Result<usize, Trouble> {
    Ok(db.execute("UPDATE job SET state = 'open' WHERE state = 'begun'", [])?)
}

pub(super) fn finish(db: &Connection, job: JobId, report: &Report) -> Result<bool, Trouble> {
    let found = db
        .prepare_cached(
            "SELECT job.instance_id, job.model_id, job.model_version, job.state, instance.sop
               FROM job JOIN instance ON instance.id = job.instance_id WHERE job.id = ?1",
        )?
        .query_row([job.0], |row| {
            let model = ModelRef { id: row.get("model_id")?, version: row.get("model_version")? };
            let state: String = row.get("state")?;
            let sop: String = row.get("sop")?;
            Ok((row.get("instance_id")?, model, state, sop))
        })
        .optional()?;
    let Some((instance, model, state, sop)) = found else {
        return Err(mistake("the ledger knows no such job").into());
    };
    // One patient's result must not come to stand under another's image.
    if report.instance.sop.as_str() != sop || report.model.as_ref() != Some(&model) {
        return Err(mistake("the report is of another image or model than the job").into());
    }
    if state == "done" {
        return Ok(false);
    }
    report::insert(db, instance, report)?;
    db.prepare_cached("UPDATE job SET state = 'done' WHERE id = ?1")?.execute([job.0])?;
    messages::owe_if_last(db, instance, report.finished_at)?;
    Ok(true)
}

pub(super) fn backlog(db: &Connection) -> Result<[u64; 3], Trouble> {
    let mut backlog = [0; 3];
    let mut query =
        db.prepare_cached("SELECT COUNT(*) AS pending FROM job WHERE state <> 'done' AND lane = ?1")?;
    for (lane, pending) in Lane::ALL.into_iter().zip(&mut backlog) {
        let counted =
            query.query_and_then([convert::rank(lane)], |row| convert::unsigned(row, "pending"))?.next();
        *pending = counted.transpose()?.unwrap_or(0);
    }
    Ok(backlog)
}
