//! WADO-RS frames and bulk data (PS3.18 sections 10.4.1.1.5 and 10.4.1.1.6), as they are stored.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use baize_core::ErrorCode;
use baize_core::ports::Bulk;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;

use super::accept::{Accepted, Form, Packing};
use super::multipart::{self, Part};
use super::seat::Seat;
use super::{Place, not_converted};
use crate::app::AppState;
use crate::dto::ProblemDto;
use crate::extract::PathOf;
use crate::problem::Problem;

/// Frames that one request may name.
const MOST_FRAMES: usize = 10_000;

/// Retrieves frames of an image.
///
/// Uncompressed frames as `application/octet-stream` in little endian, compressed ones as stored with their media type
/// and transfer syntax, or decoded where `application/octet-stream` is asked for. May show patient data that is burned into the image.
#[utoipa::path(
    get,
    path = "/dicomweb/studies/{study}/series/{series}/instances/{sop}/frames/{frames}",
    tag = "dicomweb",
    params(
        ("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"),
        ("series" = String, Path, description = "Series Instance UID", example = "1.2.840.113619.2.1.1"),
        ("sop" = String, Path, description = "SOP Instance UID", example = "1.2.840.113619.2.1.1.1"),
        ("frames" = String, Path, description = "Numbers from 1 on, separated by commas", example = "1,3"),
    ),
    responses(
        (status = 200, description = "The frames, in the order asked for", content(
            (Vec<u8> = "multipart/related"),
            (Vec<u8> = "application/octet-stream"),
        )),
        (status = 404, description = "No such instance or frame", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 406, description = "Another encoding is asked for", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 422, description = "The object has no pixels, or they are damaged", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn retrieve_frames(
    State(app): State<Arc<AppState>>,
    PathOf((study, series, sop, frames)): PathOf<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let numbers = frame_numbers(&frames)?;
    let (_, object, seat) = Place::instance(&study, &series, &sop)?.object(&app).await?;
    let mut bulk = app.ports.views.frames(object.clone()).await?;
    let count = bulk.parts.len();
    let missing = || Problem::new(ErrorCode::NotFound, format!("frames: the image has frames 1 to {count}"));
    let chosen = numbers.iter().map(|number| bulk.parts.get(number - 1).cloned().ok_or_else(missing));
    bulk.parts = chosen.collect::<Result<Vec<Bytes>, Problem>>()?;
    respond(&app, object, numbers, bulk, seat, &headers).await
}

/// Retrieves a large value of an instance.
///
/// The addresses stand in the metadata as `BulkDataURI`; the last part is a tag, or tags and item numbers with dots
/// between them. Compressed pixels come frame by frame. May hold patient data.
#[utoipa::path(
    get,
    path = "/dicomweb/studies/{study}/series/{series}/instances/{sop}/bulkdata/{value}",
    tag = "dicomweb",
    params(
        ("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"),
        ("series" = String, Path, description = "Series Instance UID", example = "1.2.840.113619.2.1.1"),
        ("sop" = String, Path, description = "SOP Instance UID", example = "1.2.840.113619.2.1.1.1"),
        ("value" = String, Path, description = "Tag, or path through items", example = "54000100.0.54001010"),
    ),
    responses(
        (status = 200, description = "The value", content(
            (Vec<u8> = "multipart/related"),
            (Vec<u8> = "application/octet-stream"),
        )),
        (status = 404, description = "No such instance or value", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 406, description = "Another encoding is asked for", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 422, description = "The object is damaged", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn retrieve_bulk(
    State(app): State<Arc<AppState>>,
    PathOf((study, series, sop, value)): PathOf<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (_, object, seat) = Place::instance(&study, &series, &sop)?.object(&app).await?;
    let bulk = app.ports.views.bulk(object.clone(), value).await?;
    let all = (1..=bulk.parts.len()).collect();
    respond(&app, object, all, bulk, seat, &headers).await
}

/// Gives out `stored`, or the same frames of the object as samples where a client wants these.
async fn respond(
    app: &AppState,
    object: Bytes,
    numbers: Vec<usize>,
    stored: Bulk,
    seat: Seat,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let (packing, form) =
        Accepted::of(headers).frames(&stored.media_type, &stored.transfer_syntax, stored.parts.len())?;
    let bulk = match form {
        Form::Stored => stored,
        Form::Native => app.ports.views.native_frames(object, numbers).await.map_err(not_converted)?,
    };
    let Bulk { media_type, transfer_syntax, mut parts } = bulk;
    let content_type = format!("{media_type}; transfer-syntax={transfer_syntax}");
    if packing == Packing::Single
        && let Some(only) = parts.pop()
    {
        return Ok(multipart::respond_single(seat, Part { content_type, content: only }));
    }
    let parts =
        parts.into_iter().map(move |content| Ok(Part { content_type: content_type.clone(), content }));
    Ok(multipart::respond(&media_type, seat, stream::iter(parts)))
}

/// Numbers from 1 on.
fn frame_numbers(list: &str) -> Result<Vec<usize>, Problem> {
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| *number > 0);
    let numbers: Option<Vec<usize>> = list.split(',').take(MOST_FRAMES + 1).map(number).collect();
    numbers.filter(|numbers| numbers.len() <= MOST_FRAMES).ok_or_else(|| {
        Problem::invalid(format!(
            "frames: must be numbers from 1 on with commas between, {MOST_FRAMES} at most"
        ))
    })
}
