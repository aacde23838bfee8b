//! What images tell a visit.

use std::sync::Arc;

use baize_core::ports::{InstanceRecord, TriageStep, VisitId};
use baize_core::{Outcome, StudyUid};
use baize_fusion::{FusionRules, Patient};

use crate::desk::{Desk, Stepped};
use crate::evidence::ImagingEvidence;
use crate::refusal::Refusal;
use crate::steps;
use crate::visit::{Known, unknown};

/// Under which name the record has steps that imaging made.
const ACTOR: &str = "@imaging";

/// A study of an encounter, with its results.
pub(crate) struct Sight {
    pub(crate) study: StudyUid,
    pub(crate) instances: Vec<InstanceRecord>,
}

impl Sight {
    /// Whether results are all here and none of them says anything: an image was meant for a model, and could not be
    /// read or was turned away. Images that no model reads at all leave nobody waiting.
    fn is_unread(&self) -> bool {
        let mut reports = self.instances.iter().flat_map(|instance| &instance.reports);
        let pending = self.instances.iter().any(|instance| instance.pending > 0);
        let analysed = reports.clone().any(|report| matches!(report.outcome, Outcome::Analysed { .. }));
        let disappoints = reports.any(|report| match &report.outcome {
            Outcome::Failed(_) => true,
            Outcome::Refused(_) => report.model.is_some(),
            Outcome::Analysed { .. } => false,
        });
        !pending && !analysed && disappoints
    }

    fn evidence(&self, rules: &FusionRules, patient: &Patient<'_>) -> Vec<ImagingEvidence> {
        let mut told = Vec::new();
        for report in self.instances.iter().flat_map(|instance| &instance.reports) {
            let Outcome::Analysed { caveats, .. } = &report.outcome else { continue };
            for judgement in rules.judge(report, patient) {
                told.push(ImagingEvidence::of_judgement(&judgement, report, caveats, rules.name()));
            }
        }
        // Of several images of a study that show the same, the surest stands for all.
        told.sort_by(|one, other| probability(other).total_cmp(&probability(one)));
        if self.is_unread() {
            told.push(ImagingEvidence::not_read(&self.study, rules.name()));
        }
        told
    }
}

fn probability(evidence: &ImagingEvidence) -> f32 {
    evidence.finding.as_ref().map_or(0.0, |finding| finding.probability)
}

impl Desk {
    /// Tells a visit what the images of its encounter show. Recorded is only what the visit does not know yet, so that it
    /// can be told as often as one likes.
    ///
    /// # Errors
    /// `NotFound` for an unknown visit; `Saturated`, `StorageFailed` or `Internal`.
    pub(crate) async fn tell(
        &self,
        id: &VisitId,
        rules: &Arc<FusionRules>,
        sights: &Arc<Vec<Sight>>,
    ) -> Result<Stepped, Refusal> {
        let (rules, sights, at) = (Arc::clone(rules), Arc::clone(sights), self.now());
        let making = Arc::new(move |triage: &_, history: &[_]| {
            let last = history.last().ok_or_else(unknown)?;
            let known = Known::of(last)?;
            let patient = Patient { age_years: known.request.age_years(), vitals: &known.request.vitals };
            let told = sights.iter().flat_map(|sight| sight.evidence(&rules, &patient)).collect();
            steps::imaging(triage, last, told, (ACTOR, at))
        });
        self.step(id, TriageStep::Imaging, making).await
    }

    /// Tells a visit that a study belongs to its encounter no more. Recorded once.
    ///
    /// # Errors
    /// As [`Self::tell`].
    pub(crate) async fn part(
        &self,
        id: &VisitId,
        rules: &Arc<FusionRules>,
        study: &StudyUid,
    ) -> Result<Stepped, Refusal> {
        let (parted, at) = (ImagingEvidence::parted(study, rules.name()), self.now());
        let making = Arc::new(move |triage: &_, history: &[_]| {
            let last = history.last().ok_or_else(unknown)?;
            steps::imaging(triage, last, vec![parted.clone()], (ACTOR, at))
        });
        self.step(id, TriageStep::ImagingNote, making).await
    }
}
