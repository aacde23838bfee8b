//! What the models found in a study.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use baize_core::ports::InstanceRecord;
use baize_core::prior::{compare, is_partial, same_patient};
use baize_core::{Fault, Language, StudyUid};
use http::HeaderMap;
use http::header::CONTENT_LANGUAGE;

use super::studies::unknown_study;
use crate::app::AppState;
use crate::dto::{InstanceFindingsDto, NoticesDto, PriorDto, PriorStatus, ProblemDto, StudyFindingsDto};
use crate::extract::{PathOf, study_uid};
use crate::language;
use crate::problem::Problem;

/// How many earlier studies are looked at for one that can be compared.
const MOST_EARLIER: usize = 8;

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
        prior: prior(&app, &study, &instances, language).await?,
        instances: instances.iter().map(|record| InstanceFindingsDto::of(record, language)).collect(),
    };
    Ok(([(CONTENT_LANGUAGE, language::tag(language))], Json(body)))
}

/// The latest earlier study that can be compared; failing that, the latest one with the reason why not.
async fn prior(
    app: &AppState,
    study: &StudyUid,
    instances: &[InstanceRecord],
    language: Language,
) -> Result<Option<PriorDto>, Fault> {
    let Some(first) = instances.first() else { return Ok(None) };
    let mut second_best = None;
    for earlier in app.ports.studies.earlier(study, MOST_EARLIER).await? {
        let status = if same_patient(&first.facts, &earlier.facts) {
            let then = app.ports.studies.instances(&earlier.study).await?;
            let comparisons = compare(instances, &then);
            if !comparisons.is_empty() {
                let partial = is_partial(instances) || is_partial(&then);
                let compared = PriorDto::of(&earlier, PriorStatus::Compared, partial, &comparisons, language);
                return Ok(Some(compared));
            }
            PriorStatus::Unread
        } else {
            PriorStatus::Doubtful
        };
        second_best.get_or_insert_with(|| PriorDto::of(&earlier, status, true, &[], language));
    }
    Ok(second_best)
}
