//! Heat maps as numbers and as pictures.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use baize_core::ports::InstanceRecord;
use baize_core::{ErrorCode, Finding, HeatMap, ModelRef, Outcome};
use http::header::CONTENT_TYPE;

use super::overlay::{chosen_model, image_of};
use crate::app::AppState;
use crate::dto::{HeatDto, HeatQuery, ProblemDto};
use crate::extract::{PathOf, QueryOf, sop_uid, study_uid};
use crate::problem::Problem;

/// Shows the evidence for a finding as numbers.
///
/// The heat map as the model made it, with its place on the stored image. Only positive findings of a model that
/// localises have one. It shows what the model looked at, and is no outline of a lesion.
#[utoipa::path(
    get,
    path = "/v1/studies/{study}/instances/{sop}/heat.json",
    tag = "studies",
    params(
        ("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"),
        ("sop" = String, Path, description = "SOP Instance UID", example = "1.2.840.113619.2.1.1.1"),
        HeatQuery,
    ),
    responses(
        (status = 200, description = "The heat map", body = HeatDto),
        (status = 404, description = "No such image, no model has analysed it, or the finding has no heat map",
         body = ProblemDto, content_type = "application/problem+json")
    )
)]
pub(crate) async fn heat(
    State(app): State<Arc<AppState>>,
    PathOf((study, sop)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<HeatQuery>,
) -> Result<impl IntoResponse, Problem> {
    let record = image(&app, &study, &sop).await?;
    let (model, finding, map) = chosen(&record, &query)?;
    Ok(Json(HeatDto::of(&record.identity, model, &finding.code, map)))
}

/// Shows the evidence for a finding as a picture.
///
/// The heat map in colour, clear where there is no evidence, to lie over the stored image: it covers exactly that image,
/// its longer side at most 1024 pixels. It shows what the model looked at, and is no outline of a lesion. The image itself
/// is not in it.
#[utoipa::path(
    get,
    path = "/v1/studies/{study}/instances/{sop}/heat.png",
    tag = "studies",
    params(
        ("study" = String, Path, description = "Study Instance UID", example = "1.2.840.113619.2.1"),
        ("sop" = String, Path, description = "SOP Instance UID", example = "1.2.840.113619.2.1.1.1"),
        HeatQuery,
    ),
    responses(
        (status = 200, description = "The heat map", body = Vec<u8>, content_type = "image/png"),
        (status = 404, description = "No such image, no model has analysed it, or the finding has no heat map",
         body = ProblemDto, content_type = "application/problem+json")
    )
)]
pub(crate) async fn heat_picture(
    State(app): State<Arc<AppState>>,
    PathOf((study, sop)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<HeatQuery>,
) -> Result<impl IntoResponse, Problem> {
    let record = image(&app, &study, &sop).await?;
    let (_, _, map) = chosen(&record, &query)?;
    let png = app.ports.views.heat_layer(map.clone(), record.facts.rows, record.facts.columns).await?;
    Ok(([(CONTENT_TYPE, "image/png")], png))
}

/// The image with its results.
async fn image(app: &AppState, study: &str, sop: &str) -> Result<InstanceRecord, Problem> {
    let (study, sop) = (study_uid(study)?, sop_uid(sop)?);
    let instances = app.ports.studies.instances(&study).await?;
    image_of(&instances, &sop).cloned()
}

/// The finding and map asked for, with the model that made them.
fn chosen<'a>(
    record: &'a InstanceRecord,
    query: &HeatQuery,
) -> Result<(&'a ModelRef, &'a Finding, &'a HeatMap), Problem> {
    let model = chosen_model(record, query.model.as_deref())?;
    let report = record.reports.iter().find(|report| report.model.as_ref() == Some(model));
    let findings = match report.map(|report| &report.outcome) {
        Some(Outcome::Analysed { findings, .. }) => findings.as_slice(),
        _ => &[],
    };
    let (finding, map) = chosen_map(findings, query.code.as_deref())?;
    Ok((model, finding, map))
}

/// The finding asked for, among those with a map.
fn chosen_map<'a>(
    findings: &'a [Finding],
    asked: Option<&str>,
) -> Result<(&'a Finding, &'a HeatMap), Problem> {
    let name = |finding: &Finding| format!("{}:{}", finding.code.scheme, finding.code.value);
    let mapped = findings.iter().filter_map(|finding| Some((finding, finding.heat.as_ref()?)));
    let wanted = mapped.filter(|(finding, _)| asked.is_none_or(|asked| asked == name(finding)));
    match wanted.collect::<Vec<_>>().as_slice() {
        [(finding, map)] => Ok((finding, map)),
        [] => Err(Problem::new(ErrorCode::NotFound, "No such finding of this result has a heat map.")),
        several => {
            let names: Vec<String> = several.iter().map(|(finding, _)| name(finding)).collect();
            Err(Problem::invalid(format!("code: name one of {}", names.join(", "))))
        }
    }
}
