//! The state machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use baize_core::{Lane, Timestamp};

use crate::permits::Permits;
use crate::queue::{Queue, Urgency, Waiting};
use crate::{
    Action, Attachment, Batch, BatchId, Bucket, Config, DeviceId, Event, ItemId, QueueId, Rejection,
};

/// Where an admitted item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Admitted, not ready for a batch.
    Decoding,
    /// In its model's queue.
    Waiting,
    /// In a running batch. `released`: its owner has let go already.
    Running { released: bool },
    /// Back from the device, still held by its owner.
    Returned,
}

#[derive(Debug)]
struct Item {
    queue: QueueId,
    lane: Lane,
    deadline: Timestamp,
    bytes: u64,
    attachment: Attachment,
    offered_at: Timestamp,
    sequence: u64,
    stage: Stage,
}

impl Item {
    fn urgency(&self) -> Urgency {
        Urgency::new(self.lane, self.deadline, self.sequence)
    }

    fn may_expire(&self) -> bool {
        self.attachment == Attachment::Attached && matches!(self.stage, Stage::Decoding | Stage::Waiting)
    }
}

#[derive(Debug)]
struct Running {
    batch: BatchId,
    queue: QueueId,
    bucket: Bucket,
    started_at: Timestamp,
    items: Vec<ItemId>,
}

/// Admits items and puts them into batches; see the [crate's description](crate).
#[derive(Debug)]
pub struct Scheduler {
    config: Config,
    permits: Permits,
    items: BTreeMap<ItemId, Item>,
    queues: BTreeMap<QueueId, Queue>,
    /// The attached items that have not run, by deadline.
    expiring: BTreeSet<(Timestamp, ItemId)>,
    idle: BTreeSet<DeviceId>,
    running: BTreeMap<DeviceId, Running>,
    draining: bool,
    drained_told: bool,
    wake_at: Option<Timestamp>,
    next_sequence: u64,
    next_batch: u64,
}

impl Scheduler {
    /// An empty scheduler. It learns of queues from what is offered and of devices from their free slots.
    pub fn new(config: Config) -> Self {
        Self {
            permits: Permits::new(config.limits),
            config,
            items: BTreeMap::new(),
            queues: BTreeMap::new(),
            expiring: BTreeSet::new(),
            idle: BTreeSet::new(),
            running: BTreeMap::new(),
            draining: false,
            drained_told: false,
            wake_at: None,
            next_sequence: 0,
            next_batch: 0,
        }
    }

    /// Takes notice of an event and says what to do. An event about an item, batch or device that is not
    /// known (any more) does nothing. `now` must not go backwards.
    pub fn on(&mut self, now: Timestamp, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.expire(now, &mut actions);
        match event {
            Event::Offer { item, queue, lane, deadline, bytes, attachment } => {
                let offered = Item {
                    queue,
                    lane,
                    deadline,
                    bytes,
                    attachment,
                    offered_at: now,
                    sequence: self.next_sequence,
                    stage: Stage::Decoding,
                };
                actions.extend(self.offer(now, item, offered));
            }
            Event::Decoded { item } => self.decoded(item),
            Event::Released { item } => self.released(item),
            Event::Raise { item, lane, deadline } => self.raise(item, lane, deadline),
            Event::Warmed { queue, bucket, service_time } => {
                self.queues.entry(queue).or_default().times.seed(bucket, service_time);
            }
            Event::SlotFree { device } => {
                if !self.running.contains_key(&device) {
                    self.idle.insert(device);
                }
            }
            Event::BatchDone { device, batch, service_time } => self.batch_done(device, batch, service_time),
            Event::Tick => {}
            Event::Drain => self.draining = true,
        }
        self.fire(now, &mut actions);
        self.set_timer(now, &mut actions);
        if self.draining && self.items.is_empty() && !self.drained_told {
            self.drained_told = true;
            actions.push(Action::Drained);
        }
        actions
    }

