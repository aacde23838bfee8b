//! The answer of STOW-RS.

use serde::Serialize;
use utoipa::ToSchema;

/// The Store Instances Response data set of PS3.18 section 10.5.3.2 in the DICOM JSON model: by tag,
/// `00081199` Referenced SOP Sequence (stored), `00081198` Failed SOP Sequence with `00081197` Failure Reason,
/// `0008119A` Other Failures Sequence (objects that could not be read so far), `00081190` Retrieve URL.
#[derive(Serialize, ToSchema)]
#[schema(as = StoreInstancesResponse, value_type = Object)]
pub(crate) struct StowResponse(pub(crate) serde_json::Value);
