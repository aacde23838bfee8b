//! The gate that serves.

use std::path::Path;
use std::sync::Arc;

use baize_core::{ErrorCode, Fault, GateLook, Language, ModelRef, Text};
use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use super::format::{ClassFile, GateManifestFile};
use super::nets::{GateNets, TEMPLATE_SIDE};
use super::quality::Quality;
use crate::ModelError;
use crate::catalog::subfolders;
use crate::folder::{self, Opened};
use crate::manifest::version_numbers;

/// The folder of the gate's versions, under the folder of all weights.
pub const FOLDER: &str = "gate";
/// Images that one pass over the network takes; more are read in parts, to bound memory.
const LARGEST_PASS: usize = 64;

/// What the network makes of one prepared image.
#[derive(Clone, Debug, PartialEq)]
pub struct Signs {
    /// The logit of each class, not calibrated.
    pub logits: Vec<f32>,
    /// The last feature maps, averaged over the image.
    pub features: Array1<f32>,
    /// Correlation with the average chest radiograph, -1 to 1.
    pub likeness: f32,
}

/// What one image seems to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The calibrated probability of each class, in the manifest's order.
    pub probabilities: Vec<f32>,
    /// How far the image is from the middle of each class, in standard deviations per feature.
    pub distances: Vec<f32>,
    /// Correlation with the average chest radiograph, -1 to 1.
    pub likeness: f32,
    /// What the rules look at.
    pub quality: Quality,
}

impl Look {
    /// The likeliest class.
    pub fn best(&self) -> usize {
        let every: Vec<usize> = (0..self.probabilities.len()).collect();
        self.best_of(&every)
    }

    /// The likeliest of some classes.
    pub fn best_of(&self, classes: &[usize]) -> usize {
        let probability =
            |class: &usize| self.probabilities.get(*class).copied().unwrap_or(f32::NEG_INFINITY);
        let by_probability = |a: &&usize, b: &&usize| probability(a).total_cmp(&probability(b));
        classes.iter().max_by(by_probability).copied().unwrap_or(0)
    }
}

/// A loaded gate.
pub struct Gate {
    model: ModelRef,
    manifest: GateManifestFile,
    nets: GateNets,
    means: Array2<f32>,
    precision: Array1<f32>,
    template: Array1<f32>,
    device: Device,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("model", &self.model).finish_non_exhaustive()
    }
}

/// The newest version under `weights`, the folder of all models; `None` where there is none.
///
/// # Errors
/// As [`load`].
pub fn newest(weights: &Path) -> Result<Option<Arc<Gate>>, ModelError> {
    let folder = weights.join(FOLDER);
    if !folder.is_dir() {
        return Ok(None);
    }
    let number = |path: &Path| path.file_name().and_then(|name| version_numbers(&name.to_string_lossy()));
    let newest = subfolders(&folder)?.into_iter().max_by_key(|path| number(path));
    newest.map(|path| load(&path)).transpose()
}

/// Loads the gate of one version's folder.
///
/// # Errors
/// A file that can't be read, a manifest that doesn't hold or doesn't belong into this folder, weights that differ from
/// its checksum or don't fit its sizes.
pub fn load(folder: &Path) -> Result<Arc<Gate>, ModelError> {
    let Opened { manifest, weights, origin } = folder::open::<GateManifestFile>(folder)?;
    Gate::new(manifest, weights, &origin).map(Arc::new)
}

/// Runs a gate over a made-up image, as `baize models verify` does.
///
/// # Errors
/// Where it gives no numbers.
pub fn self_test(gate: &Gate) -> Result<(), ModelError> {
    let wave = Array2::from_shape_fn(gate.input_size(), |(row, column)| {
        0.5 + 0.4 * (row as f32 * 0.11).sin() * (column as f32 * 0.07).cos()
    });
    let fail = |fault: Fault| ModelError::Weights { origin: gate.model.to_string(), problem: fault.message };
    gate.look(wave.view(), wave.view()).map(drop).map_err(fail)
}

