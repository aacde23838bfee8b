//! What the engine counts and times.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use baize_core::Lane;
use baize_sched::{Bucket, FireReason};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets, linear_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Counters and timers of one engine. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    depth: Family<QueueLabels, Gauge>,
    wait: Family<LaneLabel, Histogram, fn() -> Histogram>,
    decode: Histogram,
    batch_size: Histogram,
    fill: Histogram,
    fired: Family<ReasonLabel, Counter>,
    device: Family<BucketLabel, Histogram, fn() -> Histogram>,
    idle: Counter<f64, AtomicU64>,
    slack: Histogram,
    missed: Family<LaneLabel, Counter>,
    rejected: Family<ReasonLabel, Counter>,
    cancelled: Family<StageLabel, Counter>,
    bytes: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    model: String,
    lane: LaneValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabel {
    lane: LaneValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BucketLabel {
    bucket: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LaneValue(Lane);

impl EncodeLabelValue for LaneValue {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(self.0.as_str())
    }
}

/// From 1 ms to half a minute.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

/// From 1 ms to a few hours: routine work may wait for long.
fn waiting_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 13))
}

/// An image that is counted in the queue's depth.
#[derive(Debug)]
pub(crate) struct Queued(Gauge);

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            depth: Family::default(),
            wait: Family::new_with_constructor(waiting_seconds),
            decode: seconds(),
            batch_size: Histogram::new(Bucket::ALL.map(|bucket| bucket.size() as f64)),
            fill: Histogram::new(linear_buckets(0.125, 0.125, 8)),
            fired: Family::default(),
            device: Family::new_with_constructor(seconds),
            idle: Counter::default(),
            slack: Histogram::new([
                -3600.0, -600.0, -60.0, -10.0, -1.0, 0.0, 1.0, 10.0, 60.0, 600.0, 3600.0, 7200.0,
            ]),
            missed: Family::default(),
            rejected: Family::default(),
            cancelled: Family::default(),
            bytes: Gauge::default(),
        }
    }
}

impl Metrics {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_queue_depth",
            "Images in memory that have not begun to run",
            self.depth.clone(),
        );
        registry.register_with_unit(
            "baize_queue_wait",
            "From admission to the start of the batch",
            Unit::Seconds,
            self.wait.clone(),
        );
        registry.register_with_unit(
            "baize_decode",
            "Decoding and preparing one image",
            Unit::Seconds,
            self.decode.clone(),
        );
        registry.register("baize_batch_size", "Images per batch, without padding", self.batch_size.clone());
        registry.register("baize_batch_fill_ratio", "Images per place in a batch", self.fill.clone());
        registry.register("baize_batch_fire", "Batches, by what made them run", self.fired.clone());
        registry.register_with_unit(
            "baize_device",
            "Device time of a batch, by its padded size",
            Unit::Seconds,
            self.device.clone(),
        );
        registry.register_with_unit(
            "baize_device_idle",
            "Time in which the device had nothing to do",
            Unit::Seconds,
            self.idle.clone(),
        );
        registry.register_with_unit(
            "baize_deadline_slack",
            "Time left until the deadline when the result was ready; negative where it was missed",
            Unit::Seconds,
            self.slack.clone(),
        );
        registry.register(
            "baize_deadline_missed",
            "Results that came after their deadline",
            self.missed.clone(),
        );
        registry.register("baize_rejected", "Work that was not admitted", self.rejected.clone());
        registry.register("baize_cancelled", "Work that its client left, by stage", self.cancelled.clone());
        registry.register_with_unit(
            "baize_inflight",
            "Memory of admitted work",
            Unit::Bytes,
            self.bytes.clone(),
        );
    }

    /// Counts an image as queued until the guard is dropped.
    pub(crate) fn queued(&self, model: &str, lane: Lane) -> Queued {
        let labels = QueueLabels { model: model.to_owned(), lane: LaneValue(lane) };
        let depth = self.depth.get_or_create(&labels).clone();
        depth.inc();
        Queued(depth)
    }

    pub(crate) fn bytes(&self, bytes: u64) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(crate) fn waited(&self, lane: Lane, time: Duration) {
        self.wait.get_or_create(&LaneLabel { lane: LaneValue(lane) }).observe(time.as_secs_f64());
    }

    pub(crate) fn decoded(&self, time: Duration) {
        self.decode.observe(time.as_secs_f64());
    }

    pub(crate) fn fired(&self, reason: FireReason, items: usize, bucket: Bucket) {
        self.fired.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc();
        self.batch_size.observe(items as f64);
        self.fill.observe(items as f64 / bucket.size() as f64);
    }

    pub(crate) fn ran(&self, bucket: Bucket, time: Duration) {
        let labels = BucketLabel { bucket: bucket.size() as u64 };
        self.device.get_or_create(&labels).observe(time.as_secs_f64());
    }

    pub(crate) fn idled(&self, time: Duration) {
        self.idle.inc_by(time.as_secs_f64());
    }

    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(crate) fn cancelled(&self, stage: &'static str) {
        self.cancelled.get_or_create(&StageLabel { stage }).inc();
    }

    /// A result was ready this long before (`left`) or after (`late`) its deadline; one of them is zero.
    pub(crate) fn finished(&self, lane: Lane, left: Duration, late: Duration) {
        self.slack.observe(left.as_secs_f64() - late.as_secs_f64());
        if !late.is_zero() {
            self.missed.get_or_create(&LaneLabel { lane: LaneValue(lane) }).inc();
        }
    }
}
