//! The triage model: `weights/triage/<version>/`, loaded as a [`baize_triage::AcuityModel`].
//!
//! One perceptron with one hidden layer gives acuity and admission (see [`levels`]), its explanation is exact (see
//! [`crate::networks::WideNet::attribute`]), and a second, tiny one reads the nurse's level beside it (see [`SecondReader`]).

mod encoding;
mod format;
pub mod levels;
mod model;
mod second;

pub use encoding::Encoding;
pub use format::{AgesFile, AlertFile, InputsFile, NumberFile, SecondReaderFile, TriageManifestFile};
pub use model::{TriageModel, TriageNets, load};
pub use second::{SIGNS, SecondReader};
