//! Subscriptions: who is to be notified of which results.
//!
//! A client sees its own; an administrator sees and removes all. Header lines are shown to the owner alone.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::ErrorCode;
use baize_core::ports::{Subscription, SubscriptionWish};
use baize_fhir::{Kind, SearchEntry, search_bundle, subscription};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::audit::{self, Asked};
use super::candidate::Candidate;
use super::cursor::{Cursor, Part};
use super::query::Search;
use super::routes::{Parameters, base, fhir, handling, link};
use super::scope::{Action, check};
use super::{FHIR_JSON, accept, criteria, wish};
use crate::access::Role;
use crate::app::AppState;
use crate::auth::Principal;
use crate::extract::{PathOf, QueryOf};
use crate::layers::RequestId;
use crate::media::MediaType;
use crate::problem::Problem;
use crate::routes::Routes;

/// The longest resource.
const MOST_BYTES: usize = 64 << 10;
/// Subscriptions of all clients together: each is a receiver to be kept up to date.
const MOST: usize = 100;

pub(crate) fn routes() -> Routes {
    OpenApiRouter::default().routes(routes!(search_subscriptions, create_subscription)).routes(routes!(
        read_subscription,
        update_subscription,
        delete_subscription
    ))
}

fn example() -> Value {
    json!({
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Reports that a radiologist has signed",
        "criteria": "DiagnosticReport?status=final",
        "channel": {
            "type": "rest-hook",
            "endpoint": "https://his.hospital.example/fhir",
            "payload": "application/fhir+json",
            "header": ["Authorization: Bearer secret"],
        },
    })
}

fn kept_example() -> Value {
    let mut kept = example();
    kept["id"] = json!("3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11");
    kept["status"] = json!("active");
    kept
}

/// Subscribes to results (Subscription, rest-hook).
///
/// Criteria are a search for DiagnosticReport, Observation or RiskAssessment. From now on, whenever a result changes and
/// matches, it is sent as `PUT {endpoint}/{type}/{id}`, or as an empty `POST {endpoint}` without a payload: in the order of
/// the changes, at least once, until the receiver answers with 2xx. The endpoint must be one that the configuration names
/// (`fhir.subscription_endpoints`). Needs the right to search for the type.
#[utoipa::path(post, path = "/fhir/Subscription", tag = "fhir",
    request_body(content = Value, content_type = "application/fhir+json", description = "At most 64 KiB", example = json!(example())),
    responses(
        (status = 201, description = "It is kept; `Location` says where", body = Value, content_type = "application/fhir+json",
         example = json!(kept_example())),
        (status = 413, description = "The body is longer than 64 KiB"),
        (status = 415, description = "The body is something else than JSON"),
    ))]
async fn create_subscription(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    QueryOf(parameters): Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check(&caller, Kind::Subscription, Action::Create)?;
    accept::json(&headers, &parameters)?;
    let wish = wanted(&app, &caller, &resource(&headers, body).await?)?;
    let id = Uuid::new_v4().to_string();
    let (ports, now) = (&app.ports.fhir, app.ports.clock.now());
    let kept =
        ports.subscriptions.subscribe(id, caller.name.clone(), wish, MOST, now).await?.ok_or_else(|| {
            let text = format!("there are {MOST} subscriptions already; delete one that is needed no more");
            Problem::new(ErrorCode::QuotaExceeded, text)
        })?;
    let mut response = (StatusCode::CREATED, shown(&kept, &caller)).into_response();
    if let Ok(at) = HeaderValue::from_str(&format!("{}/Subscription/{}", base(&app), kept.id)) {
        response.headers_mut().insert(LOCATION, at);
    }
    Ok(response)
}

/// Lists one's own subscriptions; all, for an administrator.
///
/// `error` says why the receiver could not be told. Header lines are shown to the owner alone.
#[utoipa::path(get, path = "/fhir/Subscription", tag = "fhir",
    params(
        ("_id" = Option<String>, Query, description = "The id"),
        ("_count" = Option<u32>, Query, description = "Resources of a page; 50 where absent"),
    ),
    responses((status = 200, description = "A page (Bundle)", body = Value, content_type = "application/fhir+json",
        example = json!({ "resourceType": "Bundle", "type": "searchset", "total": 0, "link": [
            { "relation": "self", "url": "https://baize.hospital.example/fhir/Subscription" }] }))))]
async fn search_subscriptions(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    Extension(request): Extension<RequestId>,
    QueryOf(parameters): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check(&caller, Kind::Subscription, Action::Search)?;
    accept::json(&headers, &parameters)?;
    let search = Search::read(Kind::Subscription, &parameters, handling(&headers))?;
    let all = app.ports.fhir.subscriptions.subscriptions().await?;
    let matching: Vec<SearchEntry> = all
        .iter()
        .filter(|kept| may_see(&caller, kept))
        .map(|kept| Candidate {
            resource: subscription(kept, kept.owner == caller.name),
            date: None,
            changed_at: kept.updated_at,
            patient_ids: Vec::new(),
        })
        .filter(|candidate| candidate.fits(&search))
        .map(|candidate| SearchEntry { resource: candidate.resource, included: false })
        .collect();
    let total = matching.len();
    let skip = search.from.map_or(0, |from| from.skip);
    let count = if search.count_only { 0 } else { search.count };
    let page: Vec<SearchEntry> = matching.into_iter().skip(skip).take(count).collect();
    let asked = Asked { caller: &caller, request: &request };
    audit::note(&app, &asked, "Subscription".into(), Some("Subscription".into()), std::iter::empty()).await?;
    let mut links = vec![("self", link(&app, &search, search.from.map(Cursor::text)))];
    let behind = skip.saturating_add(count);
    if behind < total && !search.count_only {
        let next = Cursor { part: Part::Listed, place: 0, skip: behind };
        links.push(("next", link(&app, &search, Some(next.text()))));
    }
    Ok(fhir(&search_bundle(&base(&app), &links, Some(total), page)))
}

