//! What the hospital's information system has told.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use baize_core::ErrorCode;
use baize_core::ports::{OrderId, OrderQuery};

use crate::app::AppState;
use crate::dto::{EncounterDto, OrderListDto, OrdersQuery, PlacedOrderDto, ProblemDto, order_state};
use crate::extract::{PathOf, QueryOf, study_uid};
use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 50;
const MOST: usize = 500;

/// Tells about one encounter.
///
/// A number that the hospital has given up in a merge finds the encounter that stays. Holds patient data.
#[utoipa::path(
    get,
    path = "/v1/encounters/{number}",
    tag = "hospital",
    params(("number" = String, Path, description = "The hospital's number of it", example = "V20260001")),
    responses(
        (status = 200, description = "The encounter", body = EncounterDto),
        (status = 404, description = "Unknown encounter", body = ProblemDto,
         content_type = "application/problem+json")
    )
)]
pub(crate) async fn encounter(
    State(app): State<Arc<AppState>>,
    PathOf(number): PathOf<String>,
) -> Result<Json<EncounterDto>, Problem> {
    let Some(encounter) = app.ports.hospital.encounter(&number).await? else {
        return Err(Problem::new(ErrorCode::NotFound, "number: the HIS has told of no such encounter"));
    };
    let studies = app.ports.hospital.studies_of_encounter(&encounter.number).await?;
    let studies = studies.iter().map(ToString::to_string).collect();
    Ok(Json(EncounterDto::of(encounter, studies)))
}

/// Lists imaging orders.
///
/// Newest first, a page at a time; each with the study that answers it. Holds patient data.
#[utoipa::path(get, path = "/v1/orders", tag = "hospital", params(OrdersQuery), responses(
    (status = 200, description = "One page", body = OrderListDto)
))]
pub(crate) async fn orders(
    State(app): State<Arc<AppState>>,
    QueryOf(query): QueryOf<OrdersQuery>,
) -> Result<Json<OrderListDto>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::invalid(format!("limit: must be 1 to {MOST}")));
    }
    let query = OrderQuery {
        study: query.study.as_deref().map(study_uid).transpose()?,
        accession: query.accession,
        patient_id: query.patient,
        encounter: query.encounter,
        state: query.state.as_deref().map(order_state).transpose()?,
        before: query.before.map(OrderId),
        limit,
    };
    let orders = app.ports.reconciliation.orders(query).await?;
    let is_full = orders.len() == limit;
    let next_before = orders.last().filter(|_| is_full).map(|last| last.order.id.0);
    Ok(Json(OrderListDto { orders: orders.into_iter().map(PlacedOrderDto::of).collect(), next_before }))
}
