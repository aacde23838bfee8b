//! Convolution and batch normalisation for training on CPUs, as custom Burn operations.
//!
//! Burn's flex backend computes the gradient of a convolution's weight as a convolution with an image-sized
//! kernel, and batch normalisation as some twenty serial passes. These kernels do the same mathematics as
//! one im2col + GEMM per image and two fused passes, on all threads; the tests hold them to Burn's own
//! results. Sums run in a fixed order whatever the number of threads, so that a seed gives the same weights.

mod conv;
mod norm;
mod ops;

pub(crate) use ops::{conv2d, norm_act};
