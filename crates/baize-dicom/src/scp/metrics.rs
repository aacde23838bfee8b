//! What the provider counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Counters of one [`Scp`](super::Scp). Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    connections: Family<EndLabel, Counter>,
    open: Gauge,
    stores: Family<StatusLabel, Counter>,
    received: Counter,
    slowed: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: String,
}

impl Metrics {
    /// Makes the counters visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_dimse_associations",
            "Connections to the DICOM port that ended, by how they ended",
            self.connections.clone(),
        );
        registry.register(
            "baize_dimse_associations_open",
            "DICOM associations that are open now",
            self.open.clone(),
        );
        registry.register(
            "baize_dimse_stores",
            "C-STORE operations answered, by status in hexadecimal",
            self.stores.clone(),
        );
        registry.register_with_unit(
            "baize_dimse_received",
            "Data set bytes received by C-STORE, refused ones included",
            Unit::Bytes,
            self.received.clone(),
        );
        registry.register(
            "baize_dimse_slowed",
            "Objects that waited because their peer sent faster than configured",
            self.slowed.clone(),
        );
    }

    pub(super) fn ended(&self, result: &'static str) {
        self.connections.get_or_create(&EndLabel { result }).inc();
    }

    pub(super) fn stored(&self, status: u16) {
        self.stores.get_or_create(&StatusLabel { status: format!("{status:04X}") }).inc();
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.inc_by(bytes as u64);
    }

    pub(super) fn slowed(&self) {
        self.slowed.inc();
    }

    /// Counts an association as open until dropped.
    pub(super) fn opened(&self) -> OpenAssociation {
        self.open.inc();
        OpenAssociation(self.open.clone())
    }
}

pub(super) struct OpenAssociation(Gauge);

impl Drop for OpenAssociation {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_appear_under_their_names() {
        let metrics = Metrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let open = metrics.opened();
        metrics.ended("released");
        metrics.stored(0xA700);
        metrics.received(17);
        metrics.slowed();
        let text = |registry: &Registry| {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
            text
        };
        let now = text(&registry);
        for line in [
            "baize_dimse_associations_total{result=\"released\"} 1",
            "baize_dimse_associations_open 1",
            "baize_dimse_stores_total{status=\"A700\"} 1",
            "baize_dimse_received_bytes_total 17",
            "baize_dimse_slowed_total 1",
        ] {
            assert!(now.lines().any(|found| found == line), "{line} is not in\n{now}");
        }
        drop(open);
        assert!(text(&registry).contains("baize_dimse_associations_open 0"));
    }
}
