//! What can be wrong with a model that is installed, or with what shall compute it.

use std::path::PathBuf;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A manifest is no manifest, has an unknown key, or contradicts itself or its folder.
    #[error("{origin}: {problem}")]
    Manifest {
        /// The file.
        origin: String,
        /// What is wrong, naming the key.
        problem: String,
    },
    /// The weights are not those that the manifest was written for.
    #[error("{}: the SHA-256 is {actual}, but the manifest says {expected}: fetch the weights again", path.display())]
    Checksum {
        /// The weight file.
        path: PathBuf,
        /// What the manifest says.
        expected: String,
        /// What the file has.
        actual: String,
    },
    /// The weights don't fit the network, or the network gives nonsense.
    #[error("{origin}: {problem}")]
    Weights {
        /// The file or the model.
        origin: String,
        /// What is wrong.
        problem: String,
    },
    /// The device that was asked for is not there.
    #[error("{0}")]
    Device(String),
}
