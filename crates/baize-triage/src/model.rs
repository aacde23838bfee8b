//! What triage asks of a model. The model itself lives elsewhere: no tensor library here.

use std::ops::RangeInclusive;

use baize_core::{Fault, ModelRef};

use crate::features::Features;
use crate::level::Acuity;

/// What a model says about one patient.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelOutput {
    /// Calibrated probabilities of acuity 1 to 5; they add up to 1.
    pub acuity_probabilities: [f32; 5],
    /// Calibrated probability of admission.
    pub admission: f32,
    /// What each feature contributed towards urgency; negative ones towards calm. Features that say one thing together
    /// may be reported as one of them.
    pub contributions: Vec<Contribution>,
}

/// One feature's part in an output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// Its place in [`crate::FeatureSchema::names`].
    pub feature: usize,
    /// Towards urgency where positive.
    pub weight: f32,
}

impl ModelOutput {
    /// Whether the numbers can be what they claim to be.
    pub(crate) fn is_sound(&self) -> bool {
        let sum: f32 = self.acuity_probabilities.iter().sum();
        let mut probabilities = self.acuity_probabilities.iter().chain([&self.admission]);
        probabilities.all(|value| (0.0..=1.0).contains(value)) && (sum - 1.0).abs() < 1e-3
    }
}

/// A model of acuity and admission, with its second reader.
pub trait AcuityModel: Send + Sync {
    /// Which model and version.
    fn model(&self) -> &ModelRef;

    /// The version of the feature schema that it was trained on.
    fn schema_version(&self) -> &str;

    /// The ages in years that it was validated on; outside of them it is not asked.
    fn validated_ages(&self) -> RangeInclusive<f64>;

    /// Reads patients, in order; one answer for each.
    ///
    /// # Errors
    /// The model could not run. The rules then stand alone, and the assessment says so.
    fn predict(&self, patients: &[&Features]) -> Result<Vec<ModelOutput>, Fault>;

    /// The probability that experts would call the patient more urgent than the nurse does. `opinion` is what
    /// [`Self::predict`] said of the patient, `rules` the calmest acuity that the rules which fired allow.
    ///
    /// # Errors
    /// The model could not run.
    fn second_reader(
        &self,
        patient: &Features,
        opinion: &ModelOutput,
        nurse: Acuity,
        rules: Option<Acuity>,
    ) -> Result<f32, Fault>;

    /// The probability from which on the second reader alerts, so that it does for this share of visits. It belongs to
    /// the model version.
    fn alert_threshold(&self, budget: f32) -> f32;
}
