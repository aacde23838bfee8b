//! Path and query of a request, with rejections as problems that name the field.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use baize_core::ports::VisitId;
use baize_core::{ErrorCode, Lane, SopUid, StudyUid};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// [`Path`] with a problem as its rejection.
pub(crate) struct PathOf<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for PathOf<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(bad)) => Err(Problem::invalid(bad.body_text())),
            Err(other) => Err(Problem::new(ErrorCode::Internal, other.body_text())),
        }
    }
}

/// [`Query`] with a problem as its rejection. The structures it reads refuse unknown fields: a mistyped
/// `lane` must not silently become routine.
pub(crate) struct QueryOf<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for QueryOf<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(QueryRejection::FailedToDeserializeQueryString(bad)) => {
                Err(Problem::invalid(bad.body_text()))
            }
            Err(other) => Err(Problem::new(ErrorCode::Internal, other.body_text())),
        }
    }
}

/// The Study Instance UID of a path.
pub(crate) fn study_uid(text: &str) -> Result<StudyUid, Problem> {
    StudyUid::parse(text).map_err(|bad| Problem::invalid(format!("study: {bad}")))
}

/// The SOP Instance UID of a path.
pub(crate) fn sop_uid(text: &str) -> Result<SopUid, Problem> {
    SopUid::parse(text).map_err(|bad| Problem::invalid(format!("sop: {bad}")))
}

/// The id of a triage visit in a path. What is no such id names no visit either.
pub(crate) fn visit_id(text: &str) -> Result<VisitId, Problem> {
    let unknown = |_| Problem::new(ErrorCode::NotFound, "id: there is no such triage visit");
    VisitId::parse(text).map_err(unknown)
}

/// `?lane=`; routine where absent.
pub(crate) fn lane(text: Option<&str>) -> Result<Lane, Problem> {
    let Some(name) = text else { return Ok(Lane::Routine) };
    name.parse().map_err(|bad| Problem::invalid(format!("lane: {bad}")))
}
