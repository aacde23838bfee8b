//! Running a model.

use baize_core::{ErrorCode, Fault};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView4, Axis};

use crate::catalog::Entry;
use crate::compute::ComputeDevice;
use crate::networks::Network;
use crate::saliency::grad_cam;
use crate::{Familiarity, Manifest, ModelError};

/// Images that one pass over the network takes; larger batches are run in parts, to bound memory.
const LARGEST_PASS: usize = 64;

/// What a model says about one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The calibrated probability of each label, in the manifest's order.
    pub probabilities: Vec<f32>,
    /// Where the evidence for each label lies: `[labels, h', w']`, 0 to 1, over the model's canvas. See
    /// [`crate::grad_cam`].
    pub heat: Array3<f32>,
    /// The network's last feature maps, each averaged over the image, unmirrored: what [`Familiarity`] is about.
    pub features: Vec<f32>,
}

/// A loaded model. It belongs to one thread at a time.
pub trait Executor: Send {
    /// What the model is.
    fn manifest(&self) -> &Manifest;

    /// What the model knows, where that is on record beside its weights.
    fn familiarity(&self) -> Option<&Familiarity>;

    /// Reads images `[n, 1, height, width]` of [`Manifest::input_size`], each made by [`Manifest::prepare`]; one
    /// prediction per image, which doesn't depend on the others in the batch.
    ///
    /// # Errors
    /// `Internal` for a batch of another shape, `InferenceFailed` where the network gives no numbers.
    fn run(&mut self, batch: ArrayView4<'_, f32>) -> Result<Vec<Prediction>, Fault>;
}

/// Reads the weights of an installed model onto a device.
///
/// # Errors
/// Where the weights differ from the manifest's checksum or don't fit its network.
pub fn load(entry: &Entry, device: &ComputeDevice) -> Result<Box<dyn Executor>, ModelError> {
    let origin = entry.weights_path().display().to_string();
    let bytes = Bytes::from_bytes_vec(entry.read_weights()?);
    let mut executor = BurnExecutor::new(entry.manifest.clone(), bytes, &origin, device.device.clone())?;
    executor.familiarity = Familiarity::read(entry.folder(), &entry.manifest)?;
    Ok(Box::new(executor))
}

/// Loads a model and runs it over a made-up image, as `baize models verify` does.
///
/// # Errors
/// As [`load`], and where the answer is not one probability and one map per label.
pub fn self_test(entry: &Entry, device: &ComputeDevice) -> Result<(), ModelError> {
    let mut executor = load(entry, device)?;
    let fail = |problem: String| ModelError::Weights { origin: entry.manifest.model().to_string(), problem };
    let (height, width) = entry.manifest.input_size();
    let wave = Array2::from_shape_fn((height, width), |(row, column)| {
        0.5 + 0.4 * (row as f32 * 0.11).sin() * (column as f32 * 0.07).cos()
    });
    let prepared = entry.manifest.prepare(wave.view()).insert_axis(Axis(0)).insert_axis(Axis(0));
    let answers = executor.run(prepared.view()).map_err(|fault| fail(fault.message))?;
    let labels = entry.manifest.labels().len();
    let sound = |answer: &Prediction| answer.probabilities.len() == labels && answer.heat.dim().0 == labels;
    if answers.len() == 1 && answers.iter().all(sound) {
        return Ok(());
    }
    Err(fail("the answer is not one probability and one map per label".to_owned()))
}

struct BurnExecutor {
    manifest: Manifest,
    network: Network,
    /// The head's weight, `[features, labels]`.
    head: Array2<f32>,
    familiarity: Option<Familiarity>,
    device: Device,
}

impl BurnExecutor {
    fn new(manifest: Manifest, weights: Bytes, origin: &str, device: Device) -> Result<Self, ModelError> {
        let fail = |problem: String| ModelError::Weights { origin: origin.to_owned(), problem };
        let record = ModuleRecord::from_bytes(weights).map_err(|error| fail(error.to_string()))?;
        let network = Network::load(&manifest, record, &device).map_err(fail)?;
        let head = network.head().weight.val();
        let [features, labels] = head.dims();
        let head: Vec<f32> = head.into_data().iter::<f32>().collect();
        let head = Array2::from_shape_vec((features, labels), head)
            .map_err(|error| fail(format!("the head has a wrong shape: {error}")))?;
        Ok(Self { manifest, network, head, familiarity: None, device })
    }

