//! What can be wrong with a volume model that is installed.

use std::path::PathBuf;

/// Why a volume model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file or folder could not be read or written.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A manifest or recipe is none, has an unknown key, or contradicts itself, its folder or the network.
    #[error("{origin}: {problem}")]
    Manifest {
        /// The file.
        origin: String,
        /// What is wrong, naming the key.
        problem: String,
    },
    /// A file is not the one that the manifest was written for.
    #[error("{}: the SHA-256 is {actual}, but the manifest says {expected}: fetch the model again", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// What the manifest says.
        expected: String,
        /// What the file has.
        actual: String,
    },
    /// The network's files hold something else than a MeshNet.
    #[error("{origin}: {problem}")]
    Network {
        /// The file.
        origin: String,
        /// What is wrong.
        problem: String,
    },
    /// No such model is installed.
    #[error("{0}")]
    NotInstalled(String),
}
