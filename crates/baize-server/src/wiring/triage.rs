//! Triage from the configuration: the same for the server and for `baize triage`.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use baize_desk::DeskSettings;
use baize_triage::complaint::Lexicon;
use baize_triage::{AcuityModel, RuleSet, Triage};

use crate::config::Config;

/// The folder of acuity models below the folder of weights: one folder per version.
const MODELS: &str = "triage";
/// The value of `triage.model` that lets the rules stand alone.
const NO_MODEL: &str = "none";

/// Rules, lexicon and model as configured. Reads files: not for a thread that serves requests.
///
/// # Errors
/// A rule file, a lexicon or a model that does not hold, named with its key.
pub(crate) fn triage(config: &Config) -> anyhow::Result<Arc<Triage>> {
    let rules = match &config.triage.rules_dir {
        Some(folder) => RuleSet::from_dir(folder).context("triage.rules_dir")?,
        None => RuleSet::builtin()?,
    };
    let lexicon = match &config.triage.lexicon_dir {
        Some(folder) => Lexicon::from_files(folder).context("triage.lexicon_dir")?,
        None => Lexicon::builtin()?,
    };
    let model = triage_model_folder(config)?.map(load).transpose()?;
    Ok(Arc::new(Triage::new(rules, lexicon, model)?))
}

/// How many patients the desk takes.
///
/// # Errors
/// No threads, which the configuration's check excludes.
pub(super) fn desk_settings(config: &Config) -> anyhow::Result<DeskSettings> {
    let threads = NonZeroUsize::new(config.triage.threads).context("triage.threads must be at least 1")?;
    Ok(DeskSettings { threads, max_waiting: config.triage.max_waiting })
}

fn load(folder: PathBuf) -> anyhow::Result<Arc<dyn AcuityModel>> {
    Ok(baize_models::triage::load(&folder).context("triage.model")?)
}

/// Where the acuity model lies that is configured; `None` where the rules stand alone.
///
/// # Errors
/// A version that is not installed, listed with those that are; a folder that cannot be read.
pub(crate) fn triage_model_folder(config: &Config) -> anyhow::Result<Option<PathBuf>> {
    let wanted = config.triage.model.as_str();
    if wanted == NO_MODEL {
        return Ok(None);
    }
    let folder = config.models.weights_dir.join(MODELS);
    let mut versions = versions_in(&folder)?;
    versions.sort_by_key(|version| numbers(version));
    let chosen = match wanted {
        "" => versions.pop(),
        version => {
            let known = versions.join(", ");
            let found = versions.into_iter().find(|installed| installed == version);
            Some(found.with_context(|| {
                format!("triage.model: '{version}' is not in {}; there are: {known}", folder.display())
            })?)
        }
    };
    Ok(chosen.map(|version| folder.join(version)))
}

/// The names of the folders in a folder that may be absent.
fn versions_in(folder: &Path) -> anyhow::Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("models.weights_dir: cannot list {}", folder.display());
    let mut versions = Vec::new();
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        if entry.path().is_dir() {
            versions.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(versions)
}

/// The numbers of a version, so that 0.10.0 is newer than 0.9.0.
fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_or_the_named_one_or_none() {
        let weights = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.models.weights_dir = weights.path().to_owned();
        assert_eq!(triage_model_folder(&config).unwrap(), None, "nothing is installed");
        for version in ["0.9.0", "0.10.0", "0.2.11"] {
            fs::create_dir_all(weights.path().join("triage").join(version)).unwrap();
        }
        fs::write(weights.path().join("triage/README.md"), "no version").unwrap();
        for (wanted, chosen) in [("", Some("0.10.0")), ("0.9.0", Some("0.9.0")), ("none", None)] {
            config.triage.model = wanted.into();
            let expected = chosen.map(|version| weights.path().join("triage").join(version));
            assert_eq!(triage_model_folder(&config).unwrap(), expected, "{wanted:?}");
        }
        for wrong in ["1.0.0", "../triage/0.9.0", "README.md"] {
            config.triage.model = wrong.into();
            let error = triage_model_folder(&config).unwrap_err().to_string();
            assert!(error.contains("triage.model") && error.contains("0.10.0"), "{error}");
        }
    }

    #[test]
    fn a_model_that_does_not_hold_is_no_silent_loss() {
        let weights = tempfile::tempdir().unwrap();
        fs::create_dir_all(weights.path().join("triage/0.1.0")).unwrap();
        let mut config = Config::default();
        config.models.weights_dir = weights.path().to_owned();
        let error = format!("{:#}", triage(&config).err().unwrap());
        assert!(error.contains("triage.model") && error.contains("manifest.toml"), "{error}");
        config.triage.model = "none".into();
        triage(&config).unwrap();
    }

    #[test]
    fn the_hospitals_files_replace_the_built_in_ones_and_mistakes_name_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.models.weights_dir = folder.path().to_owned();
        triage(&config).unwrap();
        config.triage.rules_dir = Some(folder.path().to_owned());
        triage(&config).unwrap();
        fs::write(folder.path().join("policy.toml"), "under_triage_weight = 0").unwrap();
        let error = format!("{:#}", triage(&config).err().unwrap());
        assert!(error.contains("triage.rules_dir") && error.contains("policy.toml"), "{error}");
        config.triage.rules_dir = None;
        config.triage.lexicon_dir = Some(folder.path().to_owned());
        let error = format!("{:#}", triage(&config).err().unwrap());
        assert!(error.contains("triage.lexicon_dir"), "{error}");
    }
}
