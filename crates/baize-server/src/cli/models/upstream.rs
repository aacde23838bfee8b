//! `baize models fetch|trust|convert`: models that others publish.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use baize_models::{Pins, Recipe, convert, sha256_hex};
use clap::Args;

use super::super::{ConfigurationFlags, language, say};
use super::source::{File, Source};
use crate::download;

/// `baize models fetch`
#[derive(Debug, Args)]
pub(super) struct Fetch {
    /// The model, as its recipe in weights/recipes is called, such as xrv-densenet121.
    #[arg(value_name = "MODEL")]
    model: String,
    #[command(flatten)]
    configuration: ConfigurationFlags,
}

/// `baize models trust`
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// The model whose files were fetched.
    #[arg(value_name = "MODEL")]
    model: String,
    /// What the file's SHA-256 must be, as another source says.
    #[arg(value_name = "SHA256")]
    sha256: Option<String>,
    #[command(flatten)]
    configuration: ConfigurationFlags,
}

/// `baize models convert`
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// Who published the weights, such as torchxrayvision.
    #[arg(long, value_name = "PACKAGE")]
    from: String,
    /// The file, as upstream publishes it: .pt, .pth or .onnx.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which of the package's models the weights are; needed where recipes know more than one.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    #[command(flatten)]
    configuration: ConfigurationFlags,
}

impl Fetch {
    /// Fetches what is missing, and installs the model if its files are trusted.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let weights_dir = self.configuration.load()?.models.weights_dir;
        let source = Source::open(&weights_dir, &self.model)?;
        let pins = Pins::open(&weights_dir)?;
        say(&source.about());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for file in source.files() {
            let target = source.fetched(&weights_dir, &file);
            if target.is_file() {
                say(&both(
                    &format!("已在本机：{}", target.display()),
                    &format!("already here: {}", target.display()),
                ));
            } else {
                say(&file.url);
                runtime
                    .block_on(download::fetch(&file.url, &target))
                    .with_context(|| source.offline(&file))?;
            }
            let found = checksum(&target)?;
            say(&format!("SHA-256 {found}"));
            match trusted(&pins, source.id(), &file) {
                Some(trusted) if trusted == found => {}
                Some(trusted) => {
                    std::fs::remove_file(&target)
                        .with_context(|| format!("cannot remove {}", target.display()))?;
                    bail!(refused(&target, &trusted, &found));
                }
                None => {
                    say(&unpinned(source.id(), &found));
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
        installed(&source.install(&weights_dir)?);
        Ok(ExitCode::SUCCESS)
    }
}

impl Trust {
    /// Pins the checksums of what was fetched and installs the model.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let weights_dir = self.configuration.load()?.models.weights_dir;
        let source = Source::open(&weights_dir, &self.model)?;
        let id = source.id();
        let mut pins = Pins::open(&weights_dir)?;
        for file in source.files() {
            let path = source.fetched(&weights_dir, &file);
            ensure!(
                path.is_file(),
                both(
                    &format!("尚未下载 {id}：请先运行 baize models fetch {id}"),
                    &format!("{id} has not been fetched: run baize models fetch {id} first"),
                )
            );
            let found = checksum(&path)?;
            let wanted = self.sha256.as_deref().map(str::to_ascii_lowercase);
            if let Some(wanted) = wanted.or(file.sha256).filter(|wanted| *wanted != found) {
                bail!(refused(&path, &wanted, &found));
            }
            pins.trust(id, &file.name, &found)?;
            say(&both(
                &format!("已信任 {}  SHA-256 {found}", file.name),
                &format!("trusted: {}  SHA-256 {found}", file.name),
            ));
        }
        installed(&source.install(&weights_dir)?);
        Ok(ExitCode::SUCCESS)
    }
}

impl Convert {
    /// Makes a model of a file that lies here.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let weights_dir = self.configuration.load()?.models.weights_dir;
        let recipe = self.recipe(&weights_dir)?;
        let file = recipe.upstream.files.first().context("the recipe names no file")?;
        let found = checksum(&self.file)?;
        match trusted(&Pins::open(&weights_dir)?, recipe.id(), &file.clone().into()) {
            Some(trusted) if trusted != found => bail!(refused(&self.file, &trusted, &found)),
            Some(_) => {}
            None => say(&both(
                &format!("SHA-256 {found} 尚未被信任：请与其他来源核对"),
                &format!("SHA-256 {found} is not pinned: compare it with another source"),
            )),
        }
        installed(&convert(&recipe, &self.file, &weights_dir)?.manifest.model());
        Ok(ExitCode::SUCCESS)
    }

    fn recipe(&self, weights_dir: &Path) -> anyhow::Result<Recipe> {
        let mut recipes = Recipe::of_package(weights_dir, &self.from)?;
        if let Some(model) = &self.model {
            recipes.retain(|recipe| recipe.id() == model);
        }
        let names: Vec<String> = recipes.iter().map(|recipe| recipe.id().to_owned()).collect();
        match (recipes.pop(), recipes.is_empty()) {
            (Some(recipe), true) => Ok(recipe),
            (Some(_), false) => {
                bail!("--model: {} has several models: {}", self.from, names.join(", "))
            }
            (None, _) => bail!(
                "--from: no recipe for {} in {}; there are recipes for: {}",
                self.from,
                weights_dir.join("recipes").display(),
                Recipe::names(weights_dir)?.join(", ")
            ),
        }
    }
}

fn installed(model: &baize_core::ModelRef) {
    say(&both(
        &format!("已安装 {model}；运行 baize models verify 可核验"),
        &format!("installed {model}; baize models verify checks it"),
    ));
}

/// The checksum that a file must have: what the recipe knows, else what was pinned here.
fn trusted(pins: &Pins, model: &str, file: &File) -> Option<String> {
    file.sha256.clone().or_else(|| pins.get(model, &file.name).map(str::to_owned))
}

fn checksum(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(sha256_hex(&bytes))
}

pub(super) fn both(zh: &str, en: &str) -> String {
    match language::of_operator() {
        baize_core::Language::Chinese => zh.to_owned(),
        baize_core::Language::English => en.to_owned(),
    }
}

fn refused(path: &Path, trusted: &str, found: &str) -> String {
    let path = path.display();
    both(
        &format!("{path} 不是受信任的文件：应为 SHA-256 {trusted}，实为 {found}。未安装。"),
        &format!(
            "{path} is not the file that is trusted: its SHA-256 must be {trusted} and is {found}. Nothing was installed."
        ),
    )
}

fn unpinned(id: &str, found: &str) -> String {
    both(
        &format!(
            "该文件的校验值尚未被信任。请在另一台电脑或另一网络上核对，一致后运行：\n  baize models trust {id} {found}"
        ),
        &format!(
            "Nobody here has trusted this file yet. Compare its checksum with a download over another network, and if they \
             are the same, run:\n  baize models trust {id} {found}"
        ),
    )
}
