//! `manifest.toml` of a triage model as it is written. Unknown keys are refused.

use serde::{Deserialize, Serialize};

use crate::folder::FolderManifest;
use crate::format::{DataFile, MetricFile, TextFile};
use crate::networks::WideShape;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriageManifestFile {
    /// `triage`, as the folder.
    pub id: String,
    /// The version's folder name: three numbers.
    pub version: String,
    /// The file with the weights, in burnpack format, in the manifest's folder.
    pub weights: String,
    /// SHA-256 of that file, lower-case hexadecimal.
    pub sha256: String,
    /// The command that made the weights.
    pub created_by: String,
    /// The licence of the weights.
    pub license: String,
    /// What the model is meant for.
    pub intended_use: TextFile,
    /// The feature schema that it was trained on.
    pub schema_version: String,
    /// On whom it was validated.
    pub population: AgesFile,
    /// The network of acuity and admission.
    pub acuity: WideShape,
    /// The network of the second reader.
    pub second_reader: SecondReaderFile,
    /// What goes into the network of acuity.
    pub inputs: InputsFile,
    /// What the weights were trained on.
    pub training_data: Vec<DataFile>,
    /// How well it does.
    pub metrics: Vec<MetricFile>,
}

impl FolderManifest for TriageManifestFile {
    fn version(&self) -> &str {
        &self.version
    }

    fn weights(&self) -> (&str, &str) {
        (&self.weights, &self.sha256)
    }
}

/// The ages in years that the model was validated on, both included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgesFile {
    /// The youngest.
    pub from_years: f64,
    /// The oldest.
    pub to_years: f64,
}

/// The second reader's network, and where it alerts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondReaderFile {
    /// Its size.
    pub shape: WideShape,
    /// By share of visits that alert, rising: the probability from which on the second reader alerts. Between two shares
    /// the thresholds are interpolated.
    pub alerts: Vec<AlertFile>,
}

/// One share of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertFile {
    /// The share of visits.
    pub share: f32,
    /// The probability that so many visits reach.
    pub threshold: f32,
}

/// What goes into the network of acuity, in this order: the numbers, each with its flag of being unknown, then the flags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputsFile {
    /// Numbers, encoded between cuts.
    pub numbers: Vec<NumberFile>,
    /// Flags, as they are.
    pub flags: Vec<String>,
}

/// A number and its cuts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberFile {
    /// Its name in the feature schema.
    pub name: String,
    /// Whether a flag says that it is unknown.
    pub missing: bool,
    /// The cuts, rising.
    pub edges: Vec<f32>,
}