impl Gate {
    /// Puts manifest and weights (a burnpack of [`GateNets`]) together; `origin` names them in errors.
    ///
    /// # Errors
    /// A manifest that doesn't hold, or weights that don't fit its sizes.
    pub fn new(manifest: GateManifestFile, weights: Vec<u8>, origin: &str) -> Result<Self, ModelError> {
        let fail = |problem: String| ModelError::Manifest { origin: origin.to_owned(), problem };
        let misfit = |problem: String| ModelError::Weights { origin: origin.to_owned(), problem };
        if let Some(problem) = problem(&manifest) {
            return Err(fail(problem));
        }
        let device = Device::flex();
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(weights))
            .map_err(|error| misfit(error.to_string()))?;
        let (classes, features) = (manifest.classes.len(), manifest.network.features());
        let nets = GateNets::init(&manifest.network, classes, &device)
            .try_load_record(record)
            .map_err(|error| misfit(error.to_string()))?;
        let means = Array2::from_shape_vec((classes, features), numbers(nets.means.val()))
            .map_err(|error| misfit(error.to_string()))?;
        let precision = Array1::from_vec(numbers(nets.precision.val()));
        let template = Array1::from_vec(numbers(nets.template.val()));
        let model = ModelRef { id: manifest.id.clone(), version: manifest.version.clone() };
        Ok(Self { model, manifest, nets, means, precision, template, device })
    }

    /// Which gate, in which version.
    pub fn model(&self) -> &ModelRef {
        &self.model
    }

    /// The manifest.
    pub fn manifest(&self) -> &GateManifestFile {
        &self.manifest
    }

    /// What the gate is meant for, as a sentence for people.
    pub fn intended_use(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.manifest.intended_use.zh,
            Language::English => &self.manifest.intended_use.en,
        }
    }

    /// Whether the gate knows a class.
    pub fn knows(&self, class: &str) -> bool {
        self.manifest.classes.iter().any(|known| known.id == class)
    }

    /// Height and width of the network's canvas in pixels.
    pub fn input_size(&self) -> (usize, usize) {
        (self.manifest.input.height, self.manifest.input.width)
    }

    /// An image that was fitted to [`Self::input_size`], as the network takes it.
    pub fn prepare(&self, fitted: ArrayView2<'_, f32>) -> Array2<f32> {
        self.manifest.input.normalisation.apply(fitted)
    }

    /// What the network makes of prepared images; the answers don't depend on each other.
    ///
    /// # Errors
    /// `InferenceFailed` where it gives no numbers.
    pub fn signs(&self, prepared: &[Array2<f32>]) -> Result<Vec<Signs>, Fault> {
        let mut signs = Vec::with_capacity(prepared.len());
        for part in prepared.chunks(LARGEST_PASS) {
            signs.extend(self.read_part(part)?);
        }
        Ok(signs)
    }

    fn read_part(&self, prepared: &[Array2<f32>]) -> Result<Vec<Signs>, Fault> {
        let input = &self.manifest.input;
        let values: Vec<f32> = prepared.iter().flatten().copied().collect();
        let shape = [prepared.len(), 1, input.height, input.width];
        let images = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device);
        let maps = self.nets.net.features(images);
        let [n, channels, height, width] = maps.dims();
        let pooled = maps.clone().reshape([n, channels, height * width]).mean_dim(2);
        let (pooled, logits) = (numbers(pooled), numbers(self.nets.net.classify(maps)));
        if !pooled.iter().chain(&logits).all(|value| value.is_finite()) {
            return Err(Fault::new(ErrorCode::InferenceFailed, "the gate gave no numbers for this image"));
        }
        let classes = self.manifest.classes.len();
        let one = |((features, logits), image): ((&[f32], &[f32]), &Array2<f32>)| Signs {
            logits: logits.to_vec(),
            features: Array1::from_vec(features.to_vec()),
            likeness: correlation(&template_of(image.view()), &self.template),
        };
        let rows = pooled.chunks_exact(channels).zip(logits.chunks_exact(classes));
        Ok(rows.zip(prepared).map(one).collect())
    }

    /// What an image `[rows, columns]`, 0 to 1, seems to show; `fitted` is the same on the canvas of
    /// [`Self::input_size`].
    ///
    /// # Errors
    /// As [`Self::signs`], and `Internal` for a canvas of another size.
    pub fn look(&self, pixels: ArrayView2<'_, f32>, fitted: ArrayView2<'_, f32>) -> Result<Look, Fault> {
        if fitted.dim() != self.input_size() {
            return Err(Fault::new(ErrorCode::Internal, "an image has the wrong size for the gate"));
        }
        let signs = self.signs(&[self.prepare(fitted)])?.pop();
        let signs = signs.ok_or_else(|| Fault::new(ErrorCode::Internal, "the gate gave no answer"))?;
        Ok(self.look_of(&signs, Quality::of(pixels)))
    }

    /// The calibrated meaning of the signs.
    pub fn look_of(&self, signs: &Signs, quality: Quality) -> Look {
        let distance = |mean: ndarray::ArrayView1<'_, f32>| {
            let difference = &signs.features - &mean;
            ((&difference * &difference * &self.precision).mean().unwrap_or(0.0)).sqrt()
        };
        Look {
            probabilities: softmax(&signs.logits, self.manifest.temperature),
            distances: self.means.outer_iter().map(distance).collect(),
            likeness: signs.likeness,
            quality,
        }
    }

    /// What the record of a look says: the likeliest class.
    pub fn record(&self, look: &Look) -> GateLook {
        let best = look.best();
        let class = self.manifest.classes.get(best);
        GateLook {
            gate: self.model.clone(),
            class: class.map_or_else(String::new, |class| class.id.clone()),
            name: class
                .map_or_else(|| Text { zh: String::new(), en: String::new() }, |class| class.name.to_text()),
            probability: look.probabilities.get(best).copied().unwrap_or(0.0),
        }
    }

    /// Whether a model that reads images of the classes `wanted` may have this one, and with which caveats.
    ///
    /// # Errors
    /// A fault of class `Refused`: `PoorQuality`, `WrongContent` where the image shows another class,
    /// `UnfamiliarImage` where it shows none.
    pub fn admit(&self, look: &Look, wanted: &[String]) -> Result<Vec<Text>, Fault> {
        let (pass, quality) = (&self.manifest.pass, &self.manifest.quality);
        if let Some(reason) = look.quality.unreadable(quality) {
            return Err(Fault::new(ErrorCode::PoorQuality, reason));
        }
        let is_wanted = |class: &ClassFile| wanted.contains(&class.id);
        let of_wanted =
            || self.manifest.classes.iter().zip(&look.probabilities).filter(|(class, _)| is_wanted(class));
        let probability: f32 = of_wanted().map(|(_, probability)| probability).sum();
        let distances = self.manifest.classes.iter().zip(&look.distances);
        let nearest = distances
            .filter(|(class, _)| is_wanted(class))
            .map(|(_, far)| *far)
            .fold(f32::INFINITY, f32::min);
        let names: Vec<&str> = of_wanted().map(|(class, _)| class.name.en.as_str()).collect();
        let names = names.join(" or ");
        if probability >= pass.probability && nearest <= pass.distance {
            if look.likeness < quality.inverted {
                return Err(Fault::new(
                    ErrorCode::PoorQuality,
                    "light and dark seem to be swapped; check Photometric Interpretation (0028,0004) and the \
                     Presentation LUT Shape (2050,0020)",
                ));
            }
            let mut caveats = look.quality.caveats(quality);
            if look.likeness < quality.framing {
                caveats.push(Text {
                    zh: "图像取景与完整胸片差异较大，部分胸部可能被裁切，可能影响结果".to_owned(),
                    en: "The framing differs much from that of a whole chest: part of it may be cut off, which may \
                         affect the result"
                        .to_owned(),
                });
            }
            return Ok(caveats);
        }
        let seen = self.record(look);
        let by = format!("{}, probability {:.2}", seen.gate, seen.probability);
        let is_other = self.manifest.classes.last().is_some_and(|other| other.id == seen.class);
        if seen.probability >= pass.probability && !is_other && !wanted.contains(&seen.class) {
            return Err(Fault::new(
                ErrorCode::WrongContent,
                format!("the pixels look like {} ({by}); the model reads {names}", seen.name.en),
            ));
        }
        Err(Fault::new(
            ErrorCode::UnfamiliarImage,
            format!("the pixels do not look enough like {names} (nearest: {}, {by})", seen.name.en),
        ))
    }
}

