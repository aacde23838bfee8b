//! `manifest.toml` as it is written. Unknown keys are refused: a misspelt key must not silently mean a default.

use serde::{Deserialize, Serialize};

use crate::Normalisation;
use crate::networks::{DenseShape, ResidualShape};

/// A sentence or name in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextFile {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// The model's folder name.
    pub id: String,
    /// The version's folder name: three numbers.
    pub version: String,
    /// Whether this is a preview: measured, but not good enough to look at every image. It runs only where the
    /// configuration names it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub preview: bool,
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
    /// What computes.
    pub network: NetworkFile,
    /// Whether every image is also read mirrored and the two logits averaged, which doubles the cost.
    pub flip_average: bool,
    /// What goes in.
    pub input: InputFile,
    /// From logits to probabilities.
    pub calibration: CalibrationFile,
    /// What comes out, in the order of the logits.
    pub labels: Vec<LabelFile>,
    /// What the model may be shown.
    pub accepts: AcceptsFile,
    /// On whom the figures were measured.
    pub population: PopulationFile,
    /// What the weights were trained on.
    pub training_data: Vec<DataFile>,
    /// How well it does.
    pub metrics: Vec<MetricFile>,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// A network and its hyper-parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NetworkFile {
    /// [`crate::networks::ResidualNet`].
    ResidualCnn(ResidualShape),
    /// [`crate::networks::DenseNet`].
    #[serde(rename = "densenet")]
    DenseNet(DenseShape),
}

/// The model's canvas and its normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputFile {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// How an image is laid on the canvas.
    #[serde(default, skip_serializing_if = "FitFile::is_usual")]
    pub fit: FitFile,
    /// What is done to the values; this or `range`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
    /// Which values black and white become; this or `normalisation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeFile>,
}

/// How an image is laid on a model's canvas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FitFile {
    /// All of it, its aspect ratio kept: [`baize_imaging::fit`].
    #[default]
    Letterbox,
    /// The square in its centre: [`baize_imaging::crop`].
    CentreCrop,
}

impl FitFile {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// A linear map of brightness.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeFile {
    /// What black becomes.
    pub black: f32,
    /// What white becomes.
    pub white: f32,
}

/// Temperature scaling.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationFile {
    /// Logits are divided by this.
    pub temperature: f32,
}

/// One label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelFile {
    /// Coding Scheme Designator, such as `SCT`.
    pub scheme: String,
    /// Code Value.
    pub value: String,
    /// Code Meaning.
    pub meaning: TextFile,
    /// What label files for training and evaluation call it: the name of their column, such as `pneumonia`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Positive from this calibrated probability on.
    pub threshold: f32,
    /// The probability that is shown as 0.5, with a straight line to 0 below it and to 1 above it: how torchxrayvision
    /// makes findings of different prevalence comparable (its `op_norm`). What is shown is then a score, no probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<f32>,
    /// Critical from this calibrated probability on: somebody must look at once. Absent: never critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical_threshold: Option<f32>,
}

/// What the model may be shown. All terms are upper case, as DICOM's Defined Terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptsFile {
    /// Modality (0008,0060).
    pub modalities: Vec<String>,
    /// Body Part Examined (0018,0015).
    pub body_parts: Vec<String>,
    /// View Position (0018,5101).
    pub views: Vec<String>,
    /// The shorter side of the image must have this many pixels.
    pub min_side: u32,
    /// The classes of the gate that the model reads, such as `chest-radiograph`: the gate looks at the pixels of every
    /// image before the model does. Empty: the header alone decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<String>,
}

/// On whom the figures were measured. An image outside is refused, or in research mode scored and marked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationFile {
    /// For people, such as "children of 1 to 5 years".
    pub description: TextFile,
    /// From this age on.
    pub from_years: f32,
    /// Below this age.
    pub below_years: f32,
    /// View Positions that were measured.
    pub views: Vec<String>,
}

/// A source of training data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// Under which terms it may be used.
    pub terms: String,
    /// How to cite it.
    pub citation: String,
}

/// One measured figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricFile {
    /// Such as `auc`.
    pub name: String,
    /// The estimate.
    pub value: f64,
    /// Lower end of the 95 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// On which images and how it was measured.
    pub measured_on: String,
}