    /// Feature maps `[n, k, h', w']` and logits `[n, labels]`.
    fn forward(&self, images: Vec<f32>, shape: [usize; 4]) -> Result<(Array4<f32>, Array2<f32>), Fault> {
        let images = Tensor::<4>::from_data(TensorData::new(images, shape), &self.device);
        let features = self.network.features(images);
        let logits = self.network.classify(features.clone());
        let [n, k, height, width] = features.dims();
        let features = Array4::from_shape_vec((n, k, height, width), read(features)?);
        let logits = Array2::from_shape_vec((n, self.manifest.labels().len()), read(logits)?);
        match (features, logits) {
            (Ok(features), Ok(logits)) => Ok((features, logits)),
            _ => Err(Fault::new(ErrorCode::Internal, "the network's output has a wrong shape")),
        }
    }

    fn run_part(&self, images: ArrayView4<'_, f32>) -> Result<Vec<Prediction>, Fault> {
        let (n, channels, height, width) = images.dim();
        let shape = [n, channels, height, width];
        let (features, mut logits) = self.forward(images.iter().copied().collect(), shape)?;
        let mut heat = self.heat(&features);
        let pooled = pooled(&features);
        if self.manifest.file().flip_average {
            let mut mirrored = images;
            mirrored.invert_axis(Axis(3));
            let (features, mirrored_logits) = self.forward(mirrored.iter().copied().collect(), shape)?;
            logits = (logits + mirrored_logits) / 2.0;
            for (map, mirrored) in heat.iter_mut().zip(self.heat(&features)) {
                let mut back = mirrored.view();
                back.invert_axis(Axis(2));
                *map = (&*map + &back) / 2.0;
                renormalise(map);
            }
        }
        let answers = logits.outer_iter().zip(heat).zip(pooled);
        answers.map(|((logits, heat), features)| self.prediction(logits.to_vec(), heat, features)).collect()
    }

    fn heat(&self, features: &Array4<f32>) -> Vec<Array3<f32>> {
        let (_, _, height, width) = features.dim();
        let labels = self.head.ncols();
        let maps_of = |image: ndarray::ArrayView3<'_, f32>| {
            let mut maps = Array3::zeros((labels, height, width));
            for (mut map, weight) in maps.outer_iter_mut().zip(self.head.columns()) {
                map.assign(&grad_cam(image, weight));
            }
            maps
        };
        features.outer_iter().map(maps_of).collect()
    }

    fn prediction(
        &self,
        logits: Vec<f32>,
        heat: Array3<f32>,
        features: Vec<f32>,
    ) -> Result<Prediction, Fault> {
        let probabilities: Vec<f32> = logits
            .iter()
            .enumerate()
            .map(|(label, logit)| self.manifest.probability(label, *logit))
            .collect();
        // A value that is no number must not pass for a low probability.
        if probabilities.iter().any(|probability| !probability.is_finite()) {
            return Err(Fault::new(ErrorCode::InferenceFailed, "the network's answer is not a number"));
        }
        Ok(Prediction { probabilities, heat, features })
    }
}

/// The mean of every map of every image.
fn pooled(features: &Array4<f32>) -> Vec<Vec<f32>> {
    let mean = |map: ArrayView2<'_, f32>| map.mean().unwrap_or(f32::NAN);
    let of_image = |maps: ndarray::ArrayView3<'_, f32>| maps.outer_iter().map(mean).collect();
    features.outer_iter().map(of_image).collect()
}

/// Divides every map by its maximum again.
fn renormalise(maps: &mut Array3<f32>) {
    for mut map in maps.outer_iter_mut() {
        let view: ArrayView2<'_, f32> = map.view();
        let scaled = crate::saliency::normalise(view.to_owned());
        map.assign(&scaled);
    }
}

fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Fault> {
    let data =
        tensor.try_into_data().map_err(|error| Fault::new(ErrorCode::DeviceLost, error.to_string()))?;
    Ok(data.iter::<f32>().collect())
}

impl Executor for BurnExecutor {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn familiarity(&self) -> Option<&Familiarity> {
        self.familiarity.as_ref()
    }

    fn run(&mut self, batch: ArrayView4<'_, f32>) -> Result<Vec<Prediction>, Fault> {
        let (_, channels, height, width) = batch.dim();
        if (channels, (height, width)) != (1, self.manifest.input_size()) {
            return Err(Fault::new(ErrorCode::Internal, "a batch has the wrong size for its model"));
        }
        let mut predictions = Vec::with_capacity(batch.len_of(Axis(0)));
        for part in batch.axis_chunks_iter(Axis(0), LARGEST_PASS) {
            predictions.extend(self.run_part(part)?);
        }
        Ok(predictions)
    }
}
