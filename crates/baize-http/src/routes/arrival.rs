//! What systems know about a study as a whole.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode};

use crate::app::AppState;
use crate::dto::{ExpectedDto, ProblemDto};
use crate::extract::{PathOf, study_uid};
use crate::json_body::json_body;
use crate::problem::Problem;

/// Announces how many images a study has.
///
/// Before or after the first of them comes in, by whoever knows: the RIS from the order, the modality's gateway. With
/// that many the study is complete at once; with fewer it becomes complete after the quiet period, and says that some are
/// missing. A later word replaces an earlier one.
#[utoipa::path(
    put,
    path = "/v1/studies/{study}/expected",
    tag = "studies",
    params(("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1")),
    request_body(content = ExpectedDto, example = json!({"instances": 2})),
    responses(
        (status = 204, description = "Noted, durably"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn expect(
    State(app): State<Arc<AppState>>,
    PathOf(study): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let study = study_uid(&study)?;
    let body = json_body(&app, &headers, body).await?;
    let expected: ExpectedDto = serde_json::from_slice(&body.bytes)
        .map_err(|bad| Problem::invalid(format!("body: must be {{\"instances\": 2}}: {bad}")))?;
    if expected.instances == 0 {
        return Err(Problem::invalid("instances: must be at least 1"));
    }
    app.ports.watch.expect(&study, expected.instances).await?;
    Ok(StatusCode::NO_CONTENT)
}
