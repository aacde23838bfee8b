//! Problems as OperationOutcome.

use axum::response::Response;
use baize_core::{ErrorClass, ErrorCode, Language};
use baize_fhir::{IssueKind, operation_outcome};
use http::HeaderValue;
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE};

use super::{FHIR_JSON, ROOT};
use crate::language;
use crate::problem::Problem;

/// Whether a path is one of ours.
pub(crate) fn is_fhir(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Writes the body into the bare response.
pub(crate) fn render(problem: &Problem, mut response: Response, language: Language) -> Response {
    let fault = problem.fault();
    let json = operation_outcome(kind(fault.code), fault.code.title(language), &fault.message);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language::tag(language)));
    *response.body_mut() = json.to_string().into();
    response
}

fn kind(code: ErrorCode) -> IssueKind {
    match code {
        ErrorCode::Unauthenticated => IssueKind::Login,
        ErrorCode::Forbidden => IssueKind::Forbidden,
        ErrorCode::NotFound => IssueKind::NotFound,
        ErrorCode::UnsupportedMediaType => IssueKind::NotSupported,
        ErrorCode::ObjectTooLarge => IssueKind::TooLong,
        ErrorCode::QuotaExceeded => IssueKind::Throttled,
        _ => match code.class() {
            ErrorClass::Overload => IssueKind::Transient,
            ErrorClass::Internal => IssueKind::Exception,
            ErrorClass::Caller | ErrorClass::Refused | ErrorClass::Unreadable => IssueKind::Invalid,
        },
    }
}
