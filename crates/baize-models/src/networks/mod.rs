//! The networks that a manifest can name.

use burn::module::Module;
use burn::nn::Linear;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor};

use crate::Manifest;
use crate::foreign;
use crate::format::{ChannelFile, NetworkFile};

mod dense;
mod layers;
mod residual;
mod resnet;
mod wide;

pub use dense::{DenseBlock, DenseLayer, DenseNet, DenseShape, Transition};
pub(crate) use layers::{Layer, Layered, Normal, set_conv, set_linear, set_norm};
pub use residual::{ConvNorm, ResidualBlock, ResidualNet, ResidualShape, ResidualTrunk};
pub use resnet::{NormedConv, ResNet, ResNetBlock, ResNetShape, ResNetStage};
pub use wide::{WideNet, WideShape};

/// The network of an imaging model.
pub(crate) struct Network {
    kind: Kind,
    /// How the grey image becomes the network's channels; empty where it has one and takes the image as it is.
    channels: Vec<ChannelFile>,
}

enum Kind {
    Residual(Box<ResidualNet>),
    Dense(Box<DenseNet>),
    ResNet(Box<ResNet>),
}

impl Network {
    /// The network that a manifest names, with its weights: the bytes of the file that the manifest names.
    ///
    /// # Errors
    /// Where the weights don't fit it.
    pub(crate) fn load(manifest: &Manifest, weights: Vec<u8>, device: &Device) -> Result<Self, String> {
        let file = manifest.file();
        let labels = manifest.labels().len();
        let channels = file.input.channels.clone();
        let count = channels.len().max(1);
        let weights = Weights { name: &file.weights, bytes: weights };
        let kind = match &file.network {
            NetworkFile::ResidualCnn(shape) => {
                Kind::Residual(Box::new(weights.ours(shape.init(labels, device))?))
            }
            NetworkFile::DenseNet(shape) => {
                Kind::Dense(Box::new(weights.any(shape.init(count, labels, device))?))
            }
            NetworkFile::ResNet(shape) => {
                Kind::ResNet(Box::new(weights.any(shape.init(count, labels, device))?))
            }
        };
        Ok(Self { kind, channels })
    }

    /// The weights in burnpack format, which loads fastest.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(crate) fn pack(self) -> Result<Vec<u8>, String> {
        match self.kind {
            Kind::Residual(network) => pack(*network),
            Kind::Dense(network) => pack(*network),
            Kind::ResNet(network) => pack(*network),
        }
    }

    /// `[n, 1, h, w]` to the last feature maps, none negative.
    pub(crate) fn features(&self, images: Tensor<4>) -> Tensor<4> {
        let images = self.spread(images);
        match &self.kind {
            Kind::Residual(network) => network.features(images),
            Kind::Dense(network) => network.features(images),
            Kind::ResNet(network) => network.features(images),
        }
    }

    /// From feature maps to logits `[n, labels]`: global average pooling and the head.
    pub(crate) fn classify(&self, features: Tensor<4>) -> Tensor<2> {
        self.head().forward(pooled(features))
    }

    /// From pooled features to logits; its weight is `[features, labels]`.
    pub(crate) fn head(&self) -> &Linear {
        match &self.kind {
            Kind::Residual(network) => &network.head,
            Kind::Dense(network) => &network.head,
            Kind::ResNet(network) => &network.head,
        }
    }

    fn spread(&self, grey: Tensor<4>) -> Tensor<4> {
        if self.channels.is_empty() {
            return grey;
        }
        let one = |channel: &ChannelFile| (grey.clone() - channel.mean) / channel.deviation;
        Tensor::cat(self.channels.iter().map(one).collect(), 1)
    }
}

/// A file with weights.
struct Weights<'a> {
    name: &'a str,
    bytes: Vec<u8>,
}

impl Weights<'_> {
    /// Into a network of ours: burnpack.
    fn ours<M: Module>(self, network: M) -> Result<M, String> {
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(self.bytes));
        network.try_load_record(record.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    }

    /// Into a network that others train too: burnpack, PyTorch or ONNX.
    fn any<M: Module + Layered>(self, mut network: M) -> Result<M, String> {
        match foreign::read(self.name, &self.bytes)? {
            None => self.ours(network),
            Some(weights) => {
                weights.fill(network.layers())?;
                Ok(network)
            }
        }
    }
}

fn pack<M: Module>(network: M) -> Result<Vec<u8>, String> {
    network.into_record().into_bytes().map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
}

/// The mean of each feature map: `[n, k, h, w]` to `[n, k]`.
fn pooled(features: Tensor<4>) -> Tensor<2> {
    let [n, channels, height, width] = features.dims();
    features.reshape([n, channels, height * width]).mean_dim(2).reshape([n, channels])
}
