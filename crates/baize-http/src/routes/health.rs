//! For load balancers, supervisors and people with a question.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::app::AppState;
use crate::dto::{LiveDto, ReadyDto, VersionDto};

/// Whether the process answers.
#[utoipa::path(get, path = "/health/live", tag = "health", responses(
    (status = 200, description = "It does", body = LiveDto)
))]
pub(crate) async fn live() -> Json<LiveDto> {
    Json(LiveDto { live: true })
}

/// Whether new work is taken.
///
/// Ready means: all models are warm, the device answers and the server is not shutting down.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "Ready", body = ReadyDto),
    (status = 503, description = "Not ready; `reasons` says why", body = ReadyDto,
     example = json!({"ready": false, "reasons": ["the models are not warm yet"], "warnings": [],
                      "device": "cpu (burn-flex)", "models": []}))
))]
pub(crate) async fn ready(State(app): State<Arc<AppState>>) -> Response {
    let health = app.ports.health.health();
    let is_ready = health.ready;
    let body = Json(ReadyDto::of(health));
    match is_ready {
        true => body.into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], body).into_response(),
    }
}

/// What was built.
#[utoipa::path(get, path = "/version", tag = "health", responses(
    (status = 200, description = "Version and build", body = VersionDto)
))]
pub(crate) async fn version(State(app): State<Arc<AppState>>) -> Json<VersionDto> {
    Json(VersionDto::of(&app.config.build))
}
