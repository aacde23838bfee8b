//! The description of the interface.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use crate::app::AppState;

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "docs", responses(
    (status = 200, description = "The OpenAPI description of this interface", body = Object,
     content_type = "application/json",
     example = json!({"openapi": "3.1.0", "info": {"title": "Baize", "version": "0.1.0"}, "paths": {"/version": {}}}))
))]
pub(crate) async fn openapi_json(State(app): State<Arc<AppState>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], app.description.clone())
}
