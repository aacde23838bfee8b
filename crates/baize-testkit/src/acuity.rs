//! A triage model that says what a test tells it to.

use std::ops::RangeInclusive;

use baize_core::{Fault, ModelRef};
use baize_triage::{Acuity, AcuityModel, Features, ModelOutput};

type Predict = Box<dyn Fn(&Features) -> Result<ModelOutput, Fault> + Send + Sync>;
type SecondReader = Box<dyn Fn(Acuity) -> Result<f32, Fault> + Send + Sync>;

/// The model. It was validated on adults; its alert threshold is one minus the budget.
pub struct FakeAcuityModel {
    model: ModelRef,
    ages: RangeInclusive<f64>,
    predict: Predict,
    second_reader: SecondReader,
}

impl FakeAcuityModel {
    /// A model `triage@0.1.0` that says these probabilities of everybody, and of admission 0.1; its second reader doubts nobody.
    pub fn new(acuity_probabilities: [f32; 5]) -> Self {
        let output = ModelOutput { acuity_probabilities, admission: 0.1, contributions: Vec::new() };
        Self {
            model: ModelRef { id: "triage".to_owned(), version: "0.1.0".to_owned() },
            ages: 18.0..=120.0,
            predict: Box::new(move |_| Ok(output.clone())),
            second_reader: Box::new(|_| Ok(0.0)),
        }
    }

    /// With this to say of a patient.
    #[must_use]
    pub fn predicting(
        mut self,
        predict: impl Fn(&Features) -> Result<ModelOutput, Fault> + Send + Sync + 'static,
    ) -> Self {
        self.predict = Box::new(predict);
        self
    }

    /// With this to say of a nurse's level.
    #[must_use]
    pub fn doubting(
        mut self,
        second_reader: impl Fn(Acuity) -> Result<f32, Fault> + Send + Sync + 'static,
    ) -> Self {
        self.second_reader = Box::new(second_reader);
        self
    }

    /// Validated on these ages.
    #[must_use]
    pub fn of_ages(mut self, ages: RangeInclusive<f64>) -> Self {
        self.ages = ages;
        self
    }
}

impl AcuityModel for FakeAcuityModel {
    fn model(&self) -> &ModelRef {
        &self.model
    }

    fn schema_version(&self) -> &str {
        "1"
    }

    fn validated_ages(&self) -> RangeInclusive<f64> {
        self.ages.clone()
    }

    fn predict(&self, patients: &[&Features]) -> Result<Vec<ModelOutput>, Fault> {
        patients.iter().map(|patient| (self.predict)(patient)).collect()
    }

    fn second_reader(
        &self,
        _: &Features,
        _: &ModelOutput,
        nurse: Acuity,
        _: Option<Acuity>,
    ) -> Result<f32, Fault> {
        (self.second_reader)(nurse)
    }

    fn alert_threshold(&self, budget: f32) -> f32 {
        1.0 - budget
    }
}
