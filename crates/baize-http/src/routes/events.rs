//! Live events (server-sent events, WHATWG HTML section 9.2).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use baize_core::ports::Event;
use baize_core::{ErrorCode, Fault, Language};
use futures_util::StreamExt;
use http::HeaderMap;
use serde::Serialize;

use crate::app::AppState;
use crate::dto::{CompletedDto, LaggedDto, ReceivedDto, ReportedDto, TriageRaisedDto};
use crate::language;
use crate::problem::Problem;

/// Listens to what happens.
///
/// Server-sent events `received`, `reported`, `completed`, `triage_raised` and `lagged`, from now on; each `data` line is a JSON object. A silent stream
/// sends comments. After `lagged`, or after connecting again, read the work list: events are not repeated.
#[utoipa::path(get, path = "/v1/events", tag = "events", responses(
    (status = 200, description = "The stream: ReceivedEvent, ReportedEvent, CompletedEvent, TriageRaisedEvent or LaggedEvent as `data`", body = String,
     content_type = "text/event-stream",
     example = "event: received\ndata: {\"study\":\"1.2.3\",\"series\":\"1.2.3.4\",\"sop\":\"1.2.3.4.5\",\"lane\":\"routine\",\"at\":\"2026-03-01T08:30:00.000250Z\"}\n\n")
))]
pub(crate) async fn events(
    State(app): State<Arc<AppState>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Ok(seat) = Arc::clone(&app.event_seats).try_acquire_owned() else {
        let text = "The server has as many event listeners as it takes.";
        let fault = Fault::new(ErrorCode::Saturated, text).retry_after(Duration::from_secs(30));
        return Err(fault.into());
    };
    let language = language::preferred(&headers, app.config.default_language);
    let shutdown = app.ports.shutdown.clone().cancelled_owned();
    let events = app.ports.events.subscribe().take_until(shutdown).map(move |event| {
        // The stream owns the seat: it is free again when the listener has gone.
        let _seat = &seat;
        Ok::<_, Infallible>(rendered(&event, language))
    });
    let keep_alive = KeepAlive::new().interval(app.config.event_keep_alive);
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

fn rendered(event: &Event, language: Language) -> sse::Event {
    match event {
        Event::Received { identity, lane, at } => named("received", &ReceivedDto::of(identity, *lane, *at)),
        Event::Reported(report) => named("reported", &ReportedDto::of(report, language)),
        Event::Completed(completed) => named("completed", &CompletedDto::of(completed)),
        Event::TriageRaised(told) => named("triage_raised", &TriageRaisedDto::of(told)),
        Event::Lagged(missed) => named("lagged", &LaggedDto { missed: *missed }),
    }
}

fn named(name: &str, data: &impl Serialize) -> sse::Event {
    // JSON text has no line breaks, so it is one data line.
    sse::Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
