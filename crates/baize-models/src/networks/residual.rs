//! A small residual network for single-channel images: two strided convolutions, stages of basic blocks,
//! global average pooling and one linear layer.
//!
//! It may have several members: trunks of one shape that were trained apart and see the same image. Their last feature
//! maps lie side by side before the one head, so the mean of the members' own logits (a deep ensemble, Lakshminarayanan
//! et al. 2017) is a head that holds the members' heads one below the other, each divided by their number.
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
    /// How many trunks of this shape stand beside each other.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub members: usize,
}

fn one() -> usize {
    1
}

fn is_one(members: &usize) -> bool {
    *members == 1
}

impl ResidualShape {
    /// How much smaller than the input the last feature maps are, per side.
    pub fn reduction(&self) -> usize {
        4 << self.widths.len().saturating_sub(1)
    }

    /// Channels of the last feature maps, of all members together.
    pub fn features(&self) -> usize {
        self.members * self.widths.last().copied().unwrap_or(self.stem)
    }

    /// A network of this shape with fresh weights and `labels` logits.
    pub fn init(&self, labels: usize, device: &Device) -> ResidualNet {
        ResidualNet {
            trunks: (0..self.members).map(|_| self.trunk(device)).collect(),
            head: LinearConfig::new(self.features(), labels).init(device),
        }
    }

    fn trunk(&self, device: &Device) -> ResidualTrunk {
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
        ResidualTrunk {
            stem: ConvNorm::new([1, self.stem], 5, 2, device),
            down: ConvNorm::new([self.stem, first], 3, 2, device),
            blocks,
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

/// One member: everything of a network but for its head.
#[derive(Module, Debug)]
pub struct ResidualTrunk {
    /// 5x5, stride 2.
    pub stem: ConvNorm,
    /// 3x3, stride 2.
    pub down: ConvNorm,
    /// The blocks of all stages, in order.
    pub blocks: Vec<ResidualBlock>,
}

impl ResidualTrunk {
    /// `[n, 1, h, w]` to the member's last feature maps, none negative.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let start = relu(self.down.forward(relu(self.stem.forward(images))));
        self.blocks.iter().fold(start, |maps, block| block.forward(maps))
    }
}

/// The network. Its fields are public so that the training crate can run it with other kernels.
#[derive(Module, Debug)]
pub struct ResidualNet {
    /// The members.
    pub trunks: Vec<ResidualTrunk>,
    /// From pooled features, one member's after another's, to logits; its weight is `[features, labels]`.
    pub head: Linear,
}

impl ResidualNet {
    /// `[n, 1, h, w]` to the last feature maps `[n, features, h / reduction, w / reduction]`, none negative.
    pub fn features(&self, images: Tensor<4>) -> Tensor<4> {
        Tensor::cat(self.trunks.iter().map(|trunk| trunk.forward(images.clone())).collect(), 1)
    }

    /// From feature maps to logits `[n, labels]`.
    pub fn classify(&self, features: Tensor<4>) -> Tensor<2> {
        self.head.forward(super::pooled(features))
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Module as _, Param};
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn two_members_give_the_mean_of_their_logits() {
        let device = Device::flex();
        let shape = ResidualShape { stem: 4, widths: vec![6, 8], blocks: vec![1, 1], members: 1 };
        let (one, two) = (shape.init(3, &device), shape.init(3, &device));
        let mut both = ResidualShape { members: 2, ..shape }.init(3, &device);
        both.trunks = vec![one.trunks[0].clone(), two.trunks[0].clone()];
        let weight = Tensor::cat(vec![one.head.weight.val(), two.head.weight.val()], 0) / 2.0;
        both.head.weight = Param::from_tensor(weight);
        let bias = |net: &ResidualNet| net.head.bias.as_ref().unwrap().val();
        both.head.bias = Some(Param::from_tensor((bias(&one) + bias(&two)) / 2.0));
        assert_eq!(both.num_params(), 2 * one.num_params() - 3, "one bias is shared");

        let wave: Vec<f32> = (0..2 * 32 * 24).map(|i| (i as f32 * 0.37).sin()).collect();
        let images = Tensor::<4>::from_data(TensorData::new(wave, [2, 1, 32, 24]), &device);
        let logits = |net: &ResidualNet| net.classify(net.features(images.clone()));
        assert_eq!(both.features(images.clone()).dims(), [2, 16, 4, 3]);
        let mean = (logits(&one) + logits(&two)) / 2.0;
        for (a, b) in logits(&both).into_data().iter::<f32>().zip(mean.into_data().iter::<f32>()) {
            assert!((a - b).abs() < 1e-5, "{a} is not {b}");
        }
    }
}
