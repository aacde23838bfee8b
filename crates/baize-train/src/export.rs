//! From a trained network to a folder that the server can load: what all models have in common.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baize_models::networks::ResidualNet;
use baize_models::{Entry, LabelFile, Manifest, ManifestFile, MetricFile, TextFile, sha256_hex};
use burn::module::Module;
use serde::Serialize;

use crate::bootstrap::Interval;
use crate::metrics::Figures;
use crate::task::Target;
use crate::trainer::Plan;
use crate::training::Trained;
use crate::weights::numbered;

/// The name of the file with the weights.
pub(crate) const WEIGHTS: &str = "model.bpk";

/// A finished run.
pub(crate) struct Finished<'a> {
    pub(crate) trained: &'a Trained,
    pub(crate) plan: &'a Plan,
    /// The command that a reader would type to get the same.
    pub(crate) command: String,
}

/// A version's folder, being filled.
pub(crate) struct Folder {
    path: PathBuf,
    /// Of the weights.
    pub(crate) sha256: String,
}

impl Folder {
    /// Makes `out/<id>/<version>/` and writes the weights.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(crate) fn with(out: &Path, id: &str, version: &str, net: ResidualNet) -> Result<Self> {
        let path = out.join(id).join(version);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let weights = path.join(WEIGHTS);
        numbered(net).save_file(&weights)?;
        let sha256 = sha256_hex(&std::fs::read(&weights)?);
        Ok(Self { path, sha256 })
    }

    /// Writes what people and programs read beside the weights, and looks whether it holds. Returns the folder.
    ///
    /// # Errors
    /// Where the disk refuses, or the manifest does not hold.
    pub(crate) fn finish(
        self,
        manifest: ManifestFile,
        metrics: &impl Serialize,
        card: &str,
    ) -> Result<PathBuf> {
        let text = toml::to_string(&manifest)?;
        Manifest::new(manifest).map_err(anyhow::Error::msg)?;
        std::fs::write(self.path.join("manifest.toml"), text)?;
        std::fs::write(self.path.join("metrics.json"), serde_json::to_string_pretty(metrics)? + "\n")?;
        std::fs::write(self.path.join("card.md"), card)?;
        Entry::open(&self.path)?;
        Ok(self.path)
    }
}

/// A sentence in both languages.
pub(crate) fn text(zh: &str, en: &str) -> TextFile {
    TextFile { zh: zh.to_owned(), en: en.to_owned() }
}

pub(crate) fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// A label with its cuts.
pub(crate) fn label(target: &Target, threshold: f64, critical: Option<f64>) -> LabelFile {
    let [scheme, value] = target.code;
    LabelFile {
        scheme: scheme.to_owned(),
        value: value.to_owned(),
        meaning: text(target.meaning[0], target.meaning[1]),
        column: Some(target.column.to_owned()),
        threshold: threshold as f32,
        critical_threshold: critical.map(|cut| cut as f32),
        operating_point: None,
    }
}

/// The figures of one finding on one set of images, as a manifest lists them.
pub(crate) fn metrics(finding: &str, figures: &Figures, measured_on: &str) -> Vec<MetricFile> {
    let round = |x: f64| (x * 1e4).round() / 1e4;
    let intervals =
        [("auc", figures.auc), ("sensitivity", figures.sensitivity), ("specificity", figures.specificity)];
    let plain = [("brier", figures.brier), ("ece", figures.ece)];
    let one = |name: &str, value: f64, ends: Option<(f64, f64)>| MetricFile {
        name: if finding.is_empty() { name.to_owned() } else { format!("{finding} {name}") },
        value: round(value),
        low: ends.map(|(low, _)| round(low)),
        high: ends.map(|(_, high)| round(high)),
        measured_on: measured_on.to_owned(),
    };
    let with_ends = intervals.into_iter().filter_map(|(name, interval)| {
        interval.map(|Interval { value, low, high }| one(name, value, Some((low, high))))
    });
    with_ends.chain(plain.into_iter().map(|(name, value)| one(name, value, None))).collect()
}

/// An interval for a table of a card.
pub(crate) fn in_brackets(interval: Option<Interval>) -> String {
    interval.map_or_else(|| "–".to_owned(), |i| format!("{:.3} ({:.3}–{:.3})", i.value, i.low, i.high))
}
