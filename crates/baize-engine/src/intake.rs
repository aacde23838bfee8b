//! Taking objects in: durable first, then queued.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use baize_core::ports::{Acceptance, Admission, Door, Event, Identify, Intake, Novelty};
use baize_core::{ErrorCode, Fault, InstanceIdentity, Lane, ModelRef, Outcome, Report, Timestamp};
use baize_imaging::Header;
use bytes::Bytes;
use tokio::sync::SemaphorePermit;
use tracing::{Instrument as _, debug, info_span, warn};

use crate::Engine;
use crate::pool::Priority;
use crate::shared::Shared;

/// How often the ledger is asked again to admit an object. Admission is idempotent.
const ADMIT_RETRIES: usize = 2;

#[async_trait]
impl Intake for Engine {
    async fn accept(&self, object: Bytes, door: Door, lane: Lane) -> Result<Acceptance, Fault> {
        let shared = &self.shared;
        let _counted = shared.tasks.token();
        shared.check_running()?;
        let _memory = shared.receive(&object).await?;
        let accepted_at = shared.clock.now();
        let header = shared.header(&object, Priority::new(lane, accepted_at)).await?;
        let span = info_span!("accept", study = %header.identity.study, sop = %header.identity.sop);
        let kept = Arc::clone(shared);
        // A sender that leaves now must not leave half an object behind.
        let keeping = async move { kept.keep(object, header, door, lane, accepted_at).await };
        shared.tasks.spawn(keeping.instrument(span)).await.unwrap_or_else(|_| {
            Err(Fault::new(ErrorCode::Internal, "taking the object in ended unexpectedly; send it again"))
        })
    }
}

#[async_trait]
impl Identify for Engine {
    async fn identify(&self, object: &Bytes) -> Result<InstanceIdentity, Fault> {
        let shared = &self.shared;
        let _memory = shared.receive(object).await?;
        let priority = Priority::new(Lane::Routine, shared.clock.now());
        Ok(shared.header(object, priority).await?.identity)
    }
}

impl Shared {
    /// Checks the object's size and waits until there is room to take it in.
    ///
    /// # Errors
    /// `ObjectTooLarge`, or `Draining` when the server stops meanwhile.
    pub(crate) async fn receive(&self, object: &Bytes) -> Result<SemaphorePermit<'_>, Fault> {
        let (size, limit) = (object.len() as u64, self.config.limits.max_object_bytes);
        if size > limit {
            let message = format!("the object has {size} bytes, more than the configured {limit}");
            return Err(Fault::new(ErrorCode::ObjectTooLarge, message));
        }
        let permit = tokio::select! {
            permit = self.receiving.acquire_many(kib(size)) => permit.ok(),
            () = self.stopping.cancelled() => None,
        };
        permit.ok_or_else(crate::dispatch::draining)
    }

    async fn keep(
        &self,
        object: Bytes,
        header: Header,
        door: Door,
        lane: Lane,
        accepted_at: Timestamp,
    ) -> Result<Acceptance, Fault> {
        let Header { identity, facts, digest, own_result } = header;
        let lane = lane.raised_to(self.ordered_lane(&identity.study));
        let chosen = if own_result { Err(came_back()) } else { self.models.choose(&facts) };
        let (models, refusal) = match chosen {
            Ok(admitted) => (self.model_refs(admitted.iter().map(|(index, _)| *index)), None),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        let size = object.len() as u64;
        let spool_key = self.spool()?.put(&identity, &digest, object).await?;
        let admission = Admission {
            identity: identity.clone(),
            facts,
            digest,
            spool_key,
            size,
            door,
            accepted_at,
            lane,
            deadline: accepted_at + self.config.due.of(lane),
            models,
            refusal: refusal.clone(),
        };
        let novelty = self.admit(admission).await?;
        debug!(stage = "received", ?novelty, %lane);
        if novelty == Novelty::New {
            self.events.publish(Event::Received { identity: identity.clone(), lane, at: accepted_at });
            match refusal {
                Some(fault) => self.events.publish(Event::Reported(Box::new(Report {
                    instance: identity.clone(),
                    model: None,
                    outcome: Outcome::Refused(fault),
                    finished_at: accepted_at,
                }))),
                None => {
                    if lane == Lane::Stat {
                        self.stat_waits.store(true, Ordering::Release);
                    }
                    self.wake.notify_one();
                }
            }
        }
        Ok(Acceptance { identity, novelty })
    }

    /// Admits the object, trying again where storage fails.
    ///
    /// The bytes stay in the spool even if that fails: the commit may have happened unseen, and an earlier
    /// copy that was acknowledged has the same key. What the ledger does not know costs space, no more, and
    /// the sender, who is told of the failure, will fill the same place again.
    async fn admit(&self, admission: Admission) -> Result<Novelty, Fault> {
        let ledger = self.ledger()?;
        let mut tries = 0;
        loop {
            match ledger.admit(admission.clone()).await {
                Err(fault) if fault.code == ErrorCode::StorageFailed && tries < ADMIT_RETRIES => {
                    tries += 1;
                    warn!(%fault, tries, "the ledger did not admit the object");
                }
                answer => return answer,
            }
        }
    }

    fn model_refs(&self, indices: impl Iterator<Item = usize>) -> Vec<ModelRef> {
        indices.filter_map(|index| self.models.get(index)).map(baize_models::Manifest::model).collect()
    }
}

/// A result of ours is never read as if it were an image: its boxes and texts would be findings again.
pub(crate) fn came_back() -> Fault {
    Fault::new(ErrorCode::OwnResult, "the object is a result of Baize that came back; it is not analysed")
}

/// An object counts as at least 64 KiB, so that a flood of tiny ones is bounded too.
pub(crate) fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024).max(64)).unwrap_or(u32::MAX)
}
