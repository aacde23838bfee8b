//! A network that learns: its optimiser and the running average of its weights, step by step.

use std::path::Path;

use anyhow::{Result, ensure};
use baize_models::networks::{ResidualNet, ResidualShape, ResidualTrunk};
use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array4, Axis};

use crate::draw::drawn;
use crate::weights::{assign, flatten};

/// The network of a run in progress.
pub(crate) struct Learner {
    pub(crate) device: Device,
    pub(crate) net: ResidualNet,
    optimizer: ModuleOptimizer,
    weight_decay: f32,
    /// The averaged weights, as [`flatten`] gives them.
    pub(crate) average: Vec<f32>,
}

/// How one step goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Counted from 0 over the whole run.
    pub(crate) number: usize,
    /// Learning rate.
    pub(crate) rate: f64,
    /// Decay of the running average of the weights, once the run has left its start behind.
    pub(crate) average: f32,
}

impl Learner {
    /// At its beginning, with this many logits. `device` must not have autodiff; the learner adds it.
    pub(crate) fn start(
        shape: &ResidualShape,
        logits: usize,
        weight_decay: f32,
        seed: u64,
        device: &Device,
    ) -> Self {
        let device = device.clone().autodiff();
        let net = drawn(seed, &device, || shape.init(logits, &device));
        let average = flatten(&net.valid());
        Self { device, net, optimizer: optimizer(weight_decay), weight_decay, average }
    }

    /// Takes over a trunk of the same shape, without autodiff, in place of the first weights.
    pub(crate) fn begin_with(&mut self, trunk: ResidualTrunk) {
        let mut net = self.net.valid();
        net.trunks = vec![trunk];
        self.average = flatten(&net);
        self.net = net.train();
    }

    /// The network with the averaged weights, without autodiff.
    pub(crate) fn averaged(&self) -> ResidualNet {
        assign(self.net.valid(), &self.average)
    }

    /// Goes one step down the gradient of the mean of what `losses` gives; returns that mean.
    ///
    /// # Errors
    /// Where the loss is no number any more.
    pub(crate) fn step(
        &mut self,
        step: Step,
        loss: impl FnOnce(&ResidualNet, &Device) -> Result<Tensor<1>>,
    ) -> Result<f32> {
        let loss = loss(&self.net, &self.device)?;
        let value = loss.clone().into_scalar::<f32>();
        ensure!(value.is_finite(), "the loss is {value} at step {}: lower the learning rate", step.number);
        let gradients = GradientsParams::from_grads(loss.backward(), &self.net);
        self.net = self.optimizer.step(step.rate, self.net.clone(), gradients);
        // Early on the average follows fast, so that the random start is forgotten.
        let decay = step.average.min((1.0 + step.number as f32) / (10.0 + step.number as f32));
        for (average, value) in self.average.iter_mut().zip(flatten(&self.net.valid())) {
            *average = decay * *average + (1.0 - decay) * value;
        }
        Ok(value)
    }

    /// Writes network and optimiser, but for the average, into a folder.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        self.net.valid().save_file(folder.join("weights.bpk"))?;
        self.optimizer.save(folder.join("optimizer.bpk"))?;
        Ok(())
    }

    /// The learner that [`Self::save`] wrote, with its average.
    ///
    /// # Errors
    /// Where a file is missing or has another size.
    pub(crate) fn restore(mut self, folder: &Path, average: Vec<f32>) -> Result<Self> {
        self.net = self.net.valid().try_load_file(folder.join("weights.bpk"))?.train();
        self.optimizer = optimizer(self.weight_decay).load(folder.join("optimizer.bpk"))?;
        ensure!(average.len() == self.average.len(), "{} has a wrong size", folder.display());
        self.average = average;
        Ok(self)
    }
}

fn optimizer(weight_decay: f32) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_weight_decay(weight_decay)
        .with_epsilon(1e-8)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
        .init()
}

/// `[n, 1, size, size]` from `n` images.
pub(crate) fn stack(views: &[Array2<f32>], size: usize) -> Array4<f32> {
    let mut batch = Array4::zeros((views.len(), 1, size, size));
    for (mut to, view) in batch.outer_iter_mut().zip(views) {
        to.index_axis_mut(Axis(0), 0).assign(view);
    }
    batch
}

/// A batch as a tensor.
///
/// # Errors
/// Where the batch does not start at its first value.
pub(crate) fn to_tensor(images: Array4<f32>, device: &Device) -> Result<Tensor<4>> {
    let (n, channels, height, width) = images.dim();
    let (values, offset) = images.into_raw_vec_and_offset();
    ensure!(offset.unwrap_or(0) == 0, "a batch starts at its first value");
    Ok(Tensor::from_data(TensorData::new(values, [n, channels, height, width]), device))
}
