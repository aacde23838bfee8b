//! A model that says what a test tells it to, and the parts around it.

use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};

use baize_core::{ErrorCode, Fault, ModelRef};
use baize_triage::complaint::Lexicon;
use baize_triage::{Acuity, AcuityModel, Assessment, Contribution, Features, ModelOutput, RuleSet, Triage};

/// Says the same about everybody.
pub(crate) struct Fixed {
    pub(crate) model: ModelRef,
    pub(crate) probabilities: [f32; 5],
    pub(crate) second_reader: f32,
    pub(crate) fails: bool,
    pub(crate) panics: bool,
}

impl Fixed {
    pub(crate) fn new(probabilities: [f32; 5]) -> Self {
        let model = ModelRef { id: "triage".to_owned(), version: "0.0.0".to_owned() };
        Self { model, probabilities, second_reader: 0.5, fails: false, panics: false }
    }
}

impl AcuityModel for Fixed {
    fn model(&self) -> &ModelRef {
        &self.model
    }

    fn schema_version(&self) -> &str {
        "1"
    }

    fn validated_ages(&self) -> RangeInclusive<f64> {
        18.0..=120.0
    }

    fn predict(&self, patients: &[&Features]) -> Result<Vec<ModelOutput>, Fault> {
        assert!(!self.panics, "told to panic");
        if self.fails {
            return Err(Fault::new(ErrorCode::InferenceFailed, "told to fail"));
        }
        let output = ModelOutput {
            acuity_probabilities: self.probabilities,
            admission: 0.25,
            contributions: (0..8)
                .map(|feature| Contribution { feature, weight: feature as f32 - 4.0 })
                .collect(),
        };
        Ok(vec![output; patients.len()])
    }

    fn second_reader(
        &self,
        _: &Features,
        _: &ModelOutput,
        _: Acuity,
        _: Option<Acuity>,
    ) -> Result<f32, Fault> {
        if self.fails {
            Err(Fault::new(ErrorCode::InferenceFailed, "told to fail"))
        } else {
            Ok(self.second_reader)
        }
    }

    fn alert_threshold(&self, budget: f32) -> f32 {
        1.0 - budget
    }
}

/// Built once: its automaton holds every phrase.
static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::builtin().unwrap());

/// Triage with the built-in rules.
pub(crate) fn triage(model: Option<Fixed>) -> Triage {
    let model = model.map(|model| Arc::new(model) as Arc<dyn AcuityModel>);
    Triage::new(RuleSet::builtin().unwrap(), LEXICON.clone(), model).unwrap()
}

/// Level, acuity.
pub(crate) fn levels(assessment: &Assessment) -> (u8, u8) {
    (assessment.level_cn.get(), assessment.acuity.get())
}
