//! Which model said something.

use std::fmt;

/// A model and the version of its weights. A threshold, a calibration and a metric belong to this pair,
/// never to the name alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelRef {
    /// The model's folder name under `weights/`, such as `cxr-pneumonia-paed`.
    pub id: String,
    /// The version's folder name, such as `0.1.0`.
    pub version: String,
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}
