//! What an evaluation found: figures for programs (JSON) and a table for people.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use baize_models::Entry;
use baize_triage::Words;
use serde::Serialize;

use super::retest::{self, Movement, movement};
use super::table::{Line, Measured, SUBGROUPS};
use super::{Answers, cases};
use crate::bootstrap::Interval;
use crate::metrics::{Bin, Figures, Scored, reliability};

/// The bootstrap's seed: the same images give the same intervals.
const SEED: u64 = 2018;

/// What an evaluation found; its text is a table for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Name and version.
    pub model: String,
    /// SHA-256 of the weights.
    pub sha256: String,
    /// Images that were scored.
    pub images: usize,
    /// Of them, those that are far from all that the model was trained and validated on, for which the server gives no
    /// negative answer; absent where what the model knows is not on record.
    pub unfamiliar: Option<usize>,
    /// Every label of the model that the CSV file knows, in the model's order.
    pub labels: Vec<LabelEvaluation>,
    /// What was written.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
}

/// What was measured of one label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelEvaluation {
    /// The CSV file's column with the truth.
    pub column: String,
    /// The finding's code.
    pub finding: String,
    /// The finding in Chinese and English.
    pub name: Name,
    /// The model's threshold.
    pub threshold: f64,
    /// All images whose truth is known.
    pub overall: Figures,
    /// Every value of every subgroup column, in order.
    pub subgroups: Vec<Subgroup>,
    /// The reliability diagram.
    pub reliability: Vec<Bin>,
    /// How far changes of the images move the score; empty where that was not asked for.
    pub retest: Vec<Movement>,
}

/// A finding's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Name {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// The figures of one subgroup.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subgroup {
    /// The CSV column; `age_group` where the groups were made of `age`.
    pub column: String,
    /// Its value.
    pub value: String,
    /// What was measured.
    pub figures: Figures,
}

impl LabelEvaluation {
    /// The title of the label's diagrams.
    pub(super) fn about(&self, model: &str) -> Words {
        Words::new(format!("{}，{model}", self.name.zh), format!("{}, {model}", self.name.en))
    }
}

pub(super) fn summarise(
    entry: &Entry,
    measured: &[Measured],
    lines: &[Line],
    answers: &Answers,
) -> Result<Evaluation> {
    let of_label = |(place, one): (usize, &Measured)| label(entry, place, one, lines, answers);
    Ok(Evaluation {
        model: entry.manifest.model().to_string(),
        sha256: entry.manifest.file().sha256.clone(),
        images: lines.len(),
        unfamiliar: answers.unfamiliar,
        labels: measured.iter().enumerate().map(of_label).collect::<Result<_>>()?,
        files: Vec::new(),
    })
}

fn label(
    entry: &Entry,
    place: usize,
    measured: &Measured,
    lines: &[Line],
    answers: &Answers,
) -> Result<LabelEvaluation> {
    let label = entry.manifest.labels().get(measured.label).context("the model has no such label")?;
    let threshold = f64::from(label.threshold);
    let mut members: BTreeMap<(usize, &str), Vec<Scored>> = BTreeMap::new();
    let mut all = Vec::new();
    for (index, one) in cases(place, measured, lines, answers) {
        for (column, value) in lines.get(index).map_or(&[][..], |line| &line.subgroups) {
            let order = SUBGROUPS.iter().position(|known| known == column).unwrap_or(0);
            members.entry((order, value)).or_default().push(one.clone());
        }
        all.push(one);
    }
    let subgroup = |((order, value), scored): ((usize, &str), Vec<Scored>)| Subgroup {
        column: SUBGROUPS[order].to_owned(),
        value: value.to_owned(),
        figures: Figures::measure(&scored, threshold, SEED),
    };
    let of_label = |scores: &[f64]| scores.get(measured.label).copied().unwrap_or(f64::NAN);
    let retest = answers.moved.iter().map(|(change, pairs)| {
        let pairs: Vec<(f64, f64)> =
            pairs.iter().map(|(before, after)| (of_label(before), of_label(after))).collect();
        movement(*change, &pairs, threshold)
    });
    Ok(LabelEvaluation {
        column: measured.column.clone(),
        finding: format!("{} {}", label.code.scheme, label.code.value),
        name: Name { zh: label.code.meaning.zh.clone(), en: label.code.meaning.en.clone() },
        threshold,
        overall: Figures::measure(&all, threshold, SEED),
        subgroups: members.into_iter().map(subgroup).collect(),
        reliability: reliability(&all),
        retest: retest.collect::<Result<_>>()?,
    })
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} images; intervals: 95 %, bootstrap over patients", self.model, self.images)?;
        if let Some(count) = self.unfamiliar {
            writeln!(f, "far from all that the model knows: {count} of {}", self.images)?;
        }
        for label in &self.labels {
            let LabelEvaluation { column, finding, threshold, .. } = label;
            writeln!(f, "\n{column} ({finding}), threshold {threshold:.3}")?;
            let head = ["AUC", "sensitivity", "specificity"];
            write!(f, "{:<26}{:>7}{:>7}", "", "images", "pos.")?;
            head.iter().try_for_each(|name| write!(f, "{name:>22}"))?;
            writeln!(f, "{:>8}{:>8}", "Brier", "ECE")?;
            row(f, "all", &label.overall)?;
            for subgroup in &label.subgroups {
                row(f, &format!("{} {}", subgroup.column, subgroup.value), &subgroup.figures)?;
            }
            if !label.retest.is_empty() {
                writeln!(
                    f,
                    "{:<26}{:>7}{:>10}{:>10}{:>10}{:>10}",
                    "retest", "images", "mean |Δ|", "95th", "max", "flipped"
                )?;
            }
            for Movement { change, images, mean, p95, max, flipped } in &label.retest {
                let name = retest::name(change).en;
                writeln!(
                    f,
                    "{name:<26}{images:>7}{mean:>10.4}{p95:>10.4}{max:>10.4}{:>9.2}%",
                    flipped * 100.0
                )?;
            }
        }
        self.files.iter().try_for_each(|file| write!(f, "\n{}", file.display()))
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, figures: &Figures) -> fmt::Result {
    write!(f, "{name:<26}{:>7}{:>7}", figures.images, figures.positives)?;
    for interval in [figures.auc, figures.sensitivity, figures.specificity] {
        let text = interval.map_or_else(
            || "-".to_owned(),
            |Interval { value, low, high }| format!("{value:.3} ({low:.3}-{high:.3})"),
        );
        write!(f, "{text:>22}")?;
    }
    writeln!(f, "{:>8.3}{:>8.3}", figures.brier, figures.ece)
}
