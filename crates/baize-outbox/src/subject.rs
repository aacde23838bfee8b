//! What a message tells of, gathered from the record.

use std::sync::Arc;

use baize_core::ports::{
    HospitalRecords, InstanceRecord, RecordedReview, Reviews, Standing, Studies, StudyResult, TriageRecords,
    VisitId, VisitResult,
};
use baize_core::{ErrorCode, Fault, Outcome, StudyUid};

/// Where messages are gathered from.
#[derive(Clone)]
pub struct Sources {
    /// Studies, images and results.
    pub studies: Arc<dyn Studies>,
    /// What physicians said of results.
    pub reviews: Arc<dyn Reviews>,
    /// The visits to the triage desk.
    pub triage: Arc<dyn TriageRecords>,
    /// What the HIS said of patients, encounters and orders.
    pub hospital: Arc<dyn HospitalRecords>,
}

impl Sources {
    /// All that is known of a study. Its standing is that of one that nobody was told of.
    ///
    /// # Errors
    /// `StorageFailed`; `NotFound` for an unknown study.
    pub(crate) async fn study(&self, study: &StudyUid) -> Result<StudyResult, Fault> {
        // In this order: what comes in between owes a message of its own.
        let summary = self.studies.study(study).await?;
        let summary = summary.ok_or_else(|| Fault::new(ErrorCode::NotFound, "the study is not here"))?;
        let instances = self.studies.instances(study).await?.into_iter().filter(is_told).collect();
        Ok(StudyResult {
            summary,
            context: self.hospital.context(study).await?,
            instances,
            reviews: last_words(self.reviews.reviews(study).await?),
            standing: Standing::Preliminary,
        })
    }

    /// One step of a visit.
    ///
    /// # Errors
    /// `StorageFailed`; `NotFound` for an unknown step.
    pub(crate) async fn visit(&self, visit: &VisitId, sequence: u32) -> Result<VisitResult, Fault> {
        let history = self.triage.history(visit).await?;
        let entry = history.into_iter().find(|entry| entry.sequence == sequence);
        let entry =
            entry.ok_or_else(|| Fault::new(ErrorCode::NotFound, "the step of the visit is not here"))?;
        let encounter = match &entry.encounter {
            Some(number) => self.hospital.encounter(number).await?,
            None => None,
        };
        Ok(VisitResult { entry, encounter })
    }
}

/// Our own results that another system has sent back, and objects without an image, are nothing to tell of.
fn is_told(instance: &InstanceRecord) -> bool {
    let is_no_image = |outcome: &Outcome| {
        matches!(outcome, Outcome::Refused(fault) | Outcome::Failed(fault)
            if matches!(fault.code, ErrorCode::OwnResult | ErrorCode::NoPixelData))
    };
    instance.reports.is_empty() || !instance.reports.iter().all(|report| is_no_image(&report.outcome))
}

/// Of the reviews of each result the last one.
fn last_words(reviews: Vec<RecordedReview>) -> Vec<RecordedReview> {
    let mut last: Vec<RecordedReview> = Vec::new();
    for recorded in reviews {
        let same = |one: &RecordedReview| {
            (&one.review.sop, &one.review.model) == (&recorded.review.sop, &recorded.review.model)
        };
        match last.iter_mut().find(|one| same(one)) {
            Some(one) => *one = recorded,
            None => last.push(recorded),
        }
    }
    last
}
