//! A panic in a handler becomes a 500, and only that request's.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use baize_core::ErrorCode;
use futures_util::FutureExt;

use crate::problem::Problem;

/// Answers for a handler that panicked. The panic's message is not repeated: it may quote what was read.
pub(crate) async fn catch_panics(request: Request, next: Next) -> Response {
    // Unwind safety: the request is gone with the handler, and shared state is behind locks that recover.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("handler panicked");
            Problem::new(ErrorCode::Internal, "The server made a mistake. Its log has the request's id.")
                .into_response()
        }
    }
}
