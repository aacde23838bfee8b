//! One image, read while the caller waits.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::{ErrorCode, Outcome};
use http::HeaderMap;
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE};

use crate::app::AppState;
use crate::dto::{InferDto, LaneQuery, ProblemDto};
use crate::extract::{QueryOf, lane};
use crate::language;
use crate::media::{MediaType, prefers_png};
use crate::problem::Problem;
use crate::upload::read_one;

/// Reads one image at once.
///
/// The image is not kept. Closing the connection cancels the work. With `Accept: image/png` the answer is the annotated
/// picture. An image that cannot be read, or that no model may read, is answered with a problem, never with an
/// empty list of findings; the problem's `result` then names instance and model.
#[utoipa::path(
    post,
    path = "/v1/infer",
    tag = "infer",
    params(LaneQuery),
    request_body(content(
        (Vec<u8> = "application/dicom"),
        (Vec<u8> = "multipart/form-data"),
        (Vec<u8> = "multipart/related"),
    ), description = "One DICOM Part 10 object, as the body or as the only part of a multipart body"),
    responses(
        (status = 200, description = "What the model found", content(
            (InferDto = "application/json"),
            (Vec<u8> = "image/png"),
        )),
        (status = 413, description = "The object is too large", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Neither DICOM nor multipart", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be read, or no model may read it", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 504, description = "The deadline passed in the queue", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn infer(
    State(app): State<Arc<AppState>>,
    QueryOf(query): QueryOf<LaneQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let lane = lane(query.lane.as_deref())?;
    let language = language::preferred(&headers, app.config.default_language);
    let media = MediaType::of(&headers);
    let object = read_one(media.as_ref(), body, app.upload_limits(), lane).await?;
    // Awaited here and not in a task of its own: when the client goes away, axum drops this future and the reader
    // cancels.
    let reading = app.ports.reader.read(object.bytes.clone(), lane).await?;
    let body = InferDto::of(&reading.report, language);
    if let Outcome::Refused(fault) | Outcome::Failed(fault) = reading.report.outcome {
        let result = serde_json::to_value(body).unwrap_or_default();
        return Err(Problem::from(fault).with_result(result));
    }
    if !prefers_png(&headers) {
        return Ok(([(CONTENT_LANGUAGE, language::tag(language))], Json(body)).into_response());
    }
    match reading.overlay_png {
        Some(png) => Ok(([(CONTENT_TYPE, "image/png")], png).into_response()),
        None => {
            Err(Problem::new(ErrorCode::Internal, "The model ran but no picture was made; ask for JSON."))
        }
    }
}
