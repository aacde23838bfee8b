//! Models: what is installed, what computes, and what a model says about an image.
//!
//! [`Catalog::open`] reads the manifests under `weights/` and checks every checksum; [`Compute::resolve`] finds the
//! device; [`load`] gives an [`Executor`]. An image takes this way: `baize_imaging::fit` to
//! [`Manifest::input_size`], [`Manifest::prepare`], [`Executor::run`].
//!
//! Everything between pixels and a finding (normalisation, network, temperature, threshold) stands in the model's
//! manifest and belongs to its version.
//!
//! Features: `cuda` adds CUDA GPUs; which device computes is still chosen at run time.
//!
//! Architecture Invariant: Burn appears here and in `baize-train` only; the engine sees arrays and traits.

mod admission;
mod catalog;
mod compute;
mod convert;
mod error;
mod executor;
pub mod familiarity;
mod folder;
mod foreign;
mod format;
pub mod gate;
mod manifest;
pub mod networks;
mod normalise;
mod pins;
mod recipe;
mod saliency;
pub mod triage;

pub use catalog::{Catalog, Entry, sha256_hex};
pub use compute::{Compute, ComputeDevice, list_devices};
pub use convert::convert;
pub use error::ModelError;
pub use executor::{Executor, Prediction, load, self_test};
pub use familiarity::Familiarity;
pub use format::{
    AcceptsFile, CalibrationFile, ChannelFile, DataFile, FitFile, InputFile, LabelFile, ManifestFile,
    MetricFile, NetworkFile, PopulationFile, RangeFile, TextFile,
};
pub use manifest::{Label, Manifest};
pub use normalise::Normalisation;
pub use pins::Pins;
pub use recipe::{Recipe, Upstream, UpstreamFile};
pub use saliency::grad_cam;
