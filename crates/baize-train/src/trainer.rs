//! The training loop: one network, its optimiser and its running average, epoch by epoch.

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result, ensure};
use baize_models::Normalisation;
use baize_models::networks::{ResidualNet, ResidualShape};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array4, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::augment::{Strength, augment};
use crate::data::{Deal, Diet, Sample, epoch_order, weights};
use crate::learner::{Learner, Step, stack, to_tensor};
use crate::network::forward_train;
use crate::schedule::schedule;

/// Everything that decides what comes out of a run, but for the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// One member.
    pub(crate) network: ResidualShape,
    /// Networks that are trained apart and shipped as one; member `n` never sees fold `n`.
    pub(crate) members: usize,
    /// Parts that the patients are dealt into; at least as many as members.
    pub(crate) folds: usize,
    pub(crate) deal: Deal,
    pub(crate) diet: Diet,
    /// Logits that are shipped. The others only help the network to learn.
    pub(crate) labels: usize,
    /// Logits while training.
    pub(crate) outputs: usize,
    /// Side of the square input in pixels.
    pub(crate) size: usize,
    pub(crate) normalisation: Normalisation,
    pub(crate) strength: Strength,
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
    /// Learning rate after the warm-up.
    pub(crate) peak_rate: f64,
    /// Decoupled weight decay of AdamW.
    pub(crate) weight_decay: f32,
    /// Labels are moved this far from 0 and 1, against overconfidence.
    pub(crate) smoothing: f32,
    /// How often an image is blended with another one and their labels likewise (mixup, Zhang et al. 2018).
    pub(crate) mixup: f64,
    /// Decay of the running average of the weights, per step.
    pub(crate) average: f32,
    /// SHA-256 of the values of the trunk that the members start from; none: from scratch.
    pub(crate) start: Option<String>,
    pub(crate) seed: u64,
}

/// What a member learns from.
pub(crate) struct Lessons<'a> {
    samples: &'a [Sample],
    training: Vec<usize>,
    weights: HashMap<usize, Vec<f32>>,
}

impl<'a> Lessons<'a> {
    /// These images of all.
    pub(crate) fn new(plan: &Plan, samples: &'a [Sample], training: Vec<usize>) -> Self {
        let weights = weights(samples, &training, plan.diet);
        Self { samples, training, weights }
    }
}

/// One prepared batch: images, and for each of them what each logit should say and how much that counts.
struct Batch {
    images: Array4<f32>,
    targets: Vec<f32>,
    weights: Vec<f32>,
}

/// A member's run in progress.
pub(crate) struct Session {
    pub(crate) plan: Plan,
    /// Decides this member's first weights and random changes.
    seed: u64,
    pub(crate) learner: Learner,
    /// Epochs done.
    pub(crate) epoch: usize,
}

impl Session {
    /// A member's run at its beginning. `device` must not have autodiff; the run adds it.
    pub(crate) fn start(plan: Plan, member: usize, device: &Device) -> Self {
        let seed = plan.seed + 1000 * member as u64;
        let learner = Learner::start(&plan.network, plan.outputs, plan.weight_decay, seed, device);
        Self { plan, seed, learner, epoch: 0 }
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
        lessons: &Lessons<'_>,
        mut progress: impl FnMut(usize, usize, f32),
    ) -> Result<f32> {
        let (plan, seed, epoch) = (self.plan.clone(), self.seed, self.epoch);
        let order = epoch_order(lessons.samples, &lessons.training, plan.diet, seed, epoch);
        let steps = order.len() / plan.batch;
        ensure!(steps > 0, "fewer training images than one batch of {}", plan.batch);
        let mut total = 0.0;
        std::thread::scope(|scope| -> Result<()> {
            let (sender, batches) = sync_channel(2);
            let producer = &plan;
            scope.spawn(move || {
                for chunk in order.chunks_exact(producer.batch) {
                    if sender.send(make_batch(producer, lessons, chunk, seed, epoch)).is_err() {
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
        let size = [batch.targets.len() / self.plan.outputs, self.plan.outputs];
        self.learner.step(Step { number: step, rate, average: self.plan.average }, |net, device| {
            let tensor = |values| Tensor::<2>::from_data(TensorData::new(values, size), device);
            let (targets, weights) = (tensor(batch.targets), tensor(batch.weights));
            let logits = forward_train(net, to_tensor(batch.images, device)?);
            // Binary cross entropy in its overflow-free form: max(z, 0) - z * y + ln(1 + exp(-|z|)).
            let losses = relu(logits.clone()) - logits.clone() * targets + logits.abs().neg().exp().log1p();
            Ok((losses * weights).mean())
        })
    }
}

fn make_batch(plan: &Plan, lessons: &Lessons<'_>, indices: &[usize], seed: u64, epoch: usize) -> Batch {
    let made: Vec<(Array2<f32>, f32)> = indices
        .par_iter()
        .map(|&index| {
            let mut rng = sample_rng(seed, epoch, index);
            let source = lessons.samples[index].pixels.view();
            let view = augment(source, plan.size, &plan.normalisation, &plan.strength, &mut rng);
            let own = if rng.random_bool(plan.mixup) { rng.random_range(0.5..1.0) } else { 1.0 };
            (view, own)
        })
        .collect();
    let truth = |index: usize, output: usize| {
        if lessons.samples[index].truths[output] { 1.0 - plan.smoothing } else { plan.smoothing }
    };
    let weight = |index: usize, output: usize| lessons.weights[&index][output];
    let (mut views, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (view, own)) in made.iter().enumerate() {
        // Each image's partner is the next one of the batch.
        let partner = (place + 1) % made.len();
        let (one, two) = (indices[place], indices[partner]);
        let mix = |a: f32, b: f32| own * a + (1.0 - own) * b;
        views.push(if *own < 1.0 { view * *own + &made[partner].0 * (1.0 - own) } else { view.clone() });
        targets.extend((0..plan.outputs).map(|output| mix(truth(one, output), truth(two, output))));
        weights.extend((0..plan.outputs).map(|output| mix(weight(one, output), weight(two, output))));
    }
    Batch { images: stack(&views, plan.size), targets, weights }
}

/// The random numbers of one image in one epoch, whichever thread draws them.
pub(crate) fn sample_rng(seed: u64, epoch: usize, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((epoch as u64) << 32) | index as u64 | 1 << 63);
    rng
}

/// The logits of prepared images `[size, size]`, without autodiff, each the mean over the image and its
/// mirror image, as where the network serves: one vector per image.
pub(crate) fn logits(
    net: &ResidualNet,
    views: &[Array2<f32>],
    plan: &Plan,
    device: &Device,
) -> Result<Vec<Vec<f64>>> {
    let mut result = Vec::with_capacity(views.len());
    for chunk in views.chunks(32) {
        let images = to_tensor(stack(chunk, plan.size), device)?;
        let mirrored = images.clone().flip([3]);
        let mean = (net.classify(net.features(images)) + net.classify(net.features(mirrored))) / 2.0;
        let values: Vec<f64> = mean.into_data().iter::<f32>().map(f64::from).collect();
        result.extend(values.chunks(plan.outputs).map(<[f64]>::to_vec));
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
