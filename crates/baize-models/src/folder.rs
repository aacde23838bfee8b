//! A version's folder: its manifest, and the weights that the manifest vouches for.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::ModelError;
use crate::catalog::{MANIFEST, sha256_hex};

/// What every kind of manifest says about its folder.
pub(crate) trait FolderManifest: DeserializeOwned {
    /// The folder's name.
    fn version(&self) -> &str;
    /// The file with the weights, and its SHA-256 in lower-case hexadecimal.
    fn weights(&self) -> (&str, &str);
}

/// What lies in a version's folder.
pub(crate) struct Opened<M> {
    pub(crate) manifest: M,
    /// The file with the weights, as the manifest's checksum has it.
    pub(crate) weights: Vec<u8>,
    /// Where the manifest is, for messages.
    pub(crate) origin: String,
}

/// Reads a version's folder.
///
/// # Errors
/// A file that can't be read, a manifest that is none or belongs into another folder, weights that differ from its
/// checksum.
pub(crate) fn open<M: FolderManifest>(folder: &Path) -> Result<Opened<M>, ModelError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|source| ModelError::Io { path: path.to_owned(), source });
    let path = folder.join(MANIFEST);
    let origin = path.display().to_string();
    let fail = |problem: String| ModelError::Manifest { origin: origin.clone(), problem };
    let text = String::from_utf8(read(&path)?).map_err(|error| fail(error.to_string()))?;
    let manifest: M = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
    if folder.file_name().is_some_and(|name| name != manifest.version()) {
        return Err(fail(format!("version: says {}, which is not the folder's name", manifest.version())));
    }
    let (name, expected) = manifest.weights();
    let file = folder.join(name);
    let weights = read(&file)?;
    let actual = sha256_hex(&weights);
    if actual != expected {
        return Err(ModelError::Checksum { path: file, expected: expected.to_owned(), actual });
    }
    Ok(Opened { manifest, weights, origin })
}
