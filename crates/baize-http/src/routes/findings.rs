//! What the models found in a study.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use http::header::CONTENT_LANGUAGE;

use super::studies::unknown_study;
use crate::app::AppState;
use crate::dto::{InstanceFindingsDto, NoticesDto, ProblemDto, StudyFindingsDto};
use crate::extract::{PathOf, study_uid};
use crate::language;
use crate::problem::Problem;

/// Lists the findings of a study.
///
/// Per image and model. A result that is `refused`, `error` or `pending` is no "no finding". Labels, notes and notices
/// are in Chinese or English by `Accept-Language`.
#[utoipa::path(
    get,
    path = "/v1/studies/{study}/findings",
    tag = "studies",
    params(("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1")),
    responses(
        (status = 200, description = "The findings so far", body = StudyFindingsDto),
        (status = 404, description = "Unknown study", body = ProblemDto, content_type = "application/problem+json")
    )
)]
pub(crate) async fn of_study(
    State(app): State<Arc<AppState>>,
    PathOf(study): PathOf<String>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let study = study_uid(&study)?;
    let language = language::preferred(&headers, app.config.default_language);
    let instances = app.ports.studies.instances(&study).await?;
    if instances.is_empty() {
        return Err(unknown_study());
    }
    let body = StudyFindingsDto {
        study: study.to_string(),
        notices: NoticesDto::of(language),
        instances: instances.iter().map(|record| InstanceFindingsDto::of(record, language)).collect(),
    };
    Ok(([(CONTENT_LANGUAGE, language::tag(language))], Json(body)))
}
