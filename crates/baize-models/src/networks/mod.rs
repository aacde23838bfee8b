//! The networks that a manifest can name.

mod residual;
mod wide;

pub use residual::{ConvNorm, ResidualBlock, ResidualNet, ResidualShape};
pub use wide::{WideNet, WideShape};
