//! Errors as RFC 9457 `application/problem+json`.
//!
//! A handler fails with a [`Problem`]. Its response carries status and headers; the body needs the caller's
//! language and the request's id, so the layer `layers::render` writes it on the way out.

use axum::response::{IntoResponse, Response};
use baize_core::{ErrorClass, ErrorCode, Fault, Language};
use baize_desk::{FieldError, Refusal};
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::dto::{FieldErrorDto, ProblemDto};
use crate::{language, status};

/// Suggested wait for an overload whose source could not tell.
const DEFAULT_RETRY_SECONDS: u64 = 5;

/// An error answer.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    fault: Fault,
    /// What was found out before the failure, as the extension member `result`.
    result: Option<Box<serde_json::Value>>,
    /// The fields that were refused, as the extension member `errors`.
    errors: Vec<FieldError>,
    challenge: Option<&'static str>,
    /// The status where the code's own says less.
    status: Option<StatusCode>,
}

impl Problem {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Fault::new(code, detail).into()
    }

    /// A request that is not understood. `detail` names the field and the remedy.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, detail)
    }

    /// None of the media types that are asked for can be given (RFC 9110 section 15.5.7).
    pub(crate) fn not_acceptable(detail: impl Into<String>) -> Self {
        let problem = Self::new(ErrorCode::UnsupportedMediaType, detail);
        Self { status: Some(StatusCode::NOT_ACCEPTABLE), ..problem }
    }

    /// A request whose fields say what cannot be. The detail names none of them: a name may be the caller's own text.
    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        let detail = format!(
            "{} problem(s) with what was sent; errors names the fields and the remedies.",
            errors.len()
        );
        Self { errors, ..Self::invalid(detail) }
    }

    /// Adds the extension member `result`.
    pub(crate) fn with_result(mut self, result: serde_json::Value) -> Self {
        self.result = Some(Box::new(result));
        self
    }

    /// Adds `WWW-Authenticate` (RFC 6750 section 3).
    pub(crate) fn with_challenge(mut self, challenge: &'static str) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// What went wrong.
    pub(crate) fn fault(&self) -> &Fault {
        &self.fault
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        if self.fault.code.class() != ErrorClass::Overload {
            return None;
        }
        // Rounded up and never 0: a client must not come back at once.
        let asked = self.fault.retry_after.map(|wait| wait.as_millis().div_ceil(1000));
        Some(asked.map_or(DEFAULT_RETRY_SECONDS, |seconds| u64::try_from(seconds).unwrap_or(u64::MAX)).max(1))
    }

    /// Writes the body into the bare response.
    pub(crate) fn render(self, mut response: Response, language: Language, request_id: &str) -> Response {
        let body = ProblemDto {
            r#type: format!("urn:baize:error:{}", self.fault.code),
            title: self.fault.code.title(language).to_owned(),
            status: response.status().as_u16(),
            retry_after: self.retry_after_seconds(),
            code: self.fault.code.as_str().to_owned(),
            detail: self.fault.message,
            instance: request_id.to_owned(),
            result: self.result.map(|result| *result),
            errors: self.errors.iter().map(|error| FieldErrorDto::of(error, language)).collect(),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language::tag(language)));
        let json = serde_json::to_vec(&body).unwrap_or_default();
        *response.body_mut() = json.into();
        response
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self { fault, result: None, errors: Vec::new(), challenge: None, status: None }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Fields(errors) => Self::fields(errors),
            Refusal::Fault(fault) => fault.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status.unwrap_or_else(|| status::of(self.fault.code));
        let mut response = status.into_response();
        if let Some(seconds) = self.retry_after_seconds() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn overload_always_says_when_to_come_back() {
        for (fault, seconds) in [
            (Fault::new(ErrorCode::Saturated, "").retry_after(Duration::from_millis(1200)), Some("2")),
            (Fault::new(ErrorCode::Saturated, "").retry_after(Duration::ZERO), Some("1")),
            (Fault::new(ErrorCode::Draining, ""), Some("5")),
            (Fault::new(ErrorCode::NotFound, "").retry_after(Duration::from_secs(9)), None),
        ] {
            let response = Problem::from(fault.clone()).into_response();
            let header = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(header, seconds, "{fault:?}");
        }
    }
}
