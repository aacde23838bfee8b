//! WADO-RS thumbnails (PS3.18 section 10.4.1.1.4): a small picture that stands for a study, a series, an instance or a
//! frame.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::ports::Rendering;
use baize_core::{ErrorClass, ErrorCode};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use super::accept::Accepted;
use super::rendered::{frame_number, viewport};
use super::seat::Seat;
use super::{Place, rendered};
use crate::app::AppState;
use crate::dto::ProblemDto;
use crate::extract::QueryOf;
use crate::problem::Problem;

/// Largest width and height where a request names none.
const SIZE: (u32, u32) = (200, 200);
const QUALITY: u8 = 80;
/// Objects that are tried, since a study may begin with reports, which are no pictures.
const MOST_TRIED: usize = 8;

/// How a thumbnail is wanted.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ThumbnailQuery {
    /// Largest width and height, such as `128,128`; 200 where absent.
    viewport: Option<String>,
    /// Media type; wins over the header `Accept`.
    accept: Option<String>,
}

macro_rules! thumbnail_route {
    ($(#[$doc:meta])* $name:ident, $path:literal, ($($part:literal: $description:literal),*)) => {
        $(#[$doc])*
        ///
        /// JPEG, or PNG where asked for, of the first image there that can be shown. May show patient data.
        #[utoipa::path(
            get,
            path = $path,
            tag = "dicomweb",
            params($(($part = String, Path, description = $description, example = "1.2.840.113619.2.1"),)* ThumbnailQuery),
            responses(
                (status = 200, description = "The picture", content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
                (status = 404, description = "Nothing of this name", body = ProblemDto,
                 content_type = "application/problem+json"),
                (status = 406, description = "Neither JPEG nor PNG", body = ProblemDto,
                 content_type = "application/problem+json"),
                (status = 422, description = "No image that can be shown", body = ProblemDto,
                 content_type = "application/problem+json"),
            )
        )]
        pub(crate) async fn $name(
            State(app): State<Arc<AppState>>,
            place: Place,
            QueryOf(query): QueryOf<ThumbnailQuery>,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            thumbnail(&app, place, &query, &headers).await
        }
    };
}

thumbnail_route!(
    /// Shows a study in small.
    thumbnail_of_study, "/dicomweb/studies/{study}/thumbnail", ("study": "Study Instance UID")
);
thumbnail_route!(
    /// Shows a series in small.
    thumbnail_of_series, "/dicomweb/studies/{study}/series/{series}/thumbnail",
    ("study": "Study Instance UID", "series": "Series Instance UID")
);
thumbnail_route!(
    /// Shows an instance in small.
    thumbnail_of_instance, "/dicomweb/studies/{study}/series/{series}/instances/{sop}/thumbnail",
    ("study": "Study Instance UID", "series": "Series Instance UID", "sop": "SOP Instance UID")
);
thumbnail_route!(
    /// Shows a frame in small.
    thumbnail_of_frame, "/dicomweb/studies/{study}/series/{series}/instances/{sop}/frames/{frames}/thumbnail",
    ("study": "Study Instance UID", "series": "Series Instance UID", "sop": "SOP Instance UID",
     "frames": "One number from 1 on")
);

async fn thumbnail(
    app: &AppState,
    place: Place,
    query: &ThumbnailQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let format = Accepted::of_query(query.accept.as_deref(), headers).picture(QUALITY)?;
    let viewport = query.viewport.as_deref().map(viewport).transpose()?.unwrap_or(SIZE);
    let frame = place.frames.as_deref().map(frame_number).transpose()?.unwrap_or(1);
    let rendering = Rendering { format, frame, window: None, viewport: Some(viewport) };
    let rows = place.rows(app).await?;
    let _seat = Seat::take(app)?;
    let mut reason = None;
    for row in rows.iter().take(MOST_TRIED) {
        let object = app.ports.spool.get(&row.spool_key).await?;
        match app.ports.views.render(object, rendering).await {
            Ok(picture) => {
                return Ok(([(CONTENT_TYPE, rendered::media_type(format))], picture).into_response());
            }
            Err(fault) if matches!(fault.code.class(), ErrorClass::Unreadable | ErrorClass::Refused) => {
                reason.get_or_insert(fault);
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    Err(reason.map_or_else(|| Problem::new(ErrorCode::NotFound, "There is nothing to show."), Problem::from))
}
