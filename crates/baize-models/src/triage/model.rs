//! The model that serves.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use baize_core::{ErrorCode, Fault, Language, ModelRef};
use baize_triage::{Acuity, AcuityModel, Contribution, FeatureSchema, Features, ModelOutput};
use burn::module::{Module, Param};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData};

use super::encoding::Encoding;
use super::format::{AlertFile, TriageManifestFile};
use super::levels::{ADMISSION, OUTPUTS, URGENT, logistic, probabilities};
use super::second::{SIGNS, SecondReader};
use crate::ModelError;
use crate::folder::{self, Opened};
use crate::manifest::version_numbers;
use crate::networks::{WideNet, WideShape};

/// Patients that one pass over the network takes; more are read in parts, to bound memory.
const LARGEST_PASS: usize = 256;

/// Everything of a version that was learnt, as one burnpack holds it.
#[derive(Module, Debug)]
pub struct TriageNets {
    /// Acuity and admission; its logits are calibrated. See [`super::levels`].
    pub acuity: WideNet,
    /// The average patient of the training data, encoded: `[inputs]`.
    pub reference: Param<Tensor<1>>,
    /// The second reader: from [`SIGNS`] values to one calibrated logit.
    pub second_reader: WideNet,
}

impl TriageNets {
    /// Fresh weights in the sizes of a manifest.
    pub fn init(acuity: WideShape, second_reader: WideShape, device: &Device) -> Self {
        Self {
            acuity: acuity.init(device),
            reference: Param::from_tensor(Tensor::zeros([acuity.inputs], device)),
            second_reader: second_reader.init(device),
        }
    }
}

/// A loaded triage model. It computes on the CPU: a patient is a few thousand multiplications.
pub struct TriageModel {
    reference_of: ModelRef,
    manifest: TriageManifestFile,
    schema: FeatureSchema,
    encoding: Encoding,
    nets: TriageNets,
    reference: Vec<f32>,
    second: SecondReader,
    device: Device,
}

/// Loads the model of one version's folder.
///
/// # Errors
/// A file that can't be read, a manifest that doesn't hold or does not belong into this folder, weights that differ from
/// its checksum or don't fit its sizes.
pub fn load(folder: &Path) -> Result<Arc<TriageModel>, ModelError> {
    let Opened { manifest, weights, origin } = folder::open::<TriageManifestFile>(folder)?;
    TriageModel::new(manifest, weights, &origin).map(Arc::new)
}

impl TriageModel {
    /// Puts manifest and weights (a burnpack of [`TriageNets`]) together; `origin` names them in errors.
    ///
    /// # Errors
    /// A manifest that doesn't hold, or weights that don't fit its sizes.
    pub fn new(manifest: TriageManifestFile, weights: Vec<u8>, origin: &str) -> Result<Self, ModelError> {
        let fail = |problem: String| ModelError::Manifest { origin: origin.to_owned(), problem };
        let misfit = |problem: String| ModelError::Weights { origin: origin.to_owned(), problem };
        let schema = FeatureSchema::builtin().map_err(|error| fail(error.to_string()))?;
        if let Some(problem) = problem(&manifest, &schema) {
            return Err(fail(problem));
        }
        let encoding = Encoding::new(&manifest.inputs, &schema).map_err(fail)?;
        if encoding.inputs() != manifest.acuity.inputs {
            return Err(fail(format!("acuity.inputs: the inputs listed make {}", encoding.inputs())));
        }
        let second = SecondReader::new(&schema).map_err(fail)?;
        let device = Device::flex();
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(weights))
            .map_err(|error| misfit(error.to_string()))?;
        let nets = TriageNets::init(manifest.acuity, manifest.second_reader.shape, &device)
            .try_load_record(record)
            .map_err(|error| misfit(error.to_string()))?;
        let reference: Vec<f32> = nets.reference.val().into_data().iter::<f32>().collect();
        let reference_of = ModelRef { id: manifest.id.clone(), version: manifest.version.clone() };
        Ok(Self { reference_of, manifest, schema, encoding, nets, reference, second, device })
    }

    /// What the model is meant for, as a sentence for people.
    pub fn intended_use(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.manifest.intended_use.zh,
            Language::English => &self.manifest.intended_use.en,
        }
    }

    /// The manifest.
    pub fn manifest(&self) -> &TriageManifestFile {
        &self.manifest
    }

    fn tensor(&self, rows: &[Vec<f32>], width: usize) -> Tensor<2> {
        let values: Vec<f32> = rows.iter().flatten().copied().collect();
        Tensor::from_data(TensorData::new(values, [rows.len(), width]), &self.device)
    }

    fn read_part(&self, patients: &[&Features]) -> Vec<ModelOutput> {
        let width = self.encoding.inputs();
        let inputs: Vec<Vec<f32>> =
            patients.iter().map(|patient| self.encoding.encode(patient.values(), &self.reference)).collect();
        let counterparts: Vec<Vec<f32>> = inputs
            .iter()
            .map(|inputs| self.encoding.counterpart(inputs, &self.reference, &self.schema))
            .collect();
        let tensor = self.tensor(&inputs, width);
        let logits = numbers(self.nets.acuity.forward(tensor.clone()));
        let parts = numbers(self.nets.acuity.attribute(tensor, self.tensor(&counterparts, width), URGENT));
        let output = |((logits, parts), inputs): ((&[f32; OUTPUTS], &[f32]), &Vec<f32>)| ModelOutput {
            acuity_probabilities: probabilities(logits),
            admission: logistic(logits[ADMISSION]),
            contributions: self
                .encoding
                .by_feature(inputs, parts)
                .into_iter()
                .map(|(feature, weight)| Contribution { feature, weight })
                .collect(),
        };
        logits.as_chunks().0.iter().zip(parts.chunks_exact(width)).zip(&inputs).map(output).collect()
    }
}

