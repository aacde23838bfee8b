//! What the desk counts and times.

use std::time::Duration;

use baize_core::ports::{TriageEntry, TriageStep};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::evidence::EvidenceKind;

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
        if before.is_some_and(|before| is_raised(entry, before)) {
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

/// Whether an entry is more urgent than the one before it.
pub(crate) fn is_raised(entry: &TriageEntry, before: &TriageEntry) -> bool {
    (entry.level_cn, entry.acuity) < (before.level_cn, before.acuity)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// What fusion counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct FusionMetrics {
    told: Family<Kind, Counter>,
    studies_raised: Counter,
    failed: Counter,
    waiting: Gauge,
    overdue: Gauge,
}

impl FusionMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_fusion_evidence",
            "What images told visits at the triage desk, by what it means",
            self.told.clone(),
        );
        registry.register(
            "baize_fusion_studies_raised",
            "Studies raised for a finding of their encounter",
            self.studies_raised.clone(),
        );
        registry.register(
            "baize_fusion_failed",
            "Attempts to bring images to triage that failed and are made again",
            self.failed.clone(),
        );
        registry.register(
            "baize_fusion_unacknowledged",
            "Visits with a finding that no nurse has acknowledged",
            self.waiting.clone(),
        );
        registry.register(
            "baize_fusion_overdue",
            "Of these, those that have waited for longer than configured",
            self.overdue.clone(),
        );
    }

    pub(crate) fn told(&self, kind: EvidenceKind) {
        self.told.get_or_create(&Kind { kind: kind.as_str() }).inc();
    }

    pub(crate) fn study_raised(&self) {
        self.studies_raised.inc();
    }

    pub(crate) fn failed(&self) {
        self.failed.inc();
    }

    pub(crate) fn waiting(&self, waiting: usize, overdue: usize) {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.waiting.set(number(waiting));
        self.overdue.set(number(overdue));
    }
}

/// How a monitor's reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It made a step.
    Recorded,
    /// It says nothing that the rules look at and that was not known.
    Unchanged,
    /// No sign of it could be taken.
    Refused,
    /// Nobody came to the desk in its encounter.
    NoVisit,
    /// It belongs to no encounter.
    NoEncounter,
}

impl Reading {
    /// The stable name used in metrics and storage.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::NoVisit => "no_visit",
            Self::NoEncounter => "no_encounter",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What the worker for monitors counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct MonitorMetrics {
    readings: Family<Ended, Counter>,
    refused: Family<Reason, Counter>,
}

impl MonitorMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_monitor_readings",
            "Readings of monitors, by how they ended",
            self.readings.clone(),
        );
        registry.register(
            "baize_monitor_signs_refused",
            "Vital signs from monitors that the triage desk does not take, by the reason",
            self.refused.clone(),
        );
    }

    pub(crate) fn ended(&self, reading: Reading) {
        self.readings.get_or_create(&Ended { result: reading.as_str() }).inc();
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }
}
