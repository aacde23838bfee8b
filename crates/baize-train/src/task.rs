//! The chest models that are trained here: what each looks for and how it learns.

use baize_models::Normalisation;
use baize_models::networks::ResidualShape;

use crate::augment::Strength;
use crate::data::{Deal, Diet, Truth};
use crate::trainer::Plan;

/// One finding that a network learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The column of the label files.
    pub(crate) column: &'static str,
    /// Coding Scheme Designator and Code Value.
    pub(crate) code: [&'static str; 2],
    /// Code Meaning in Chinese and English.
    pub(crate) meaning: [&'static str; 2],
}

/// The one finding of the paediatric model.
pub(crate) const PAEDIATRIC: [Target; 1] =
    [Target { column: "pneumonia", code: ["SCT", "233604007"], meaning: ["肺炎", "Pneumonia"] }];

/// What helps the paediatric model to learn: which kind of pneumonia it is.
const KINDS: [Truth; 2] = [Truth::Text("kind", "bacterial"), Truth::Text("kind", "viral")];

/// What the adult screen looks for.
pub(crate) const ADULT: [Target; 5] = [
    Target { column: "effusion", code: ["SCT", "60046008"], meaning: ["胸腔积液", "Pleural effusion"] },
    Target { column: "edema", code: ["SCT", "19242006"], meaning: ["肺水肿", "Pulmonary edema"] },
    Target { column: "atelectasis", code: ["SCT", "46621007"], meaning: ["肺不张", "Atelectasis"] },
    Target {
        column: "infiltration",
        code: ["99BAIZE", "infiltration"],
        meaning: ["肺部浸润影", "Infiltration"],
    },
    Target { column: "cardiomegaly", code: ["SCT", "8186001"], meaning: ["心脏增大", "Cardiomegaly"] },
];

/// What helps the adult screen to learn. Absence of all findings is measured and told, but is no finding: nobody must
/// take it for an all-clear.
pub(crate) const NO_FINDING: Truth = Truth::Flag("no_finding");

/// What the paediatric network's logits learn, in their order.
pub(crate) fn paediatric_truths() -> Vec<Truth> {
    let flags = PAEDIATRIC.iter().map(|target| Truth::Flag(target.column));
    flags.chain(KINDS).collect()
}

/// What the adult network's logits learn, in their order.
pub(crate) fn adult_truths() -> Vec<Truth> {
    ADULT.iter().map(|target| Truth::Flag(target.column)).chain([NO_FINDING]).collect()
}

/// How the paediatric model is trained.
pub(crate) fn paediatric(epochs: usize, seed: u64) -> Plan {
    Plan {
        network: ResidualShape { stem: 16, widths: vec![32, 64, 128], blocks: vec![1, 2, 2], members: 1 },
        members: 3,
        folds: 8,
        deal: Deal::ByNumber,
        diet: Diet::Balanced,
        labels: PAEDIATRIC.len(),
        outputs: paediatric_truths().len(),
        size: 128,
        normalisation: Normalisation::STANDARD,
        strength: Strength::TRAINING,
        epochs,
        batch: 32,
        peak_rate: 2e-3,
        weight_decay: 0.05,
        smoothing: 0.03,
        mixup: 0.3,
        average: 0.997,
        start: None,
        seed,
    }
}

/// How the adult screen is trained, from a trunk whose values have the checksum `start`.
pub(crate) fn adult(epochs: usize, seed: u64, start: Option<String>) -> Plan {
    Plan {
        network: ResidualShape { stem: 16, widths: vec![32, 64, 128], blocks: vec![1, 2, 2], members: 1 },
        members: 5,
        folds: 5,
        deal: Deal::Shuffled,
        diet: Diet::Everything,
        labels: ADULT.len(),
        outputs: adult_truths().len(),
        // Half of the images are known at no more than this; a larger canvas would show which ones.
        size: 64,
        normalisation: Normalisation::STANDARD,
        strength: Strength::SMALL,
        epochs,
        batch: 32,
        peak_rate: 7e-4,
        weight_decay: 0.1,
        smoothing: 0.03,
        mixup: 0.4,
        average: 0.99,
        start,
        seed,
    }
}
