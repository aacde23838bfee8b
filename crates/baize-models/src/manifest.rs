//! What a model is, what it may be shown, and what its answers mean.

use baize_core::{Coded, Language, ModelRef, Text};
use baize_imaging::{Fitted, crop, fit};
use ndarray::{Array2, ArrayView2};

use crate::ModelError;
use crate::format::{FitFile, InputFile, ManifestFile, NetworkFile};

/// One thing that a model looks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// What it is.
    pub code: Coded,
    /// The cut of this model version: present where the calibrated probability is at least this.
    pub threshold: f32,
    /// The cut of this model version from which on the finding is critical, where it has one.
    pub critical: Option<f32>,
}

/// A validated manifest. Everything that turns pixels into a finding is in it, so that a threshold can never
/// be used with other weights or another preprocessing.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    file: ManifestFile,
    labels: Vec<Label>,
}

impl Manifest {
    /// Reads a manifest; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ModelError::Manifest`], with the key that is unknown, missing or out of range.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ModelError> {
        let fail = |problem: String| ModelError::Manifest { origin: origin.to_owned(), problem };
        let file: ManifestFile = toml::from_str(text).map_err(|error| fail(error.to_string()))?;
        Self::new(file).map_err(fail)
    }

    /// Checks what was read.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn new(file: ManifestFile) -> Result<Self, String> {
        if let Some(problem) = problem(&file) {
            return Err(problem);
        }
        let labels = file
            .labels
            .iter()
            .map(|label| Label {
                code: Coded {
                    scheme: label.scheme.clone(),
                    value: label.value.clone(),
                    meaning: label.meaning.to_text(),
                },
                threshold: label.threshold,
                critical: label.critical_threshold,
            })
            .collect();
        Ok(Self { file, labels })
    }

    /// The manifest as it is written.
    pub fn file(&self) -> &ManifestFile {
        &self.file
    }

    /// Which model, in which version.
    pub fn model(&self) -> ModelRef {
        ModelRef { id: self.file.id.clone(), version: self.file.version.clone() }
    }

    /// What the model is meant for, as a sentence for people.
    pub fn intended_use(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.file.intended_use.zh,
            Language::English => &self.file.intended_use.en,
        }
    }

    /// Height and width of the model's canvas in pixels.
    pub fn input_size(&self) -> (usize, usize) {
        (self.file.input.height, self.file.input.width)
    }

    /// What the model looks for, in the order of its outputs.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The classes of the gate that the model reads; empty where no gate guards it.
    pub fn content(&self) -> &[String] {
        &self.file.accepts.content
    }

    /// Normalises an image that was fitted to [`Self::input_size`], as in training.
    pub fn prepare(&self, fitted: ArrayView2<'_, f32>) -> Array2<f32> {
        let input = &self.file.input;
        match (&input.normalisation, &input.range) {
            (Some(normalisation), _) => normalisation.apply(fitted),
            (None, Some(range)) => fitted.mapv(|value| range.black + value * (range.white - range.black)),
            // `new` has refused such a manifest.
            (None, None) => fitted.to_owned(),
        }
    }

    /// Lays an image, 0 to 1, on the model's canvas, as in training.
    pub fn fit(&self, pixels: ArrayView2<'_, f32>) -> Fitted {
        let input = &self.file.input;
        match input.fit {
            FitFile::Letterbox => fit(pixels, input.height, input.width),
            FitFile::CentreCrop => {
                // What lies outside of the image becomes 0, as where the model was trained.
                let outside = input.range.map_or(0.0, |range| -range.black / (range.white - range.black));
                crop(pixels, input.height, outside)
            }
        }
    }

    /// What a label's logit says, 0 to 1: its probability by temperature scaling (Guo et al. 2017), and where the label
    /// has an operating point, the score that is 0.5 there.
    pub fn probability(&self, label: usize, logit: f32) -> f32 {
        let probability = 1.0 / (1.0 + (-logit / self.file.calibration.temperature).exp());
        match self.file.labels.get(label).and_then(|label| label.operating_point) {
            None => probability,
            Some(point) if probability < point => probability / (point * 2.0),
            Some(point) => 1.0 - (1.0 - probability) / ((1.0 - point) * 2.0),
        }
    }
}

