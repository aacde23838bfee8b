//! Volumes: from the slices of a series to structures in millilitres.
//!
//! [`Plan::new`] puts slices in order or says why they make no volume; [`Volume::assemble`] reads them;
//! [`Model::analyse`] brings the volume to 256³ voxels of 1 mm ([`conform`]), runs the network over it ([`Network`]) and
//! gives labels and volumes on the grid of the series. Models are folders ([`find`]), made by recipes ([`Recipe`]).
//!
//! Architecture Invariant: no tensor library, no clock, no DICOM beyond what `baize-imaging` reads; the only I/O is
//! reading and installing model folders.

mod analysis;
pub mod conform;
mod error;
mod geometry;
mod manifest;
mod model;
mod network;
mod planes;
mod recipe;
mod series;
mod tfjs;
mod volume;

pub use analysis::{Analysis, Means, Measured};
pub use error::ModelError;
pub use geometry::{Grid, Vector};
pub use manifest::{
    AcceptsFile, BrightnessFile, CodeFile, CropFile, FileEntry, LabelFile, ManifestFile, SideFile, TextFile,
};
pub use model::{FOLDER, Model, find, installed};
pub use network::{Activation, Network, Size};
pub use planes::preview;
pub use recipe::{Recipe, Upstream, UpstreamFile};
pub use series::{Demands, Plan};
pub use volume::Volume;
