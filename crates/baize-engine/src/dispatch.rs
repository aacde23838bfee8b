//! Carries out what the scheduler decides: holds the images that wait for the device and hands batches to it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baize_core::{Clock, ErrorCode, Fault, Lane, StudyUid, Timestamp};
use baize_models::Prediction;
use baize_sched::{
    Action, Attachment, Batch, BatchId, Bucket, DeviceId, Event, ItemId, QueueId, Rejection, Scheduler,
};
use ndarray::Array2;
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};
use tracing::Span;

use crate::metrics::{Metrics, Queued};

/// There is one device so far.
const DEVICE: DeviceId = DeviceId(0);

/// What the device thread is told.
pub(crate) enum Command {
    /// Run this batch, then offer the slot again.
    Run(Work),
    /// End.
    Stop,
}

/// A batch with its images.
pub(crate) struct Work {
    pub(crate) id: BatchId,
    /// Which of the engine's models.
    pub(crate) model: usize,
    pub(crate) bucket: Bucket,
    pub(crate) images: Vec<Waiting>,
}

/// An image on its way to the device.
pub(crate) struct Waiting {
    /// `[height, width]`, prepared; absent until it is decoded.
    pub(crate) input: Option<Array2<f32>>,
    pub(crate) reply: oneshot::Sender<Result<Prediction, Fault>>,
    pub(crate) span: Span,
    lane: Lane,
    attachment: Attachment,
    study: Option<StudyUid>,
    offered_at: Timestamp,
    _queued: Queued,
}

/// A request for admission.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Which of the engine's models.
    pub(crate) model: usize,
    pub(crate) lane: Lane,
    pub(crate) deadline: Timestamp,
    pub(crate) bytes: u64,
    pub(crate) attachment: Attachment,
    pub(crate) study: Option<StudyUid>,
}

/// Why an image is not admitted.
#[derive(Clone, Debug)]
pub(crate) enum Refused {
    /// There is no room now; the feeder shall try again later.
    NoRoom(Fault),
    /// Trying again would not help, or not here.
    Final(Fault),
}

impl Refused {
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            Self::NoRoom(fault) | Self::Final(fault) => fault,
        }
    }
}

struct State {
    scheduler: Scheduler,
    waiting: HashMap<ItemId, Waiting>,
    next_item: u64,
    /// Set when nothing more will run.
    over: Option<Fault>,
    /// Whether STAT work, and whether other work, was turned away since memory was last given back.
    blocked: Blocked,
}

#[derive(Clone, Copy, Default)]
struct Blocked {
    stat: bool,
    other: bool,
}

/// The scheduler, the images that wait, and the way to the device thread.
pub(crate) struct Dispatcher {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    models: Vec<String>,
    device: Sender<Command>,
    timer: watch::Sender<Option<Timestamp>>,
    room: Arc<Notify>,
}

impl Dispatcher {
    /// `models` are the names used in metrics; `room` is notified whenever admitted work gives memory back.
    pub(crate) fn new(
        scheduler: Scheduler,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
        models: Vec<String>,
        device: Sender<Command>,
        room: Arc<Notify>,
    ) -> Self {
        let state = State {
            scheduler,
            waiting: HashMap::new(),
            next_item: 0,
            over: None,
            blocked: Blocked::default(),
        };
        Self {
            state: Mutex::new(state),
            clock,
            metrics,
            models,
            device,
            timer: watch::Sender::new(None),
            room,
        }
    }

