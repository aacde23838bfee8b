//! Everything of a version that was learnt, as one burnpack holds it.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::networks::{ResidualNet, ResidualShape};

/// Rows and columns of [`GateNets::template`].
pub const TEMPLATE_SIDE: usize = 16;

/// The network, and what it makes of each class on average.
#[derive(Module, Debug)]
pub struct GateNets {
    /// From prepared images to one logit a class.
    pub net: ResidualNet,
    /// The mean of the pooled features of each class: `[classes, features]`.
    pub means: Param<Tensor<2>>,
    /// The inverse of each feature's variance within the classes: `[features]`.
    pub precision: Param<Tensor<1>>,
    /// The average chest radiograph, prepared and reduced: `[TEMPLATE_SIDE, TEMPLATE_SIDE]`.
    pub template: Param<Tensor<2>>,
}

impl GateNets {
    /// Fresh weights in the sizes of a manifest.
    pub fn init(shape: &ResidualShape, classes: usize, device: &Device) -> Self {
        let features = shape.features();
        Self {
            net: shape.init(classes, device),
            means: Param::from_tensor(Tensor::zeros([classes, features], device)),
            precision: Param::from_tensor(Tensor::ones([features], device)),
            template: Param::from_tensor(Tensor::zeros([TEMPLATE_SIDE, TEMPLATE_SIDE], device)),
        }
    }
}
