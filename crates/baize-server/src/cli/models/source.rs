//! A recipe of either kind, images or volumes, as far as fetching and installing go.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use baize_core::ModelRef;
use baize_models::UpstreamFile;

use super::upstream::both;

/// What a model is made of.
pub(super) enum Source {
    Image(baize_models::Recipe),
    Volume(Box<baize_volume::Recipe>),
}

/// A file to fetch.
pub(super) struct File {
    pub(super) name: String,
    pub(super) url: String,
    /// Where the recipe knows it.
    pub(super) sha256: Option<String>,
}

impl From<UpstreamFile> for File {
    fn from(file: UpstreamFile) -> Self {
        Self { name: file.name, url: file.url, sha256: file.sha256 }
    }
}

impl Source {
    /// Reads the recipe of a model.
    ///
    /// # Errors
    /// No recipe of this name, or one that does not hold.
    pub(super) fn open(weights_dir: &Path, model: &str) -> anyhow::Result<Self> {
        let path = weights_dir.join("recipes").join(format!("{model}.toml"));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if text.lines().any(|line| line.trim() == "[volume]") {
            return Ok(Self::Volume(Box::new(baize_volume::Recipe::open(&path)?)));
        }
        Ok(Self::Image(baize_models::Recipe::open(weights_dir, model)?))
    }

    /// The model's name.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Image(recipe) => recipe.id(),
            Self::Volume(recipe) => &recipe.manifest.id,
        }
    }

    /// Name, licence and citation.
    pub(super) fn about(&self) -> String {
        let (name, license, citation) = match self {
            Self::Image(recipe) => {
                let upstream = &recipe.upstream;
                (&upstream.name, &upstream.license, &upstream.citation)
            }
            Self::Volume(recipe) => {
                let upstream = &recipe.upstream;
                (&upstream.name, &upstream.license, &upstream.citation)
            }
        };
        format!("{}  {name}  {license}\n{citation}", self.id())
    }

    /// What is fetched.
    pub(super) fn files(&self) -> Vec<File> {
        match self {
            Self::Image(recipe) => recipe.upstream.files.iter().cloned().map(File::from).collect(),
            Self::Volume(recipe) => {
                let file = |file: &baize_volume::UpstreamFile| File {
                    name: file.name.clone(),
                    url: file.url.clone(),
                    sha256: Some(file.sha256.clone()),
                };
                recipe.upstream.files.iter().map(file).collect()
            }
        }
    }

    /// Where a file lies once it has been fetched.
    pub(super) fn fetched(&self, weights_dir: &Path, file: &File) -> PathBuf {
        self.folder(weights_dir).join(&file.name)
    }

    fn folder(&self, weights_dir: &Path) -> PathBuf {
        weights_dir.join("upstream").join(self.id())
    }

    /// Makes the model of what was fetched.
    ///
    /// # Errors
    /// Files that are not those of the recipe's network, a folder that cannot be written.
    pub(super) fn install(&self, weights_dir: &Path) -> anyhow::Result<ModelRef> {
        match self {
            Self::Image(recipe) => {
                let file = self.files().into_iter().next().context("the recipe names no file")?;
                let entry = baize_models::convert(recipe, &self.fetched(weights_dir, &file), weights_dir)?;
                Ok(entry.manifest.model())
            }
            Self::Volume(recipe) => {
                recipe.install(&self.folder(weights_dir), weights_dir)?;
                let (id, version) = (recipe.manifest.id.clone(), recipe.manifest.version.clone());
                Ok(ModelRef { id, version })
            }
        }
    }

    /// How to go on without a network.
    pub(super) fn offline(&self, file: &File) -> String {
        let (url, id) = (&file.url, self.id());
        let next = match self {
            Self::Image(recipe) => {
                format!("baize models convert --from {} --model {id} FILE", recipe.upstream.package)
            }
            Self::Volume(_) => format!("baize volume --model {id} --install-from FOLDER …"),
        };
        both(
            &format!(
                "无法下载。若本机不能访问外网，请在能上网的电脑上下载\n  {url}\n核对后拷贝到本机，再运行：\n  {next}"
            ),
            &format!(
                "could not be fetched. Where this machine has no way out, fetch\n  {url}\non another one, carry the file \
                 here and run:\n  {next}"
            ),
        )
    }
}
