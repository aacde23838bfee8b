//! The networks that a manifest can name.

use burn::module::Module;
use burn::nn::Linear;
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor};

use crate::Manifest;
use crate::format::NetworkFile;

mod dense;
mod residual;
mod wide;

pub use dense::{DenseBlock, DenseLayer, DenseNet, DenseShape, Transition};
pub use residual::{ConvNorm, ResidualBlock, ResidualNet, ResidualShape, ResidualTrunk};
pub use wide::{WideNet, WideShape};

/// The network of an imaging model.
pub(crate) enum Network {
    Residual(ResidualNet),
    Dense(DenseNet),
}

impl Network {
    /// The network that a manifest names, with its weights.
    ///
    /// # Errors
    /// Where the weights don't fit it.
    pub(crate) fn load(manifest: &Manifest, weights: ModuleRecord, device: &Device) -> Result<Self, String> {
        let labels = manifest.labels().len();
        match &manifest.file().network {
            NetworkFile::ResidualCnn(shape) => {
                shape.init(labels, device).try_load_record(weights).map(Self::Residual)
            }
            NetworkFile::DenseNet(shape) => {
                shape.init(labels, device).try_load_record(weights).map(Self::Dense)
            }
        }
        .map_err(|error| error.to_string())
    }

    /// `[n, 1, h, w]` to the last feature maps, none negative.
    pub(crate) fn features(&self, images: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Residual(network) => network.features(images),
            Self::Dense(network) => network.features(images),
        }
    }

    /// From feature maps to logits `[n, labels]`: global average pooling and the head.
    pub(crate) fn classify(&self, features: Tensor<4>) -> Tensor<2> {
        self.head().forward(pooled(features))
    }

    /// From pooled features to logits; its weight is `[features, labels]`.
    pub(crate) fn head(&self) -> &Linear {
        match self {
            Self::Residual(network) => &network.head,
            Self::Dense(network) => &network.head,
        }
    }
}

/// The mean of each feature map: `[n, k, h, w]` to `[n, k]`.
fn pooled(features: Tensor<4>) -> Tensor<2> {
    let [n, channels, height, width] = features.dims();
    features.reshape([n, channels, height * width]).mean_dim(2).reshape([n, channels])
}
