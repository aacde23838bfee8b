//! What physicians say of results.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use baize_core::ports::{FindingOpinion, Opinion, Review, Reviewed, Verdict};
use baize_core::{ErrorCode, SopUid, StudyUid};
use http::{HeaderMap, StatusCode};

use crate::app::AppState;
use crate::auth::Principal;
use crate::dto::{ProblemDto, ReviewDto, ReviewListDto, ReviewRequestDto};
use crate::extract::{PathOf, sop_uid, study_uid};
use crate::json_body::json_body;
use crate::problem::Problem;

const MOST_COMMENT_CHARACTERS: usize = 4000;
const MOST_FINDINGS: usize = 64;

/// Records a physician's word on a result.
///
/// The result stays as the model made it; the newest review stands beside it in the findings, and all are kept. Saying the
/// newest review again (same caller, same words) changes nothing and is answered with it, so a request may be repeated. The
/// answer comes after the record is durable.
#[utoipa::path(
    post,
    path = "/v1/studies/{study}/instances/{sop}/reviews",
    tag = "studies",
    params(
        ("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"),
        ("sop" = String, Path, description = "SOP Instance UID", example = "1.2.840.113619.2.1.1.1")
    ),
    request_body(content = ReviewRequestDto, content_type = "application/json", description = "At most 1 MiB."),
    responses(
        (status = 201, description = "Recorded", body = ReviewDto),
        (status = 200, description = "The newest review says just this already", body = ReviewDto),
        (status = 404, description = "No such image in this study, or it has no result of this model and version",
         body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "The model could not read the image, so there is nothing to review",
         body = ProblemDto, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not application/json", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    PathOf((study, sop)): PathOf<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (study, sop) = (study_uid(&study)?, sop_uid(&sop)?);
    let body = json_body(&app, &headers, body).await?;
    let request = serde_json::from_slice(&body.bytes).map_err(|error| not_understood(&error))?;
    let review = review(&app, caller, (study, sop), request)?;
    let unknown = |detail: &str| Err(Problem::new(ErrorCode::NotFound, detail));
    match app.ports.reviews.review(review).await? {
        Reviewed::Kept(recorded) => Ok((StatusCode::CREATED, Json(ReviewDto::of(&recorded))).into_response()),
        Reviewed::Repeated(recorded) => Ok(Json(ReviewDto::of(&recorded)).into_response()),
        Reviewed::UnknownImage => unknown("sop: the study has no such image"),
        Reviewed::NoSuchResult => unknown(
            "model: the image has no result of this model and version; the findings of the study name those it has",
        ),
        Reviewed::NotAnalysed => {
            let problem =
                Problem::invalid("model: it could not read this image, so there is no finding to review");
            let mut response = problem.into_response();
            *response.status_mut() = StatusCode::CONFLICT;
            Ok(response)
        }
        // Not named: a code may be the caller's own text.
        Reviewed::NoSuchFinding { .. } => Err(Problem::invalid(
            "findings: one of them is none of the result; use scheme and value as they stand there",
        )),
    }
}

/// Lists the reviews of an image, of all models.
#[utoipa::path(
    get,
    path = "/v1/studies/{study}/instances/{sop}/reviews",
    tag = "studies",
    params(
        ("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"),
        ("sop" = String, Path, description = "SOP Instance UID", example = "1.2.840.113619.2.1.1.1")
    ),
    responses(
        (status = 200, description = "All that was said", body = ReviewListDto),
        (status = 404, description = "No such image in this study", body = ProblemDto,
         content_type = "application/problem+json")
    )
)]
pub(crate) async fn of_image(
    State(app): State<Arc<AppState>>,
    PathOf((study, sop)): PathOf<(String, String)>,
) -> Result<Json<ReviewListDto>, Problem> {
    let (study, sop) = (study_uid(&study)?, sop_uid(&sop)?);
    let instances = app.ports.studies.instances(&study).await?;
    if !instances.iter().any(|record| record.identity.sop == sop) {
        return Err(Problem::new(ErrorCode::NotFound, "sop: the study has no such image"));
    }
    let reviews = app.ports.reviews.reviews(&study).await?;
    let of_image = reviews.iter().filter(|recorded| recorded.review.sop == sop);
    Ok(Json(ReviewListDto { reviews: of_image.map(ReviewDto::of).collect() }))
}

/// Says where, not what: the parser's own words would repeat what was sent.
fn not_understood(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let what = if error.is_data() { "is not a ReviewRequest of /openapi.json" } else { "is no JSON" };
    Problem::invalid(format!("body: {what}, at line {line}, column {column}"))
}

fn review(
    app: &AppState,
    caller: Principal,
    (study, sop): (StudyUid, SopUid),
    request: ReviewRequestDto,
) -> Result<Review, Problem> {
    let comment = request.comment.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if comment.as_ref().is_some_and(|text| text.chars().count() > MOST_COMMENT_CHARACTERS) {
        return Err(Problem::invalid(format!("comment: has more than {MOST_COMMENT_CHARACTERS} characters")));
    }
    if request.findings.len() > MOST_FINDINGS {
        return Err(Problem::invalid(format!("findings: has more than {MOST_FINDINGS} entries")));
    }
    let findings: Vec<FindingOpinion> =
        request.findings.into_iter().map(|finding| finding.opinion()).collect();
    let distinct: BTreeSet<_> = findings.iter().map(|finding| (&finding.scheme, &finding.value)).collect();
    if distinct.len() != findings.len() {
        return Err(Problem::invalid("findings: one of them stands there twice"));
    }
    let disagrees = findings.iter().any(|finding| finding.opinion == Opinion::Disagree);
    let verdict = request.verdict.verdict();
    // Each says what the other denies; whichever was meant, the record must not say both.
    match verdict {
        Verdict::Confirmed if disagrees => {
            return Err(Problem::invalid("verdict: is confirmed although findings disagree; use corrected"));
        }
        Verdict::Corrected if !disagrees => {
            return Err(Problem::invalid("findings: a corrected result needs one with opinion disagree"));
        }
        _ => {}
    }
    Ok(Review {
        study,
        sop,
        model: request.model.model(),
        verdict,
        findings,
        comment,
        signed: request.sign,
        reviewer: caller.name,
        at: app.ports.clock.now(),
    })
}
