//! What a volume model's folder says about it: `weights/volume/<model>/<version>/manifest.toml`.

use baize_core::{Coded, ModelRef, Text};
use serde::{Deserialize, Serialize};

/// Two languages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TextFile {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl From<&TextFile> for Text {
    fn from(file: &TextFile) -> Self {
        Self { zh: file.zh.clone(), en: file.en.clone() }
    }
}

/// A concept of a coding scheme.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CodeFile {
    /// Coding Scheme Designator.
    pub scheme: String,
    /// Code Value, at most 16 characters.
    pub value: String,
    /// Code Meaning.
    pub meaning: TextFile,
}

impl From<&CodeFile> for Coded {
    fn from(file: &CodeFile) -> Self {
        Self { scheme: file.scheme.clone(), value: file.value.clone(), meaning: (&file.meaning).into() }
    }
}

/// How the brightness of a conformed volume becomes the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum BrightnessFile {
    /// From the lowest to the highest value: 0 to 1.
    MinMax,
    /// From one quantile to another: 0 to 1, beyond them less and more.
    Quantiles {
        /// The one that becomes 0, such as 0.05.
        low: f64,
        /// The one that becomes 1, such as 0.95.
        high: f64,
    },
}

/// What part of the conformed volume the network sees: a box around all voxels that count, with zeros around it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CropFile {
    /// Voxels above this part of the strongest input count.
    pub above: f64,
    /// Or those that another model gives a label, as `id@version`.
    pub labelled_by: Option<String>,
    /// Zeros on each side of the box, in voxels.
    pub margin: usize,
}

/// Which series the model reads.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptsFile {
    /// Modality (0008,0060).
    pub modalities: Vec<String>,
    /// At least so many slices.
    pub min_slices: usize,
    /// The largest side of a voxel, in millimetres.
    pub max_spacing_mm: f64,
    /// The smallest extent along each axis, in millimetres.
    pub min_extent_mm: f64,
}

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name, without a folder.
    pub name: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// A structure that the model tells apart. Background is label 0 and has no entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LabelFile {
    /// What upstream calls it.
    pub upstream: String,
    /// The side, as a modifier of the type.
    pub side: Option<SideFile>,
    /// Red, green, blue.
    pub color: [u8; 3],
    /// What people call it.
    pub name: TextFile,
    /// Segmented Property Type.
    pub code: CodeFile,
}

/// The patient's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SideFile {
    /// The patient's left.
    Left,
    /// The patient's right.
    Right,
}

/// The manifest as written.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Name, also the folder's.
    pub id: String,
    /// Version, also the folder's.
    pub version: String,
    /// SPDX identifier.
    pub license: String,
    /// Where the network comes from.
    pub created_by: String,
    /// The file with the topology.
    pub network: String,
    /// What it is for and what it is not.
    pub intended_use: TextFile,
    /// Which series it reads.
    pub accepts: AcceptsFile,
    /// How brightness becomes input.
    pub brightness: BrightnessFile,
    /// What part the network sees.
    pub crop: CropFile,
    /// All files of the folder beside the manifest.
    pub files: Vec<FileEntry>,
    /// The structures, from label 1 on.
    pub labels: Vec<LabelFile>,
}

impl ManifestFile {
    /// The model and its version.
    pub fn model(&self) -> ModelRef {
        ModelRef { id: self.id.clone(), version: self.version.clone() }
    }

    /// Whether it holds, apart from the files.
    ///
    /// # Errors
    /// What is wrong, naming the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (key, name) in [("id", &self.id), ("version", &self.version), ("network", &self.network)] {
            plain_name(name).map_err(|problem| format!("{key}: {problem}"))?;
        }
        let mut names = Vec::new();
        for file in &self.files {
            plain_name(&file.name).map_err(|problem| format!("files.name: {problem}"))?;
            let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            if file.sha256.len() != 64 || !file.sha256.bytes().all(hexadecimal) {
                return Err(format!(
                    "files.sha256 of {}: is not 64 lower-case hexadecimal digits",
                    file.name
                ));
            }
            names.push(&file.name);
        }
        if !names.contains(&&self.network) {
            return Err(format!("network: {} is none of files", self.network));
        }
        if let BrightnessFile::Quantiles { low, high } = self.brightness
            && !(0.0 <= low && low < high && high <= 1.0)
        {
            return Err("brightness: low must be below high, both from 0 to 1".to_owned());
        }
        if !(0.0..1.0).contains(&self.crop.above) {
            return Err("crop.above: is not from 0 to 1".to_owned());
        }
        if self.crop.margin > 64 {
            return Err("crop.margin: is above 64".to_owned());
        }
        let sound = |number: f64| number.is_finite() && number > 0.0;
        if !sound(self.accepts.max_spacing_mm) || !sound(self.accepts.min_extent_mm) {
            return Err("accepts: max_spacing_mm and min_extent_mm must be above 0".to_owned());
        }
        if self.accepts.modalities.is_empty() || self.labels.is_empty() {
            return Err("accepts.modalities and labels must not be empty".to_owned());
        }
        for label in &self.labels {
            let code = &label.code;
            if code.value.is_empty()
                || code.value.len() > 16
                || code.scheme.is_empty()
                || code.scheme.len() > 16
            {
                return Err(format!("labels.code of {}: has not 1 to 16 characters", label.upstream));
            }
        }
        Ok(())
    }
}

/// A name that stays within its folder.
fn plain_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(format!("{name:?} is not made of letters, digits, dots, hyphens and underscores"));
    }
    Ok(())
}
