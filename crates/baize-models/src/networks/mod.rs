//! The networks that a manifest can name.

mod residual;

pub use residual::{ConvNorm, ResidualBlock, ResidualNet, ResidualShape};
