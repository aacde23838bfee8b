//! How a volume model comes to be installed: `weights/recipes/<model>.toml` says where upstream keeps its files, what
//! they are (their SHA-256), under which licence, and everything that the manifest will say.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::ModelError;
use crate::manifest::{FileEntry, ManifestFile};
use crate::model::{FOLDER, MANIFEST, Model, network, read, read_checked};

/// Where the files come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// What upstream calls the model.
    pub name: String,
    /// The page that describes it.
    pub url: String,
    /// SPDX identifier.
    pub license: String,
    /// How to cite it.
    pub citation: String,
    /// The files to fetch.
    pub files: Vec<UpstreamFile>,
}

/// A file to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamFile {
    /// Its name in the model's folder.
    pub name: String,
    /// Where it is to be had.
    pub url: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// A recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Where the files come from.
    pub upstream: Upstream,
    /// What the manifest will say.
    pub manifest: ManifestFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeFile {
    upstream: Upstream,
    volume: toml::Table,
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// A file that can't be read or that is no recipe of a volume model.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let fail = |problem: String| ModelError::Manifest { origin: path.display().to_string(), problem };
        let text = String::from_utf8(read(path)?).map_err(|error| fail(error.to_string()))?;
        Self::parse(&text).map_err(fail)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let RecipeFile { upstream, volume: mut table } =
            toml::from_str(text).map_err(|error| error.to_string())?;
        let files = upstream
            .files
            .iter()
            .map(|file| FileEntry { name: file.name.clone(), sha256: file.sha256.clone() })
            .collect::<Vec<_>>();
        let files = toml::Value::try_from(files).map_err(|error| error.to_string())?;
        let created_by = format!("{} ({})", upstream.name, upstream.url);
        for (key, value) in [
            ("files", files),
            ("created_by", created_by.into()),
            ("license", upstream.license.clone().into()),
        ] {
            if table.insert(key.to_owned(), value).is_some() {
                return Err(format!("volume.{key}: follows from upstream"));
            }
        }
        let manifest: ManifestFile = table.try_into().map_err(|error: toml::de::Error| error.to_string())?;
        manifest.check()?;
        Ok(Self { upstream, manifest })
    }

    /// Installs the model from a folder that holds upstream's files, and reads it back. Nothing is written before every
    /// file has been checked. An earlier folder of the version is replaced.
    ///
    /// # Errors
    /// A file that is missing or another one, a network that is none, a folder that can't be written.
    pub fn install(&self, files: &Path, weights_dir: &Path) -> Result<Model, ModelError> {
        let mut checked = HashMap::new();
        for file in &self.upstream.files {
            checked.insert(file.name.clone(), read_checked(&files.join(&file.name), &file.sha256)?);
        }
        network(&self.manifest, &checked, &files.join(&self.manifest.network))?;
        let folder = weights_dir.join(FOLDER).join(&self.manifest.id).join(&self.manifest.version);
        let text = toml::to_string(&self.manifest).map_err(|error| ModelError::Manifest {
            origin: folder.display().to_string(),
            problem: error.to_string(),
        })?;
        let write = |name: &str, bytes: &[u8]| {
            let path: PathBuf = folder.join(name);
            fs::write(&path, bytes).map_err(|source| ModelError::Io { path, source })
        };
        fs::create_dir_all(&folder).map_err(|source| ModelError::Io { path: folder.clone(), source })?;
        for (name, bytes) in &checked {
            write(name, bytes)?;
        }
        write(MANIFEST, text.as_bytes())?;
        Model::open(&folder)
    }
}
