//! Short JSON bodies. They are read here and understood by whom they are for.

use axum::body::Body;
use baize_core::{ErrorCode, Fault, Lane};
use http::HeaderMap;

use crate::app::AppState;
use crate::media::MediaType;
use crate::upload::{Limits, Object, read_whole};

/// Far more than any request that is understood has.
const MOST_BYTES: u64 = 1 << 20;

/// Reads the body of a request that must be JSON. It counts as STAT work: image uploads cannot use up its memory.
///
/// # Errors
/// `UnsupportedMediaType`, `ObjectTooLarge` above 1 MiB, `InvalidRequest` for a body that stopped coming, `Saturated`,
/// `Cancelled`.
pub(crate) async fn json_body(app: &AppState, headers: &HeaderMap, body: Body) -> Result<Object, Fault> {
    let is_json = MediaType::of(headers).is_some_and(|media| {
        let is_utf8 = media.parameter("charset").is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"));
        media.essence == "application/json" && is_utf8
    });
    if !is_json {
        let text = "Content-Type: send application/json, in UTF-8.";
        return Err(Fault::new(ErrorCode::UnsupportedMediaType, text));
    }
    let limits = Limits { object_bytes: MOST_BYTES, ..app.upload_limits() };
    read_whole(body, &limits, Lane::Stat).await
}
