//! The gate: a small network that looks at the pixels before a model does, because headers are wrong.
//!
//! [`newest`] loads the version under `weights/gate/`; [`Gate::look`] says what an image seems to show and how good it
//! is; [`Gate::admit`] says whether a model that reads certain classes ([`crate::Manifest::content`]) may have it.
//! The gate computes on the CPU, on the thread that has decoded the image.

mod format;
mod model;
mod nets;
mod quality;

pub use format::{ClassFile, GateManifestFile, LetterboxFile, PassFile, QualityFile};
pub use model::{FOLDER, Gate, Look, Signs, load, newest, self_test, template_of};
pub use nets::{GateNets, TEMPLATE_SIDE};
pub use quality::Quality;
