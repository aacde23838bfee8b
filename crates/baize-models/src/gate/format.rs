//! The gate's `manifest.toml` as it is written. Unknown keys are refused.

use serde::{Deserialize, Serialize};

use crate::Normalisation;
use crate::folder::FolderManifest;
use crate::format::{DataFile, MetricFile, TextFile};
use crate::networks::ResidualShape;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateManifestFile {
    /// Always `gate`.
    pub id: String,
    /// The version's folder name: three numbers.
    pub version: String,
    /// The file with what was learnt, in burnpack format, in the manifest's folder.
    pub weights: String,
    /// SHA-256 of that file, lower-case hexadecimal.
    pub sha256: String,
    /// The command that made the weights.
    pub created_by: String,
    /// The licence of the weights.
    pub license: String,
    /// What the gate is meant for.
    pub intended_use: TextFile,
    /// The size of the network.
    pub network: ResidualShape,
    /// What goes in.
    pub input: LetterboxFile,
    /// Logits are divided by this before they become probabilities.
    pub temperature: f32,
    /// What the gate tells apart, in the order of the logits.
    pub classes: Vec<ClassFile>,
    /// When an image counts as what a model reads.
    pub pass: PassFile,
    /// When an image is unfit, or read with a caveat.
    pub quality: QualityFile,
    /// What the weights were trained on.
    pub training_data: Vec<DataFile>,
    /// How well it does.
    pub metrics: Vec<MetricFile>,
}

impl FolderManifest for GateManifestFile {
    fn version(&self) -> &str {
        &self.version
    }

    fn weights(&self) -> (&str, &str) {
        (&self.weights, &self.sha256)
    }
}

/// The gate's canvas: all of the image, its aspect ratio kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LetterboxFile {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// What is done to the values.
    pub normalisation: Normalisation,
}

/// One kind of image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassFile {
    /// The word that manifests of models use in `accepts.content`.
    pub id: String,
    /// For people.
    pub name: TextFile,
}

/// Both conditions must hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassFile {
    /// The classes that a model reads have at least this probability together.
    pub probability: f32,
    /// The image is at most this far from the middle of its class, in standard deviations per feature.
    pub distance: f32,
}

/// Thresholds of the quality rules. Shares are between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityFile {
    /// With fewer different grey values than this nothing can be read.
    pub fewest_levels: usize,
    /// With fewer different grey values than this there is a caveat.
    pub few_levels: usize,
    /// With less contrast (1st to 99th percentile) than this nothing can be read.
    pub least_contrast: f32,
    /// From this share of white pixels in the centre on there is a caveat.
    pub white: f32,
    /// From this share of black pixels in the centre on there is a caveat.
    pub black: f32,
    /// Where a smaller share of the picture shows anything there is a caveat.
    pub field: f32,
    /// From this many pen strokes in ten thousand pixels on there seems to be text.
    pub strokes: f32,
    /// Below this correlation with the average chest radiograph part of the chest may be cut off: a caveat.
    pub framing: f32,
    /// Below this correlation with the average chest radiograph light and dark are taken to be swapped.
    pub inverted: f32,
}
