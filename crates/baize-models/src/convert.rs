//! Weights that others have trained, as a model folder of ours.
//!
//! A recipe (`weights/recipes/<model>.toml`) says where the weights come from and what the model is: everything that its
//! manifest will say but for the checksum. Another model of the same kind of network is another recipe, not code.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module as _;
use burn::store::{ModuleSnapshot as _, PytorchStore};
use burn::tensor::Device;
use serde::Deserialize;
use toml::{Table, Value};

use crate::catalog::{Entry, MANIFEST, sha256_hex};
use crate::format::{ManifestFile, NetworkFile};
use crate::networks::{DenseNet, DenseShape};
use crate::{Manifest, ModelError};

/// The folder of the recipes, beside the models.
pub(crate) const RECIPES: &str = "recipes";
const WEIGHTS: &str = "model.bpk";
/// What a file of weights may hold beside them: counters of training, and upstream's operating points, which the recipe
/// has.
const IDLE: [&str; 2] = ["num_batches_tracked", "op_threshs"];

/// Where weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// What upstream calls them.
    pub name: String,
    /// Where they are to be had.
    pub url: String,
    /// Under which licence.
    pub license: String,
    /// How to cite them.
    pub citation: String,
}

/// How a model is made from upstream's weights.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Where the weights come from.
    pub upstream: Upstream,
    /// The manifest, but for `weights`, `sha256` and `created_by`.
    model: Table,
}

impl Recipe {
    /// Reads the recipe of a model.
    ///
    /// # Errors
    /// A file that can't be read, or that says something else than a recipe.
    pub fn open(weights_dir: &Path, model: &str) -> Result<Self, ModelError> {
        let path = weights_dir.join(RECIPES).join(format!("{model}.toml"));
        let text =
            fs::read_to_string(&path).map_err(|source| ModelError::Io { path: path.clone(), source })?;
        let fail = |problem: String| ModelError::Manifest { origin: path.display().to_string(), problem };
        let recipe: Self = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        recipe.manifest(&"0".repeat(64), "").map_err(fail)?;
        Ok(recipe)
    }

    fn manifest(&self, sha256: &str, created_by: &str) -> Result<Manifest, String> {
        let mut table = self.model.clone();
        for (key, value) in [("weights", WEIGHTS), ("sha256", sha256), ("created_by", created_by)] {
            if table.insert(key.to_owned(), Value::String(value.to_owned())).is_some() {
                return Err(format!("model.{key}: is filled in when the model is made"));
            }
        }
        let file: ManifestFile = table.try_into().map_err(|error: toml::de::Error| error.to_string())?;
        Manifest::new(file)
    }
}

/// Reads a file that PyTorch saved (a whole module or its state, of any version) and writes the model's folder under
/// `weights_dir`, which is returned when it has been read back. An earlier folder of the version is replaced.
///
/// # Errors
/// Weights that are not those of the recipe's network: some missing, of another shape, or more than it has; a folder that
/// cannot be written.
pub fn convert(recipe: &Recipe, weights: &Path, weights_dir: &Path) -> Result<Entry, ModelError> {
    let origin = weights.display().to_string();
    let fail = |problem: String| ModelError::Weights { origin: origin.clone(), problem };
    let source = fs::read(weights).map_err(|source| ModelError::Io { path: weights.to_owned(), source })?;
    let created_by = format!(
        "baize models convert, from {} ({}, SHA-256 {})",
        recipe.upstream.name,
        recipe.upstream.url,
        sha256_hex(&source)
    );
    let draft = recipe.manifest(&"0".repeat(64), &created_by).map_err(&fail)?;
    let packed = match &draft.file().network {
        NetworkFile::DenseNet(shape) => dense(shape, draft.labels().len(), weights).map_err(&fail)?,
        NetworkFile::ResidualCnn(_) => {
            return Err(fail("the recipe's network is none of PyTorch's".to_owned()));
        }
    };
    let manifest = recipe.manifest(&sha256_hex(&packed), &created_by).map_err(&fail)?;
    let folder = weights_dir.join(&manifest.file().id).join(&manifest.file().version);
    let text = toml::to_string(manifest.file()).map_err(|error| fail(error.to_string()))?;
    write(&folder, &[(WEIGHTS, &packed), (MANIFEST, text.as_bytes())])?;
    Entry::open(&folder)
}

fn dense(shape: &DenseShape, labels: usize, file: &Path) -> Result<Vec<u8>, String> {
    let mut network = shape.init(labels, &Device::flex());
    let mut store = PytorchStore::from_file(file);
    for (theirs, ours) in DenseNet::TORCH_NAMES {
        store = store.with_key_remapping(theirs, ours);
    }
    let applied = network.load_from(&mut store).map_err(|error| error.to_string())?;
    let extra: Vec<&String> =
        applied.unused.iter().filter(|name| !IDLE.iter().any(|idle| name.ends_with(idle))).collect();
    if let Some(first) = extra.first() {
        return Err(format!("the file has {} weights that the network lacks, such as {first}", extra.len()));
    }
    let packed = network.into_record().into_bytes().map_err(|error| error.to_string())?;
    Ok(packed.to_vec())
}

fn write(folder: &Path, files: &[(&str, &[u8])]) -> Result<(), ModelError> {
    let io = |path: &Path| {
        let path: PathBuf = path.to_owned();
        move |source| ModelError::Io { path, source }
    };
    fs::create_dir_all(folder).map_err(io(folder))?;
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(io(&path))?;
    }
    Ok(())
}
