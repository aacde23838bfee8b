//! `baize eval cxr`: how well an installed model does on labelled images, through the way that serves: decoding, fit,
//! normalisation, network, calibration, threshold. Neither the gate nor the header's attributes are asked.

mod familiarity;
mod images;
mod report;
mod retest;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baize_models::{ComputeDevice, Entry, Executor};
use ndarray::Array2;
use rayon::prelude::*;

pub use familiarity::FamiliarityTraining;
pub(crate) use images::Images;
pub use report::{Evaluation, LabelEvaluation, Subgroup};
pub use retest::Movement;
pub(crate) use retest::name as change_name;

use crate::metrics::Scored;
use crate::plot;
use crate::scoring::{predictions, probabilities, scores};
use report::summarise;
use retest::{Change, changed};
use table::{Line, Measured, Table};

/// Images whose prepared views are held at once.
const CHUNK: usize = 64;
/// Where reports go unless told otherwise: a folder for each model, below this one.
pub(crate) const FOLDER: &str = "evaluation";

/// Measures a model on labelled PNG, JPEG or DICOM images.
#[derive(Clone, Debug, clap::Args)]
pub struct CxrEvaluation {
    /// CSV file with a column `path` and, for each label to measure, a column of 0, 1 or nothing; each label's manifest
    /// entry names its column. Used where there: `patient` (resampled together) and the subgroups `age` (in years) or
    /// `age_group`, `sex`, `view`, `source`, `kind`.
    #[arg(long, value_name = "CSV")]
    pub manifest: PathBuf,
    /// The images: a folder or a tar archive. A path in the CSV file may also be absolute, or name a member of an archive
    /// (*.tar) in the folder.
    #[arg(long, value_name = "PATH")]
    pub root: PathBuf,
    /// Measures this column only. A model with one label is measured against any column.
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
    /// Also measures how far the scores move when the same image comes compressed, shifted, under another window, or in
    /// another transfer syntax. Takes a dozen times as long.
    #[arg(long)]
    pub retest: bool,
    /// Folder for evaluation.json and the diagrams.
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    pub out: PathBuf,
}

/// The scores of all labels of one image.
type Scores = Vec<f64>;

/// The prepared image under each change.
type Changed = Vec<(Change, Array2<f32>)>;

/// Everything that the model said.
struct Answers {
    /// One entry per line of the CSV file.
    plain: Vec<Scores>,
    /// Images that are far from all that the model knows; `None` where what it knows is not on record.
    unfamiliar: Option<usize>,
    /// Scores before and after each change.
    moved: BTreeMap<Change, Vec<(Scores, Scores)>>,
}

impl CxrEvaluation {
    /// Scores all images with the model, writes the report into a folder of its own below `out`, and returns it.
    ///
    /// # Errors
    /// Where a file is missing or damaged (no image is skipped), no column fits, or the model can't run.
    pub fn run(&self, entry: &Entry, device: &ComputeDevice) -> Result<Evaluation> {
        let Table { measured, lines } = table::read(&self.manifest, &entry.manifest, self.label.as_deref())?;
        let names: BTreeSet<&str> = lines.iter().map(|line| line.path.as_str()).collect();
        let images = Images::find(&self.root, &names)?;
        let mut executor = baize_models::load(entry, device)?;
        let answers = self.answers(entry, executor.as_mut(), &images, &lines)?;
        let mut evaluation = summarise(entry, &measured, &lines, &answers)?;
        let model = entry.manifest.model();
        let folder = self.out.join(format!("{}-{}", model.id, model.version));
        evaluation.files = write(&folder, &evaluation, &measured, &lines, &answers)?;
        Ok(evaluation)
    }

    fn answers(
        &self,
        entry: &Entry,
        executor: &mut dyn Executor,
        images: &Images,
        lines: &[Line],
    ) -> Result<Answers> {
        let known = executor.familiarity().cloned();
        let mut answers = Answers {
            plain: Vec::with_capacity(lines.len()),
            unfamiliar: known.as_ref().map(|_| 0),
            moved: BTreeMap::new(),
        };
        for chunk in lines.chunks(CHUNK) {
            let views: Vec<_> =
                chunk.par_iter().map(|line| self.views(entry, images, line)).collect::<Result<_>>()?;
            let (plain, changed): (Vec<_>, Vec<_>) = views.into_iter().unzip();
            let plain = predictions(executor, &plain)?;
            if let (Some(known), Some(count)) = (&known, &mut answers.unfamiliar) {
                *count += plain.iter().filter(|one| known.beyond(&one.features).is_some()).count();
            }
            let plain: Vec<Scores> = plain.iter().map(probabilities).collect();
            for (before, changed) in plain.iter().zip(changed) {
                let (kinds, views): (Vec<Change>, Vec<Array2<f32>>) = changed.into_iter().unzip();
                for (kind, after) in kinds.into_iter().zip(scores(executor, &views)?) {
                    answers.moved.entry(kind).or_default().push((before.clone(), after));
                }
            }
            answers.plain.extend(plain);
        }
        Ok(answers)
    }

    /// The prepared image, and what the retest makes of it.
    fn views(&self, entry: &Entry, images: &Images, line: &Line) -> Result<(Array2<f32>, Changed)> {
        let manifest = &entry.manifest;
        let picture = images.picture(&line.path)?.with_context(|| format!("cannot read {}", line.path))?;
        let plain = manifest.prepare(manifest.fit(picture.pixels.view()).pixels.view());
        let changed = if self.retest { changed(&picture, manifest)? } else { Vec::new() };
        Ok((plain, changed))
    }
}

/// The cases of one measured label, those without a truth left out.
fn cases(place: usize, measured: &Measured, lines: &[Line], answers: &Answers) -> Vec<(usize, Scored)> {
    let one = |(index, (line, scores)): (usize, (&Line, &Scores))| {
        let positive = line.truth.get(place).copied().flatten()?;
        let probability = scores.get(measured.label).copied()?;
        Some((index, Scored { probability, positive, group: line.group.clone() }))
    };
    lines.iter().zip(&answers.plain).enumerate().filter_map(one).collect()
}

/// Writes the report; returns the files.
fn write(
    folder: &Path,
    evaluation: &Evaluation,
    measured: &[Measured],
    lines: &[Line],
    answers: &Answers,
) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut files = Vec::new();
    let mut write = |name: String, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        files.push(file);
        anyhow::Ok(())
    };
    write("evaluation.json".to_owned(), serde_json::to_string_pretty(evaluation)? + "\n")?;
    for (place, (label, one)) in evaluation.labels.iter().zip(measured).enumerate() {
        let scored: Vec<Scored> =
            cases(place, one, lines, answers).into_iter().map(|(_, scored)| scored).collect();
        let about = label.about(&evaluation.model);
        if label.overall.auc.is_some() {
            let points = crate::metrics::roc(&scored);
            write(format!("roc-{}.svg", label.column), plot::roc(&about, &points, label.overall.auc))?;
        }
        let diagram = plot::reliability(&about, &label.reliability);
        write(format!("reliability-{}.svg", label.column), diagram)?;
        if !label.retest.is_empty() {
            write(format!("retest-{}.svg", label.column), plot::movements(&about, &label.retest))?;
        }
    }
    Ok(files)
}
