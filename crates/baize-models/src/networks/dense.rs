//! DenseNet (Huang et al. 2017) as torchvision and torchxrayvision build it, for single-channel images.
//!
//! Behind the last normalisation stand rectification, global average pooling and one linear layer, so that Grad-CAM has
//! the closed form of [`crate::saliency`] here too.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// How much smaller than the input the first block's maps are, per side; every transition halves them again.
const STEM_REDUCTION: usize = 4;

/// The hyper-parameters of a [`DenseNet`], as a manifest writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseShape {
    /// Channels after the first convolution (7x7, stride 2).
    pub stem: usize,
    /// Channels that every layer adds.
    pub growth: usize,
    /// How many times `growth` channels the 1x1 convolution of a layer has.
    pub bottleneck: usize,
    /// Layers of each block.
    pub blocks: Vec<usize>,
}

impl DenseShape {
    /// How much smaller than the input the last feature maps are, per side.
    pub fn reduction(&self) -> usize {
        STEM_REDUCTION << self.blocks.len().saturating_sub(1)
    }

    /// Channels of the last feature maps.
    pub fn features(&self) -> usize {
        let last = self.blocks.len().saturating_sub(1);
        self.blocks.iter().enumerate().fold(self.stem, |channels, (block, layers)| {
            let grown = channels + layers * self.growth;
            if block < last { grown / 2 } else { grown }
        })
    }

    /// A network of this shape with fresh weights and `labels` logits.
    pub fn init(&self, labels: usize, device: &Device) -> DenseNet {
        let mut channels = self.stem;
        let (mut blocks, mut transitions) = (Vec::new(), Vec::new());
        for (block, &layers) in self.blocks.iter().enumerate() {
            let layer = |number: usize| DenseLayer::new(channels + number * self.growth, self, device);
            blocks.push(DenseBlock { layers: (0..layers).map(layer).collect() });
            channels += layers * self.growth;
            if block + 1 < self.blocks.len() {
                transitions.push(Transition::new(channels, channels / 2, device));
                channels /= 2;
            }
        }
        DenseNet {
            stem: convolution([1, self.stem], 7, 2, device),
            stem_norm: BatchNormConfig::new(self.stem).init(device),
            pool: MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            blocks,
            transitions,
            norm: BatchNormConfig::new(channels).init(device),
            head: LinearConfig::new(channels, labels).init(device),
        }
    }
}

fn convolution(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Conv2d {
    let margin = kernel / 2;
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(margin, margin, margin, margin))
        .with_bias(false)
        .init(device)
}

/// A layer: two convolutions, each behind its normalisation, whose output is laid beside the input.
#[derive(Module, Debug)]
pub struct DenseLayer {
    /// Before the 1x1 convolution.
    pub norm1: BatchNorm,
    /// 1x1.
    pub conv1: Conv2d,
    /// Before the 3x3 convolution.
    pub norm2: BatchNorm,
    /// 3x3.
    pub conv2: Conv2d,
}

impl DenseLayer {
    fn new(channels: usize, shape: &DenseShape, device: &Device) -> Self {
        let inner = shape.bottleneck * shape.growth;
        Self {
            norm1: BatchNormConfig::new(channels).init(device),
            conv1: convolution([channels, inner], 1, 1, device),
            norm2: BatchNormConfig::new(inner).init(device),
            conv2: convolution([inner, shape.growth], 3, 1, device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let inner = self.conv1.forward(relu(self.norm1.forward(input.clone())));
        let new = self.conv2.forward(relu(self.norm2.forward(inner)));
        Tensor::cat(vec![input, new], 1)
    }
}

/// Layers each of which sees what all before it have made.
#[derive(Module, Debug)]
pub struct DenseBlock {
    /// In their order.
    pub layers: Vec<DenseLayer>,
}

/// Half the channels and half the resolution.
#[derive(Module, Debug)]
pub struct Transition {
    /// Before the convolution.
    pub norm: BatchNorm,
    /// 1x1.
    pub conv: Conv2d,
    pool: AvgPool2d,
}

impl Transition {
    fn new(channels: usize, kept: usize, device: &Device) -> Self {
        Self {
            norm: BatchNormConfig::new(channels).init(device),
            conv: convolution([channels, kept], 1, 1, device),
            pool: AvgPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.pool.forward(self.conv.forward(relu(self.norm.forward(input))))
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct DenseNet {
    /// 7x7, stride 2.
    pub stem: Conv2d,
    /// Behind the first convolution.
    pub stem_norm: BatchNorm,
    pool: MaxPool2d,
    /// The dense blocks.
    pub blocks: Vec<DenseBlock>,
    /// Between the blocks.
    pub transitions: Vec<Transition>,
    /// Behind the last block.
    pub norm: BatchNorm,
    /// From pooled features to logits; its weight is `[features, labels]`.
    pub head: Linear,
}

impl DenseNet {
    /// Under which names torchvision keeps the weights, as patterns, and under which they lie here. Blocks and layers are
    /// counted from 1 there.
    pub const TORCH_NAMES: [(&str, &str); 6] = [
        (r"^features\.conv0\.", "stem."),
        (r"^features\.norm0\.", "stem_norm."),
        (r"^features\.denseblock(\d+)\.denselayer(\d+)\.(norm|conv)\.?(\d)\.", "blocks.$1.layers.$2.$3$4."),
        (r"^features\.transition(\d+)\.", "transitions.$1."),
        (r"^features\.norm5\.", "norm."),
        (r"^classifier\.", "head."),
    ];

    /// `[n, 1, h, w]` to the last feature maps `[n, features, h / reduction, w / reduction]`, none negative.
    pub fn features(&self, images: Tensor<4>) -> Tensor<4> {
        let mut maps = self.pool.forward(relu(self.stem_norm.forward(self.stem.forward(images))));
        for (number, block) in self.blocks.iter().enumerate() {
            maps = block.layers.iter().fold(maps, |maps, layer| layer.forward(maps));
            if let Some(transition) = self.transitions.get(number) {
                maps = transition.forward(maps);
            }
        }
        relu(self.norm.forward(maps))
    }
}