impl AcuityModel for TriageModel {
    fn model(&self) -> &ModelRef {
        &self.reference_of
    }

    fn schema_version(&self) -> &str {
        &self.manifest.schema_version
    }

    fn validated_ages(&self) -> RangeInclusive<f64> {
        self.manifest.population.from_years..=self.manifest.population.to_years
    }

    fn predict(&self, patients: &[&Features]) -> Result<Vec<ModelOutput>, Fault> {
        let outputs: Vec<ModelOutput> =
            patients.chunks(LARGEST_PASS).flat_map(|part| self.read_part(part)).collect();
        let sound = |output: &ModelOutput| {
            output.acuity_probabilities.iter().chain([&output.admission]).all(|value| value.is_finite())
        };
        // A value that is no number must not pass for a calm one.
        if outputs.len() == patients.len() && outputs.iter().all(sound) {
            return Ok(outputs);
        }
        Err(Fault::new(ErrorCode::InferenceFailed, "the triage network's answer is not a number"))
    }

    fn second_reader(
        &self,
        patient: &Features,
        opinion: &ModelOutput,
        nurse: Acuity,
        rules: Option<Acuity>,
    ) -> Result<f32, Fault> {
        // Nobody can be more urgent than the most urgent level.
        if nurse == Acuity::MOST_URGENT {
            return Ok(0.0);
        }
        let signs = self.second.signs(patient, opinion, nurse, rules);
        let logits = numbers(self.nets.second_reader.forward(self.tensor(&[signs.to_vec()], SIGNS)));
        let probability = logits.first().map(|logit| logistic(*logit));
        probability.filter(|probability| probability.is_finite()).ok_or_else(|| {
            Fault::new(ErrorCode::InferenceFailed, "the second reader's answer is not a number")
        })
    }

    fn alert_threshold(&self, budget: f32) -> f32 {
        threshold(&self.manifest.second_reader.alerts, budget)
    }
}

/// The threshold of a share of alerts, between the two nearest that are known; beyond them no alert, or the laxest.
fn threshold(alerts: &[AlertFile], budget: f32) -> f32 {
    let above = alerts.iter().position(|row| row.share >= budget);
    match above {
        // A smaller share than any that was measured: only certainty reaches it.
        Some(0) if alerts[0].share > budget => 1.0,
        Some(0) => alerts[0].threshold,
        Some(at) => {
            let (low, high) = (alerts[at - 1], alerts[at]);
            let way = (budget - low.share) / (high.share - low.share);
            low.threshold + way * (high.threshold - low.threshold)
        }
        None => alerts.last().map_or(1.0, |row| row.threshold),
    }
}

fn numbers(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// What is wrong with a manifest, naming the key.
fn problem(file: &TriageManifestFile, schema: &FeatureSchema) -> Option<String> {
    if version_numbers(&file.version).is_none() {
        return Some("version: use three numbers with dots, such as 0.1.0".to_owned());
    }
    if file.weights.contains(['/', '\\']) || file.weights.starts_with('.') {
        return Some("weights: name a file in the manifest's own folder".to_owned());
    }
    if file.schema_version != schema.version() {
        let (wants, has) = (&file.schema_version, schema.version());
        return Some(format!("schema_version: the model wants {wants}, this build makes {has}"));
    }
    if file.population.from_years.is_nan() || file.population.to_years <= file.population.from_years {
        return Some("population: to_years must be above from_years".to_owned());
    }
    if file.acuity.outputs != OUTPUTS {
        return Some(format!("acuity.outputs: must be {OUTPUTS}"));
    }
    let second = &file.second_reader;
    if second.shape.inputs != SIGNS || second.shape.outputs != 1 {
        return Some(format!("second_reader.shape: must have {SIGNS} inputs and 1 output"));
    }
    if ![file.acuity.hidden, second.shape.hidden].iter().all(|units| (1..=65_536).contains(units)) {
        return Some("hidden: must lie between 1 and 65536".to_owned());
    }
    let falls = |pair: &[AlertFile]| pair[0].share < pair[1].share && pair[0].threshold >= pair[1].threshold;
    let in_range = |row: &AlertFile| (0.0..=1.0).contains(&row.share) && (0.0..=1.0).contains(&row.threshold);
    if second.alerts.is_empty() || !second.alerts.windows(2).all(falls) || !second.alerts.iter().all(in_range)
    {
        return Some(
            "second_reader.alerts: shares must rise, thresholds fall, both within 0 and 1".to_owned(),
        );
    }
    None
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
