//! A body that holds exactly one object.

use axum::body::Body;
use baize_core::{ErrorCode, Fault, Lane};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Growing, Limits, Object, Parts, broken_off, stalled};
use crate::media::MediaType;

/// Reads one object: the body itself as `application/dicom`, or the only part of a multipart body.
///
/// # Errors
/// `UnsupportedMediaType` for any other type, `InvalidRequest` for a malformed body or one with no or several
/// parts, `ObjectTooLarge`, `Saturated`, `Cancelled`.
pub(crate) async fn read_one(
    media: Option<&MediaType>,
    body: Body,
    limits: Limits,
    lane: Lane,
) -> Result<Object, Fault> {
    match media.map(|media| (media, media.essence.as_str())) {
        Some((_, "application/dicom")) => read_whole(body, &limits, lane).await,
        Some((media, "multipart/related" | "multipart/form-data")) => {
            read_only_part(media, body, limits, lane).await
        }
        _ => Err(Fault::new(
            ErrorCode::UnsupportedMediaType,
            "Content-Type: send one object as application/dicom, multipart/related or multipart/form-data.",
        )),
    }
}

/// Reads a body that is one object, whatever it holds.
///
/// # Errors
/// `InvalidRequest` for one that stopped coming, `ObjectTooLarge`, `Saturated`, `Cancelled`.
pub(crate) async fn read_whole(body: Body, limits: &Limits, lane: Lane) -> Result<Object, Fault> {
    let mut chunks = body.into_data_stream();
    let mut growing = Growing::new(limits, lane);
    while let Some(chunk) = timeout(limits.idle, chunks.next()).await.map_err(|_| stalled(limits.idle))? {
        growing.push(&chunk.map_err(|_| broken_off())?)?;
    }
    Ok(growing.finish())
}

async fn read_only_part(media: &MediaType, body: Body, limits: Limits, lane: Lane) -> Result<Object, Fault> {
    let wrong_count =
        || Fault::new(ErrorCode::InvalidRequest, "The body must have exactly one part, the object.");
    let mut parts = Parts::new(media, body, limits, lane)?;
    let part = parts.next().await?.ok_or_else(wrong_count)?;
    // A browser's form and curl know no media type for DICOM files.
    let accepted = match part.content_type? {
        None => true,
        Some(media) => matches!(media.essence.as_str(), "application/dicom" | "application/octet-stream"),
    };
    if !accepted {
        return Err(Fault::new(
            ErrorCode::UnsupportedMediaType,
            "The part's Content-Type must be application/dicom.",
        ));
    }
    let object = part.content?;
    if parts.next().await?.is_some() {
        return Err(wrong_count());
    }
    Ok(object)
}
