//! DenseNet (Huang et al. 2017) as torchvision and torchxrayvision build it.
//!
//! Behind the last normalisation stand rectification, global average pooling and one linear layer, so that Grad-CAM has
//! the closed form of [`crate::saliency`] here too.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::layers::{Layer, Layered, convolution, stem_pool};

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

    /// A network of this shape with fresh weights, for images of `channels` channels and with `labels` logits.
    pub fn init(&self, channels: usize, labels: usize, device: &Device) -> DenseNet {
        let stem = convolution([channels, self.stem], 7, 2, device);
        let mut channels = self.stem;
        let mut blocks = Vec::new();
        for (block, &layers) in self.blocks.iter().enumerate() {
            let layer = |number: usize| DenseLayer::new(channels + number * self.growth, self, device);
            let layers: Vec<DenseLayer> = (0..layers).map(layer).collect();
            channels += layers.len() * self.growth;
            let is_last = block + 1 == self.blocks.len();
            let transition = (!is_last).then(|| Transition::new(channels, channels / 2, device));
            if transition.is_some() {
                channels /= 2;
            }
            blocks.push(DenseBlock { layers, transition });
        }
        DenseNet {
            stem,
            stem_norm: BatchNormConfig::new(self.stem).init(device),
            pool: stem_pool(),
            blocks,
            norm: BatchNormConfig::new(channels).init(device),
            head: LinearConfig::new(channels, labels).init(device),
        }
    }
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

    /// `[n, c, h, w]` to `[n, c + growth, h, w]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
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
    /// Behind every block but the last.
    pub transition: Option<Transition>,
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
    /// Behind the last block.
    pub norm: BatchNorm,
    /// From pooled features to logits; its weight is `[features, labels]`.
    pub head: Linear,
}

impl DenseNet {
    /// `[n, channels, h, w]` to the last feature maps `[n, features, h / reduction, w / reduction]`, none negative.
    pub fn features(&self, images: Tensor<4>) -> Tensor<4> {
        let start = self.pool.forward(relu(self.stem_norm.forward(self.stem.forward(images))));
        let maps = self.blocks.iter().fold(start, |maps, block| {
            let maps = block.layers.iter().fold(maps, |maps, layer| layer.forward(maps));
            block.transition.iter().fold(maps, |maps, transition| transition.forward(maps))
        });
        relu(self.norm.forward(maps))
    }
}

impl Layered for DenseNet {
    fn layers(&mut self) -> Vec<(String, Layer<'_>)> {
        let mut layers = vec![
            ("features.conv0".to_owned(), Layer::Conv(&mut self.stem)),
            ("features.norm0".to_owned(), Layer::Norm(&mut self.stem_norm)),
        ];
        for (number, block) in (1..).zip(&mut self.blocks) {
            for (layer, parts) in (1..).zip(&mut block.layers) {
                let name = |part: &str| format!("features.denseblock{number}.denselayer{layer}.{part}");
                layers.push((name("norm1"), Layer::Norm(&mut parts.norm1)));
                layers.push((name("conv1"), Layer::Conv(&mut parts.conv1)));
                layers.push((name("norm2"), Layer::Norm(&mut parts.norm2)));
                layers.push((name("conv2"), Layer::Conv(&mut parts.conv2)));
            }
            if let Some(transition) = &mut block.transition {
                layers.push((format!("features.transition{number}.norm"), Layer::Norm(&mut transition.norm)));
                layers.push((format!("features.transition{number}.conv"), Layer::Conv(&mut transition.conv)));
            }
        }
        layers.push(("features.norm5".to_owned(), Layer::Norm(&mut self.norm)));
        layers.push(("classifier".to_owned(), Layer::Linear(&mut self.head)));
        layers
    }
}
