//! Triage at the desk.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use baize_desk::Visit;
use http::header::{CONTENT_LANGUAGE, LOCATION};
use http::{HeaderMap, StatusCode};

use crate::app::AppState;
use crate::auth::Principal;
use crate::dto::{
    AcknowledgementDto, NurseLevelDto, ProblemDto, TriageRequestDto, TriageVisitDto, UnacknowledgedDto,
    VitalsBodyDto, WaitingDto,
};
use crate::extract::{PathOf, visit_id};
use crate::json_body::json_body;
use crate::language;
use crate::problem::Problem;

/// So many visits are listed.
const MOST_WAITING: usize = 500;

/// Assesses a patient.
///
/// From complaint, vital signs and what else is known: the four-level Chinese category, the five-level acuity, and why.
/// Numbers may be written as people write them (`"３８．５℃"`, `"130/80 mmHg"`). A request with one refused field is
/// refused as a whole, and `errors` names every field with the remedy. The answer comes after the record is durable.
/// `summary` is in the language of `Accept-Language`; all other texts are there in both.
#[utoipa::path(
    post,
    path = "/v1/triage/assessments",
    tag = "triage",
    request_body(content(
        (TriageRequestDto = "application/json", examples(
            ("zh" = (summary = "中文主诉", value = json!(
                {"encounter": "E-1001", "age_years": 58, "sex": "男", "arrival_mode": "救护车",
                 "chief_complaint": "胸痛2小时伴大汗，左肩放射",
                 "vitals": {"heart_rate": 112, "systolic_bp": "98/60 mmHg", "respiratory_rate": 22,
                            "temperature_c": "３６．８℃", "spo2": "93%", "avpu": "清醒"},
                 "history": ["pmh_htn"], "nurse_level": 3}))),
            ("en" = (summary = "English complaint", value = json!(
                {"age_years": 71, "sex": "female", "chief_complaint": "SOB, hx CHF, denies chest pain",
                 "vitals": {"heart_rate": 104, "systolic_bp": 150, "diastolic_bp": 90, "respiratory_rate": 26,
                            "temperature_c": 37.1, "spo2": 91, "on_oxygen": false, "avpu": "alert"},
                 "prior_ed_visits": 2, "prior_admissions": 1}))),
        )),
    ), description = "At least a complaint, a complaint code or a vital sign. At most 1 MiB."),
    responses(
        (status = 201, description = "The assessment, recorded", body = TriageVisitDto,
         headers(("Location" = String, description = "Where it is"))),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn assess(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = json_body(&app, &headers, body).await?;
    let visit = app.ports.desk.assess(body.bytes.clone(), &caller.name).await?;
    let location = [(LOCATION, format!("/v1/triage/assessments/{}", visit.id))];
    Ok((StatusCode::CREATED, location, answer(&app, &headers, visit)?).into_response())
}

/// Tells how a patient was triaged.
///
/// The newest assessment with the decision and the history. Holds patient data.
#[utoipa::path(
    get,
    path = "/v1/triage/assessments/{id}",
    tag = "triage",
    params(("id" = String, Path, description = "The visit's id", example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")),
    responses(
        (status = 200, description = "The visit as it stands", body = TriageVisitDto),
        (status = 404, description = "Unknown visit", body = ProblemDto, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn visit(
    State(app): State<Arc<AppState>>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let visit = app.ports.desk.visit(&visit_id(&id)?).await?;
    answer(&app, &headers, visit)
}

/// Assesses a patient again with newer vital signs.
///
/// What was not measured again is kept. The result is at least as urgent as before: calmer signs lower nothing. The
/// history keeps every assessment.
#[utoipa::path(
    post,
    path = "/v1/triage/assessments/{id}/vitals",
    tag = "triage",
    params(("id" = String, Path, description = "The visit's id", example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")),
    request_body(content = VitalsBodyDto, description = "As `vitals` of a request; the signs may also stand bare",
                 example = json!({"vitals": {"heart_rate": 131, "systolic_bp": "86/50", "spo2": 90}})),
    responses(
        (status = 200, description = "The new assessment, recorded", body = TriageVisitDto),
        (status = 404, description = "Unknown visit", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn newer_vitals(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = visit_id(&id)?;
    let body = json_body(&app, &headers, body).await?;
    let visit = app.ports.desk.newer_vitals(&id, body.bytes.clone(), &caller.name).await?;
    answer(&app, &headers, visit)
}

/// Records the level that a nurse or physician decides on.
///
/// A level more urgent than the assessment raises it. A calmer one needs a `reason`; it stands as `decision` beside the
/// assessment, which it does not lower. `second_reader` is the opinion on this level.
#[utoipa::path(
    post,
    path = "/v1/triage/assessments/{id}/level",
    tag = "triage",
    params(("id" = String, Path, description = "The visit's id", example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")),
    request_body(content = NurseLevelDto,
                 example = json!({"level": "急重", "reason": "面色苍白，四肢湿冷"})),
    responses(
        (status = 200, description = "The decision and the assessment, recorded", body = TriageVisitDto),
        (status = 404, description = "Unknown visit", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn nurse_level(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = visit_id(&id)?;
    let body = json_body(&app, &headers, body).await?;
    let visit = app.ports.desk.nurse_level(&id, body.bytes.clone(), &caller.name).await?;
    answer(&app, &headers, visit)
}

/// Records that a nurse has seen what images told.
///
/// `sequence` is the newest step that she has looked at: where an image has told something newer since, the request is
/// refused, so that nothing is acknowledged unseen. Where all of it is acknowledged already, nothing is recorded.
#[utoipa::path(
    post,
    path = "/v1/triage/assessments/{id}/acknowledgement",
    tag = "triage",
    params(("id" = String, Path, description = "The visit's id", example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")),
    request_body(content = AcknowledgementDto, example = json!({"sequence": 3})),
    responses(
        (status = 200, description = "The visit with the acknowledgement, recorded", body = TriageVisitDto),
        (status = 404, description = "Unknown visit", body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn acknowledge(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = visit_id(&id)?;
    let body = json_body(&app, &headers, body).await?;
    let visit = app.ports.desk.acknowledge(&id, body.bytes.clone(), &caller.name).await?;
    answer(&app, &headers, visit)
}

/// Lists the visits that wait for a nurse.
///
/// Those to which an image has told something that nobody has acknowledged, the most urgent first; at most 500. A screen
/// reads it when it starts and whenever its event stream was broken off, and listens to `triage_raised` in between.
#[utoipa::path(get, path = "/v1/triage/unacknowledged", tag = "triage", responses(
    (status = 200, description = "The visits", body = UnacknowledgedDto)
))]
pub(crate) async fn unacknowledged(
    State(app): State<Arc<AppState>>,
) -> Result<Json<UnacknowledgedDto>, Problem> {
    let waiting = app.ports.fusion.unacknowledged(MOST_WAITING).await?;
    Ok(Json(UnacknowledgedDto { visits: waiting.iter().map(WaitingDto::of).collect() }))
}

fn answer(app: &AppState, headers: &HeaderMap, visit: Visit) -> Result<Response, Problem> {
    let language = language::preferred(headers, app.config.default_language);
    let body = TriageVisitDto::of(visit, language)?;
    Ok(([(CONTENT_LANGUAGE, language::tag(language))], Json(body)).into_response())
}
