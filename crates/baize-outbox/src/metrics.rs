//! What the outbox counts.

use std::time::Duration;

use baize_core::ports::{MessageSettlement, OutboxLevel, Settlement};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct To {
    destination: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempted {
    destination: String,
    kind: &'static str,
    result: &'static str,
}

/// Counters and gauges of one outbox. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    unfinished: Family<To, Gauge>,
    oldest: Family<To, Gauge>,
    refused: Family<To, Gauge>,
    alarm: Family<To, Gauge>,
    attempts: Family<Attempted, Counter>,
}

impl Metrics {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_outbox_unfinished",
            "Deliveries that the destination has neither acknowledged nor refused",
            self.unfinished.clone(),
        );
        registry.register_with_unit(
            "baize_outbox_oldest_age",
            "How long the oldest unfinished delivery has waited; 0 where there is none",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            "baize_outbox_refused",
            "Deliveries that were refused and that nobody has retried",
            self.refused.clone(),
        );
        registry.register(
            "baize_outbox_alarm",
            "1 while the oldest unfinished delivery is older than the configured age",
            self.alarm.clone(),
        );
        registry.register(
            "baize_outbox_attempts",
            "Attempts to deliver an object or a message, by destination, kind and how they ended",
            self.attempts.clone(),
        );
    }

    pub(crate) fn settled(&self, destination: &str, how: &Settlement) {
        let result = match how {
            Settlement::Acknowledged { .. } => "acknowledged",
            Settlement::Refused { .. } => "refused",
            Settlement::Waiting { .. } => "failed",
            Settlement::Untried => return,
        };
        self.attempted(destination, "object", result);
    }

    pub(crate) fn message_settled(&self, destination: &str, how: &MessageSettlement) {
        let result = match how {
            MessageSettlement::Acknowledged { .. } => "acknowledged",
            MessageSettlement::Refused { .. } => "refused",
            MessageSettlement::Waiting { .. } => "failed",
            MessageSettlement::Covered { .. } => return,
        };
        self.attempted(destination, "message", result);
    }

    fn attempted(&self, destination: &str, kind: &'static str, result: &'static str) {
        self.attempts.get_or_create(&Attempted { destination: destination.to_owned(), kind, result }).inc();
    }

    pub(crate) fn level(&self, level: &OutboxLevel, age: Duration, alarm: bool) {
        let to = To { destination: level.destination.clone() };
        let set = |family: &Family<To, Gauge>, value: u64| {
            family.get_or_create(&to).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.unfinished, level.unfinished);
        set(&self.oldest, age.as_secs());
        set(&self.refused, level.refused);
        set(&self.alarm, u64::from(alarm));
    }
}
