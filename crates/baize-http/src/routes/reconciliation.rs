//! Studies without an order and orders without a study, and what people say of them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use baize_core::ErrorCode;
use baize_core::ports::{OrderId, ReconcileId, Reconciled, Say};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::app::AppState;
use crate::auth::Principal;
use crate::dto::{
    DismissRequestDto, MatchRequestDto, ProblemDto, ReconcileDto, ReconciliationListDto, ReconciliationQuery,
    UnmatchRequestDto,
};
use crate::extract::{QueryOf, study_uid};
use crate::json_body::json_body;
use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 50;
const MOST: usize = 200;
const MOST_REASON_CHARACTERS: usize = 1000;

/// Lists what waits for a person.
///
/// Studies for which no order was found, and orders whose time is past without a study; newest first, a page at a time, each
/// with what comes into question. Empty where no HIS is connected. Holds patient data.
#[utoipa::path(get, path = "/v1/reconciliation", tag = "hospital", params(ReconciliationQuery), responses(
    (status = 200, description = "One page", body = ReconciliationListDto)
))]
pub(crate) async fn waiting(
    State(app): State<Arc<AppState>>,
    QueryOf(query): QueryOf<ReconciliationQuery>,
) -> Result<Json<ReconciliationListDto>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::invalid(format!("limit: must be 1 to {MOST}")));
    }
    let entries = app.ports.reconciliation.unmatched(query.before.map(ReconcileId), limit).await?;
    let is_full = entries.len() == limit;
    let next_before = entries.last().filter(|_| is_full).map(|last| last.id.0);
    Ok(Json(ReconciliationListDto {
        entries: entries.into_iter().map(ReconcileDto::of).collect(),
        next_before,
    }))
}

/// Says that a study answers an order.
///
/// Recorded with who said it, when and why. The order's priority raises the study; nothing lowers it. Where Patient ID,
/// issuer, date of birth or sex contradict, `confirm` and a `reason` are needed. Saying it again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/reconciliation/match",
    tag = "hospital",
    request_body(content = MatchRequestDto, content_type = "application/json", description = "At most 1 MiB."),
    responses(
        (status = 204, description = "They belong together now"),
        (status = 404, description = "Unknown study or order", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 409, description = "The order belongs to another study, or the patients contradict each other and it \
         was not confirmed", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn match_them(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request: MatchRequestDto = understood(&app, &headers, body, "MatchRequest").await?;
    let study = study_uid(&request.study)?;
    let say = say(&app, caller, request.reason)?;
    if request.confirm && say.reason.is_empty() {
        return Err(Problem::invalid("reason: is needed with confirm"));
    }
    let order = OrderId(request.order);
    answer(app.ports.reconciliation.match_by_person(&study, order, say, request.confirm).await?)
}

/// Says that an order's match is wrong.
///
/// Recorded with who said it, when and why. Study and order wait in the queue again and are not matched again by
/// themselves. The study keeps its lane: nothing lowers.
#[utoipa::path(
    post,
    path = "/v1/reconciliation/unmatch",
    tag = "hospital",
    request_body(content = UnmatchRequestDto, content_type = "application/json", description = "At most 1 MiB."),
    responses(
        (status = 204, description = "No study answers the order now"),
        (status = 404, description = "Unknown order", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn unmatch(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request: UnmatchRequestDto = understood(&app, &headers, body, "UnmatchRequest").await?;
    let say = say(&app, caller, request.reason)?;
    answer(app.ports.reconciliation.unmatch(OrderId(request.order), say).await?)
}

/// Says that an entry of the queue needs nothing.
///
/// Recorded with who said it, when and why. It is not listed again.
#[utoipa::path(
    post,
    path = "/v1/reconciliation/dismiss",
    tag = "hospital",
    request_body(content = DismissRequestDto, content_type = "application/json", description = "At most 1 MiB."),
    responses(
        (status = 204, description = "It is not listed any more"),
        (status = 404, description = "Nothing waits under this number", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn dismiss(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request: DismissRequestDto = understood(&app, &headers, body, "DismissRequest").await?;
    let say = say(&app, caller, request.reason)?;
    match app.ports.reconciliation.dismiss(ReconcileId(request.entry), say).await? {
        Reconciled::UnknownOrder => {
            Err(Problem::new(ErrorCode::NotFound, "entry: nothing waits under this number"))
        }
        other => answer(other),
    }
}

/// Says where, not what: the parser's own words would repeat what was sent.
async fn understood<T: DeserializeOwned>(
    app: &AppState,
    headers: &HeaderMap,
    body: Body,
    schema: &str,
) -> Result<T, Problem> {
    let body = json_body(app, headers, body).await?;
    serde_json::from_slice(&body.bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = if error.is_data() {
            format!("is not a {schema} of /openapi.json")
        } else {
            "is no JSON".to_owned()
        };
        Problem::invalid(format!("body: {what}, at line {line}, column {column}"))
    })
}

fn say(app: &AppState, caller: Principal, reason: Option<String>) -> Result<Say, Problem> {
    let reason = reason.unwrap_or_default().trim().to_owned();
    if reason.chars().count() > MOST_REASON_CHARACTERS {
        return Err(Problem::invalid(format!("reason: has more than {MOST_REASON_CHARACTERS} characters")));
    }
    Ok(Say { actor: caller.name, at: app.ports.clock.now(), reason })
}

fn answer(reconciled: Reconciled) -> Result<Response, Problem> {
    match reconciled {
        Reconciled::Done | Reconciled::Already => Ok(StatusCode::NO_CONTENT.into_response()),
        Reconciled::UnknownStudy => Err(super::studies::unknown_study()),
        Reconciled::UnknownOrder => Err(Problem::new(ErrorCode::NotFound, "order: there is no such order")),
        Reconciled::OrderTaken => Ok(conflict(
            "order: it belongs to another study; say first that this is wrong (/v1/reconciliation/unmatch)"
                .to_owned(),
        )),
        Reconciled::Contradiction(reason) => Ok(conflict(format!(
            "order: {}; send confirm and a reason if they belong together all the same",
            reason.text().en
        ))),
    }
}

fn conflict(detail: String) -> Response {
    let mut response = Problem::invalid(detail).into_response();
    *response.status_mut() = StatusCode::CONFLICT;
    response
}
