//! RFC 9457.

use baize_core::Language;
use baize_desk::{FieldError, FieldProblem};
use serde::Serialize;
use utoipa::ToSchema;

use super::WordsDto;

/// An error. `code` is for programs and stable, `title` is in the caller's language, `detail` is English and
/// names the field or attribute and the remedy. Holds no patient data beyond what `errors` repeats of the request.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDto {
    /// `urn:baize:error:` and the code.
    #[schema(example = "urn:baize:error:saturated")]
    pub(crate) r#type: String,
    /// What kind of trouble it is, in the language of `Accept-Language`.
    #[schema(example = "The server is saturated")]
    pub(crate) title: String,
    /// The HTTP status.
    #[schema(example = 503)]
    pub(crate) status: u16,
    /// What went wrong here.
    #[schema(example = "The queues are full.")]
    pub(crate) detail: String,
    /// The closed error code.
    #[schema(example = "saturated")]
    pub(crate) code: String,
    /// The request's id, as in `X-Request-Id` and in the server's log.
    #[schema(example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")]
    pub(crate) instance: String,
    /// Seconds after which trying again makes sense; also in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 5)]
    pub(crate) retry_after: Option<u64>,
    /// What was found out before the failure: for `POST /v1/infer`, the instance and the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) result: Option<serde_json::Value>,
    /// The fields that were refused, for a triage request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldErrorDto>,
}

/// A field that was refused. One is enough to refuse the whole request, so that nothing of it is lost.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldError)]
pub(crate) struct FieldErrorDto {
    /// Its path; empty for the body as a whole.
    #[schema(example = "vitals.spo2")]
    field: String,
    /// `unreadable`, `unknown_field`, `wrong_type`, `not_a_number`, `wrong_unit`, `out_of_range`, `unknown_word`,
    /// `contradiction`, `too_long`, `missing` or `internal`.
    #[schema(value_type = String, example = "out_of_range")]
    problem: FieldProblem,
    /// What was sent, shortened.
    #[schema(example = "980")]
    value: String,
    /// What is wrong and what to do, in the language of `Accept-Language`.
    #[schema(example = "SpO2 must be a whole number from 0 to 100 %")]
    message: String,
    /// The same in both languages.
    text: WordsDto,
}

impl FieldErrorDto {
    pub(crate) fn of(error: &FieldError, language: Language) -> Self {
        Self {
            field: error.field.clone(),
            problem: error.problem,
            value: error.value.clone(),
            message: error.text.get(language).to_owned(),
            text: WordsDto { zh: error.text.zh.clone(), en: error.text.en.clone() },
        }
    }
}
