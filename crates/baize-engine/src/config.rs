//! The engine's settings.

use std::time::Duration;

use baize_core::Lane;
use baize_imaging::Limits;
use baize_sched::Bucket;

use crate::EngineError;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// How large an object may be.
    pub limits: Limits,
    /// Bytes of objects that are being taken in at a time; more than that wait.
    pub receive_bytes: u64,
    /// Threads that decode and draw. One more is kept for STAT work.
    pub threads: usize,
    /// How much work may be in memory.
    pub admission: baize_sched::Limits,
    /// The largest batch.
    pub largest_bucket: Bucket,
    /// The largest batch without STAT work.
    pub routine_bucket: Bucket,
    /// How long a batch without STAT work may keep the device from STAT work; `None`: only its size counts.
    pub stat_budget: Option<Duration>,
    /// How long an image may wait for others while the device is free.
    pub delay: Duration,
    /// Within which time of its arrival a result is due.
    pub due: Due,
    /// What becomes of images of patients on whom a model was not validated.
    pub outside: Outside,
    /// How long stopping may take before work that is not done is left to the next start.
    pub drain_timeout: Duration,
}

/// What becomes of an image outside the population that a model was validated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// It is refused before the model runs.
    Refuse,
    /// Research: it gets its score, with the mark that the threshold means nothing there.
    Score,
}

/// Within which time a result is due, per lane.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// STAT images.
    pub stat: Duration,
    /// Urgent images.
    pub urgent: Duration,
    /// Routine images.
    pub routine: Duration,
}

impl Due {
    pub(crate) fn of(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Stat => self.stat,
            Lane::Urgent => self.urgent,
            Lane::Routine => self.routine,
        }
    }
}

impl EngineConfig {
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let admission = &self.admission;
        let wrong = [
            (self.threads == 0, "at least one decoding thread is needed"),
            (admission.jobs <= admission.stat_jobs, "the STAT share of jobs leaves none for other lanes"),
            (admission.bytes <= admission.stat_bytes, "the STAT share of bytes leaves none for other lanes"),
            (
                self.receive_bytes < self.limits.max_object_bytes,
                "the receive budget is below the object limit",
            ),
            (self.routine_bucket > self.largest_bucket, "the routine bucket is above the largest bucket"),
        ];
        match wrong.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, why)) => Err(EngineError::Config(why)),
            None => Ok(()),
        }
    }
}