    /// Whether a (small) item of this lane would be admitted now.
    pub fn has_room(&self, lane: Lane) -> bool {
        !self.draining && self.permits.has_room(lane)
    }

    /// The bytes that admitted items hold.
    pub fn bytes_in_use(&self) -> u64 {
        self.permits.bytes()
    }

    /// How many admitted items are held, in whatever stage.
    pub fn jobs_in_use(&self) -> usize {
        self.permits.jobs()
    }

    /// How many items of a queue and lane have not begun to run.
    pub fn depth(&self, queue: QueueId, lane: Lane) -> usize {
        self.items
            .values()
            .filter(|item| item.queue == queue && item.lane == lane)
            .filter(|item| matches!(item.stage, Stage::Decoding | Stage::Waiting))
            .count()
    }

    fn offer(&mut self, now: Timestamp, id: ItemId, item: Item) -> Option<Action> {
        if self.items.contains_key(&id) {
            return None;
        }
        if let Err(reason) = self.admission(now, &item) {
            return Some(Action::Reject { item: id, reason, retry_after: self.retry_after() });
        }
        self.next_sequence += 1;
        if item.may_expire() {
            self.expiring.insert((item.deadline, id));
        }
        self.items.insert(id, item);
        Some(Action::Admit { item: id })
    }

    fn admission(&mut self, now: Timestamp, item: &Item) -> Result<(), Rejection> {
        if self.draining {
            return Err(Rejection::Draining);
        }
        if item.attachment == Attachment::Attached && self.predicted_finish(now, item) > item.deadline {
            return Err(Rejection::TooLate);
        }
        self.permits.take(item.lane, item.bytes)
    }

    /// When an item that is offered now would be finished: after the device that is free first, the work
    /// that goes before it, its own batch, and what follows the device.
    fn predicted_finish(&self, now: Timestamp, offered: &Item) -> Timestamp {
        let until_a_device_is_free = if self.idle.is_empty() {
            self.running.values().map(|running| self.remaining(now, running)).min().unwrap_or_default()
        } else {
            Duration::ZERO
        };
        let urgency = offered.urgency();
        let ahead: Duration = self
            .items
            .values()
            .filter(|item| matches!(item.stage, Stage::Decoding | Stage::Waiting))
            .filter(|item| item.urgency() < urgency)
            .map(|item| self.time_per_item(item.queue))
            .sum();
        let own = self.service_time(offered.queue, Bucket::ONE);
        now + until_a_device_is_free + ahead / self.devices() + own + self.config.post
    }

    /// The whole backlog at the present throughput, in whole seconds, at least one.
    fn retry_after(&self) -> Duration {
        let work: Duration = self
            .items
            .values()
            .filter(|item| item.stage != Stage::Returned)
            .map(|item| self.time_per_item(item.queue))
            .sum();
        let seconds = (work / self.devices()).as_secs_f64().ceil();
        Duration::try_from_secs_f64(seconds.max(1.0)).unwrap_or(Duration::MAX)
    }

    fn remaining(&self, now: Timestamp, running: &Running) -> Duration {
        let end = running.started_at + self.service_time(running.queue, running.bucket);
        end.saturating_since(now)
    }

    fn service_time(&self, queue: QueueId, bucket: Bucket) -> Duration {
        self.queues.get(&queue).and_then(|queue| queue.times.of(bucket)).unwrap_or_default()
    }

    fn time_per_item(&self, queue: QueueId) -> Duration {
        self.queues.get(&queue).map(|queue| queue.time_per_item(&self.config)).unwrap_or_default()
    }

    /// How many devices work, at least one: before the first free slot none is known.
    fn devices(&self) -> u32 {
        u32::try_from(self.idle.len() + self.running.len()).unwrap_or(u32::MAX).max(1)
    }

    fn decoded(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if item.stage != Stage::Decoding {
            return;
        }
        item.stage = Stage::Waiting;
        let waiting = Waiting { item: id, offered_at: item.offered_at };
        self.queues.entry(item.queue).or_default().insert(item.urgency(), waiting);
    }

