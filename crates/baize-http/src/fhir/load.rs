//! What resources are made from.

use baize_core::ports::{FoundStudy, RecordedReview, StudyResult, TriageEntry, VisitResult};
use baize_core::{Fault, Timestamp};
use baize_fhir::standing;

use crate::app::AppState;

/// A study that was found, with all that is known of it; `None` where it has gone.
pub(super) async fn study(app: &AppState, found: &FoundStudy) -> Result<Option<StudyResult>, Fault> {
    let ports = &app.ports;
    let Some(summary) = ports.studies.study(&found.study).await? else { return Ok(None) };
    let instances = ports.studies.instances(&found.study).await?;
    let reviews = ports.reviews.reviews(&found.study).await?;
    let context = ports.hospital.context(&found.study).await?;
    let standing = standing(&instances, &reviews);
    Ok(Some(StudyResult { summary, context, instances, reviews: last_words(reviews), standing }))
}

/// The last review of each result.
fn last_words(reviews: Vec<RecordedReview>) -> Vec<RecordedReview> {
    let is_same = |one: &RecordedReview, other: &RecordedReview| {
        one.review.sop == other.review.sop && one.review.model == other.review.model
    };
    let mut last: Vec<RecordedReview> = Vec::new();
    for review in reviews {
        last.retain(|earlier| !is_same(earlier, &review));
        last.push(review);
    }
    last
}

/// A step of a visit with what the HIS says of its encounter.
pub(super) async fn step(app: &AppState, entry: TriageEntry) -> Result<VisitResult, Fault> {
    let encounter = match &entry.encounter {
        Some(number) => app.ports.hospital.encounter(number).await?,
        None => None,
    };
    Ok(VisitResult { entry, encounter })
}

/// When a study as a whole last changed: an image came in, or something that is told of it.
pub(super) fn changed(found: &FoundStudy) -> Timestamp {
    found.changed_at.map_or(found.updated_at, |at| at.max(found.updated_at))
}
