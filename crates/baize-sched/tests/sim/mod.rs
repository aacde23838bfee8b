//! A hospital in virtual time: arrivals, decoders, devices and clients around one scheduler, and a checker
//! that keeps its own books and knows the rules without looking into the scheduler.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use baize_core::{Lane, Timestamp};
use baize_sched::{
    Action, Attachment, Batch, BatchId, Bucket, Config, DeviceId, Event, ItemId, QueueId, Rejection,
    Scheduler,
};

pub(crate) const START: Timestamp = Timestamp::from_micros(1_000_000_000);

/// One image that arrives.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) after: Duration,
    pub(crate) queue: QueueId,
    pub(crate) lane: Lane,
    pub(crate) attachment: Attachment,
    pub(crate) slack: Duration,
    pub(crate) bytes: u64,
    pub(crate) decode: Duration,
    pub(crate) decodes: bool,
    pub(crate) cancel_after: Option<Duration>,
    pub(crate) raise_after: Option<Duration>,
    pub(crate) post: Duration,
}

/// The devices: how long a batch takes, and which batches panic.
#[derive(Clone, Debug)]
pub(crate) struct Devices {
    pub(crate) count: usize,
    pub(crate) base: Duration,
    pub(crate) per_item: Duration,
    /// Every so manieth batch panics; zero: none.
    pub(crate) panic_every: u64,
}

impl Devices {
    pub(crate) fn service_time(&self, bucket: Bucket) -> Duration {
        self.base + self.per_item * u32::try_from(bucket.size()).unwrap()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Arrive(usize),
    Decode(ItemId),
    Echo(ItemId),
    Leave(ItemId),
    Raise(ItemId),
    Finish(DeviceId, BatchId),
    Wake,
    Drain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Ran,
    Withdrawn,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Decoding,
    Waiting,
    Running,
    Returned,
}

#[derive(Clone, Debug)]
struct Held {
    arrival: usize,
    queue: QueueId,
    lane: Lane,
    deadline: Timestamp,
    order: u64,
    bytes: u64,
    attached: bool,
    left: bool,
    admitted_at: Timestamp,
    stage: Stage,
}

impl Held {
    fn key(&self) -> (bool, Timestamp, Reverse<Lane>, u64) {
        (self.lane != Lane::Stat, self.deadline, Reverse(self.lane), self.order)
    }
}

/// What became of one item.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) admitted_at: Option<Timestamp>,
    pub(crate) decoded_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    /// Batches that ended on any device between decoding and start.
    pub(crate) batches_waited: u32,
    pub(crate) ends: Vec<End>,
    pub(crate) rejected: Option<Rejection>,
}

pub(crate) struct Sim {
    config: Config,
    devices: Devices,
    arrivals: Vec<Arrival>,
    scheduler: Scheduler,
    now: Timestamp,
    agenda: BinaryHeap<Reverse<(Timestamp, u64, Happening)>>,
    sequence: u64,
    held: BTreeMap<ItemId, Held>,
    idle: BTreeSet<DeviceId>,
    running: BTreeMap<DeviceId, Batch>,
    ledger: Vec<usize>,
    draining: bool,
    drained: u32,
    pub(crate) records: Vec<Record>,
}

impl Sim {
    /// Lives through all arrivals, drains at `drain_at` (or when all is quiet), and checks every step.
    pub(crate) fn run(
        config: Config,
        devices: Devices,
        arrivals: Vec<Arrival>,
        drain_at: Option<Duration>,
    ) -> Self {
        let mut sim = Self {
            scheduler: Scheduler::new(config.clone()),
            config,
            records: vec![Record::default(); arrivals.len()],
            devices,
            arrivals,
            now: START,
            agenda: BinaryHeap::new(),
            sequence: 0,
            held: BTreeMap::new(),
            idle: BTreeSet::new(),
            running: BTreeMap::new(),
            ledger: Vec::new(),
            draining: false,
            drained: 0,
        };
        sim.warm_up();
        let mut at = START;
        for index in 0..sim.arrivals.len() {
            at = at + sim.arrivals[index].after;
            sim.plan(at, Happening::Arrive(index));
        }
        if let Some(after) = drain_at {
            sim.plan(START + after, Happening::Drain);
        }
        sim.live();
        if !sim.draining {
            assert!(sim.ledger.is_empty(), "the feeder waits for ever: {:?}", sim.ledger);
            sim.plan(sim.now, Happening::Drain);
            sim.live();
        }
        assert_eq!(sim.drained, 1, "drained is told once");
        assert!(sim.held.is_empty(), "after draining nothing is held: {:?}", sim.held);
        assert_eq!((sim.scheduler.jobs_in_use(), sim.scheduler.bytes_in_use()), (0, 0));
        for (index, record) in sim.records.iter().enumerate() {
            let ends = usize::from(record.admitted_at.is_some());
            assert_eq!(record.ends.len(), ends, "arrival {index} ends exactly once if admitted: {record:?}");
        }
        sim
    }

