//! What the networks that others train are made of, and under which names PyTorch keeps it.

use burn::module::{Param, ParamId, RunningState};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, Linear, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData};

/// A layer with weights.
pub(crate) enum Layer<'a> {
    Conv(&'a mut Conv2d),
    Norm(&'a mut BatchNorm),
    Linear(&'a mut Linear),
}

/// A network that lists its layers.
pub(crate) trait Layered {
    /// Every layer with weights, in the order in which an image meets them, under torchvision's name.
    fn layers(&mut self) -> Vec<(String, Layer<'_>)>;
}

/// A convolution without bias whose padding keeps the size but for the stride. `channels` are those in and out.
pub(super) fn convolution(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Conv2d {
    let margin = kernel / 2;
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(margin, margin, margin, margin))
        .with_bias(false)
        .init(device)
}

/// The pooling behind the first convolution: 3x3, stride 2.
pub(super) fn stem_pool() -> MaxPool2d {
    MaxPool2dConfig::new([3, 3])
        .with_strides([2, 2])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init()
}

/// Puts values into a convolution: `[out, in, kernel, kernel]`.
pub(crate) fn set_conv(conv: &mut Conv2d, weight: Vec<f32>) {
    let shape = conv.weight.val().dims();
    conv.weight = parameter(weight, shape, &conv.weight.val().device());
}

/// Scale, shift, mean and variance of a batch normalisation, one value for each channel.
pub(crate) struct Normal {
    pub(crate) gamma: Vec<f32>,
    pub(crate) beta: Vec<f32>,
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

/// Puts values into a normalisation.
pub(crate) fn set_norm(norm: &mut BatchNorm, values: Normal) {
    let channels = norm.gamma.val().dims();
    let device = norm.gamma.val().device();
    norm.gamma = parameter(values.gamma, channels, &device);
    norm.beta = parameter(values.beta, channels, &device);
    norm.running_mean = RunningState::new(tensor(values.mean, channels, &device));
    norm.running_var = RunningState::new(tensor(values.variance, channels, &device));
}

/// Puts values into a linear layer, as PyTorch has them: weight `[out, in]`, bias `[out]`.
pub(crate) fn set_linear(linear: &mut Linear, weight: Vec<f32>, bias: Vec<f32>) {
    let [inputs, outputs] = linear.weight.val().dims();
    let device = linear.weight.val().device();
    let weight = tensor::<2>(weight, [outputs, inputs], &device).transpose();
    linear.weight = Param::initialized(ParamId::new(), weight);
    linear.bias = Some(parameter(bias, [outputs], &device));
}

fn parameter<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), tensor(values, shape, device))
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
