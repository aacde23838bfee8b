//! Volume models that are installed, and what one says about a volume.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use baize_core::ModelRef;
use sha2::{Digest as _, Sha256};

use crate::error::ModelError;
use crate::manifest::ManifestFile;
use crate::network::Network;
use crate::tfjs;

/// The folder of the volume models, beside those of the imaging models.
pub const FOLDER: &str = "volume";
pub(crate) const MANIFEST: &str = "manifest.toml";
/// More than any file of a MeshNet has.
const MAX_FILE: u64 = 64 << 20;

/// An installed volume model, ready to run.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it is.
    pub manifest: ManifestFile,
    pub(crate) network: Network,
}

impl Model {
    /// Reads a version's folder and checks every file against the manifest.
    ///
    /// # Errors
    /// A file that can't be read, a manifest that doesn't hold or lies in another folder than it says, a checksum that
    /// differs, a network that is no MeshNet or has another number of labels.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(MANIFEST);
        let origin = path.display().to_string();
        let fail = |problem: String| ModelError::Manifest { origin: origin.clone(), problem };
        let text = String::from_utf8(read(&path)?).map_err(|error| fail(error.to_string()))?;
        let manifest: ManifestFile = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        manifest.check().map_err(fail)?;
        let named = |folder: Option<&Path>, name: &str| {
            folder.and_then(Path::file_name).is_some_and(|own| own == name)
        };
        if !named(Some(folder), &manifest.version) || !named(folder.parent(), &manifest.id) {
            return Err(fail(format!(
                "id and version say {}, which is not where the file lies",
                manifest.model()
            )));
        }
        let mut files = HashMap::new();
        for file in &manifest.files {
            files.insert(file.name.clone(), read_checked(&folder.join(&file.name), &file.sha256)?);
        }
        let network = network(&manifest, &files, &folder.join(&manifest.network))?;
        Ok(Self { manifest, network })
    }

    /// The model and its version.
    pub fn model(&self) -> ModelRef {
        self.manifest.model()
    }
}

/// The network of a manifest's files.
pub(crate) fn network(
    manifest: &ManifestFile,
    files: &HashMap<String, Vec<u8>>,
    origin: &Path,
) -> Result<Network, ModelError> {
    let fail = |problem: String| ModelError::Network { origin: origin.display().to_string(), problem };
    let topology = files.get(&manifest.network).map(Vec::as_slice).unwrap_or_default();
    for name in tfjs::weight_files(topology).map_err(fail)? {
        if !files.contains_key(&name) {
            return Err(fail(format!("{name} is none of the manifest's files")));
        }
    }
    let network = tfjs::read(topology, files).map_err(fail)?;
    if network.labels() != manifest.labels.len() + 1 {
        return Err(fail(format!(
            "the network tells {} labels apart, but the manifest names {} beside the background",
            network.labels(),
            manifest.labels.len()
        )));
    }
    Ok(network)
}

/// The folders of all installed versions, by model and then by version, oldest first. A folder without volume models has
/// none.
///
/// # Errors
/// A folder that can't be read.
pub fn installed(weights_dir: &Path) -> Result<Vec<(ModelRef, PathBuf)>, ModelError> {
    let root = weights_dir.join(FOLDER);
    if !root.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (id, model) in folders(&root)? {
        for (version, folder) in folders(&model)? {
            found.push((ModelRef { id: id.clone(), version }, folder));
        }
    }
    found.sort_by_cached_key(|(model, _)| (model.id.clone(), numbers(&model.version)));
    Ok(found)
}

/// The model of that name, `id` or `id@version`; of several versions the newest.
///
/// # Errors
/// `NotInstalled`, and as [`Model::open`].
pub fn find(weights_dir: &Path, name: &str) -> Result<Model, ModelError> {
    let all = installed(weights_dir)?;
    let wanted = |model: &ModelRef| model.id == name || model.to_string() == name;
    if let Some((_, folder)) = all.iter().rev().find(|(model, _)| wanted(model)) {
        return Model::open(folder);
    }
    let names: Vec<String> = all.iter().map(|(model, _)| model.to_string()).collect();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let place = weights_dir.join(FOLDER);
    Err(ModelError::NotInstalled(format!(
        "no volume model {name} in {}; installed: {there}. Fetch it with baize models fetch {name}",
        place.display()
    )))
}

fn folders(dir: &Path) -> Result<Vec<(String, PathBuf)>, ModelError> {
    let io = |source| ModelError::Io { path: dir.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

/// The numbers of a version, so that 0.10.0 follows 0.9.0.
fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0)).collect()
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(io)?.len() > MAX_FILE {
        return Err(io(std::io::Error::other("the file is larger than any of a MeshNet")));
    }
    fs::read(path).map_err(io)
}

pub(crate) fn read_checked(path: &Path, expected: &str) -> Result<Vec<u8>, ModelError> {
    let bytes = read(path)?;
    let actual: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if actual != expected {
        return Err(ModelError::Checksum { path: path.to_owned(), expected: expected.to_owned(), actual });
    }
    Ok(bytes)
}
