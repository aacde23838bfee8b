//! `baize eval cxr`: how well an installed model does on labelled images, through the way that serves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use baize_models::{ComputeDevice, Entry};
use baize_triage::Words;
use rayon::prelude::*;
use serde::Serialize;

use crate::bootstrap::Interval;
use crate::data::{decode, read_files};
use crate::metrics::{Bin, Figures, Scored, reliability, roc};
use crate::plot;
use crate::scoring::score;

/// Columns that split the images into subgroups, where the CSV file has them.
const SUBGROUPS: [&str; 5] = ["kind", "sex", "age_group", "view", "source"];
/// Images that are decoded and held at once.
const CHUNK: usize = 256;
/// The bootstrap's seed: the same images give the same intervals.
const SEED: u64 = 2018;

/// Measures a model on PNG or JPEG images.
#[derive(Clone, Debug, clap::Args)]
pub struct CxrEvaluation {
    /// CSV file with a column `path`, a label column (0 or 1) and, optionally, `patient` and subgroup columns (kind,
    /// sex, age_group, view, source).
    #[arg(long, value_name = "CSV")]
    pub manifest: PathBuf,
    /// The images: a folder or a tar archive.
    #[arg(long, value_name = "PATH")]
    pub root: PathBuf,
    /// The column with the truth.
    #[arg(long, default_value = "pneumonia", value_name = "COLUMN")]
    pub label: String,
    /// Folder for evaluation.json, roc.svg and reliability.svg.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// The figures of one subgroup.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subgroup {
    /// The CSV column.
    pub column: String,
    /// Its value.
    pub value: String,
    /// What was measured.
    pub figures: Figures,
}

/// What an evaluation found; its text is a table for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Name and version.
    pub model: String,
    /// The finding's code.
    pub finding: String,
    /// The model's threshold.
    pub threshold: f64,
    /// All images.
    pub overall: Figures,
    /// Every value of every subgroup column, in order.
    pub subgroups: Vec<Subgroup>,
    /// The reliability diagram.
    pub reliability: Vec<Bin>,
}

/// One line of the CSV file.
struct Line {
    path: String,
    positive: bool,
    group: String,
    fields: HashMap<String, String>,
}

impl CxrEvaluation {
    /// Scores all images with the model's first label, writes the report, and returns it.
    ///
    /// # Errors
    /// Where a file is missing or damaged (no image is skipped), or the model can't run.
    pub fn run(&self, entry: &Entry, device: &ComputeDevice) -> Result<Evaluation> {
        let lines = self.read_lines()?;
        let names: BTreeSet<&str> = lines.iter().map(|line| line.path.as_str()).collect();
        let files = read_files(&self.root, &names)?;
        let mut executor = baize_models::load(entry, device)?;
        let mut scored = Vec::with_capacity(lines.len());
        for chunk in lines.chunks(CHUNK) {
            let views: Vec<_> = chunk
                .par_iter()
                .map(|line| {
                    let pixels = decode(&line.path, &files)?.mapv(|value| f32::from(value) / 255.0);
                    let fitted = entry.manifest.fit(pixels.view());
                    Ok(entry.manifest.prepare(fitted.pixels.view()))
                })
                .collect::<Result<_>>()?;
            let probabilities = score(executor.as_mut(), &views)?;
            ensure!(probabilities.len() == chunk.len(), "the model left images without an answer");
            scored.extend(chunk.iter().zip(probabilities).map(|(line, probability)| Scored {
                probability,
                positive: line.positive,
                group: line.group.clone(),
            }));
        }
        let evaluation = summarise(entry, &lines, &scored)?;
        self.write(&evaluation, &scored)?;
        Ok(evaluation)
    }

    fn read_lines(&self) -> Result<Vec<Line>> {
        let name = self.manifest.display();
        let mut reader =
            csv::Reader::from_path(&self.manifest).with_context(|| format!("cannot open {name}"))?;
        let mut lines = Vec::new();
        for record in reader.deserialize() {
            let fields: HashMap<String, String> = record.with_context(|| format!("in {name}"))?;
            let path = fields.get("path").with_context(|| format!("{name} has no column path"))?.clone();
            let label =
                fields.get(&self.label).with_context(|| format!("{name} has no column {}", self.label))?;
            let positive = match label.trim() {
                "0" => false,
                "1" => true,
                other => anyhow::bail!("{path}: {} must be 0 or 1, not '{other}'", self.label),
            };
            // Without patients every image stands for itself.
            let group = fields.get("patient").filter(|patient| !patient.is_empty()).unwrap_or(&path).clone();
            lines.push(Line { path, positive, group, fields });
        }
        ensure!(!lines.is_empty(), "{name} names no image");
        Ok(lines)
    }

    fn write(&self, evaluation: &Evaluation, scored: &[Scored]) -> Result<()> {
        let write = |name: &str, text: String| {
            let file: PathBuf = self.out.join(name);
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
        };
        create(&self.out)?;
        write("evaluation.json", serde_json::to_string_pretty(evaluation)? + "\n")?;
        write("roc.svg", plot::roc(&roc(scored), evaluation.overall.auc))?;
        let about = Words::new(&evaluation.model, &evaluation.model);
        write("reliability.svg", plot::reliability(&about, &evaluation.reliability))
    }
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

fn summarise(entry: &Entry, lines: &[Line], scored: &[Scored]) -> Result<Evaluation> {
    let label = entry.manifest.labels().first().context("the model has no label")?;
    let threshold = f64::from(label.threshold);
    let mut members: BTreeMap<(usize, &str), Vec<Scored>> = BTreeMap::new();
    for (line, one) in lines.iter().zip(scored) {
        for (order, column) in SUBGROUPS.iter().enumerate() {
            if let Some(value) = line.fields.get(*column).filter(|value| !value.is_empty()) {
                members.entry((order, value)).or_default().push(one.clone());
            }
        }
    }
    let subgroup = |((order, value), scored): ((usize, &str), Vec<Scored>)| Subgroup {
        column: SUBGROUPS[order].to_owned(),
        value: value.to_owned(),
        figures: Figures::measure(&scored, threshold, SEED),
    };
    Ok(Evaluation {
        model: entry.manifest.model().to_string(),
        finding: format!("{} {}", label.code.scheme, label.code.value),
        threshold,
        overall: Figures::measure(scored, threshold, SEED),
        subgroups: members.into_iter().map(subgroup).collect(),
        reliability: reliability(scored),
    })
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}  threshold {:.3}", self.model, self.finding, self.threshold)?;
        let head = ["AUC", "sensitivity", "specificity"];
        write!(f, "{:<24}{:>7}{:>7}", "", "images", "pos.")?;
        head.iter().try_for_each(|name| write!(f, "{name:>22}"))?;
        writeln!(f, "{:>8}{:>8}", "Brier", "ECE")?;
        row(f, "all", &self.overall)?;
        for subgroup in &self.subgroups {
            row(f, &format!("{} {}", subgroup.column, subgroup.value), &subgroup.figures)?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, figures: &Figures) -> fmt::Result {
    write!(f, "{name:<24}{:>7}{:>7}", figures.images, figures.positives)?;
    for interval in [figures.auc, figures.sensitivity, figures.specificity] {
        let text = interval.map_or_else(
            || "-".to_owned(),
            |Interval { value, low, high }| format!("{value:.3} ({low:.3}-{high:.3})"),
        );
        write!(f, "{text:>22}")?;
    }
    writeln!(f, "{:>8.3}{:>8.3}", figures.brier, figures.ece)
}
