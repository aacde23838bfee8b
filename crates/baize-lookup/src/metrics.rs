//! What the lookup counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    kind: &'static str,
    result: &'static str,
}

/// Counters of one lookup. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    inquiries: Family<Asked, Counter>,
    priors: Counter,
    raised: Counter,
}

impl Metrics {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_lookup_inquiries",
            "Questions about studies to other systems, by kind (priors, order) and how they ended (answered, later, given_up)",
            self.inquiries.clone(),
        );
        registry.register("baize_lookup_priors", "Earlier studies that were fetched", self.priors.clone());
        registry.register("baize_lookup_raised", "Studies that their order raised", self.raised.clone());
    }

    pub(crate) fn inquired(&self, kind: &'static str, result: &'static str) {
        self.inquiries.get_or_create(&Asked { kind, result }).inc();
    }

    pub(crate) fn fetched(&self) {
        self.priors.inc();
    }

    pub(crate) fn raised(&self) {
        self.raised.inc();
    }
}
