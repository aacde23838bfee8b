//! What the parts of a running engine share, and the way of one image through them.

use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use baize_core::ports::{Ledger, Spool};
use baize_core::{
    Clock, ErrorClass, ErrorCode, Fault, GateLook, Lane, Outcome, Population, StudyUid, Text, Timestamp,
};
use baize_imaging::{Header, Image, Placement, decode, read_header};
use baize_sched::Attachment;
use bytes::Bytes;
use ndarray::Array2;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::device::DeviceState;
use crate::dispatch::{Dispatcher, Offer, Refused, Slot, draining};
use crate::events::Hub;
use crate::metrics::Metrics;
use crate::model::{Models, check_population};
use crate::pool::{Pool, Priority};
use crate::post::{self, Analysis};
use crate::urgency::Raised;
use crate::{EngineConfig, Guidance, Storage, Verdict};

/// First wait after storage failed; doubles up to [`LONGEST_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

pub(crate) struct Shared {
    pub(crate) config: EngineConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) models: Models,
    pub(crate) guidance: Guidance,
    pub(crate) pool: Pool,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) device: Arc<watch::Sender<DeviceState>>,
    pub(crate) device_name: String,
    pub(crate) storage: Option<Storage>,
    pub(crate) events: Hub,
    /// KiB of objects that may still be taken in.
    pub(crate) receiving: Semaphore,
    /// Wakes the feeder.
    pub(crate) wake: Arc<Notify>,
    /// A STAT job was put into the ledger and not seen by the feeder yet.
    pub(crate) stat_waits: AtomicBool,
    /// Studies that orders have made more urgent.
    pub(crate) raised: Mutex<Raised>,
    /// Everything that draining waits for.
    pub(crate) tasks: TaskTracker,
    /// Nothing new is taken.
    pub(crate) stopping: CancellationToken,
    /// The time for draining is over.
    pub(crate) abandoned: CancellationToken,
}

/// One image for one model.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) model: usize,
    pub(crate) population: Population,
    pub(crate) lane: Lane,
    pub(crate) deadline: Timestamp,
    pub(crate) attachment: Attachment,
    /// The study, where an order may still make it more urgent.
    pub(crate) study: Option<StudyUid>,
    /// What the gate saw, once it has looked.
    pub(crate) seen: Arc<OnceLock<GateLook>>,
}

/// An image that a model can take.
struct Prepared {
    image: Image,
    placement: Placement,
    input: Array2<f32>,
    /// How long decoding and preparing took.
    took: Duration,
    /// What limits the reading, as the gate says.
    caveats: Vec<Text>,
}

impl Shared {
    pub(crate) fn storage(&self) -> Result<&Storage, Fault> {
        let none = || Fault::new(ErrorCode::Internal, "this engine has no storage and keeps no objects");
        self.storage.as_ref().ok_or_else(none)
    }

    pub(crate) fn ledger(&self) -> Result<&Arc<dyn Ledger>, Fault> {
        Ok(&self.storage()?.ledger)
    }

    pub(crate) fn spool(&self) -> Result<&Arc<dyn Spool>, Fault> {
        Ok(&self.storage()?.spool)
    }

    /// # Errors
    /// `Draining`.
    pub(crate) fn check_running(&self) -> Result<(), Fault> {
        match self.stopping.is_cancelled() {
            true => Err(draining().retry_after(self.config.drain_timeout)),
            false => Ok(()),
        }
    }

    /// Reads the header on the pool.
    pub(crate) async fn header(&self, object: &Bytes, priority: Priority) -> Result<Header, Fault> {
        let (object, limits) = (object.clone(), self.config.limits);
        self.pool.run(priority, move || read_header(&object, &limits)).await
    }

    /// Asks for admission of an image, with all the memory that it will take.
    pub(crate) fn offer(&self, request: &Request, header: &Header, object: &Bytes) -> Result<Slot, Refused> {
        let canvas = self.models.get(request.model).map_or(0, |manifest| {
            let (height, width) = manifest.input_size();
            (height * width * size_of::<f32>()) as u64
        });
        self.dispatcher.offer(Offer {
            model: request.model,
            lane: request.lane,
            deadline: request.deadline,
            bytes: baize_imaging::decoded_bytes(&header.facts)
                .saturating_add(object.len() as u64)
                .saturating_add(canvas),
            attachment: request.attachment,
            study: request.study.clone(),
        })
    }