/// A prepared image, reduced to the size of the template by averaging.
pub fn template_of(prepared: ArrayView2<'_, f32>) -> Array1<f32> {
    let (height, width) = (prepared.nrows() / TEMPLATE_SIDE, prepared.ncols() / TEMPLATE_SIDE);
    let cell = |at: usize| {
        let (row, column) = (at / TEMPLATE_SIDE * height, at % TEMPLATE_SIDE * width);
        let rows = prepared.slice_axis(Axis(0), Slice::from(row..row + height));
        rows.slice_axis(Axis(1), Slice::from(column..column + width)).mean().unwrap_or(0.0)
    };
    (0..TEMPLATE_SIDE * TEMPLATE_SIDE).map(cell).collect()
}

/// Pearson's correlation; 0 where one side does not vary.
fn correlation(a: &Array1<f32>, b: &Array1<f32>) -> f32 {
    let centred = |values: &Array1<f32>| values - values.mean().unwrap_or(0.0);
    let (a, b) = (centred(a), centred(b));
    let norm = (a.dot(&a) * b.dot(&b)).sqrt();
    if norm > f32::EPSILON { a.dot(&b) / norm } else { 0.0 }
}

fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponents: Vec<f32> = logits.iter().map(|logit| ((logit - largest) / temperature).exp()).collect();
    let total: f32 = exponents.iter().sum();
    exponents.into_iter().map(|exponent| exponent / total).collect()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// What is wrong with the values, naming the key.
