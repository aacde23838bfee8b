//! What is counted about requests, and the page that Prometheus reads.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// Counters of the REST edge. Routes are labelled by their template, so that the number of series is bounded.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
}

/// From a health check to an image that waits for the device, in seconds.
fn latency_buckets() -> Histogram {
    Histogram::new([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

impl Metrics {
    /// Makes the counters and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        registry.register(
            "baize_http_requests",
            "HTTP requests answered, by route template and status",
            requests.clone(),
        );
        let seconds = Family::new_with_constructor(latency_buckets as fn() -> Histogram);
        registry.register(
            "baize_http_request_seconds",
            "Time from a request's headers to its answer's, by route template",
            seconds.clone(),
        );
        Self { requests, seconds }
    }

    pub(crate) fn answered(&self, route: &str, status: StatusCode, took: Duration) {
        self.requests.get_or_create(&Answered { route: route.to_owned(), status: status.as_u16() }).inc();
        self.seconds.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }
}

/// `GET /metrics` in OpenMetrics text. Holds no patient data but tells about load: put it on a listener that
/// only the monitoring network reaches.
pub fn metrics_router(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(page)).with_state(registry)
}

async fn page(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
