//! Takes jobs out of the ledger and sees each to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use baize_core::ports::{Event, Job};
use baize_core::{ErrorCode, Fault, Lane, Outcome, Population, Report};
use baize_sched::Attachment;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument as _, debug, error, info_span, warn};

use crate::device::DeviceState;
use crate::dispatch::{Refused, Slot};
use crate::pool::Priority;
use crate::shared::{Request, Shared, outcome_of};

/// A job that was begun this often and never ended takes the process down with it.
const MOST_ATTEMPTS: u32 = 3;
/// How often an object's bytes are asked for before the job fails.
const LOAD_TRIES: u32 = 5;
/// First wait before the spool is asked again; doubles.
const LOAD_BACKOFF: Duration = Duration::from_millis(50);
/// How long to leave the ledger alone after it failed.
const LEDGER_PAUSE: Duration = Duration::from_secs(1);

/// What becomes of a job that was taken.
enum Verdict {
    /// It has its result. The slot holds its memory until that is stored.
    Report(Outcome, Option<Bytes>, Option<Slot>),
    /// There is no room for it now: back into the ledger.
    GiveBack,
    /// The device is lost: the job stays begun, so that the next start counts the attempt.
    Leave,
}

impl Shared {
    /// Feeds the engine from the ledger until it stops.
    pub(crate) async fn feed(self: Arc<Self>) {
        // Objects that are loaded but not admitted yet: enough to keep every thread busy.
        let loading = Arc::new(Semaphore::new(self.config.threads + 1));
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = self.wake.notified() => {}
            }
            if let Err(fault) = self.feed_all(&loading).await {
                warn!(%fault, "cannot take jobs from the ledger");
                tokio::select! {
                    () = self.stopping.cancelled() => return,
                    () = tokio::time::sleep(LEDGER_PAUSE) => {}
                }
                self.wake.notify_one();
            }
        }
    }

    /// Takes jobs for as long as there are some and room for them.
    async fn feed_all(self: &Arc<Self>, loading: &Arc<Semaphore>) -> Result<(), Fault> {
        while !self.stopping.is_cancelled() && *self.device.borrow() == DeviceState::Ready {
            // The permit's end wakes the feeder again.
            let Ok(permit) = Arc::clone(loading).try_acquire_owned() else { return Ok(()) };
            let routine_fits = self.dispatcher.has_room(Lane::Routine);
            let stat_hoped_for =
                self.stat_waits.load(Ordering::Acquire) && self.dispatcher.has_room(Lane::Stat);
            if !routine_fits && !stat_hoped_for {
                return Ok(());
            }
            let Some(job) = self.ledger()?.take_jobs(1).await?.pop() else {
                self.stat_waits.store(false, Ordering::Release);
                return Ok(());
            };
            if job.lane != Lane::Stat {
                // STAT jobs come first, so there is none (any more).
                self.stat_waits.store(false, Ordering::Release);
            }
            let span = info_span!(
                "job",
                job = job.id.0,
                study = %job.identity.study,
                sop = %job.identity.sop,
                model = %job.model
            );
            self.tasks.spawn(Arc::clone(self).see_through(job, permit).instrument(span));
        }
        Ok(())
    }

    async fn see_through(self: Arc<Self>, job: Job, loading: OwnedSemaphorePermit) {
        let verdict = tokio::select! {
            verdict = self.attempt(&job, loading) => verdict,
            // Whatever the device still does with it, the next start does it again.
            () = self.abandoned.cancelled() => Verdict::GiveBack,
        };
        self.wake.notify_one();
        match verdict {
            Verdict::Report(outcome, overlay, slot) => {
                self.write(&job, outcome, overlay).await;
                drop(slot);
            }
            Verdict::GiveBack => {
                if let Err(fault) = self.give_back(&job).await {
                    error!(%fault, "the job could not be given back and waits for the next start");
                }
                self.wake.notify_one();
            }
            Verdict::Leave => {}
        }
    }

    async fn give_back(&self, job: &Job) -> Result<(), Fault> {
        let ledger = self.ledger()?;
        self.until_stored(|| ledger.release(job.id)).await
    }

    async fn attempt(self: &Arc<Self>, job: &Job, loading: OwnedSemaphorePermit) -> Verdict {
        if job.attempts > MOST_ATTEMPTS {
            let message = "the server ended unexpectedly each time it worked on this image";
            return failed(Fault::new(ErrorCode::InferenceFailed, message));
        }
        let mut slot = None;
        match self.analyse_job(job, loading, &mut slot).await {
            Ok((outcome, overlay)) => Verdict::Report(outcome, overlay, slot),
            Err(Refused::NoRoom(_)) => Verdict::GiveBack,
            Err(Refused::Final(fault)) => match fault.code {
                ErrorCode::Draining | ErrorCode::Saturated => Verdict::GiveBack,
                ErrorCode::DeviceLost => Verdict::Leave,
                _ => failed(fault),
            },
        }
    }

    async fn analyse_job(
        self: &Arc<Self>,
        job: &Job,
        loading: OwnedSemaphorePermit,
        slot: &mut Option<Slot>,
    ) -> Result<(Outcome, Option<Bytes>), Refused> {
        let object = self.load(job).await.map_err(Refused::Final)?;
        let priority = Priority::new(job.lane, job.deadline);
        let header = match self.header(&object, priority).await {
            Ok(header) => header,
            Err(fault) => return Ok((outcome_of(fault).map_err(Refused::Final)?, None)),
        };
        let (model, population) = match self.model_of(job, &header.facts) {
            Ok(chosen) => chosen,
            Err(fault) => return Ok((outcome_of(fault).map_err(Refused::Final)?, None)),
        };
        let request = Request {
            model,
            population,
            // It may have been raised since it was taken.
            lane: job.lane.raised_to(self.ordered_lane(&job.identity.study)),
            deadline: job.deadline,
            attachment: Attachment::Detached,
            study: Some(job.identity.study.clone()),
        };
        let slot = slot.insert(self.offer(&request, &header, &object)?);
        drop(loading);
        self.wake.notify_one();
        match self.analyse(slot, &request, object).await {
            Ok(analysis) => Ok((analysis.outcome, Some(analysis.overlay))),
            Err(fault) => Ok((outcome_of(fault).map_err(Refused::Final)?, None)),
        }
    }

    /// The job's model, if it is still installed and still wants such images.
    fn model_of(&self, job: &Job, facts: &baize_core::ImageFacts) -> Result<(usize, Population), Fault> {
        let found = self.models.index_of(&job.model).and_then(|index| Some((index, self.models.get(index)?)));
        let Some((index, manifest)) = found else {
            let message = format!("the model {} is not installed any more", job.model);
            return Err(Fault::new(ErrorCode::InferenceFailed, message));
        };
        Ok((index, manifest.admits(facts)?))
    }

    async fn load(&self, job: &Job) -> Result<Bytes, Fault> {
        let mut backoff = LOAD_BACKOFF;
        let mut tries = 1;
        loop {
            match self.spool()?.get(&job.spool_key).await {
                Err(fault) if fault.code == ErrorCode::StorageFailed && tries < LOAD_TRIES => {
                    warn!(%fault, tries, "the object could not be read from the spool");
                    tokio::time::sleep(backoff).await;
                    backoff *= 2;
                    tries += 1;
                }
                Err(fault) if fault.code == ErrorCode::NotFound => {
                    let message =
                        "the object is missing from the spool; send it again under a new SOP Instance UID";
                    return Err(Fault::new(ErrorCode::StorageFailed, message));
                }
                answer => return answer,
            }
        }
    }

    /// Stores picture and report, as often as it takes, and tells the listeners.
    async fn write(&self, job: &Job, outcome: Outcome, overlay: Option<Bytes>) {
        debug!(stage = "write");
        let report = Report {
            instance: job.identity.clone(),
            model: Some(job.model.clone()),
            outcome,
            finished_at: self.clock.now(),
        };
        match self.store(job, &report, overlay).await {
            Ok(true) => {
                debug!(stage = "done");
                self.events.publish(Event::Reported(Box::new(report)));
            }
            Ok(false) => debug!(stage = "done", "the result was stored before"),
            Err(fault) => error!(%fault, "the result could not be stored; the next start makes it again"),
        }
    }

    async fn store(&self, job: &Job, report: &Report, overlay: Option<Bytes>) -> Result<bool, Fault> {
        let (spool, ledger) = (self.spool()?, self.ledger()?);
        if let Some(png) = overlay {
            let (study, sop) = (&job.identity.study, &job.identity.sop);
            let stored = self.until_stored(|| spool.put_overlay(study, sop, &job.model, png.clone())).await;
            match stored {
                // The result is worth more than its picture.
                Err(fault) if fault.code == ErrorCode::SpoolFull => warn!(%fault, "no room for the picture"),
                stored => stored?,
            }
        }
        self.until_stored(|| ledger.finish(job.id, report.clone())).await
    }
}

/// The report of a job that cannot be done, without a picture.
fn failed(fault: Fault) -> Verdict {
    Verdict::Report(Outcome::Failed(fault), None, None)
}
