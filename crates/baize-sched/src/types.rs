//! What is said to the scheduler and what it answers.

use std::time::Duration;

use baize_core::{Lane, Timestamp};

use crate::{Bucket, Limits};

/// Names one item; chosen by the caller and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub u64);

/// Names one queue: one (model, version, input shape).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub usize);

/// Names one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub usize);

/// Names one batch; chosen by the scheduler and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// The scheduler's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// How much may be admitted at a time.
    pub limits: Limits,
    /// The largest batch.
    pub largest: Bucket,
    /// The largest batch without STAT work.
    pub routine_largest: Bucket,
    /// How long a batch without STAT work may keep a device from STAT work: it is made smaller until its
    /// service time fits. `None`: only `routine_largest` limits it (on a CPU a single image may take longer
    /// than any useful budget).
    pub stat_budget: Option<Duration>,
    /// How long an item may wait for others to share its batch while a device is free. Zero is best where
    /// arrivals keep the device busy: batches grow by themselves while it works.
    pub delay: Duration,
    /// What is still to be done after the device, counted before the deadline.
    pub post: Duration,
}

/// Whether somebody waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A client waits: late work is useless to it and may be turned away.
    Attached,
    /// The work is in the ledger: it is late at worst, never dropped.
    Detached,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody asks for an item to be taken in, before it is decoded.
    Offer {
        /// The item. An id that is in use already is ignored.
        item: ItemId,
        /// The model's queue.
        queue: QueueId,
        /// How urgent it is.
        lane: Lane,
        /// When it is due; fixed, except that it may be [raised](Event::Raise).
        deadline: Timestamp,
        /// What it will hold at its peak.
        bytes: u64,
        /// Whether somebody waits.
        attachment: Attachment,
    },
    /// The item is ready to be put into a batch.
    Decoded {
        /// The item.
        item: ItemId,
    },
    /// The item's owner let go of it: its result is made, it could not be decoded, or the client left. Its
    /// permits are free now, or, if it is in a running batch, when that batch is done.
    Released {
        /// The item.
        item: ItemId,
    },
    /// The item has become more urgent. Nothing lowers urgency: a lower lane or a later deadline is ignored.
    Raise {
        /// The item.
        item: ItemId,
        /// The lane to rise to.
        lane: Lane,
        /// The deadline to rise to.
        deadline: Timestamp,
    },
    /// A device was warmed up for a bucket of a model.
    Warmed {
        /// The model's queue.
        queue: QueueId,
        /// The bucket.
        bucket: Bucket,
        /// How long it took.
        service_time: Duration,
    },
    /// A device can run a batch now.
    SlotFree {
        /// The device.
        device: DeviceId,
    },
    /// A device is done with a batch. The items stay admitted until they are [released](Event::Released),
    /// since their memory is still held.
    BatchDone {
        /// The device.
        device: DeviceId,
        /// The batch.
        batch: BatchId,
        /// How long it took; `None` where it failed, which says nothing about the next one.
        service_time: Option<Duration>,
    },
    /// Time has passed.
    Tick,
    /// Nothing more is to be admitted; what is in shall be done without delay.
    Drain,
}

/// What the caller shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The offered item is in: decode it.
    Admit {
        /// The item.
        item: ItemId,
    },
    /// The offered item is not in.
    Reject {
        /// The item.
        item: ItemId,
        /// Why.
        reason: Rejection,
        /// When trying again makes sense: the whole backlog at the present throughput, in whole seconds.
        retry_after: Duration,
    },
    /// The deadline of an attached item passed before it could run. It is out; its permits are free.
    Expire {
        /// The item.
        item: ItemId,
    },
    /// Run this batch on this device, which has offered its slot.
    Run {
        /// The device.
        device: DeviceId,
        /// The batch.
        batch: Batch,
    },
    /// Send [`Event::Tick`] at this moment; replaces an earlier wish.
    WakeAt(Timestamp),
    /// After [`Event::Drain`]: nothing is admitted any more.
    Drained,
}

/// Items that run together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: BatchId,
    /// The model's queue.
    pub queue: QueueId,
    /// The size to pad to.
    pub bucket: Bucket,
    /// The items, most urgent first; at most as many as the bucket holds.
    pub items: Vec<ItemId>,
    /// What made it run now.
    pub reason: FireReason,
}

/// What made a batch run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FireReason {
    /// It holds STAT work.
    Stat,
    /// No more fit.
    Full,
    /// Waiting longer would miss a deadline.
    Deadline,
    /// The oldest item has waited for the configured delay.
    Waited,
    /// Nothing more is coming.
    Draining,
}

impl FireReason {
    /// The stable name used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Full => "full",
            Self::Deadline => "deadline",
            Self::Waited => "waited",
            Self::Draining => "draining",
        }
    }
}

/// Why an item was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// All the jobs that its lane may hold are held.
    JobsFull,
    /// It does not fit into the bytes that are left for its lane.
    BytesFull,
    /// It is larger than all the bytes that its lane may hold: trying again is useless.
    NeverFits,
    /// It would finish after its deadline, and somebody waits for it.
    TooLate,
    /// The server is about to stop.
    Draining,
}

impl Rejection {
    /// The stable name used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JobsFull => "jobs_full",
            Self::BytesFull => "bytes_full",
            Self::NeverFits => "never_fits",
            Self::TooLate => "too_late",
            Self::Draining => "draining",
        }
    }
}
