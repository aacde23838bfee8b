//! A model that says what a test tells it to, and the parts around it.

use std::sync::{Arc, LazyLock};

use baize_core::{ErrorCode, Fault};
use baize_testkit::FakeAcuityModel;
use baize_triage::complaint::Lexicon;
use baize_triage::{AcuityModel, Assessment, Contribution, ModelOutput, RuleSet, Triage};

/// What a model says about everybody.
#[derive(Clone, Copy)]
pub(crate) struct Fixed {
    pub(crate) probabilities: [f32; 5],
    pub(crate) second_reader: f32,
    pub(crate) fails: bool,
    pub(crate) panics: bool,
}

impl Fixed {
    pub(crate) fn new(probabilities: [f32; 5]) -> Self {
        Self { probabilities, second_reader: 0.5, fails: false, panics: false }
    }

    fn model(self) -> FakeAcuityModel {
        let ill = || Fault::new(ErrorCode::InferenceFailed, "told to fail");
        let contributions = (0..8).map(|feature| Contribution { feature, weight: feature as f32 - 4.0 });
        let output = ModelOutput {
            acuity_probabilities: self.probabilities,
            admission: 0.25,
            contributions: contributions.collect(),
        };
        FakeAcuityModel::new(self.probabilities)
            .predicting(move |_| {
                assert!(!self.panics, "told to panic");
                if self.fails { Err(ill()) } else { Ok(output.clone()) }
            })
            .doubting(move |_| if self.fails { Err(ill()) } else { Ok(self.second_reader) })
    }
}

/// Built once: its automaton holds every phrase.
static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::builtin().unwrap());

/// Triage with the built-in rules.
pub(crate) fn triage(model: Option<Fixed>) -> Triage {
    let model = model.map(|model| Arc::new(model.model()) as Arc<dyn AcuityModel>);
    Triage::new(RuleSet::builtin().unwrap(), LEXICON.clone(), model).unwrap()
}

/// Level, acuity.
pub(crate) fn levels(assessment: &Assessment) -> (u8, u8) {
    (assessment.level_cn.get(), assessment.acuity.get())
}
