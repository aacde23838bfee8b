//! Annotated pictures.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use baize_core::ports::InstanceRecord;
use baize_core::{ErrorCode, ModelRef, Outcome, SopUid};
use http::header::CONTENT_TYPE;

use crate::app::AppState;
use crate::dto::{OverlayQuery, ProblemDto};
use crate::extract::{PathOf, QueryOf, sop_uid, study_uid};
use crate::problem::Problem;

/// Shows where a model saw what.
///
/// The stored image with heat map, boxes and a footer. May show patient data that is burned into the image.
#[utoipa::path(
    get,
    path = "/v1/studies/{study}/instances/{sop}/overlay.png",
    tag = "studies",
    params(
        ("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"),
        ("sop" = String, Path, description = "SOP Instance UID", example = "1.2.840.113619.2.1.1.1"),
        OverlayQuery,
    ),
    responses(
        (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"),
        (status = 404, description = "No such image, or no model has analysed it", body = ProblemDto,
         content_type = "application/problem+json")
    )
)]
pub(crate) async fn overlay(
    State(app): State<Arc<AppState>>,
    PathOf((study, sop)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<OverlayQuery>,
) -> Result<impl IntoResponse, Problem> {
    let (study, sop) = (study_uid(&study)?, sop_uid(&sop)?);
    let instances = app.ports.studies.instances(&study).await?;
    let record = image_of(&instances, &sop)?;
    let model = chosen_model(record, query.model.as_deref())?;
    let Some(png) = app.ports.spool.overlay(&study, &sop, model).await? else {
        return Err(Problem::new(ErrorCode::NotFound, "The picture of this result is not there any more."));
    };
    Ok(([(CONTENT_TYPE, "image/png")], png))
}

/// The image of that UID.
pub(super) fn image_of<'a>(
    instances: &'a [InstanceRecord],
    sop: &SopUid,
) -> Result<&'a InstanceRecord, Problem> {
    let unknown = || Problem::new(ErrorCode::NotFound, "sop: no such image of this study has been received");
    instances.iter().find(|record| record.identity.sop == *sop).ok_or_else(unknown)
}

/// The model asked for, among those that analysed the image. The caller's text selects and goes no further: the
/// spool makes file names of it.
pub(super) fn chosen_model<'a>(
    record: &'a InstanceRecord,
    asked: Option<&str>,
) -> Result<&'a ModelRef, Problem> {
    let analysed = record.reports.iter().filter(|report| matches!(report.outcome, Outcome::Analysed { .. }));
    let models: Vec<&ModelRef> = analysed.filter_map(|report| report.model.as_ref()).collect();
    let is_asked =
        |model: &&&ModelRef| asked.is_none_or(|name| name == model.id || name == model.to_string());
    match models.iter().filter(is_asked).collect::<Vec<_>>().as_slice() {
        [model] => Ok(model),
        [] => Err(Problem::new(ErrorCode::NotFound, nothing_analysed(record, &models))),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Problem::invalid(format!("model: name one of {}", names.join(", "))))
        }
    }
}

fn nothing_analysed(record: &InstanceRecord, models: &[&ModelRef]) -> String {
    if !models.is_empty() {
        let names: Vec<String> = models.iter().map(ToString::to_string).collect();
        return format!("model: this image was analysed by {}", names.join(", "));
    }
    match record.pending {
        0 => "No model has analysed this image; its findings say why.".to_owned(),
        _ => "The image is not analysed yet.".to_owned(),
    }
}