    fn warm_up(&mut self) {
        let queues: BTreeSet<QueueId> = self.arrivals.iter().map(|arrival| arrival.queue).collect();
        for queue in queues {
            for bucket in Bucket::up_to(self.config.largest) {
                let service_time = self.devices.service_time(bucket);
                self.tell(Event::Warmed { queue, bucket, service_time });
            }
        }
        for device in (0..self.devices.count).map(DeviceId) {
            self.idle.insert(device);
            self.tell(Event::SlotFree { device });
        }
    }

    fn plan(&mut self, at: Timestamp, happening: Happening) {
        self.sequence += 1;
        self.agenda.push(Reverse((at, self.sequence, happening)));
    }

    fn live(&mut self) {
        while let Some(Reverse((at, _, happening))) = self.agenda.pop() {
            self.now = self.now.max(at);
            self.happen(happening);
            self.feed();
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive(index) => match self.arrivals[index].attachment {
                Attachment::Attached => drop(self.offer(index)),
                Attachment::Detached => self.ledger.push(index),
            },
            Happening::Decode(item) => {
                let Some(held) = self.held.get_mut(&item) else { return };
                if !self.arrivals[held.arrival].decodes {
                    return self.leave(item);
                }
                held.stage = Stage::Waiting;
                self.records[held.arrival].decoded_at = Some(self.now);
                self.tell(Event::Decoded { item });
                // Told twice, it must not run twice, whether it waits, runs or is done.
                self.tell(Event::Decoded { item });
                self.plan(self.now + self.devices.base, Happening::Echo(item));
            }
            Happening::Echo(item) => self.tell(Event::Decoded { item }),
            Happening::Leave(item) => self.leave(item),
            Happening::Raise(item) => {
                let Some(held) = self.held.get_mut(&item) else { return };
                // The later deadline must not be taken; the STAT lane must.
                held.lane = Lane::Stat;
                let deadline = held.deadline + Duration::from_secs(1);
                self.tell(Event::Raise { item, lane: Lane::Stat, deadline });
            }
            Happening::Finish(device, id) => self.finish(device, id),
            Happening::Wake => self.tell(Event::Tick),
            Happening::Drain => {
                self.draining = true;
                self.ledger.clear();
                self.tell(Event::Drain);
            }
        }
    }

    fn leave(&mut self, item: ItemId) {
        let Some(held) = self.held.get_mut(&item) else { return };
        if held.stage == Stage::Running {
            held.left = true;
        } else {
            let held = self.held.remove(&item).unwrap();
            let ran = held.stage == Stage::Returned;
            self.records[held.arrival].ends.push(if ran { End::Ran } else { End::Withdrawn });
        }
        self.tell(Event::Released { item });
    }

    fn finish(&mut self, device: DeviceId, id: BatchId) {
        let batch = self.running.remove(&device).unwrap();
        assert_eq!(batch.id, id);
        for item in &batch.items {
            let held = self.held.get_mut(item).unwrap();
            held.stage = Stage::Returned;
            let post = self.arrivals[held.arrival].post;
            if held.left {
                let held = self.held.remove(item).unwrap();
                self.records[held.arrival].ends.push(End::Ran);
            } else {
                self.plan(self.now + post, Happening::Leave(*item));
            }
        }
        for held in self.held.values().filter(|held| held.stage == Stage::Waiting) {
            self.records[held.arrival].batches_waited += 1;
        }
        let panicked = self.devices.panic_every > 0 && id.0.is_multiple_of(self.devices.panic_every);
        let service_time = (!panicked).then(|| self.devices.service_time(batch.bucket));
        self.tell(Event::BatchDone { device, batch: id, service_time });
        self.idle.insert(device);
        self.tell(Event::SlotFree { device });
    }

