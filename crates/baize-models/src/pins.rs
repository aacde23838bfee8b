//! Which files of others this hospital trusts: `trusted.toml` beside the models.
//!
//! Upstream publishes no checksum for some weights. Whoever has compared a file with another source pins it once
//! (`baize models trust`); from then on only that file becomes a model.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::ModelError;

const FILE: &str = "trusted.toml";
const HEAD: &str = "# SHA-256 of the files of others that are trusted here, by model and file. Written by `baize models \
                    trust`;\n# to trust another file, take its line away first.\n\n";

/// The checksums that are trusted, by model and file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    pins: BTreeMap<String, BTreeMap<String, String>>,
    path: PathBuf,
}

impl Pins {
    /// Reads what is trusted; no file means nothing yet.
    ///
    /// # Errors
    /// A file that cannot be read or says something else.
    pub fn open(weights_dir: &Path) -> Result<Self, ModelError> {
        let path = weights_dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { pins: BTreeMap::new(), path });
            }
            text => text.map_err(|source| ModelError::Io { path: path.clone(), source })?,
        };
        let pins = toml::from_str(&text).map_err(|error| ModelError::Manifest {
            origin: path.display().to_string(),
            problem: error.to_string(),
        })?;
        Ok(Self { pins, path })
    }

    /// The checksum that is trusted for a file.
    pub fn get(&self, model: &str, file: &str) -> Option<&str> {
        self.pins.get(model)?.get(file).map(String::as_str)
    }

    /// Trusts a file from now on, and writes that down.
    ///
    /// # Errors
    /// Another checksum is trusted already, or the file cannot be written.
    pub fn trust(&mut self, model: &str, file: &str, sha256: &str) -> Result<(), ModelError> {
        if let Some(trusted) = self.get(model, file)
            && trusted != sha256
        {
            return Err(ModelError::Checksum {
                path: self.path.clone(),
                expected: trusted.to_owned(),
                actual: sha256.to_owned(),
            });
        }
        self.pins.entry(model.to_owned()).or_default().insert(file.to_owned(), sha256.to_owned());
        let text = toml::to_string(&self.pins).map_err(|error| ModelError::Manifest {
            origin: self.path.display().to_string(),
            problem: error.to_string(),
        })?;
        fs::write(&self.path, format!("{HEAD}{text}"))
            .map_err(|source| ModelError::Io { path: self.path.clone(), source })
    }
}
