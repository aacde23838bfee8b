//! ResNet (He et al. 2016) as torchvision builds it: basic blocks (ResNet-18, -34) or bottlenecks (-50, -101, -152).
//!
//! It ends in rectified maps, global average pooling and one linear layer, so that Grad-CAM has the closed form of
//! [`crate::saliency`] here too.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::MaxPool2d;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::layers::{Layer, Layered, convolution, stem_pool};

/// How many times its inner channels a bottleneck puts out.
const EXPANSION: usize = 4;
/// How much smaller than the input the first stage's maps are, per side; every later stage halves them again.
const STEM_REDUCTION: usize = 4;

/// The hyper-parameters of a [`ResNet`], as a manifest writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResNetShape {
    /// Channels after the first convolution (7x7, stride 2) and inner channels of the first stage, which every later
    /// stage doubles.
    pub stem: usize,
    /// Blocks of each stage, such as 3, 4, 6, 3.
    pub blocks: Vec<usize>,
    /// Whether the blocks are bottlenecks (1x1, 3x3, 1x1) or two 3x3 convolutions.
    pub bottleneck: bool,
}

impl ResNetShape {
    /// How much smaller than the input the last feature maps are, per side.
    pub fn reduction(&self) -> usize {
        STEM_REDUCTION << self.blocks.len().saturating_sub(1)
    }

    /// A network of this shape with fresh weights, for images of `channels` channels and with `labels` logits.
    pub fn init(&self, channels: usize, labels: usize, device: &Device) -> ResNet {
        let stem = convolution([channels, self.stem], 7, 2, device);
        let mut channels = self.stem;
        let mut stages = Vec::new();
        for (stage, &count) in self.blocks.iter().enumerate() {
            let width = self.stem << stage;
            let mut blocks = Vec::new();
            for block in 0..count {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                blocks.push(ResNetBlock::new(channels, width, stride, self.bottleneck, device));
                channels = if self.bottleneck { width * EXPANSION } else { width };
            }
            stages.push(ResNetStage { blocks });
        }
        ResNet {
            stem,
            stem_norm: BatchNormConfig::new(self.stem).init(device),
            pool: stem_pool(),
            stages,
            head: LinearConfig::new(channels, labels).init(device),
        }
    }
}

/// A convolution and the normalisation behind it.
#[derive(Module, Debug)]
pub struct NormedConv {
    /// Without bias.
    pub conv: Conv2d,
    /// Behind it.
    pub norm: BatchNorm,
}

impl NormedConv {
    fn new(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Self {
        Self {
            conv: convolution(channels, kernel, stride, device),
            norm: BatchNormConfig::new(channels[1]).init(device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(input))
    }
}

/// Two or three convolutions and a shortcut around them.
#[derive(Module, Debug)]
pub struct ResNetBlock {
    /// One behind the other, rectified in between. In a bottleneck the 3x3 convolution carries the stride.
    pub convs: Vec<NormedConv>,
    /// A 1x1 convolution where the shape changes; the identity otherwise.
    pub shortcut: Option<NormedConv>,
}

impl ResNetBlock {
    fn new(from: usize, width: usize, stride: usize, bottleneck: bool, device: &Device) -> Self {
        let conv = |channels, kernel, stride| NormedConv::new(channels, kernel, stride, device);
        let (convs, to) = if bottleneck {
            let to = width * EXPANSION;
            (vec![conv([from, width], 1, 1), conv([width, width], 3, stride), conv([width, to], 1, 1)], to)
        } else {
            (vec![conv([from, width], 3, stride), conv([width, width], 3, 1)], width)
        };
        let changes = stride != 1 || from != to;
        Self { convs, shortcut: changes.then(|| conv([from, to], 1, stride)) }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let mut maps = input.clone();
        for (number, conv) in self.convs.iter().enumerate() {
            maps = conv.forward(if number == 0 { maps } else { relu(maps) });
        }
        let shortcut = match &self.shortcut {
            Some(projection) => projection.forward(input),
            None => input,
        };
        relu(maps + shortcut)
    }
}

/// Blocks of one resolution.
#[derive(Module, Debug)]
pub struct ResNetStage {
    /// In their order.
    pub blocks: Vec<ResNetBlock>,
}

/// The network.
#[derive(Module, Debug)]
pub struct ResNet {
    /// 7x7, stride 2.
    pub stem: Conv2d,
    /// Behind the first convolution.
    pub stem_norm: BatchNorm,
    pool: MaxPool2d,
    /// The stages.
    pub stages: Vec<ResNetStage>,
    /// From pooled features to logits; its weight is `[features, labels]`.
    pub head: Linear,
}

impl ResNet {
    /// `[n, channels, h, w]` to the last feature maps `[n, features, h / reduction, w / reduction]`, none negative.
    pub fn features(&self, images: Tensor<4>) -> Tensor<4> {
        let start = self.pool.forward(relu(self.stem_norm.forward(self.stem.forward(images))));
        let blocks = self.stages.iter().flat_map(|stage| &stage.blocks);
        blocks.fold(start, |maps, block| block.forward(maps))
    }
}

impl Layered for ResNet {
    fn layers(&mut self) -> Vec<(String, Layer<'_>)> {
        let mut layers = vec![
            ("conv1".to_owned(), Layer::Conv(&mut self.stem)),
            ("bn1".to_owned(), Layer::Norm(&mut self.stem_norm)),
        ];
        for (stage, parts) in (1..).zip(&mut self.stages) {
            for (number, block) in parts.blocks.iter_mut().enumerate() {
                let name = |part: String| format!("layer{stage}.{number}.{part}");
                for (order, step) in (1..).zip(&mut block.convs) {
                    layers.push((name(format!("conv{order}")), Layer::Conv(&mut step.conv)));
                    layers.push((name(format!("bn{order}")), Layer::Norm(&mut step.norm)));
                }
                if let Some(shortcut) = &mut block.shortcut {
                    layers.push((name("downsample.0".to_owned()), Layer::Conv(&mut shortcut.conv)));
                    layers.push((name("downsample.1".to_owned()), Layer::Norm(&mut shortcut.norm)));
                }
            }
        }
        layers.push(("fc".to_owned(), Layer::Linear(&mut self.head)));
        layers
    }
}