    /// The feeder tries every waiting job of the ledger again, as it may after any event.
    fn feed(&mut self) {
        let waiting = std::mem::take(&mut self.ledger);
        for index in waiting {
            match self.offer(index) {
                Some(Rejection::JobsFull | Rejection::BytesFull) => self.ledger.push(index),
                Some(Rejection::TooLate) => panic!("detached work is never turned away for being late"),
                Some(Rejection::NeverFits | Rejection::Draining) | None => {}
            }
        }
    }

    fn offer(&mut self, index: usize) -> Option<Rejection> {
        let arrival = self.arrivals[index].clone();
        let item = ItemId(index as u64);
        let deadline = self.now + arrival.slack;
        let actions = self.scheduler.on(
            self.now,
            Event::Offer {
                item,
                queue: arrival.queue,
                lane: arrival.lane,
                deadline,
                bytes: arrival.bytes,
                attachment: arrival.attachment,
            },
        );
        let mut answer = None;
        for action in actions {
            match action {
                Action::Admit { item: admitted } => {
                    assert_eq!(admitted, item);
                    assert_eq!(self.limit_against(&arrival), None, "admitted over a limit");
                    assert!(!self.draining, "admitted while draining");
                    answer = Some(None);
                    self.admit(index, &arrival, deadline);
                }
                Action::Reject { item: rejected, reason, retry_after } => {
                    assert_eq!(rejected, item);
                    assert!(retry_after >= Duration::from_secs(1));
                    match reason {
                        Rejection::Draining => assert!(self.draining),
                        Rejection::TooLate => assert_eq!(arrival.attachment, Attachment::Attached),
                        limit => assert_eq!(Some(limit), self.limit_against(&arrival), "turned away early"),
                    }
                    answer = Some(Some(reason));
                }
                other => self.carry_out(other),
            }
        }
        self.check();
        let rejected = answer.expect("every offer is answered");
        self.records[index].rejected = rejected;
        rejected
    }

    fn admit(&mut self, index: usize, arrival: &Arrival, deadline: Timestamp) {
        self.sequence += 1;
        let item = ItemId(index as u64);
        let held = Held {
            arrival: index,
            queue: arrival.queue,
            lane: arrival.lane,
            deadline,
            order: self.sequence,
            bytes: arrival.bytes,
            attached: arrival.attachment == Attachment::Attached,
            left: false,
            admitted_at: self.now,
            stage: Stage::Decoding,
        };
        assert!(self.held.insert(item, held).is_none());
        self.records[index].admitted_at = Some(self.now);
        self.plan(self.now + arrival.decode, Happening::Decode(item));
        if let Some(after) = arrival.cancel_after {
            self.plan(self.now + after, Happening::Leave(item));
        }
        if let Some(after) = arrival.raise_after {
            self.plan(self.now + after, Happening::Raise(item));
        }
    }

    /// The rule of the limits, worked out from the sim's own books.
    fn limit_against(&self, arrival: &Arrival) -> Option<Rejection> {
        let limits = self.config.limits;
        let stat = arrival.lane == Lane::Stat;
        let (jobs, bytes) = match stat {
            true => (limits.jobs, limits.bytes),
            false => (limits.jobs - limits.stat_jobs, limits.bytes - limits.stat_bytes),
        };
        let of_class = || self.held.values().filter(|held| (held.lane == Lane::Stat) == stat);
        let class_bytes: u64 = of_class().map(|held| held.bytes).sum();
        let all_bytes: u64 = self.held.values().map(|held| held.bytes).sum();
        if arrival.bytes > bytes {
            Some(Rejection::NeverFits)
        } else if of_class().count() + 1 > jobs || self.held.len() + 1 > limits.jobs {
            Some(Rejection::JobsFull)
        } else if class_bytes + arrival.bytes > bytes || all_bytes + arrival.bytes > limits.bytes {
            Some(Rejection::BytesFull)
        } else {
            None
        }
    }