/// Reads a subscription.
#[utoipa::path(get, path = "/fhir/Subscription/{subscription}", tag = "fhir",
    params(("subscription" = String, Path, description = "The id", example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")),
    responses((status = 200, description = "The resource", body = Value, content_type = "application/fhir+json",
               example = json!(kept_example()))))]
async fn read_subscription(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    Extension(request): Extension<RequestId>,
    PathOf(id): PathOf<String>,
    QueryOf(parameters): Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check(&caller, Kind::Subscription, Action::Read)?;
    accept::json(&headers, &parameters)?;
    let kept = visible(&app, &caller, &id).await?;
    let asked = Asked { caller: &caller, request: &request };
    audit::note(&app, &asked, format!("Subscription/{id}"), None, std::iter::empty()).await?;
    Ok(shown(&kept, &caller))
}

/// Replaces one's own subscription, or switches it off and on.
///
/// What was not told yet is told by the new criteria, and tried at once. With the status `off` nothing is told; what changes
/// meanwhile is told when it is switched on again.
#[utoipa::path(put, path = "/fhir/Subscription/{subscription}", tag = "fhir",
    params(("subscription" = String, Path, description = "The id", example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")),
    request_body(content = Value, content_type = "application/fhir+json", description = "At most 64 KiB",
                 example = json!(kept_example())),
    responses(
        (status = 200, description = "It is kept", body = Value, content_type = "application/fhir+json",
         example = json!(kept_example())),
        (status = 413, description = "The body is longer than 64 KiB"),
        (status = 415, description = "The body is something else than JSON"),
    ))]
async fn update_subscription(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    PathOf(id): PathOf<String>,
    QueryOf(parameters): Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check(&caller, Kind::Subscription, Action::Update)?;
    accept::json(&headers, &parameters)?;
    let resource = resource(&headers, body).await?;
    if visible(&app, &caller, &id).await?.owner != caller.name {
        return Err(Problem::new(ErrorCode::Forbidden, "This is another client's; it can only be deleted."));
    }
    if resource["id"] != id.as_str() {
        return Err(Problem::invalid("id: must be that of the address"));
    }
    let wish = wanted(&app, &caller, &resource)?;
    let now = app.ports.clock.now();
    let kept = app.ports.fhir.subscriptions.replace_subscription(&id, wish, now).await?;
    Ok(shown(&kept.ok_or_else(unknown)?, &caller))
}

/// Ends a subscription.
#[utoipa::path(delete, path = "/fhir/Subscription/{subscription}", tag = "fhir",
    params(("subscription" = String, Path, description = "The id", example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")),
    responses((status = 204, description = "Nothing is told any more")))]
async fn delete_subscription(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, Problem> {
    check(&caller, Kind::Subscription, Action::Delete)?;
    visible(&app, &caller, &id).await?;
    app.ports.fhir.subscriptions.unsubscribe(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads the body.
async fn resource(headers: &HeaderMap, body: Body) -> Result<Value, Problem> {
    let media = MediaType::of(headers).map(|media| media.essence);
    if !matches!(media.as_deref(), Some(FHIR_JSON | "application/json")) {
        let text = "Content-Type: send application/fhir+json.";
        return Err(Problem::new(ErrorCode::UnsupportedMediaType, text));
    }
    let bytes = to_bytes(body, MOST_BYTES).await.map_err(|_| {
        Problem::new(ErrorCode::ObjectTooLarge, "body: is longer than 64 KiB, or stopped coming")
    })?;
    serde_json::from_slice(&bytes).map_err(|_| Problem::invalid("body: is no JSON"))
}

/// What the resource asks for, if its client may have it.
fn wanted(app: &AppState, caller: &Principal, resource: &Value) -> Result<SubscriptionWish, Problem> {
    let endpoints = &app.ports.fhir.endpoints;
    if endpoints.is_empty() {
        let text =
            "Subscriptions are off: the configuration names no receiver (fhir.subscription_endpoints).";
        return Err(Problem::new(ErrorCode::Forbidden, text));
    }
    let wish = wish::read(resource, endpoints)?;
    // Whoever is told of results must be one who may see them.
    check(caller, criteria::read(&wish.criteria)?.kind, Action::Search)?;
    Ok(wish)
}

fn may_see(caller: &Principal, kept: &Subscription) -> bool {
    kept.owner == caller.name || (caller.scopes.is_empty() && caller.has_one_of(&[Role::Admin]))
}

async fn visible(app: &AppState, caller: &Principal, id: &str) -> Result<Subscription, Problem> {
    let kept = app.ports.fhir.subscriptions.subscription(id).await?;
    kept.filter(|kept| may_see(caller, kept)).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(ErrorCode::NotFound, "id: there is no such resource")
}

fn shown(kept: &Subscription, caller: &Principal) -> Response {
    let json = subscription(kept, kept.owner == caller.name).json;
    ([(CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON))], json.to_string()).into_response()
}
