//! The work list.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use baize_core::ErrorCode;

use crate::app::AppState;
use crate::dto::{ProblemDto, StudiesQuery, StudyDto, StudyListDto, parse_time, time_text};
use crate::extract::{PathOf, QueryOf, study_uid};
use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 50;
const MOST: usize = 500;

/// Lists the studies.
///
/// Newest first, a page at a time. Holds patient data.
#[utoipa::path(get, path = "/v1/studies", tag = "studies", params(StudiesQuery), responses(
    (status = 200, description = "One page", body = StudyListDto)
))]
pub(crate) async fn list(
    State(app): State<Arc<AppState>>,
    QueryOf(query): QueryOf<StudiesQuery>,
) -> Result<Json<StudyListDto>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::invalid(format!("limit: must be 1 to {MOST}")));
    }
    let parsed = query.before.as_deref().map(|text| {
        let bad = "before: must be an RFC 3339 time such as 2026-03-01T08:30:00.000250Z";
        parse_time(text).ok_or_else(|| Problem::invalid(bad))
    });
    let before = parsed.transpose()?;
    let studies = app.ports.studies.list(before, limit).await?;
    let is_full = studies.len() == limit;
    let next_before = studies.last().filter(|_| is_full).map(|last| time_text(last.received_at));
    let uids: Vec<_> = studies.iter().map(|summary| summary.study.clone()).collect();
    let contexts = app.ports.hospital.contexts(&uids).await?;
    let studies = studies.into_iter().zip(contexts).map(|(study, context)| StudyDto::of(study, context));
    Ok(Json(StudyListDto { studies: studies.collect(), next_before }))
}

/// Tells about one study.
///
/// Holds patient data.
#[utoipa::path(
    get,
    path = "/v1/studies/{study}",
    tag = "studies",
    params(("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1")),
    responses(
        (status = 200, description = "The study", body = StudyDto),
        (status = 404, description = "Unknown study", body = ProblemDto, content_type = "application/problem+json")
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<AppState>>,
    PathOf(study): PathOf<String>,
) -> Result<Json<StudyDto>, Problem> {
    let study = study_uid(&study)?;
    match app.ports.studies.study(&study).await? {
        Some(summary) => Ok(Json(StudyDto::of(summary, app.ports.hospital.context(&study).await?))),
        None => Err(unknown_study()),
    }
}

pub(super) fn unknown_study() -> Problem {
    Problem::new(ErrorCode::NotFound, "study: no such study has been received")
}
