//! What the desk counts and times.

use std::time::Duration;

use baize_core::ports::{TriageEntry, TriageStep};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Levelled {
    step: &'static str,
    level_cn: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Taken {
    step: &'static str,
}

/// Counters and timers of one desk. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    assessments: Family<Levelled, Counter>,
    raised: Family<Taken, Counter>,
    alerts: Counter,
    refused: Family<Taken, Counter>,
    seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            assessments: Family::default(),
            raised: Family::default(),
            alerts: Counter::default(),
            refused: Family::default(),
            // From half a millisecond to eight seconds.
            seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 15)),
        }
    }
}

impl Metrics {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_triage_assessments",
            "Triage steps recorded, by step and four-level category",
            self.assessments.clone(),
        );
        registry.register(
            "baize_triage_raised",
            "Re-assessments that were more urgent than the one before",
            self.raised.clone(),
        );
        registry.register(
            "baize_triage_alerts",
            "Assessments with an alert of the second reader",
            self.alerts.clone(),
        );
        registry.register(
            "baize_triage_refused",
            "Triage requests refused for what they said",
            self.refused.clone(),
        );
        registry.register_with_unit(
            "baize_triage",
            "From the request to the durable record",
            Unit::Seconds,
            self.seconds.clone(),
        );
    }

    pub(crate) fn recorded(&self, entry: &TriageEntry, before: Option<&TriageEntry>, alert: bool) {
        let step = entry.step.as_str();
        self.assessments.get_or_create(&Levelled { step, level_cn: entry.level_cn }).inc();
        if before.is_some_and(|before| (entry.level_cn, entry.acuity) < (before.level_cn, before.acuity)) {
            self.raised.get_or_create(&Taken { step }).inc();
        }
        if alert {
            self.alerts.inc();
        }
    }

    pub(crate) fn refused(&self, step: TriageStep) {
        self.refused.get_or_create(&Taken { step: step.as_str() }).inc();
    }

    pub(crate) fn took(&self, time: Duration) {
        self.seconds.observe(time.as_secs_f64());
    }
}