    /// Decodes, runs and draws an admitted image. Dropping the future stops it at the next stage.
    ///
    /// # Errors
    /// The fault of the stage that failed, `DeadlineExceeded` or `Draining`.
    pub(crate) async fn analyse(
        self: &Arc<Self>,
        slot: &mut Slot,
        request: &Request,
        object: Bytes,
    ) -> Result<Analysis, Fault> {
        let analysis = self.stages(slot, request, object).await;
        slot.complete();
        let now = self.clock.now();
        let left = request.deadline.saturating_since(now);
        self.metrics.finished(request.lane, left, now.saturating_since(request.deadline));
        analysis
    }

    async fn stages(
        self: &Arc<Self>,
        slot: &mut Slot,
        request: &Request,
        object: Bytes,
    ) -> Result<Analysis, Fault> {
        let priority = Priority::new(request.lane, request.deadline);
        let (shared, model, seen) = (Arc::clone(self), request.model, Arc::clone(&request.seen));
        let decoding = self.pool.run(priority, move || shared.prepare(model, &object, &seen));
        let Prepared { image, placement, input, took, caveats } = slot.until_over(decoding).await?;
        slot.hand_in(input);
        self.metrics.decoded(took);
        let prediction = slot.prediction().await?;
        let (shared, population) = (Arc::clone(self), request.population.clone());
        let drawing = move || {
            let known = shared.models.known(model).ok_or_else(no_model)?;
            post::analysis(known, &image, &placement, &prediction, population, caveats)
        };
        self.pool.run(priority, drawing).await
    }

    fn prepare(&self, model: usize, object: &[u8], seen: &OnceLock<GateLook>) -> Result<Prepared, Fault> {
        debug!(stage = "decode");
        let begun = self.clock.now();
        let manifest = self.models.get(model).ok_or_else(no_model)?;
        let image = decode(object, &self.config.limits)?;
        let Verdict { look, answer } = self.guidance.look(manifest, image.pixels.view());
        if let Some(look) = look {
            seen.get_or_init(|| look);
        }
        let caveats = answer?;
        check_population(manifest, &image.header.facts, self.config.outside)?;
        let fitted = manifest.fit(image.pixels.view());
        let input = manifest.prepare(fitted.pixels.view());
        let took = self.clock.now().saturating_since(begun);
        Ok(Prepared { image, placement: fitted.placement, input, took, caveats })
    }

    /// Tries again as long as storage fails and there is time.
    ///
    /// # Errors
    /// The last fault, when draining ran out of time or it is no fault of storage.
    pub(crate) async fn until_stored<T, F>(&self, store: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let fault = match store().await {
                Ok(stored) => return Ok(stored),
                Err(fault) if fault.code == ErrorCode::StorageFailed => fault,
                Err(fault) => return Err(fault),
            };
            warn!(%fault, retry_in = ?backoff, "storage failed");
            tokio::select! {
                () = self.abandoned.cancelled() => return Err(fault),
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
        }
    }
}

/// How a fault of one image ends its report.
///
/// # Errors
/// The fault itself where it says nothing about the image: there is no room, no time, no device.
pub(crate) fn outcome_of(fault: Fault) -> Result<Outcome, Fault> {
    match (fault.code, fault.code.class()) {
        (_, ErrorClass::Refused) => Ok(Outcome::Refused(fault)),
        (_, ErrorClass::Unreadable) | (ErrorCode::InferenceFailed | ErrorCode::Internal, _) => {
            Ok(Outcome::Failed(fault))
        }
        (_, ErrorClass::Caller | ErrorClass::Overload | ErrorClass::Internal) => Err(fault),
    }
}

fn no_model() -> Fault {
    Fault::new(ErrorCode::Internal, "the image was given to a model that is not loaded")
}
