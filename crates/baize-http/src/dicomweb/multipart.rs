//! Bodies of several parts (RFC 2387), one part in memory at a time.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use baize_core::Fault;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use http::header::CONTENT_TYPE;

/// One part.
pub(super) struct Part {
    /// Such as `image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90`.
    pub(super) content_type: String,
    pub(super) content: Bytes,
}

/// The answer. A part that cannot be had breaks the connection off, so that nobody takes the rest for the whole.
/// `root` is the media type of the parts; the parts own whatever must be held until the last byte is gone.
pub(super) fn respond(
    root: &str,
    parts: impl Stream<Item = Result<Part, Fault>> + Send + 'static,
) -> Response {
    let boundary = uuid::Uuid::new_v4().simple().to_string();
    let content_type = format!("multipart/related; type=\"{root}\"; boundary={boundary}");
    let end = Bytes::from(format!("--{boundary}--\r\n"));
    let chunks = parts.flat_map(move |part| {
        let chunks = match part {
            Ok(Part { content_type, content }) => {
                let length = content.len();
                let head = format!(
                    "--{boundary}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
                );
                vec![Ok(Bytes::from(head)), Ok(content), Ok(Bytes::from_static(b"\r\n"))]
            }
            Err(fault) => {
                tracing::error!(code = %fault.code, "an answer was broken off");
                vec![Err(fault)]
            }
        };
        stream::iter(chunks)
    });
    let body = Body::from_stream(chunks.chain(stream::iter([Ok(end)])));
    ([(CONTENT_TYPE, content_type)], body).into_response()
}