fn problem(file: &GateManifestFile) -> Option<String> {
    if file.id != FOLDER {
        return Some(format!("id: must be {FOLDER}"));
    }
    if version_numbers(&file.version).is_none() {
        return Some("version: use three numbers with dots, such as 0.1.0".to_owned());
    }
    if file.weights.is_empty() || file.weights.contains(['/', '\\']) || file.weights.starts_with('.') {
        return Some("weights: name a file in the manifest's own folder".to_owned());
    }
    if let Some(problem) = file.input.normalisation.problem() {
        return Some(format!("input.normalisation: {problem}"));
    }
    let step = file.network.reduction().max(TEMPLATE_SIDE);
    let side_ok = |side: usize| (step..=1024).contains(&side) && side.is_multiple_of(step);
    if file.network.widths.is_empty() || file.network.widths.len() != file.network.blocks.len() {
        return Some("network: widths and blocks need one entry per stage".to_owned());
    }
    if !side_ok(file.input.height) || !side_ok(file.input.width) {
        return Some(format!("input: height and width must be multiples of {step}, up to 1024"));
    }
    if !(file.temperature.is_finite() && file.temperature > 0.0) {
        return Some("temperature: must be above 0".to_owned());
    }
    if file.classes.len() < 2 {
        return Some("classes: two at least, the last one for everything else".to_owned());
    }
    if !(file.pass.probability >= 0.5 && file.pass.probability < 1.0) {
        return Some("pass.probability: must be at least 0.5 and below 1".to_owned());
    }
    if !(file.pass.distance.is_finite() && file.pass.distance > 0.0) {
        return Some("pass.distance: must be above 0".to_owned());
    }
    None
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
