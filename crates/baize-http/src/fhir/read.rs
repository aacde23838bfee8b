//! One resource by its id.

use baize_core::ports::{AuditQuery, FoundStudy, StudySearch, VisitId, VisitResult, VisitSearch};
use baize_core::{ErrorCode, Fault, StudyUid, Timestamp};
use baize_fhir::{Kind, Links, ObservationName, Resource};

use super::{audit, load};
use crate::app::AppState;
use crate::problem::Problem;

/// The resource as it is now.
///
/// # Errors
/// `NotFound`, `StorageFailed`.
pub(super) async fn resource(app: &AppState, kind: Kind, id: &str) -> Result<Resource, Problem> {
    let found = match kind {
        Kind::DiagnosticReport | Kind::ImagingStudy => of_study(app, kind, id).await?,
        Kind::Provenance | Kind::RiskAssessment | Kind::Observation => match ObservationName::parse(id) {
            Some(ObservationName::Step(visit, sequence)) => of_step(app, kind, visit, sequence).await?,
            Some(ObservationName::Image(sop)) if kind == Kind::Observation => {
                match app.ports.fhir.search.study_of_image(&sop).await? {
                    Some(study) => finding(app, study, id).await?,
                    None => None,
                }
            }
            _ => of_study(app, kind, id).await?,
        },
        Kind::Device => {
            devices(app).await?.into_iter().map(|(made, _)| made).find(|made| made.key.id() == id)
        }
        Kind::AuditEvent => recorded(app, id).await?,
        Kind::Subscription => None,
    };
    found.ok_or_else(|| Problem::new(ErrorCode::NotFound, "id: there is no such resource"))
}

async fn recorded(app: &AppState, id: &str) -> Result<Option<Resource>, Fault> {
    let Some(sequence) = id.parse().ok().filter(|sequence: &u64| sequence.to_string() == id) else {
        return Ok(None);
    };
    let wanted = AuditQuery { sequences: Some(vec![sequence]), limit: 1, ..AuditQuery::default() };
    let found = app.ports.fhir.audit.audited(wanted).await?;
    Ok(found.first().map(|record| audit::event(app, record)))
}

async fn find(app: &AppState, study: StudyUid) -> Result<Option<FoundStudy>, Fault> {
    let wanted = StudySearch { studies: Some(vec![study]), limit: 1, ..StudySearch::default() };
    Ok(app.ports.fhir.search.find_studies(wanted).await?.pop())
}

async fn of_study(app: &AppState, kind: Kind, id: &str) -> Result<Option<Resource>, Fault> {
    let Ok(study) = StudyUid::parse(id) else { return Ok(None) };
    let Some(found) = find(app, study).await? else { return Ok(None) };
    let Some(result) = load::study(app, &found).await? else { return Ok(None) };
    let mapper = &app.ports.fhir.mapper;
    Ok(match (kind, found.changed_at) {
        (Kind::ImagingStudy, _) => Some(mapper.imaging_study(&result).served(load::changed(&found))),
        (Kind::DiagnosticReport, Some(at)) => Some(mapper.report(&result, Links::Served).served(at)),
        (Kind::Provenance, Some(at)) => Some(mapper.provenance(&result, Links::Served).served(at)),
        // Nothing is told of it yet.
        _ => None,
    })
}

async fn finding(app: &AppState, study: StudyUid, id: &str) -> Result<Option<Resource>, Fault> {
    let Some(found) = find(app, study).await? else { return Ok(None) };
    let Some(result) = load::study(app, &found).await? else { return Ok(None) };
    let made = app.ports.fhir.mapper.findings(&result, Links::Served);
    let one = made.into_iter().find(|made| made.key.id() == id);
    Ok(one.zip(found.changed_at).map(|(made, at)| made.served(at)))
}

async fn of_step(
    app: &AppState,
    kind: Kind,
    visit: VisitId,
    sequence: u32,
) -> Result<Option<Resource>, Fault> {
    let wanted = VisitSearch { steps: Some(vec![(visit, sequence)]), limit: 1, ..VisitSearch::default() };
    let Some(found) = app.ports.fhir.search.find_steps(wanted).await?.pop() else { return Ok(None) };
    let visit: VisitResult = load::step(app, found.entry).await?;
    let (mapper, at) = (&app.ports.fhir.mapper, visit.entry.at);
    let made = match kind {
        Kind::RiskAssessment => mapper.risk(&visit, Links::Served),
        Kind::Observation => mapper.triage_level(&visit, Links::Served),
        _ => mapper.step_provenance(&visit, Links::Served),
    };
    Ok(Some(made.served(at)))
}

/// Baize itself and all models that results name, with since when.
pub(super) async fn devices(app: &AppState) -> Result<Vec<(Resource, Timestamp)>, Fault> {
    let (mapper, start) = (&app.ports.fhir.mapper, app.started_at);
    let models = app.ports.fhir.search.told_models().await?;
    let own = std::iter::once((mapper.software().served(start), start));
    let made =
        models.into_iter().map(|(model, since)| (mapper.model(&model, Links::Served).served(since), since));
    Ok(own.chain(made).collect())
}
