//! A multipart body, part by part.

use std::time::Duration;

use axum::body::Body;
use baize_core::{ErrorCode, Fault, Lane};
use http::header::CONTENT_TYPE;
use multer::Multipart;
use tokio::time::timeout;

use super::gate::{Closed, Gate, Position};
use super::{Growing, Limits, Object, broken_off, request_too_large, stalled};
use crate::media::MediaType;

/// One part.
pub(crate) struct Part {
    /// Its `Content-Type`: `Ok(None)` where it has none, an error where it has a malformed one.
    pub(crate) content_type: Result<Option<MediaType>, Fault>,
    /// Its content, or that it is larger than the limit (it was read past).
    pub(crate) content: Result<Object, Fault>,
}

/// The parts of a body that come in.
pub(crate) struct Parts {
    multipart: Multipart<'static>,
    position: Position,
    limits: Limits,
    lane: Lane,
}

impl Parts {
    /// Begins to read.
    ///
    /// # Errors
    /// `InvalidRequest` where the content type has no legal boundary.
    pub(crate) fn new(media: &MediaType, body: Body, limits: Limits, lane: Lane) -> Result<Self, Fault> {
        let Some(boundary) = media.boundary() else {
            let text = "Content-Type: the multipart type needs a boundary parameter of 1 to 70 characters.";
            return Err(Fault::new(ErrorCode::InvalidRequest, text));
        };
        let position = Position::default();
        let gate = Gate::new(body.into_data_stream(), limits.request_bytes, position.clone());
        Ok(Self { multipart: Multipart::new(gate, boundary), position, limits, lane })
    }

    /// The next part, read to its end; `None` after the closing boundary.
    ///
    /// # Errors
    /// `InvalidRequest` for a malformed body, `ObjectTooLarge` for one over the request limit, `Saturated` where
    /// the upload memory is in use, `Cancelled` where the client went away. The body cannot be read further.
    pub(crate) async fn next(&mut self) -> Result<Option<Part>, Fault> {
        let Self { multipart, position, limits, lane } = self;
        let field = timeout(limits.idle, multipart.next_field()).await.map_err(|_| stalled(limits.idle))?;
        let Some(mut field) = field.map_err(|bad| malformed(&bad, limits))? else { return Ok(None) };
        position.enter_part();
        let content_type = match field.headers().get(CONTENT_TYPE) {
            None => Ok(None),
            Some(value) => match value.to_str().ok().and_then(MediaType::parse) {
                Some(media) => Ok(Some(media)),
                None => {
                    Err(Fault::new(ErrorCode::UnsupportedMediaType, "The part's Content-Type is malformed."))
                }
            },
        };
        let mut content = Ok(Growing::new(limits, *lane));
        while let Some(chunk) =
            next_chunk(&mut field, limits.idle).await?.map_err(|bad| malformed(&bad, limits))?
        {
            let Ok(growing) = &mut content else { continue };
            match growing.push(&chunk) {
                Ok(()) => {}
                // The rest is read past, so that the parts after it still get their answer.
                Err(fault) if fault.code == ErrorCode::ObjectTooLarge => content = Err(fault),
                Err(fault) => return Err(fault),
            }
        }
        drop(field);
        position.leave_part();
        Ok(Some(Part { content_type, content: content.map(Growing::finish) }))
    }
}

type Chunk = multer::Result<Option<bytes::Bytes>>;

async fn next_chunk(field: &mut multer::Field<'_>, idle: Duration) -> Result<Chunk, Fault> {
    timeout(idle, field.chunk()).await.map_err(|_| stalled(idle))
}

fn malformed(error: &multer::Error, limits: &Limits) -> Fault {
    if let multer::Error::StreamReadFailed(source) = error {
        match source.downcast_ref::<Closed>() {
            Some(Closed::TooLarge) => return request_too_large(limits.request_bytes),
            Some(Closed::BrokenOff) => return broken_off(),
            Some(closed @ Closed::HeadersTooLarge) => {
                return Fault::new(
                    ErrorCode::InvalidRequest,
                    format!("The multipart body is malformed: {closed}."),
                );
            }
            None => {}
        }
    }
    // Fixed sentences: the parser's own may quote what the client sent.
    let what = match error {
        multer::Error::IncompleteFieldData { .. } => "a part is cut off, or the closing boundary is missing",
        multer::Error::IncompleteHeaders
        | multer::Error::ReadHeaderFailed(_)
        | multer::Error::DecodeHeaderName { .. }
        | multer::Error::DecodeHeaderValue { .. } => "a part's headers cannot be read",
        multer::Error::IncompleteStream => {
            "the boundary is missing, is not followed by CRLF, or the body ends before the closing boundary"
        }
        _ => "it cannot be read",
    };
    Fault::new(ErrorCode::InvalidRequest, format!("The multipart body is malformed: {what}."))
}
