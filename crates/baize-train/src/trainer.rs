//! The training loop: one network, its optimiser and its running average, epoch by epoch.

use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result};
use baize_models::Normalisation;
use baize_models::networks::{ResidualNet, ResidualShape};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array4, ArrayView2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::augment::{Strength, augment};
use crate::data::{Sample, balanced_epoch};
use crate::learner::{Learner, Step, stack, to_tensor};
use crate::network::forward_train;
use crate::schedule::schedule;

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
    pub(crate) learner: Learner,
    /// Epochs done.
    pub(crate) epoch: usize,
}

impl Session {
    /// A run at its beginning. `device` must not have autodiff; the run adds it.
    pub(crate) fn start(plan: Plan, device: &Device) -> Self {
        let learner = Learner::start(&plan.network, 1, plan.weight_decay, plan.seed, device);
        Self { plan, learner, epoch: 0 }
    }

    /// The network with the averaged weights, without autodiff.
    pub(crate) fn averaged(&self) -> ResidualNet {
        self.learner.averaged()
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
        let rate = self.plan.peak_rate * schedule(step, steps);
        self.learner.step(Step { number: step, rate, average: self.plan.average }, |net, device| {
            let targets = Tensor::<2>::from_data(
                TensorData::new(batch.targets.clone(), [batch.targets.len(), 1]),
                device,
            );
            let logits = forward_train(net, to_tensor(batch.images, device)?);
            // Binary cross entropy in its overflow-free form: max(z, 0) - z * y + ln(1 + exp(-|z|)).
            let losses = relu(logits.clone()) - logits.clone() * targets + logits.abs().neg().exp().log1p();
            Ok(losses.mean())
        })
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
