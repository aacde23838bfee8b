//! Bodies of several parts (RFC 2387), one part in memory at a time.

use axum::response::{IntoResponse, Response};
use baize_core::Fault;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use super::seat::Seat;

/// One part.
pub(super) struct Part {
    /// Such as `image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90`.
    pub(super) content_type: String,
    pub(super) content: Bytes,
}

/// The answer. A part that cannot be had breaks the connection off, so that nobody takes the rest for the whole.
/// `root` is the media type of the parts, `seat` the place that they take.
pub(super) fn respond(
    root: &str,
    seat: Seat,
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
            Err(fault) => vec![Err(fault)],
        };
        stream::iter(chunks)
    });
    let body = seat.body(chunks.chain(stream::iter([Ok(end)])));
    ([(CONTENT_TYPE, content_type)], body).into_response()
}

/// The answer of one part alone.
pub(super) fn respond_single(seat: Seat, Part { content_type, content }: Part) -> Response {
    let length = content.len();
    let headers = [(CONTENT_TYPE, content_type), (CONTENT_LENGTH, length.to_string())];
    (headers, seat.body(stream::iter([Ok(content)]))).into_response()
}
