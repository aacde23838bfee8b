//! RFC 9457.

use serde::Serialize;
use utoipa::ToSchema;

/// An error. `code` is for programs and stable, `title` is in the caller's language, `detail` is English and
/// names the field or attribute and the remedy. Holds no patient data.
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
}
