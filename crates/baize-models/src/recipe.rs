//! Models that others publish: where their weights are to be had, and what becomes of them.
//!
//! A recipe (`weights/recipes/<model>.toml`) says everything that the model's manifest will say but for the checksum.
//! Another model of the same kind of network is another recipe, not code.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use crate::catalog::sha256_hex;
use crate::format::ManifestFile;
use crate::{Manifest, ModelError};

/// The folder of the recipes, beside the models.
pub(crate) const FOLDER: &str = "recipes";
/// The folder where what others publish lies, beside the models.
pub(crate) const FETCHED: &str = "upstream";
/// The weights of a model that was made from a recipe.
pub(crate) const WEIGHTS: &str = "model.bpk";

/// Where weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The package or project that publishes them, such as `torchxrayvision`.
    pub package: String,
    /// What upstream calls them.
    pub name: String,
    /// Under which licence.
    pub license: String,
    /// How to cite them.
    pub citation: String,
    /// What is fetched.
    pub files: Vec<UpstreamFile>,
}

/// A file that upstream publishes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamFile {
    /// What it is called here.
    pub name: String,
    /// Where it is to be had.
    pub url: String,
    /// Its SHA-256 where it is known; else the hospital pins what it trusts.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// How a model is made from upstream's weights.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Where the weights come from.
    pub upstream: Upstream,
    /// The manifest, but for `weights`, `sha256` and `created_by`.
    model: Table,
    /// The file's name without its ending: the model's.
    #[serde(skip)]
    id: String,
}

impl Recipe {
    /// Reads the recipe of a model.
    ///
    /// # Errors
    /// No recipe of this name, with those that are there; one that says something else than a recipe.
    pub fn open(weights_dir: &Path, model: &str) -> Result<Self, ModelError> {
        let path = weights_dir.join(FOLDER).join(format!("{model}.toml"));
        let fail = |problem: String| ModelError::Manifest { origin: path.display().to_string(), problem };
        if !path.is_file() {
            let known = Self::names(weights_dir)?.join(", ");
            return Err(fail(format!(
                "there is no such recipe; the models that can be fetched are: {known}"
            )));
        }
        let text = fs::read_to_string(&path).map_err(|source| io(&path, source))?;
        let mut recipe: Self = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        recipe.id = model.to_owned();
        recipe.check().map_err(fail)?;
        Ok(recipe)
    }

    /// The models that have a recipe, in the order of their names.
    ///
    /// # Errors
    /// A folder that cannot be read. No folder means none.
    pub fn names(weights_dir: &Path) -> Result<Vec<String>, ModelError> {
        let folder = weights_dir.join(FOLDER);
        let mut names = Vec::new();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(names),
            entries => entries.map_err(|source| io(&folder, source))?,
        };
        for entry in entries {
            let path = entry.map_err(|source| io(&folder, source))?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
        names.sort();
        Ok(names)
    }

    /// The recipes of a package, in the order of their names. Those of other kinds of models, which have no table
    /// `model`, are passed over.
    ///
    /// # Errors
    /// A recipe that doesn't hold.
    pub fn of_package(weights_dir: &Path, package: &str) -> Result<Vec<Self>, ModelError> {
        let mut found = Vec::new();
        for name in Self::names(weights_dir)? {
            let path = weights_dir.join(FOLDER).join(format!("{name}.toml"));
            let text = fs::read_to_string(&path).map_err(|source| io(&path, source))?;
            if text.lines().any(|line| line.trim() == "[model]") {
                found.push(Self::open(weights_dir, &name)?);
            }
        }
        found.retain(|recipe| recipe.upstream.package == package);
        Ok(found)
    }

    /// The model's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn check(&self) -> Result<(), String> {
        let manifest = self.manifest(WEIGHTS, &sha256_hex(b""), "")?;
        if manifest.file().id != self.id {
            return Err(format!("model.id: must be {}, as the file is named", self.id));
        }
        for file in &self.upstream.files {
            if file.name.is_empty() || file.name.contains(['/', '\\']) || file.name.starts_with('.') {
                return Err("upstream.files: name must be a file name".to_owned());
            }
        }
        match self.upstream.files.len() {
            1 => Ok(()),
            _ => Err("upstream.files: one file with weights is needed".to_owned()),
        }
    }

    /// The model's manifest, once its weights are known.
    pub(crate) fn manifest(&self, weights: &str, sha256: &str, created_by: &str) -> Result<Manifest, String> {
        let mut table = self.model.clone();
        for (key, value) in [("weights", weights), ("sha256", sha256), ("created_by", created_by)] {
            if table.insert(key.to_owned(), Value::String(value.to_owned())).is_some() {
                return Err(format!("model.{key}: is filled in when the model is made"));
            }
        }
        let file: ManifestFile = table.try_into().map_err(|error: toml::de::Error| error.to_string())?;
        Manifest::new(file)
    }
}

fn io(path: &Path, source: std::io::Error) -> ModelError {
    ModelError::Io { path: path.to_owned(), source }
}