    fn released(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if let Stage::Running { released } = &mut item.stage {
            *released = true;
            return;
        }
        self.forget(id);
    }

    /// Drops an item that no device holds and gives its permits back.
    fn forget(&mut self, id: ItemId) {
        let Some(item) = self.items.remove(&id) else { return };
        self.expiring.remove(&(item.deadline, id));
        if let Some(queue) = self.queues.get_mut(&item.queue) {
            queue.remove(&item.urgency());
        }
        self.permits.give_back(item.lane, item.bytes);
    }

    fn raise(&mut self, id: ItemId, lane: Lane, deadline: Timestamp) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let before = item.urgency();
        let (old_lane, old_deadline) = (item.lane, item.deadline);
        item.lane = item.lane.raised_to(lane);
        item.deadline = item.deadline.min(deadline);
        self.permits.rebook(old_lane, item.lane, item.bytes);
        if self.expiring.remove(&(old_deadline, id)) {
            self.expiring.insert((item.deadline, id));
        }
        if item.stage == Stage::Waiting {
            let queue = self.queues.entry(item.queue).or_default();
            queue.remove(&before);
            queue.insert(item.urgency(), Waiting { item: id, offered_at: item.offered_at });
        }
    }

    fn batch_done(&mut self, device: DeviceId, batch: BatchId, service_time: Option<Duration>) {
        if self.running.get(&device).is_none_or(|running| running.batch != batch) {
            return;
        }
        let Some(running) = self.running.remove(&device) else { return };
        if let Some(time) = service_time {
            self.queues.entry(running.queue).or_default().times.learn(running.bucket, time);
        }
        for id in running.items {
            let Some(item) = self.items.get_mut(&id) else { continue };
            let released = item.stage == Stage::Running { released: true };
            item.stage = Stage::Returned;
            if released {
                self.forget(id);
            }
        }
    }

    fn expire(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        while let Some((deadline, id)) = self.expiring.first().copied()
            && deadline < now
        {
            self.expiring.pop_first();
            self.forget(id);
            actions.push(Action::Expire { item: id });
        }
    }

    fn fire(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        while let Some(device) = self.idle.first().copied() {
            let ready = self
                .queues
                .iter()
                .filter_map(|(id, queue)| {
                    let reason = queue.reason_to_fire(now, &self.config, self.draining)?;
                    Some((*queue.head()?, *id, reason))
                })
                .min_by_key(|(head, id, _)| (*head, *id));
            let Some((_, queue_id, reason)) = ready else { return };
            let Some(queue) = self.queues.get_mut(&queue_id) else { return };
            let (bucket, items) = queue.take_batch(&self.config);
            for id in &items {
                if let Some(item) = self.items.get_mut(id) {
                    item.stage = Stage::Running { released: false };
                    self.expiring.remove(&(item.deadline, *id));
                }
            }
            let id = BatchId(self.next_batch);
            self.next_batch += 1;
            self.idle.remove(&device);
            let running =
                Running { batch: id, queue: queue_id, bucket, started_at: now, items: items.clone() };
            self.running.insert(device, running);
            let batch = Batch { id, queue: queue_id, bucket, items, reason };
            actions.push(Action::Run { device, batch });
        }
    }

    /// Asks to be woken for the next deadline that can pass and, while a device is free, for the next batch
    /// that is to run without a further event.
    fn set_timer(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let expiry = self.expiring.first().map(|(deadline, _)| *deadline + Duration::from_micros(1));
        let firing = match self.idle.is_empty() {
            true => None,
            false => self.queues.values().filter_map(|queue| queue.fires_at(&self.config)).min(),
        };
        let wanted = expiry.into_iter().chain(firing).min();
        // A wish whose moment has come is fulfilled; the next one is to be told anew.
        let pending = self.wake_at.filter(|moment| *moment > now);
        if let Some(moment) = wanted
            && pending != Some(moment)
        {
            actions.push(Action::WakeAt(moment));
        }
        self.wake_at = wanted;
    }
}
