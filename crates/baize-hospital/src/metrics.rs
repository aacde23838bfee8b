//! What the service counts.

use baize_core::ports::{HospitalLevels, Taken};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Novelty {
    novelty: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Waiting {
    what: &'static str,
}

/// Counters of one service. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    messages: Family<Novelty, Counter>,
    raised: Counter,
    waiting: Family<Waiting, Gauge>,
}

impl Metrics {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_hospital_messages",
            "Messages of the HIS that were kept, by novelty (new, duplicate)",
            self.messages.clone(),
        );
        registry.register(
            "baize_hospital_raised",
            "Studies that an order of the HIS has raised",
            self.raised.clone(),
        );
        registry.register(
            "baize_hospital_waiting",
            "What waits: studies to be raised in memory (raises), readings of monitors (readings), entries of the \
             reconciliation queue (unmatched)",
            self.waiting.clone(),
        );
    }

    pub(crate) fn took(&self, taken: Taken) {
        let novelty = match taken {
            Taken::New => "new",
            Taken::Duplicate => "duplicate",
        };
        self.messages.get_or_create(&Novelty { novelty }).inc();
    }

    pub(crate) fn raised(&self) {
        self.raised.inc();
    }

    pub(crate) fn levels(&self, levels: HospitalLevels) {
        let HospitalLevels { raises, readings, unmatched } = levels;
        for (what, count) in [("raises", raises), ("readings", readings), ("unmatched", unmatched)] {
            self.waiting.get_or_create(&Waiting { what }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