    /// Asks for admission. The image's memory counts until the slot is dropped.
    pub(crate) fn offer(self: &Arc<Self>, offer: Offer) -> Result<Slot, Refused> {
        let mut state = self.state();
        if let Some(over) = &state.over {
            return Err(Refused::Final(over.clone()));
        }
        let item = ItemId(state.next_item);
        state.next_item += 1;
        let event = Event::Offer {
            item,
            queue: QueueId(offer.model),
            lane: offer.lane,
            deadline: offer.deadline,
            bytes: offer.bytes,
            attachment: offer.attachment,
        };
        if let Some((reason, retry_after)) = self.drive(&mut state, event) {
            self.metrics.rejected(reason.as_str());
            if matches!(reason, Rejection::JobsFull | Rejection::BytesFull) {
                match offer.lane {
                    Lane::Stat => state.blocked.stat = true,
                    Lane::Urgent | Lane::Routine => state.blocked.other = true,
                }
            }
            return Err(refusal(reason, retry_after, offer.bytes));
        }
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            input: None,
            reply,
            span: Span::current(),
            lane: offer.lane,
            attachment: offer.attachment,
            study: offer.study,
            offered_at: self.clock.now(),
            _queued: self.metrics.queued(self.models.get(offer.model).map_or("", |name| name), offer.lane),
        };
        state.waiting.insert(item, waiting);
        drop(state);
        Ok(Slot { dispatcher: Arc::clone(self), item, answer, stage: Stage::Decode })
    }

    /// Whether it makes sense to load another object of this lane.
    pub(crate) fn has_room(&self, lane: Lane) -> bool {
        let state = self.state();
        let blocked = match lane {
            Lane::Stat => state.blocked.stat,
            Lane::Urgent | Lane::Routine => state.blocked.other,
        };
        !blocked && state.over.is_none() && state.scheduler.has_room(lane)
    }

    /// The device was warmed up for a bucket.
    pub(crate) fn warmed(&self, model: usize, bucket: Bucket, service_time: Duration) {
        self.tell(Event::Warmed { queue: QueueId(model), bucket, service_time });
    }

    /// The device can run a batch.
    pub(crate) fn slot_free(&self) {
        self.tell(Event::SlotFree { device: DEVICE });
    }

    /// The device is done with a batch.
    pub(crate) fn batch_done(&self, batch: BatchId, service_time: Option<Duration>) {
        self.tell(Event::BatchDone { device: DEVICE, batch, service_time });
    }

    /// Raises what waits of a study; each is due within that time of its admission.
    pub(crate) fn raise(&self, study: &StudyUid, lane: Lane, due: Duration) {
        let mut state = self.state();
        let mut raised = Vec::new();
        for (item, waiting) in &mut state.waiting {
            if waiting.study.as_ref() == Some(study) {
                waiting.lane = waiting.lane.raised_to(lane);
                raised.push((*item, waiting.offered_at + due));
            }
        }
        for (item, deadline) in raised {
            self.drive(&mut state, Event::Raise { item, lane, deadline });
        }
    }

    /// Admits nothing more, and gives up what nobody waits for and is not running: it is in the ledger.
    pub(crate) fn drain(&self) {
        let mut state = self.state();
        let detached: Vec<ItemId> = state
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.attachment == Attachment::Detached)
            .map(|(item, _)| *item)
            .collect();
        for item in detached {
            self.give_up(&mut state, item, draining());
        }
        self.drive(&mut state, Event::Drain);
    }

    /// Ends everything that waits with this fault, and all later offers too.
    pub(crate) fn end(&self, fault: &Fault) {
        let mut state = self.state();
        state.over.get_or_insert_with(|| fault.clone());
        let all: Vec<ItemId> = state.waiting.keys().copied().collect();
        for item in all {
            self.give_up(&mut state, item, fault.clone());
        }
    }

    /// Ends the device thread once its present batch is done.
    pub(crate) fn stop_device(&self) {
        // A thread that is gone needs no telling.
        let _ = self.device.send(Command::Stop);
    }

    /// Wakes the scheduler when it wants to be woken, for ever.
    pub(crate) async fn keep_time(&self) {
        let mut wishes = self.timer.subscribe();
        loop {
            let wish = *wishes.borrow_and_update();
            let Some(at) = wish else {
                if wishes.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let left = at.saturating_since(self.clock.now());
            if left.is_zero() {
                self.tell(Event::Tick);
                self.timer.send_if_modified(|wish| *wish == Some(at) && wish.take().is_some());
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                changed = wishes.changed() => if changed.is_err() { return },
            }
        }
    }

    fn give_up(&self, state: &mut State, item: ItemId, fault: Fault) {
        if let Some(waiting) = state.waiting.remove(&item) {
            // Its owner hears of it, and drops the slot.
            let _ = waiting.reply.send(Err(fault));
        }
        self.drive(state, Event::Released { item });
    }

    fn decoded(&self, item: ItemId, input: Array2<f32>) {
        let mut state = self.state();
        if let Some(waiting) = state.waiting.get_mut(&item) {
            waiting.input = Some(input);
            self.drive(&mut state, Event::Decoded { item });
        }
    }

    fn released(&self, item: ItemId) {
        let mut state = self.state();
        let waiting = state.waiting.remove(&item);
        self.drive(&mut state, Event::Released { item });
        drop(state);
        // Freeing an image's memory takes a while: not under the lock.
        drop(waiting);
    }

    fn tell(&self, event: Event) {
        self.drive(&mut self.state(), event);
    }

    /// Tells the scheduler and does what it says; gives back why an offer was rejected.
    fn drive(&self, state: &mut State, event: Event) -> Option<(Rejection, Duration)> {
        let now = self.clock.now();
        let held = (state.scheduler.jobs_in_use(), state.scheduler.bytes_in_use());
        let mut rejected = None;
        for action in state.scheduler.on(now, event) {
            match action {
                Action::Admit { .. } | Action::Drained => {}
                Action::Reject { reason, retry_after, .. } => rejected = Some((reason, retry_after)),
                Action::Expire { item } => {
                    if let Some(waiting) = state.waiting.remove(&item) {
                        self.metrics.rejected("expired");
                        let _ = waiting.reply.send(Err(expired()));
                    }
                }
                Action::Run { batch, .. } => self.start(state, now, batch),
                Action::WakeAt(at) => drop(self.timer.send_replace(Some(at))),
            }
        }
        let holds = (state.scheduler.jobs_in_use(), state.scheduler.bytes_in_use());
        self.metrics.bytes(holds.1);
        if holds.0 < held.0 || holds.1 < held.1 {
            state.blocked = Blocked::default();
            self.room.notify_one();
        }
        rejected
    }

    fn start(&self, state: &mut State, now: Timestamp, batch: Batch) {
        let Batch { id, queue, bucket, items, reason } = batch;
        let images: Vec<Waiting> = items.iter().filter_map(|item| state.waiting.remove(item)).collect();
        self.metrics.fired(reason, images.len(), bucket);
        for image in &images {
            self.metrics.waited(image.lane, now.saturating_since(image.offered_at));
        }
        // The thread only goes after everything was ended; then the images' owners hear from the dropped reply.
        let _ = self.device.send(Command::Run(Work { id, model: queue.0, bucket, images }));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far an admitted image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Decode,
    Device,
    Post,
    Done,
}

/// An admitted image's claim on memory and on the device. Dropping it gives both back, whatever its stage.
pub(crate) struct Slot {
    dispatcher: Arc<Dispatcher>,
    item: ItemId,
    answer: oneshot::Receiver<Result<Prediction, Fault>>,
    stage: Stage,
}

impl Slot {
    /// Waits for `work` as long as the image is still wanted: an expired one's work is dropped.
    pub(crate) async fn until_over<T>(
        &mut self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::select! {
            biased;
            answer = &mut self.answer => match answer {
                Ok(Err(fault)) => Err(fault),
                Ok(Ok(_)) | Err(_) => Err(vanished()),
            },
            done = work => done,
        }
    }

    /// Hands the prepared image in: from now on it can be put into a batch.
    pub(crate) fn hand_in(&mut self, input: Array2<f32>) {
        self.stage = Stage::Device;
        self.dispatcher.decoded(self.item, input);
    }

    /// Waits for what the model says about the image that was handed in.
    pub(crate) async fn prediction(&mut self) -> Result<Prediction, Fault> {
        let answer = (&mut self.answer).await.unwrap_or_else(|_| Err(vanished()));
        self.stage = Stage::Post;
        answer
    }

    /// The image has its result or its fault: dropping the slot is no longer a cancellation.
    pub(crate) fn complete(&mut self) {
        self.stage = Stage::Done;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let cancelled_in = match self.stage {
            Stage::Decode => Some("decode"),
            Stage::Device => Some("device"),
            Stage::Post => Some("post"),
            Stage::Done => None,
        };
        if let Some(stage) = cancelled_in {
            self.dispatcher.metrics.cancelled(stage);
        }
        self.dispatcher.released(self.item);
    }
}

fn refusal(reason: Rejection, retry_after: Duration, bytes: u64) -> Refused {
    match reason {
        Rejection::JobsFull | Rejection::BytesFull => {
            let message = "the server is working at its limit; try again later";
            Refused::NoRoom(Fault::new(ErrorCode::Saturated, message).retry_after(retry_after))
        }
        Rejection::NeverFits => Refused::Final(Fault::new(
            ErrorCode::DimensionsTooLarge,
            format!("decoding needs {bytes} bytes, more than the memory configured for decoded images"),
        )),
        Rejection::TooLate => {
            let message = "the work ahead takes longer than the deadline allows; try again later";
            Refused::Final(Fault::new(ErrorCode::DeadlineExceeded, message).retry_after(retry_after))
        }
        Rejection::Draining => Refused::Final(draining().retry_after(retry_after)),
    }
}

pub(crate) fn draining() -> Fault {
    Fault::new(ErrorCode::Draining, "the server is shutting down")
}

fn expired() -> Fault {
    Fault::new(ErrorCode::DeadlineExceeded, "the deadline passed while the image waited")
}

/// The device thread is gone with the image.
fn vanished() -> Fault {
    Fault::new(ErrorCode::DeviceLost, "the computing device stopped with this image")
}
