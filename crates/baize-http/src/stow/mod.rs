//! STOW-RS (PS3.18 section 10.5): storing the objects of a multipart body.

mod dataset;
mod reason;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baize_core::ports::{Door, Novelty};
use baize_core::{ErrorClass, ErrorCode, Fault, InstanceIdentity, Lane, StudyUid};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use tracing::Instrument;

use crate::app::AppState;
use crate::auth::Principal;
use crate::dto::{LaneQuery, ProblemDto, StowResponse};
use crate::extract::{PathOf, QueryOf, lane, study_uid};
use crate::media::MediaType;
use crate::problem::Problem;
use crate::upload::{Part, Parts};

/// What became of one part.
enum Fate {
    Stored { identity: InstanceIdentity, novelty: Novelty },
    Failed { identity: Option<InstanceIdentity>, reason: u16, fault: Fault },
}

/// Stores objects of any studies.
///
/// Answers only after every stored object is durable; its analysis is then queued. Sending an object again is safe
/// and changes nothing. An object whose SOP Instance UID is already there with a different data set is kept
/// beside the first, is not analysed, and is listed with Warning Reason (0008,1196) 0xB111.
#[utoipa::path(
    post,
    path = "/dicomweb/studies",
    tag = "dicomweb",
    params(LaneQuery),
    request_body(
        content = Vec<u8>,
        content_type = "multipart/related",
        description = "`multipart/related; type=\"application/dicom\"; boundary=…` with one DICOM Part 10 object per part"
    ),
    responses(
        (status = 200, description = "All objects are stored", body = StowResponse,
         content_type = "application/dicom+json", example = json!(dataset::example())),
        (status = 202, description = "Some objects are stored; the data set lists failures and warnings",
         body = StowResponse, content_type = "application/dicom+json"),
        (status = 409, description = "No object could be stored; the data set says why", body = StowResponse,
         content_type = "application/dicom+json"),
        (status = 413, description = "The body or the only object is too large", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not multipart/related with application/dicom", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 507, description = "The spool is full; nothing was stored", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn store_studies(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    QueryOf(query): QueryOf<LaneQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    store(app, caller, None, lane(query.lane.as_deref())?, &headers, body).await
}

/// Stores objects of one study.
///
/// As `POST /dicomweb/studies`, but an object of another study is refused with Failure Reason (0008,1197) 0xA900.
#[utoipa::path(
    post,
    path = "/dicomweb/studies/{study}",
    tag = "dicomweb",
    params(("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"), LaneQuery),
    request_body(
        content = Vec<u8>,
        content_type = "multipart/related",
        description = "`multipart/related; type=\"application/dicom\"; boundary=…` with one DICOM Part 10 object per part"
    ),
    responses(
        (status = 200, description = "All objects are stored", body = StowResponse,
         content_type = "application/dicom+json", example = json!(dataset::example())),
        (status = 202, description = "Some objects are stored; the data set lists failures and warnings",
         body = StowResponse, content_type = "application/dicom+json"),
        (status = 409, description = "No object could be stored; the data set says why", body = StowResponse,
         content_type = "application/dicom+json"),
        (status = 413, description = "The body or the only object is too large", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 415, description = "Not multipart/related with application/dicom", body = ProblemDto,
         content_type = "application/problem+json"),
        (status = 507, description = "The spool is full; nothing was stored", body = ProblemDto,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn store_study(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Principal>,
    PathOf(study): PathOf<String>,
    QueryOf(query): QueryOf<LaneQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let study = study_uid(&study)?;
    store(app, caller, Some(study), lane(query.lane.as_deref())?, &headers, body).await
}

async fn store(
    app: Arc<AppState>,
    caller: Principal,
    study: Option<StudyUid>,
    lane: Lane,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let media = accepted_media(headers)?;
    let mut parts = Parts::new(&media, body, app.upload_limits(), lane)?;
    let mut fates = Vec::new();
    while let Some(part) = parts.next().await? {
        if fates.len() == app.config.max_parts {
            let most = app.config.max_parts;
            return Err(Problem::invalid(format!(
                "The body has more than {most} parts. The first {most} were taken; send the rest in other requests."
            )));
        }
        let door = Door::Stow { client: caller.name.clone() };
        let fate = take(&app, part, door, study.as_ref(), lane).await;
        if let Fate::Failed { fault, reason, .. } = &fate {
            tracing::warn!(part = fates.len() + 1, code = %fault.code, reason, "object not stored");
        }
        fates.push(fate);
    }
    for study in whole_studies(&fates) {
        // The objects are stored, whatever becomes of this note: without it the study only takes longer.
        if let Err(fault) = app.ports.watch.stowed(study).await {
            tracing::warn!(%fault, %study, "cannot note that the study was stored");
        }
    }
    answer(&app.config.public_url, fates)
}

/// The studies of a request that stored every part.
fn whole_studies(fates: &[Fate]) -> BTreeSet<&StudyUid> {
    let mut studies = BTreeSet::new();
    for fate in fates {
        let Fate::Stored { identity, .. } = fate else { return BTreeSet::new() };
        studies.insert(&identity.study);
    }
    studies
}

/// PS3.18 section 10.5.1: `multipart/related` whose root type is DICOM. The metadata-and-bulk-data types are not
/// taken.
fn accepted_media(headers: &HeaderMap) -> Result<MediaType, Problem> {
    let media = MediaType::of(headers).filter(|media| {
        media.essence == "multipart/related"
            && media.parameter("type").is_none_or(|root| root.eq_ignore_ascii_case("application/dicom"))
    });
    media.ok_or_else(|| {
        let text = "Content-Type: must be multipart/related; type=\"application/dicom\"; boundary=…";
        Problem::new(ErrorCode::UnsupportedMediaType, text)
    })
}

async fn take(app: &Arc<AppState>, part: Part, door: Door, study: Option<&StudyUid>, lane: Lane) -> Fate {
    let failed = |fault: Fault, identity| Fate::Failed { identity, reason: reason::of(fault.code), fault };
    let is_dicom = match part.content_type {
        Ok(media) => media.is_none_or(|media| media.essence == "application/dicom"),
        Err(fault) => return failed(fault, None),
    };
    if !is_dicom {
        let text = "The part's Content-Type must be application/dicom.";
        return failed(Fault::new(ErrorCode::UnsupportedMediaType, text), None);
    }
    let object = match part.content {
        Ok(object) => object,
        Err(fault) => return failed(fault, None),
    };
    if let Some(expected) = study {
        match app.ports.identify.identify(&object.bytes).await {
            Err(fault) => return failed(fault, None),
            Ok(identity) if identity.study != *expected => {
                let fault = Fault::new(ErrorCode::InvalidRequest, "The object belongs to another study.");
                return Fate::Failed { identity: Some(identity), reason: reason::OTHER_STUDY, fault };
            }
            Ok(_) => {}
        }
    }
    // A task of its own: a client that goes away must not cut the writing short between file and ledger. Its
    // share of the upload memory goes with it.
    let intake = Arc::clone(&app.ports.intake);
    let identify = Arc::clone(&app.ports.identify);
    let work = async move {
        match intake.accept(object.bytes.clone(), door, lane).await {
            Ok(accepted) => Fate::Stored { identity: accepted.identity, novelty: accepted.novelty },
            // The answer has to name the instance where it can be told.
            Err(fault) => {
                let identity = identify.identify(&object.bytes).await.ok();
                Fate::Failed { identity, reason: reason::of(fault.code), fault }
            }
        }
    };
    match tokio::spawn(work.in_current_span()).await {
        Ok(fate) => fate,
        Err(_) => {
            failed(Fault::new(ErrorCode::Internal, "The server made a mistake with this object."), None)
        }
    }
}

/// The status of PS3.18 table 10.5.3-1. Where nothing was stored because of us or of the size, a problem with
/// its retry time tells more than a 409 would.
fn answer(public_url: &str, fates: Vec<Fate>) -> Result<Response, Problem> {
    if fates.is_empty() {
        return Err(Problem::invalid("The body has no parts."));
    }
    let is_stored = |fate: &Fate| matches!(fate, Fate::Stored { .. });
    let is_clean =
        |fate: &Fate| matches!(fate, Fate::Stored { novelty: Novelty::New | Novelty::Duplicate, .. });
    let status = if fates.iter().all(is_clean) {
        StatusCode::OK
    } else if fates.iter().any(is_stored) {
        StatusCode::ACCEPTED
    } else if let Some(fault) = common_trouble(&fates) {
        return Err(fault.into());
    } else {
        StatusCode::CONFLICT
    };
    // Exactly this type: dicomweb-client compares it as text, parameters included.
    let headers = [(CONTENT_TYPE, "application/dicom+json")];
    Ok((status, headers, dataset::of(public_url, &fates).0.to_string()).into_response())
}

/// The first fault, where no fault is the objects' own.
fn common_trouble(fates: &[Fate]) -> Option<Fault> {
    let mut first = None;
    for fate in fates {
        let Fate::Failed { fault, .. } = fate else { return None };
        let elsewhere = matches!(fault.code.class(), ErrorClass::Overload | ErrorClass::Internal)
            || matches!(fault.code, ErrorCode::ObjectTooLarge | ErrorCode::UnsupportedMediaType);
        if !elsewhere {
            return None;
        }
        first.get_or_insert(fault);
    }
    first.cloned()
}
