//! What the server counts.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::ack::Receipt;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    message: String,
    answer: &'static str,
}

/// Counters of one server. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    known: Arc<[String]>,
    messages: Family<Answered, Counter>,
    connections: Gauge,
    seconds: Histogram,
}

impl Metrics {
    /// Counts messages of these types by their names, such as `ADT^A01`, and all others together: what a peer writes
    /// into a message must not grow our memory.
    pub fn new(known: impl IntoIterator<Item = String>) -> Self {
        Self {
            known: known.into_iter().collect(),
            messages: Family::default(),
            connections: Gauge::default(),
            // 0.5 ms to 16 s.
            seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
        }
    }

    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "baize_hl7_messages",
            "HL7 v2 messages that came in, by type and by what was answered (accepted, error, rejected)",
            self.messages.clone(),
        );
        registry.register("baize_hl7_connections", "Open MLLP connections", self.connections.clone());
        registry.register_with_unit(
            "baize_hl7_acknowledgement",
            "From the last byte of a message to its acknowledgement",
            Unit::Seconds,
            self.seconds.clone(),
        );
    }

    /// Counts a connection until the guard is dropped.
    pub(super) fn connected(&self) -> Connected {
        self.connections.inc();
        Connected(self.connections.clone())
    }

    /// Of the type, code and event count.
    pub(super) fn answered(&self, message_type: &str, receipt: &Receipt) {
        let structure = message_type.match_indices('^').nth(1);
        let kind = structure.map_or(message_type, |(at, _)| &message_type[..at]);
        let known = self.known.iter().any(|known| known == kind) || kind == "unreadable";
        let message = if known { kind } else { "other" }.to_owned();
        let answer = match receipt {
            Receipt::Accepted => "accepted",
            Receipt::Error(_) => "error",
            Receipt::Rejected(_) => "rejected",
        };
        self.messages.get_or_create(&Answered { message, answer }).inc();
    }

    pub(super) fn took(&self, span: Duration) {
        self.seconds.observe(span.as_secs_f64());
    }
}

/// An open connection.
pub(super) struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}
