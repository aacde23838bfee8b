//! WADO-RS rendered (PS3.18 section 10.4.1.1.3): pictures for people.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::ports::{PictureFormat, Rendering, Window, WindowShape};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use super::Place;
use super::accept::Accepted;
use crate::app::AppState;
use crate::dto::ProblemDto;
use crate::extract::{PathOf, QueryOf};
use crate::problem::Problem;

const DEFAULT_QUALITY: u8 = 90;

/// How a picture is wanted (PS3.18 section 8.3.5). Others are refused and not passed over: a picture that is not
/// shown as asked could mislead.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RenderedQuery {
    /// Centre, width and function (`linear`, `linear-exact`, `sigmoid`) of the window, such as `40,400,linear`.
    window: Option<String>,
    /// Largest width and height of the picture, such as `512,512`.
    viewport: Option<String>,
    /// Quality of a JPEG, 1 to 100.
    quality: Option<u8>,
    /// Media type; wins over the header `Accept`.
    accept: Option<String>,
}

/// Shows an instance.
///
/// JPEG, or PNG where asked for; of a multi-frame image the first frame. A kind of image that cannot be decoded is refused
/// and never shown wrongly. Greyscale through the image's own window unless one is given. May show patient data.
#[utoipa::path(
    get,
    path = "/dicomweb/studies/{study}/series/{series}/instances/{sop}/rendered",
    tag = "dicomweb",
    params(
        ("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"),
        ("series" = String, Path, description = "Series Instance UID", example = "1.2.840.113619.2.1.1"),
        ("sop" = String, Path, description = "SOP Instance UID", example = "1.2.840.113619.2.1.1.1"),
        RenderedQuery,
    ),
    responses(
        (status = 200, description = "The picture", content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
        (status = 404, description = "No such instance", body = ProblemDto, content_type = "application/problem+json"),
        (status = 406, description = "Neither JPEG nor PNG", body = ProblemDto, content_type = "application/problem+json"),
        (status = 422, description = "Not an image that can be shown", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn render_instance(
    State(app): State<Arc<AppState>>,
    PathOf((study, series, sop)): PathOf<(String, String, String)>,
    QueryOf(query): QueryOf<RenderedQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    render(&app, Place::instance(&study, &series, &sop)?, 1, &query, &headers).await
}

/// Shows a frame.
///
/// As the picture of an instance.
#[utoipa::path(
    get,
    path = "/dicomweb/studies/{study}/series/{series}/instances/{sop}/frames/{frames}/rendered",
    tag = "dicomweb",
    params(
        ("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"),
        ("series" = String, Path, description = "Series Instance UID", example = "1.2.840.113619.2.1.1"),
        ("sop" = String, Path, description = "SOP Instance UID", example = "1.2.840.113619.2.1.1.1"),
        ("frames" = String, Path, description = "One number from 1 on", example = "1"),
        RenderedQuery,
    ),
    responses(
        (status = 200, description = "The picture", content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
        (status = 404, description = "No such instance or frame", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 406, description = "Neither JPEG nor PNG", body = ProblemDto, content_type = "application/problem+json"),
        (status = 422, description = "Not an image that can be shown", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn render_frame(
    State(app): State<Arc<AppState>>,
    PathOf((study, series, sop, frame)): PathOf<(String, String, String, String)>,
    QueryOf(query): QueryOf<RenderedQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = Place::instance(&study, &series, &sop)?;
    render(&app, place, frame_number(&frame)?, &query, &headers).await
}

pub(super) fn frame_number(text: &str) -> Result<u32, Problem> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Problem::invalid("frames: a picture shows one frame, from 1 on"))
}

pub(super) fn media_type(format: PictureFormat) -> &'static str {
    match format {
        PictureFormat::Png => "image/png",
        PictureFormat::Jpeg(_) => "image/jpeg",
    }
}

async fn render(
    app: &AppState,
    place: Place,
    frame: u32,
    query: &RenderedQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let quality = query.quality.unwrap_or(DEFAULT_QUALITY);
    if !(1..=100).contains(&quality) {
        return Err(Problem::invalid("quality: must be 1 to 100"));
    }
    let format = Accepted::of_query(query.accept.as_deref(), headers).picture(quality)?;
    let rendering = Rendering {
        format,
        frame,
        window: query.window.as_deref().map(window).transpose()?,
        viewport: query.viewport.as_deref().map(viewport).transpose()?,
    };
    let (_, object, _seat) = place.object(app).await?;
    let picture = app.ports.views.render(object, rendering).await?;
    Ok(([(CONTENT_TYPE, media_type(format))], picture).into_response())
}

fn window(text: &str) -> Result<Window, Problem> {
    let bad = || Problem::invalid("window: must be centre, width and function, such as 40,400,linear");
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let (center, width, function) = match parts.as_slice() {
        [center, width] => (center, width, "linear"),
        [center, width, function] => (center, width, *function),
        _ => return Err(bad()),
    };
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let shape = match function.to_ascii_lowercase().as_str() {
        "linear" => WindowShape::Linear,
        "linear-exact" => WindowShape::LinearExact,
        "sigmoid" => WindowShape::Sigmoid,
        _ => return Err(bad()),
    };
    let width = number(width).filter(|width| *width > 0.0).ok_or_else(bad)?;
    Ok(Window { center: number(center).ok_or_else(bad)?, width, shape })
}

pub(super) fn viewport(text: &str) -> Result<(u32, u32), Problem> {
    let sides = text
        .split_once(',')
        .and_then(|(width, height)| Some((width.trim().parse().ok()?, height.trim().parse().ok()?)));
    sides.ok_or_else(|| {
        Problem::invalid(
            "viewport: must be width and height, such as 512,512; parts of an image are not shown",
        )
    })
}