/// What is wrong with the values, naming the key.
fn problem(file: &ManifestFile) -> Option<String> {
    let name_ok = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !name_ok(&file.id) {
        return Some("id: use lower-case letters, digits and hyphens".to_owned());
    }
    if version_numbers(&file.version).is_none() {
        return Some("version: use three numbers with dots, such as 0.1.0".to_owned());
    }
    if file.weights.is_empty() || file.weights.contains(['/', '\\']) || file.weights.starts_with('.') {
        return Some("weights: name a file in the manifest's own folder".to_owned());
    }
    if file.sha256.len() != 64
        || !file.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return Some("sha256: use 64 lower-case hexadecimal digits".to_owned());
    }
    if let Some(problem) = network_problem(file) {
        return Some(problem);
    }
    if let Some(problem) = input_problem(&file.input) {
        return Some(problem);
    }
    if !(file.calibration.temperature.is_finite() && file.calibration.temperature > 0.0) {
        return Some("calibration.temperature: must be above 0".to_owned());
    }
    if file.labels.is_empty() {
        return Some("labels: a model without labels says nothing".to_owned());
    }
    for label in &file.labels {
        if label.scheme.is_empty() || label.value.is_empty() || label.meaning.is_empty() {
            return Some("labels: scheme, value and meaning (zh and en) must not be empty".to_owned());
        }
        if !(label.threshold > 0.0 && label.threshold < 1.0) {
            return Some(format!("labels: the threshold of {} must lie between 0 and 1", label.value));
        }
        if label.operating_point.is_some_and(|point| !(point > 0.0 && point < 1.0)) {
            return Some(format!("labels: the operating_point of {} must lie between 0 and 1", label.value));
        }
        if label.critical_threshold.is_some_and(|cut| !(cut > label.threshold && cut <= 1.0)) {
            return Some(format!(
                "labels: the critical_threshold of {} must lie above its threshold and not above 1",
                label.value
            ));
        }
    }
    if file.accepts.modalities.is_empty() || file.accepts.body_parts.is_empty() {
        return Some("accepts: modalities and body_parts must not be empty".to_owned());
    }
    let population = &file.population;
    if !(population.from_years >= 0.0 && population.below_years > population.from_years) {
        return Some("population: below_years must be above from_years".to_owned());
    }
    if file.intended_use.is_empty() || population.description.is_empty() {
        return Some("intended_use and population.description: both zh and en must be given".to_owned());
    }
    None
}

fn input_problem(input: &InputFile) -> Option<String> {
    match (&input.normalisation, &input.range) {
        (Some(normalisation), None) => {
            normalisation.problem().map(|problem| format!("input.normalisation: {problem}"))
        }
        (None, Some(range)) => {
            let sound = range.black.is_finite() && range.white.is_finite() && range.black < range.white;
            (!sound).then(|| "input.range: white must be above black".to_owned())
        }
        _ => Some("input: give either normalisation or range".to_owned()),
    }
    .or_else(|| {
        let square = input.fit == FitFile::Letterbox || input.height == input.width;
        (!square).then(|| "input: the canvas of centre-crop is a square".to_owned())
    })
}

fn network_problem(file: &ManifestFile) -> Option<String> {
    let sound = |value: usize| (1..=4096).contains(&value);
    let step = match &file.network {
        NetworkFile::ResidualCnn(shape) => {
            if shape.widths.is_empty() || shape.widths.len() > 6 || shape.widths.len() != shape.blocks.len() {
                return Some("network: widths and blocks need one entry per stage, 1 to 6 stages".to_owned());
            }
            if !sound(shape.stem) || !shape.widths.iter().chain(&shape.blocks).all(|value| sound(*value)) {
                return Some("network: stem, widths and blocks must lie between 1 and 4096".to_owned());
            }
            if !(1..=16).contains(&shape.members) {
                return Some("network: members must lie between 1 and 16".to_owned());
            }
            shape.reduction()
        }
        NetworkFile::DenseNet(shape) => {
            if shape.blocks.is_empty() || shape.blocks.len() > 6 {
                return Some("network: blocks needs one entry per block, 1 to 6 blocks".to_owned());
            }
            let numbers = [shape.stem, shape.growth, shape.bottleneck];
            if !numbers.iter().chain(&shape.blocks).all(|value| (1..=512).contains(value)) {
                return Some(
                    "network: stem, growth, bottleneck and blocks must lie between 1 and 512".to_owned(),
                );
            }
            shape.reduction()
        }
    };
    let side_ok = |side: usize| side >= step && side <= 4096 && side.is_multiple_of(step);
    if !side_ok(file.input.height) || !side_ok(file.input.width) {
        return Some(format!("input: height and width must be multiples of {step}, up to 4096"));
    }
    None
}

/// The three numbers of a version.
pub(crate) fn version_numbers(version: &str) -> Option<[u32; 3]> {
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let numbers: [u32; 3] = parts.try_into().ok()?;
    // Only one way to write a version: no signs, no leading zeros.
    (format!("{}.{}.{}", numbers[0], numbers[1], numbers[2]) == version).then_some(numbers)
}

impl crate::format::TextFile {
    fn is_empty(&self) -> bool {
        self.zh.trim().is_empty() || self.en.trim().is_empty()
    }

    /// As the core type.
    pub fn to_text(&self) -> Text {
        Text { zh: self.zh.clone(), en: self.en.clone() }
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
pub(crate) mod tests;
