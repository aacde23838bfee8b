//! A small residual network for single-channel images: two strided convolutions, stages of basic blocks,
//! global average pooling and one linear layer.
//!
//! The last two steps are linear in the last feature maps, so Grad-CAM (Selvaraju et al. 2017) has a closed
//! form there: the gradient of logit `l` with respect to feature map `k` is `weight[k, l] / (h * w)`
//! everywhere. See [`crate::saliency`].

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// The hyper-parameters of a [`ResidualNet`], as a manifest writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidualShape {
    /// Channels after the first convolution (5x5, stride 2).
    pub stem: usize,
    /// Channels of each stage. The first stage follows a 3x3 convolution of stride 2; every later one halves
    /// the resolution again.
    pub widths: Vec<usize>,
    /// Basic blocks of each stage; as many entries as `widths`.
    pub blocks: Vec<usize>,
}

impl ResidualShape {
    /// How much smaller than the input the last feature maps are, per side.
    pub fn reduction(&self) -> usize {
        4 << self.widths.len().saturating_sub(1)
    }

    /// Channels of the last feature maps.
    pub fn features(&self) -> usize {
        self.widths.last().copied().unwrap_or(self.stem)
    }

    /// A network of this shape with fresh weights and `labels` logits.
    pub fn init(&self, labels: usize, device: &Device) -> ResidualNet {
        let first = self.widths.first().copied().unwrap_or(self.stem);
        let mut blocks = Vec::new();
        let mut channels = first;
        for (stage, (&width, &count)) in self.widths.iter().zip(&self.blocks).enumerate() {
            for block in 0..count {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                blocks.push(ResidualBlock::new(channels, width, stride, device));
                channels = width;
            }
        }
        ResidualNet {
            stem: ConvNorm::new([1, self.stem], 5, 2, device),
            down: ConvNorm::new([self.stem, first], 3, 2, device),
            blocks,
            head: LinearConfig::new(channels, labels).init(device),
        }
    }
}

/// A convolution without bias and the batch normalisation after it.
#[derive(Module, Debug)]
pub struct ConvNorm {
    /// The convolution; its padding keeps the size but for the stride.
    pub conv: Conv2d,
    /// The normalisation of its output.
    pub norm: BatchNorm,
}

impl ConvNorm {
    fn new(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Self {
        let conv = Conv2dConfig::new(channels, [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(kernel / 2, kernel / 2, kernel / 2, kernel / 2))
            .with_bias(false)
            .with_initializer(Initializer::KaimingNormal { gain: 2f64.sqrt(), fan_out_only: true })
            .init(device);
        Self { conv, norm: BatchNormConfig::new(channels[1]).init(device) }
    }

    /// `[n, in, h, w]` to `[n, out, h / stride, w / stride]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(input))
    }
}

/// The basic block of He et al. 2016: two 3x3 convolutions and a shortcut.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    /// The convolution that carries the block's stride.
    pub first: ConvNorm,
    /// The second convolution.
    pub second: ConvNorm,
    /// A 1x1 convolution where the shape changes; the identity otherwise.
    pub shortcut: Option<ConvNorm>,
}

impl ResidualBlock {
    fn new(channels_in: usize, channels_out: usize, stride: usize, device: &Device) -> Self {
        let changes = stride != 1 || channels_in != channels_out;
        Self {
            first: ConvNorm::new([channels_in, channels_out], 3, stride, device),
            second: ConvNorm::new([channels_out, channels_out], 3, 1, device),
            shortcut: changes.then(|| ConvNorm::new([channels_in, channels_out], 1, stride, device)),
        }
    }

    /// `[n, in, h, w]` to `[n, out, h / stride, w / stride]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let inner = self.second.forward(relu(self.first.forward(input.clone())));
        let shortcut = match &self.shortcut {
            Some(projection) => projection.forward(input),
            None => input,
        };
        relu(inner + shortcut)
    }
}

/// The network. Its fields are public so that the training crate can run it with other kernels.
#[derive(Module, Debug)]
pub struct ResidualNet {
    /// 5x5, stride 2.
    pub stem: ConvNorm,
    /// 3x3, stride 2.
    pub down: ConvNorm,
    /// The blocks of all stages, in order.
    pub blocks: Vec<ResidualBlock>,
    /// From pooled features to logits; its weight is `[features, labels]`.
    pub head: Linear,
}

impl ResidualNet {
    /// `[n, 1, h, w]` to the last feature maps `[n, features, h / reduction, w / reduction]`, none negative.
    pub fn features(&self, images: Tensor<4>) -> Tensor<4> {
        let start = relu(self.down.forward(relu(self.stem.forward(images))));
        self.blocks.iter().fold(start, |maps, block| block.forward(maps))
    }

    /// From feature maps to logits `[n, labels]`.
    pub fn classify(&self, features: Tensor<4>) -> Tensor<2> {
        self.head.forward(super::pooled(features))
    }
}
