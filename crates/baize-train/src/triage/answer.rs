//! What the triage that serves answers to a visit, as far as it is measured.

use baize_triage::{Acuity, Assessment, Request, Triage};
use indicatif::ProgressBar;
use rayon::prelude::*;

/// Visits that the model sees together.
const BATCH: usize = 256;

/// One answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Absent where the model did not run.
    pub(super) model: Option<ModelAnswer>,
    /// The level that the desk shows: the model's or the cautious one, raised by the rules and by a nurse's level.
    pub(super) level: Acuity,
    /// Absent without a nurse's level or where the second reader did not run.
    pub(super) second: Option<SecondAnswer>,
    /// What came of the complaint's text.
    pub(super) reading: TextReading,
    /// Name and version of the installed model.
    pub(super) name: Option<String>,
}

/// The model's part.
#[derive(Clone, Copy, Debug)]
pub(super) struct ModelAnswer {
    /// Of acuity 1 to 5.
    pub(super) probabilities: [f64; 5],
    /// Of admission.
    pub(super) admission: f64,
    /// The most probable level; of equal ones the more urgent.
    pub(super) most_probable: Acuity,
    /// The level of the least expected cost.
    pub(super) least_cost: Acuity,
}

/// The second reader's part.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecondAnswer {
    pub(super) probability: f64,
    pub(super) alert: bool,
}

/// What came of a complaint's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextReading {
    /// There was none.
    NoText,
    /// At least one code.
    Coded,
    /// No code, but words reported as unknown.
    Unknown,
    /// Neither: the text was passed over in silence.
    Silent,
}

/// Assesses requests, in order.
pub(super) fn answers(triage: &Triage, requests: &[Request], bar: &ProgressBar) -> Vec<Answer> {
    let batch = |batch: &[Request]| {
        let assessments = triage.assess_many(batch);
        bar.inc(batch.len() as u64);
        let answers: Vec<Answer> = batch
            .iter()
            .zip(&assessments)
            .map(|(request, assessment)| Answer::of(request, assessment))
            .collect();
        answers
    };
    requests.par_chunks(BATCH).flat_map_iter(batch).collect()
}

impl Answer {
    fn of(request: &Request, assessment: &Assessment) -> Self {
        let read = assessment.complaints.iter().any(|complaint| complaint.span.is_some());
        let reading = match (&request.chief_complaint, read, assessment.unknown_words.is_empty()) {
            (None, ..) => TextReading::NoText,
            (_, true, _) => TextReading::Coded,
            (_, _, false) => TextReading::Unknown,
            _ => TextReading::Silent,
        };
        let parts = assessment
            .acuity_probabilities
            .zip(assessment.admission_probability)
            .zip(assessment.basis.model_acuity);
        let model = parts.map(|((probabilities, admission), least_cost)| ModelAnswer {
            probabilities: probabilities.map(f64::from),
            admission: f64::from(admission),
            most_probable: most_probable(&probabilities),
            least_cost,
        });
        let second = assessment.second_reader;
        Self {
            model,
            level: assessment.acuity,
            second: second
                .probability
                .zip(second.alert)
                .map(|(probability, alert)| SecondAnswer { probability: f64::from(probability), alert }),
            reading,
            name: assessment.model.as_ref().map(ToString::to_string),
        }
    }
}

fn most_probable(probabilities: &[f32; 5]) -> Acuity {
    let mut best = (Acuity::MOST_URGENT, f32::NEG_INFINITY);
    for (level, probability) in (1..).filter_map(Acuity::new).take(probabilities.len()).zip(probabilities) {
        if *probability > best.1 {
            best = (level, *probability);
        }
    }
    best.0
}
