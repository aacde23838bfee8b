//! What goes out to other systems.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::ErrorCode;
use baize_core::ports::{DeliveryId, DeliveryQuery, DeliveryState};
use http::StatusCode;

use crate::app::AppState;
use crate::dto::{DeliveryDto, DeliveryListDto, OutboxQuery, ProblemDto, delivery_state};
use crate::extract::{PathOf, QueryOf};
use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 50;
const MOST: usize = 500;

/// Lists the deliveries.
///
/// Newest first, a page at a time. Every object and every message that goes to another system, and what became of it. What is
/// kept beside the images here is listed where `destination=@archive` asks for it.
#[utoipa::path(get, path = "/v1/outbox", tag = "outbox", params(OutboxQuery), responses(
    (status = 200, description = "One page", body = DeliveryListDto)
))]
pub(crate) async fn deliveries(
    State(app): State<Arc<AppState>>,
    QueryOf(query): QueryOf<OutboxQuery>,
) -> Result<Json<DeliveryListDto>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::invalid(format!("limit: must be 1 to {MOST}")));
    }
    let query = DeliveryQuery {
        state: query.state.as_deref().map(delivery_state).transpose()?,
        destination: query.destination,
        before: query.before.map(DeliveryId),
        limit,
    };
    let deliveries = app.ports.outbox.deliveries(query).await?;
    let is_full = deliveries.len() == limit;
    let next_before = deliveries.last().filter(|_| is_full).map(|last| last.id.0);
    Ok(Json(DeliveryListDto {
        deliveries: deliveries.into_iter().map(DeliveryDto::of).collect(),
        next_before,
    }))
}

/// Tries a delivery again now.
///
/// For one that was refused, once its cause is mended, or one that waits. One that is on its way already stays so. A message
/// that was refused is made anew, under another identifier, and tells what is known then.
#[utoipa::path(
    post,
    path = "/v1/outbox/{id}/retry",
    tag = "outbox",
    params(("id" = i64, Path, description = "The delivery's id", example = 4711)),
    responses(
        (status = 200, description = "The delivery as it is now", body = DeliveryDto),
        (status = 404, description = "Unknown delivery", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "The peer has acknowledged it, or knows what it would tell", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn retry(
    State(app): State<Arc<AppState>>,
    PathOf(id): PathOf<i64>,
) -> Result<Response, Problem> {
    let retried = app.ports.outbox.retry(DeliveryId(id)).await?;
    let delivery =
        retried.ok_or_else(|| Problem::new(ErrorCode::NotFound, "id: there is no such delivery"))?;
    if matches!(delivery.state, DeliveryState::Acknowledged | DeliveryState::Covered) {
        let problem = Problem::invalid(
            "id: the peer has acknowledged what this delivery brings; there is nothing to retry",
        );
        let mut response = problem.into_response();
        *response.status_mut() = StatusCode::CONFLICT;
        return Ok(response);
    }
    Ok(Json(DeliveryDto::of(delivery)).into_response())
}
