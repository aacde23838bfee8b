//! The ledger and the spool, as the ports promise them, without a disk.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{Admission, Digest, Job, JobId, Ledger, Novelty, Spool, SpoolKey};
use baize_core::{ErrorCode, Fault, InstanceIdentity, Lane, ModelRef, Outcome, Report, SopUid, StudyUid};
use bytes::Bytes;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    Open,
    Begun,
    Done,
}

#[derive(Default)]
struct Books {
    instances: HashMap<SopUid, Digest>,
    jobs: Vec<(Job, JobState)>,
    reports: Vec<Report>,
    failures_to_come: u32,
}

/// [`Ledger`] in memory.
#[derive(Default)]
pub(crate) struct MemoryLedger(Mutex<Books>);

impl MemoryLedger {
    pub(crate) fn reports(&self) -> Vec<Report> {
        self.0.lock().unwrap().reports.clone()
    }

    /// The outcome of the only report on this SOP Instance.
    pub(crate) fn outcome(&self, sop: &str) -> Outcome {
        let reports = self.reports();
        let mut found = reports.iter().filter(|report| report.instance.sop.as_str() == sop);
        let outcome = found.next().expect("there is a report").outcome.clone();
        assert!(found.next().is_none(), "there is one report only");
        outcome
    }

    pub(crate) fn count(&self, wanted: JobState) -> usize {
        self.0.lock().unwrap().jobs.iter().filter(|(_, state)| *state == wanted).count()
    }

    /// The next so many writes of results fail.
    pub(crate) fn fail(&self, times: u32) {
        self.0.lock().unwrap().failures_to_come = times;
    }

    /// Acts as if earlier processes had begun every job this often and died.
    pub(crate) fn set_attempts(&self, attempts: u32) {
        for (job, _) in &mut self.0.lock().unwrap().jobs {
            job.attempts = attempts;
        }
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn admit(&self, admission: Admission) -> Result<Novelty, Fault> {
        let mut books = self.0.lock().unwrap();
        match books.instances.insert(admission.identity.sop.clone(), admission.digest) {
            Some(digest) if digest == admission.digest => return Ok(Novelty::Duplicate),
            Some(digest) => {
                books.instances.insert(admission.identity.sop, digest);
                return Ok(Novelty::Variant);
            }
            None => {}
        }
        assert_eq!(admission.models.is_empty(), admission.refusal.is_some());
        for model in admission.models {
            let job = Job {
                id: JobId(books.jobs.len() as i64),
                identity: admission.identity.clone(),
                spool_key: admission.spool_key.clone(),
                model,
                lane: admission.lane,
                accepted_at: admission.accepted_at,
                deadline: admission.deadline,
                attempts: 0,
            };
            books.jobs.push((job, JobState::Open));
        }
        if let Some(fault) = admission.refusal {
            books.reports.push(Report {
                instance: admission.identity,
                model: None,
                outcome: Outcome::Refused(fault),
                finished_at: admission.accepted_at,
            });
        }
        Ok(Novelty::New)
    }

    async fn take_jobs(&self, limit: usize) -> Result<Vec<Job>, Fault> {
        let mut books = self.0.lock().unwrap();
        let mut open: Vec<_> = books.jobs.iter_mut().filter(|(_, state)| *state == JobState::Open).collect();
        open.sort_by_key(|(job, _)| (job.lane != Lane::Stat, job.deadline));
        let taken = open.into_iter().take(limit);
        Ok(taken
            .map(|(job, state)| {
                *state = JobState::Begun;
                let before = job.clone();
                job.attempts += 1;
                before
            })
            .collect())
    }

    async fn release(&self, job: JobId) -> Result<(), Fault> {
        let mut books = self.0.lock().unwrap();
        let (job, state) = &mut books.jobs[job.0 as usize];
        assert_eq!(*state, JobState::Begun);
        *state = JobState::Open;
        job.attempts -= 1;
        Ok(())
    }

    async fn finish(&self, job: JobId, report: Report) -> Result<bool, Fault> {
        let mut books = self.0.lock().unwrap();
        if books.failures_to_come > 0 {
            books.failures_to_come -= 1;
            return Err(Fault::new(ErrorCode::StorageFailed, "the disk is having a bad day"));
        }
        let (job, state) = &mut books.jobs[job.0 as usize];
        assert_eq!((&report.instance, report.model.as_ref()), (&job.identity, Some(&job.model)));
        if *state == JobState::Done {
            return Ok(false);
        }
        *state = JobState::Done;
        books.reports.push(report);
        Ok(true)
    }

    async fn reopen_interrupted(&self) -> Result<usize, Fault> {
        let mut books = self.0.lock().unwrap();
        let begun = books.jobs.iter_mut().filter(|(_, state)| *state == JobState::Begun);
        Ok(begun.map(|(_, state)| *state = JobState::Open).count())
    }

    async fn backlog(&self) -> Result<[u64; 3], Fault> {
        let books = self.0.lock().unwrap();
        let of = |lane| {
            let pending =
                books.jobs.iter().filter(|(job, state)| job.lane == lane && *state != JobState::Done);
            pending.count() as u64
        };
        Ok(Lane::ALL.map(of))
    }

    async fn raise(&self, study: &StudyUid, lane: Lane, due: Duration) -> Result<bool, Fault> {
        let mut books = self.0.lock().unwrap();
        let open = books.jobs.iter_mut().filter(|(job, state)| {
            job.identity.study == *study && job.lane < lane && *state != JobState::Done
        });
        let raised = open.map(|(job, _)| {
            job.lane = lane;
            job.deadline = job.deadline.min(job.accepted_at + due);
        });
        Ok(raised.count() > 0)
    }
}

/// [`Spool`] in memory.
#[derive(Default)]
pub(crate) struct MemorySpool {
    objects: Mutex<HashMap<SpoolKey, Bytes>>,
    overlays: Mutex<HashMap<(SopUid, ModelRef), Bytes>>,
}

impl MemorySpool {
    pub(crate) fn objects(&self) -> usize {
        self.objects.lock().unwrap().len()
    }

    pub(crate) fn overlays(&self) -> usize {
        self.overlays.lock().unwrap().len()
    }

    /// Loses everything.
    pub(crate) fn clear(&self) {
        self.objects.lock().unwrap().clear();
    }
}

#[async_trait]
impl Spool for MemorySpool {
    async fn put(
        &self,
        identity: &InstanceIdentity,
        digest: &Digest,
        object: Bytes,
    ) -> Result<SpoolKey, Fault> {
        let key = SpoolKey(format!("{}/{:?}", identity.sop, digest.0));
        self.objects.lock().unwrap().insert(key.clone(), object);
        Ok(key)
    }

    async fn get(&self, key: &SpoolKey) -> Result<Bytes, Fault> {
        let found = self.objects.lock().unwrap().get(key).cloned();
        found.ok_or_else(|| Fault::new(ErrorCode::NotFound, "no such object"))
    }

    async fn put_overlay(
        &self,
        _: &StudyUid,
        sop: &SopUid,
        model: &ModelRef,
        png: Bytes,
    ) -> Result<(), Fault> {
        self.overlays.lock().unwrap().insert((sop.clone(), model.clone()), png);
        Ok(())
    }

    async fn overlay(&self, _: &StudyUid, sop: &SopUid, model: &ModelRef) -> Result<Option<Bytes>, Fault> {
        Ok(self.overlays.lock().unwrap().get(&(sop.clone(), model.clone())).cloned())
    }
}
