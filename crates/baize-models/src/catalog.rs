//! The models that are installed: `weights/<model>/<version>/manifest.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::manifest::version_numbers;
use crate::{Manifest, ModelError};

/// The manifest's file name.
pub(crate) const MANIFEST: &str = "manifest.toml";
/// The folders of what is no imaging model: the triage models read patients, the gate looks before a model does, recipes
/// tell how a model is made, what others publish lies apart until it is one, and models of volumes are read by
/// `baize-volume`.
const APART: [&str; 5] =
    ["triage", "volume", crate::gate::FOLDER, crate::recipe::FOLDER, crate::recipe::FETCHED];

/// One installed version of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is.
    pub manifest: Manifest,
    folder: PathBuf,
}

impl Entry {
    /// Reads the manifest of one version's folder and checks the weights' checksum.
    ///
    /// # Errors
    /// A file that can't be read, a manifest that doesn't hold, weights that differ.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(|source| io(&path, source))?;
        let manifest = Manifest::parse(&text, &path.display().to_string())?;
        let entry = Self { manifest, folder: folder.to_owned() };
        entry.read_weights()?;
        Ok(entry)
    }

    /// The version's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file with the weights.
    pub fn weights_path(&self) -> PathBuf {
        self.folder.join(&self.manifest.file().weights)
    }

    /// The bytes of the weights, which are checked every time, so that what runs is what was checked.
    ///
    /// # Errors
    /// Where the file can't be read or is another one.
    pub(crate) fn read_weights(&self) -> Result<Vec<u8>, ModelError> {
        let path = self.weights_path();
        let bytes = fs::read(&path).map_err(|source| io(&path, source))?;
        let actual = sha256_hex(&bytes);
        let expected = &self.manifest.file().sha256;
        if actual != *expected {
            return Err(ModelError::Checksum { path, expected: expected.clone(), actual });
        }
        Ok(bytes)
    }
}

/// SHA-256 in lower-case hexadecimal, as manifests write it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All installed imaging models, by name and then by version, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    entries: Vec<Entry>,
}

impl Catalog {
    /// Reads every manifest under `dir` and checks every checksum. Files beside the folders are ignored; a model or
    /// version folder that does not hold is an error, because a model that silently disappears would let images
    /// go unread.
    ///
    /// # Errors
    /// The first model that doesn't hold, or a folder that can't be read.
    pub fn open(dir: &Path) -> Result<Self, ModelError> {
        let mut entries = Vec::new();
        for model in
            subfolders(dir)?.into_iter().filter(|folder| !APART.iter().any(|apart| folder.ends_with(apart)))
        {
            for version in subfolders(&model)? {
                let entry = Entry::open(&version)?;
                check_place(&entry.manifest, &model, &version)?;
                entries.push(entry);
            }
        }
        entries.sort_by_cached_key(|entry: &Entry| {
            let model = entry.manifest.model();
            (model.id, version_numbers(&model.version))
        });
        Ok(Self { entries })
    }

    /// The models, by name and then by version, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }
}

fn check_place(manifest: &Manifest, model: &Path, version: &Path) -> Result<(), ModelError> {
    let named = |path: &Path, name: &str| path.file_name().is_some_and(|own| own == name);
    let reference = manifest.model();
    if named(model, &reference.id) && named(version, &reference.version) {
        return Ok(());
    }
    Err(ModelError::Manifest {
        origin: version.join(MANIFEST).display().to_string(),
        problem: format!("id and version say {reference}, which is not where the file lies"),
    })
}

/// The folders in a folder, hidden ones left out.
pub(crate) fn subfolders(dir: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir).map_err(|source| io(dir, source))? {
        let entry = entry.map_err(|source| io(dir, source))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn io(path: &Path, source: std::io::Error) -> ModelError {
    ModelError::Io { path: path.to_owned(), source }
}