    fn tell(&mut self, event: Event) {
        for action in self.scheduler.on(self.now, event) {
            self.carry_out(action);
        }
        self.check();
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Admit { .. } | Action::Reject { .. } => panic!("nothing was offered: {action:?}"),
            Action::Expire { item } => {
                let held = self.held.remove(&item).expect("only what is held expires");
                assert!(held.attached, "detached work never expires");
                assert!(matches!(held.stage, Stage::Decoding | Stage::Waiting));
                let just_after = held.deadline + Duration::from_micros(1);
                assert_eq!(self.now, just_after, "expiry is on time");
                self.records[held.arrival].ends.push(End::Expired);
            }
            Action::Run { device, batch } => self.start(device, batch),
            Action::WakeAt(at) => {
                assert!(at > self.now, "a wish for the past");
                self.plan(at, Happening::Wake);
            }
            Action::Drained => {
                assert!(self.draining && self.held.is_empty());
                self.drained += 1;
            }
        }
    }

    fn start(&mut self, device: DeviceId, batch: Batch) {
        assert!(self.idle.remove(&device), "the device has not offered its slot");
        self.check_choice(&batch);
        for item in &batch.items {
            let held = self.held.get_mut(item).unwrap();
            held.stage = Stage::Running;
            self.records[held.arrival].started_at = Some(self.now);
        }
        let end = self.now + self.devices.service_time(batch.bucket);
        self.plan(end, Happening::Finish(device, batch.id));
        assert!(self.running.insert(device, batch).is_none(), "one batch per device");
    }

    /// Whether the batch is the one that the rules choose.
    fn check_choice(&self, batch: &Batch) {
        let mut waiting: Vec<(&ItemId, &Held)> =
            self.held.iter().filter(|(_, held)| held.stage == Stage::Waiting).collect();
        waiting.sort_by_key(|(_, held)| held.key());
        let stat_anywhere = waiting.iter().any(|(_, held)| held.lane == Lane::Stat);
        let (_, most_urgent) = waiting.first().expect("a batch needs items");
        if self.config.delay.is_zero() || stat_anywhere {
            assert_eq!(batch.queue, most_urgent.queue, "the most urgent item's model goes first");
        }
        let own: Vec<_> = waiting.into_iter().filter(|(_, held)| held.queue == batch.queue).collect();
        let stat = own.iter().filter(|(_, held)| held.lane == Lane::Stat).count();
        assert!(stat > 0 || !stat_anywhere, "a batch without STAT work while STAT work waits");
        let bucket = match stat {
            0 => {
                let largest = self.config.routine_largest.min(self.config.largest);
                assert!(batch.bucket <= largest);
                if self.config.stat_budget.is_none() {
                    assert_eq!(batch.bucket, Bucket::holding(own.len(), largest));
                }
                batch.bucket
            }
            stat => Bucket::holding(stat, self.config.largest),
        };
        assert_eq!(batch.bucket, bucket, "riders never make a STAT batch larger");
        let first: Vec<ItemId> = own.iter().take(bucket.size()).map(|(item, _)| **item).collect();
        assert_eq!(batch.items, first, "the most urgent items, and as many as fit");
    }

    /// What holds whenever the scheduler has nothing more to say.
    fn check(&self) {
        assert_eq!(self.scheduler.jobs_in_use(), self.held.len());
        assert_eq!(self.scheduler.bytes_in_use(), self.held.values().map(|held| held.bytes).sum::<u64>());
        for held in self.held.values() {
            let queued = matches!(held.stage, Stage::Decoding | Stage::Waiting);
            assert!(!(queued && held.attached && held.deadline < self.now), "expiry is late: {held:?}");
            if !self.idle.is_empty() && held.stage == Stage::Waiting {
                let patience = held.admitted_at + self.config.delay;
                assert!(held.lane != Lane::Stat, "a device is free and STAT work waits");
                assert!(!self.draining, "a device is free and drains, and work waits");
                assert!(patience > self.now, "a device is free and work waits: {held:?}");
            }
        }
    }
}
