//! One id, one span and one count per request.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument;

use crate::app::AppState;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request, as a header value.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's `X-Request-Id` where it is short and plain, else a new one: it goes into logs.
    fn of(request: &Request) -> Self {
        let asked = request.headers().get(&REQUEST_ID).filter(|value| {
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
            (1..=64).contains(&value.len()) && value.as_bytes().iter().all(plain)
        });
        match asked {
            Some(value) => Self(value.clone()),
            None => {
                let made = uuid::Uuid::new_v4().to_string();
                Self(HeaderValue::from_str(&made).unwrap_or(HeaderValue::from_static("unknown")))
            }
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Opens the span, lets the request run in it, and counts the answer. The route is the template: what a caller
/// typed into a path or a query is not logged, nor is any body.
pub(crate) async fn trace(State(app): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    let began = app.ports.clock.now();
    let id = RequestId::of(&request);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        route,
        request_id = id.as_str(),
        client = tracing::field::Empty,
    );
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    let took = app.ports.clock.now().saturating_since(began);
    let status = response.status();
    app.ports.metrics.answered(&route, status, took);
    span.in_scope(|| {
        tracing::info!(status = status.as_u16(), took_ms = took.as_millis() as u64, "request answered")
    });
    response.headers_mut().insert(REQUEST_ID.clone(), id.0);
    response
}
