//! The training loop: one network, its optimiser and its running average, epoch by epoch.

use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result};
use baize_models::Normalisation;
use baize_models::networks::{ResidualNet, ResidualShape};
use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array4, ArrayView2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::augment::{Strength, augment};
use crate::data::{Sample, balanced_epoch};
use crate::draw::drawn;
use crate::network::forward_train;
use crate::schedule::schedule;
use crate::weights::{assign, flatten};

/// Everything that decides what comes out of a run, but for the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) network: ResidualShape,
    /// Side of the square input in pixels.
    pub(crate) size: usize,
    pub(crate) normalisation: Normalisation,
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
    /// Learning rate after the warm-up.
    pub(crate) peak_rate: f64,
    /// Decoupled weight decay of AdamW.
    pub(crate) weight_decay: f32,
    /// Labels are moved this far from 0 and 1, against overconfidence.
    pub(crate) smoothing: f32,
    /// Decay of the running average of the weights, per step.
    pub(crate) average: f32,
    /// Fraction of the patients that validate.
    pub(crate) validation: f64,
    pub(crate) seed: u64,
}

/// One prepared batch.
struct Batch {
    images: Array4<f32>,
    targets: Vec<f32>,
}

/// A run in progress.
pub(crate) struct Session {
    pub(crate) plan: Plan,
    pub(crate) device: Device,
    pub(crate) net: ResidualNet,
    pub(crate) optimizer: ModuleOptimizer,
    /// The averaged weights, as [`flatten`] gives them.
    pub(crate) average: Vec<f32>,
    /// Epochs done.
    pub(crate) epoch: usize,
}

impl Session {
    /// A run at its beginning. `device` must not have autodiff; the run adds it.
    pub(crate) fn start(plan: Plan, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let net = drawn(plan.seed, &device, || plan.network.init(1, &device));
        let optimizer = Self::optimizer(&plan);
        let average = flatten(&net.valid());
        Self { plan, device, net, optimizer, average, epoch: 0 }
    }

    pub(crate) fn optimizer(plan: &Plan) -> ModuleOptimizer {
        AdamWConfig::new()
            .with_weight_decay(plan.weight_decay)
            .with_epsilon(1e-8)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
            .init()
    }

    /// The network with the averaged weights, without autodiff.
    pub(crate) fn averaged(&self) -> ResidualNet {
        assign(self.net.valid(), &self.average)
    }

    /// Trains one epoch; `progress(step, steps, loss)` is called after every step. Returns the mean loss.
    ///
    /// # Errors
    /// Where the loss is no number any more.
    pub(crate) fn train_epoch(
        &mut self,
        samples: &[Sample],
        training: &[usize],
        mut progress: impl FnMut(usize, usize, f32),
    ) -> Result<f32> {
        let plan = self.plan.clone();
        let epoch = self.epoch;
        let order = balanced_epoch(samples, training, plan.seed, epoch);
        let steps = order.len() / plan.batch;
        anyhow::ensure!(steps > 0, "fewer training images than one batch of {}", plan.batch);
        let mut total = 0.0;
        std::thread::scope(|scope| -> Result<()> {
            let (sender, batches) = sync_channel(2);
            let producer = &plan;
            scope.spawn(move || {
                for chunk in order.chunks_exact(producer.batch) {
                    if sender.send(make_batch(producer, samples, chunk, epoch)).is_err() {
                        return;
                    }
                }
            });
            for step in 0..steps {
                let batch: Batch = batches.recv().context("the batch maker stopped")?;
                let loss = self.step(batch, epoch * steps + step, plan.epochs * steps)?;
                total += loss;
                progress(step + 1, steps, loss);
            }
            Ok(())
        })?;
        self.epoch += 1;
        Ok(total / steps as f32)
    }

    fn step(&mut self, batch: Batch, step: usize, steps: usize) -> Result<f32> {
        let targets = Tensor::<2>::from_data(
            TensorData::new(batch.targets.clone(), [batch.targets.len(), 1]),
            &self.device,
        );
        let logits = forward_train(&self.net, to_tensor(batch.images, &self.device)?);
        // Binary cross entropy in its overflow-free form: max(z, 0) - z * y + ln(1 + exp(-|z|)).
        let losses = relu(logits.clone()) - logits.clone() * targets + logits.abs().neg().exp().log1p();
        let loss = losses.mean();
        let value = loss.clone().into_scalar::<f32>();
        anyhow::ensure!(value.is_finite(), "the loss is {value} at step {step}: lower the learning rate");
        let gradients = GradientsParams::from_grads(loss.backward(), &self.net);
        let rate = self.plan.peak_rate * schedule(step, steps);
        self.net = self.optimizer.step(rate, self.net.clone(), gradients);
        // Early on the average follows fast, so that the random start is forgotten.
        let decay = self.plan.average.min((1.0 + step as f32) / (10.0 + step as f32));
        for (average, value) in self.average.iter_mut().zip(flatten(&self.net.valid())) {
            *average = decay * *average + (1.0 - decay) * value;
        }
        Ok(value)
    }
}

fn make_batch(plan: &Plan, samples: &[Sample], indices: &[usize], epoch: usize) -> Batch {
    let views: Vec<Array2<f32>> = indices
        .par_iter()
        .map(|&index| {
            let mut rng = sample_rng(plan.seed, epoch, index);
            let source = samples[index].pixels.view();
            augment(source, plan.size, &plan.normalisation, &Strength::TRAINING, &mut rng)
        })
        .collect();
    let targets = indices
        .iter()
        .map(|&index| if samples[index].positive { 1.0 - plan.smoothing } else { plan.smoothing })
        .collect();
    Batch { images: stack(&views, plan.size), targets }
}

/// The random numbers of one image in one epoch, whichever thread draws them.
pub(crate) fn sample_rng(seed: u64, epoch: usize, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((epoch as u64) << 32) | index as u64 | 1 << 63);
    rng
}

/// `[n, 1, size, size]` from `n` images.
pub(crate) fn stack(views: &[Array2<f32>], size: usize) -> Array4<f32> {
    let mut batch = Array4::zeros((views.len(), 1, size, size));
    for (mut to, view) in batch.outer_iter_mut().zip(views) {
        to.index_axis_mut(ndarray::Axis(0), 0).assign(view);
    }
    batch
}

fn to_tensor(images: Array4<f32>, device: &Device) -> Result<Tensor<4>> {
    let (n, channels, height, width) = images.dim();
    let (values, offset) = images.into_raw_vec_and_offset();
    anyhow::ensure!(offset.unwrap_or(0) == 0, "a batch starts at its first value");
    Ok(Tensor::from_data(TensorData::new(values, [n, channels, height, width]), device))
}

/// Logits of prepared images `[size, size]`, without autodiff.
pub(crate) fn logits(
    net: &ResidualNet,
    views: &[Array2<f32>],
    size: usize,
    device: &Device,
) -> Result<Vec<f64>> {
    let mut result = Vec::with_capacity(views.len());
    for chunk in views.chunks(32) {
        let maps = net.features(to_tensor(stack(chunk, size), device)?);
        result.extend(net.classify(maps).into_data().iter::<f32>().map(f64::from));
    }
    Ok(result)
}

/// An image as the server prepares it.
pub(crate) fn serving_view(plan: &Plan, source: ArrayView2<'_, u8>) -> Array2<f32> {
    let fitted =
        baize_imaging::fit(source.mapv(|value| f32::from(value) / 255.0).view(), plan.size, plan.size);
    plan.normalisation.apply(fitted.pixels.view())
}

#[cfg(test)]
#[path = "trainer_tests.rs"]
mod tests;
