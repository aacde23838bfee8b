//! The training loop of the gate, epoch by epoch.

use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result, ensure};
use baize_models::Normalisation;
use baize_models::networks::ResidualShape;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array4};
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::augment::augment;
use super::sources::{Picture, Source};
use super::{CHEST, CLASSES, OTHER, drawn, spoilt};
use crate::learner::{Learner, Step, stack, to_tensor};
use crate::network::forward_train;
use crate::schedule::schedule;
use crate::trainer::sample_rng;

/// Everything that decides what comes out of a run, but for the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) network: ResidualShape,
    /// Side of the square input in pixels.
    pub(super) size: usize,
    pub(super) normalisation: Normalisation,
    pub(super) epochs: usize,
    /// Images of one epoch.
    pub(super) images: usize,
    pub(super) batch: usize,
    /// Learning rate after the warm-up.
    pub(super) peak_rate: f64,
    /// Decoupled weight decay of AdamW.
    pub(super) weight_decay: f32,
    /// This much of the probability is spread over all classes, against overconfidence.
    pub(super) smoothing: f32,
    /// Decay of the running average of the weights, per step.
    pub(super) average: f32,
    pub(super) seed: u64,
}

/// What one place of a batch shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lesson {
    /// A real image.
    Real(usize),
    /// A drawn picture.
    Drawn,
    /// Made of these two images.
    Spoilt(usize, usize),
}

/// One prepared batch.
struct Batch {
    images: Array4<f32>,
    classes: Vec<usize>,
}

/// A run in progress.
pub(super) struct Session {
    pub(super) plan: Plan,
    pub(super) learner: Learner,
    /// Epochs done.
    pub(super) epoch: usize,
}

impl Session {
    /// A run at its beginning. `device` must not have autodiff; the run adds it.
    pub(super) fn start(plan: Plan, device: &Device) -> Self {
        let learner = Learner::start(&plan.network, CLASSES.len(), plan.weight_decay, plan.seed, device);
        Self { plan, learner, epoch: 0 }
    }

    /// Trains one epoch; `progress(step, steps, loss)` is called after every step. Returns the mean loss.
    ///
    /// # Errors
    /// Where the loss is no number any more, or a class has no image.
    pub(super) fn train_epoch(
        &mut self,
        pictures: &[Picture],
        training: &[usize],
        mut progress: impl FnMut(usize, usize, f32),
    ) -> Result<f32> {
        let (plan, epoch) = (self.plan.clone(), self.epoch);
        let order = lessons(&plan, pictures, training, epoch)?;
        let steps = order.len() / plan.batch;
        ensure!(steps > 0, "an epoch is smaller than one batch of {}", plan.batch);
        let mut total = 0.0;
        std::thread::scope(|scope| -> Result<()> {
            let (sender, batches) = sync_channel(2);
            let producer = &plan;
            scope.spawn(move || {
                for (number, chunk) in order.chunks_exact(producer.batch).enumerate() {
                    let first = number * producer.batch;
                    if sender.send(make_batch(producer, pictures, chunk, epoch, first)).is_err() {
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

    /// Cross entropy with smoothed labels.
    fn step(&mut self, batch: Batch, step: usize, steps: usize) -> Result<f32> {
        let (plan, classes) = (&self.plan, CLASSES.len());
        let even = plan.smoothing / classes as f32;
        let mut targets = vec![even; batch.classes.len() * classes];
        for (row, class) in batch.classes.iter().enumerate() {
            targets[row * classes + class] += 1.0 - plan.smoothing;
        }
        let size = [batch.classes.len(), classes];
        let rate = plan.peak_rate * schedule(step, steps);
        self.learner.step(Step { number: step, rate, average: plan.average }, |net, device| {
            let targets = Tensor::<2>::from_data(TensorData::new(targets, size), device);
            let logits = forward_train(net, to_tensor(batch.images, device)?);
            Ok((log_softmax(logits, 1) * targets).sum().neg() / size[0] as f32)
        })
    }
}

/// What an epoch shows: the other classes in equal parts, chest radiographs of every source in equal parts, and
/// three tenths of what is nothing known. Depends on nothing but its arguments.
fn lessons(plan: &Plan, pictures: &[Picture], training: &[usize], epoch: usize) -> Result<Vec<Lesson>> {
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    rng.set_stream(epoch as u64);
    let of = |class: usize, source: Option<Source>| -> Vec<usize> {
        let belongs = |index: &&usize| {
            let picture = &pictures[**index];
            picture.class == class && source.is_none_or(|source| picture.source == source)
        };
        training.iter().filter(belongs).copied().collect()
    };
    let mut shares: Vec<(Vec<usize>, f64)> =
        (0..OTHER).filter(|class| *class != CHEST).map(|class| (of(class, None), 0.08)).collect();
    for source in [Source::MedNist, Source::Kermany, Source::Nih] {
        shares.push((of(CHEST, Some(source)), 0.1));
    }
    let mut order = Vec::new();
    for (members, share) in &shares {
        ensure!(!members.is_empty(), "a class has no image to learn from");
        let count = (plan.images as f64 * share).round() as usize;
        order.extend((0..count).map(|_| Lesson::Real(members[rng.random_range(0..members.len())])));
    }
    for _ in order.len()..plan.images {
        let mut any = || training[rng.random_range(0..training.len())];
        let pair = (any(), any());
        order.push(if rng.random_bool(0.55) { Lesson::Drawn } else { Lesson::Spoilt(pair.0, pair.1) });
    }
    order.shuffle(&mut rng);
    Ok(order)
}

fn make_batch(plan: &Plan, pictures: &[Picture], lessons: &[Lesson], epoch: usize, first: usize) -> Batch {
    let made: Vec<(Array2<f32>, usize)> = lessons
        .par_iter()
        .enumerate()
        .map(|(place, lesson)| {
            let mut rng = sample_rng(plan.seed, epoch, first + place);
            let view = |pixels: ndarray::ArrayView2<'_, u8>, rng: &mut ChaCha8Rng| {
                augment(pixels, plan.size, &plan.normalisation, rng)
            };
            match *lesson {
                Lesson::Real(index) => {
                    (view(pictures[index].pixels.view(), &mut rng), pictures[index].class)
                }
                Lesson::Drawn => {
                    let pixels = drawn::for_training(&mut rng);
                    (view(pixels.view(), &mut rng), OTHER)
                }
                Lesson::Spoilt(one, two) => {
                    let pixels = spoil(&pictures[one], &pictures[two], &mut rng);
                    (view(pixels.view(), &mut rng), OTHER)
                }
            }
        })
        .collect();
    let (views, classes): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    Batch { images: stack(&views, plan.size), classes }
}

/// A real image made into what no model reads.
pub(super) fn spoil(one: &Picture, two: &Picture, rng: &mut impl Rng) -> Array2<u8> {
    let image = one.pixels.view();
    match rng.random_range(0..4) {
        // Two halves of one kind could pass for a whole.
        0 if one.class != two.class => spoilt::collage(image, two.pixels.view(), rng),
        // Only of a chest radiograph is it known that it stands upright and shows the whole.
        1 if one.class == CHEST => spoilt::turned(image, rng),
        2 if one.class == CHEST => spoilt::detail(image, rng),
        _ => spoilt::jigsaw(image, rng),
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
