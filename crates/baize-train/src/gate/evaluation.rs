//! `baize eval gate`: whether the installed gate knows what images show, through the way that serves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use baize_core::Fault;
use baize_imaging::fit;
use baize_models::gate::{Gate, Look};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::figures::{Confusion, Rate};
use super::sources::FOLDERS;
use super::{CHEST, CLASSES, EVERY_KIND, OTHER};
use crate::evaluation::{FOLDER, Images};
use crate::plot;

/// Measures the gate on PNG, JPEG or DICOM images.
#[derive(Clone, Debug, clap::Args)]
pub struct GateEvaluation {
    /// CSV file with the columns `path` and `class`: a class of the gate's manifest or a folder of MedNIST (AbdomenCT,
    /// BreastMRI, ChestCT, CXR, Hand, HeadCT), "other" for what is none of them; `label` is read as `class`. Optionally
    /// `source`.
    #[arg(long, value_name = "CSV")]
    pub manifest: PathBuf,
    /// The images: a folder or a tar archive. A path in the CSV file may also be absolute, or name a member of an archive
    /// (*.tar) in the folder.
    #[arg(long, value_name = "PATH")]
    pub root: PathBuf,
    /// Folder for evaluation.json and confusion.svg.
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    pub out: PathBuf,
}

#[derive(Deserialize)]
struct Line {
    path: String,
    #[serde(alias = "label")]
    class: String,
    #[serde(default)]
    source: String,
}

/// What was measured of one source, or of all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateFigures {
    /// The CSV file's word; "all" for all.
    pub source: String,
    /// Images taken for what they are. "other" is a possible answer only where the CSV file has such images.
    pub accuracy: Rate,
    /// Images that are rather taken for something else than any class, whether that was a possible answer or not.
    pub unknown: Rate,
    /// Chest radiographs that a chest model may have.
    pub passed: Rate,
    /// Other images that it may not have.
    pub refused: Rate,
    /// Chest radiographs that pass with a caveat.
    pub caveats: Rate,
}

/// What an evaluation found; its text is a table for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateReport {
    /// Name and version.
    pub gate: String,
    /// All images, then every source in order.
    pub figures: Vec<GateFigures>,
    /// The classes, in the order of the confusion's rows and columns.
    pub classes: Vec<String>,
    /// How often each true class (row) was taken for each class (column). What has no picture counts as the last.
    pub confusion: Confusion,
    /// Why images were refused, by code.
    pub refusals: BTreeMap<&'static str, usize>,
    /// Each image that was judged wrongly, and how.
    pub wrong: Vec<Wrong>,
    /// What was written.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
}

/// One image that was judged wrongly.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wrong {
    /// The CSV file's word.
    pub path: String,
    /// What it shows.
    pub class: String,
    /// What the gate said.
    pub answer: String,
}

/// What the gate said about one image.
struct Answer {
    /// The likeliest of the possible answers.
    best: usize,
    is_unknown: bool,
    admitted: Result<usize, Fault>,
}

impl GateEvaluation {
    /// Looks at all images, writes the report, and returns it. A DICOM object without a picture that could be read
    /// counts as refused, because no model gets it either.
    ///
    /// # Errors
    /// Where a file is missing or no image at all, or the gate can't run.
    pub fn run(&self, gate: &Gate) -> Result<GateReport> {
        let lines = self.read_lines()?;
        let names: BTreeSet<&str> = lines.iter().map(|(line, _)| line.path.as_str()).collect();
        let images = Images::find(&self.root, &names)?;
        let possible = match lines.iter().any(|(_, class)| *class == OTHER) {
            true => EVERY_KIND.into_iter().chain([OTHER]).collect(),
            false => EVERY_KIND.to_vec(),
        };
        let look = |(line, _): &(Line, usize)| match images.picture(&line.path)? {
            Ok(picture) => {
                let (height, width) = gate.input_size();
                let fitted = fit(picture.pixels.view(), height, width);
                let look = gate.look(picture.pixels.view(), fitted.pixels.view())?;
                Ok(answer(gate, &look, &possible))
            }
            Err(fault) => Ok(Answer { best: OTHER, is_unknown: true, admitted: Err(fault) }),
        };
        let answers: Vec<Answer> = lines.par_iter().map(look).collect::<Result<_>>()?;
        let mut report = summarise(gate, &lines, &answers);
        let model = gate.model();
        let folder = self.out.join(format!("{}-{}", model.id, model.version));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let confusion = plot::counts(&report.gate, &CLASSES, &report.confusion.counts);
        for (name, text) in
            [("evaluation.json", serde_json::to_string_pretty(&report)? + "\n"), ("confusion.svg", confusion)]
        {
            let file = folder.join(name);
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            report.files.push(file);
        }
        Ok(report)
    }

    fn read_lines(&self) -> Result<Vec<(Line, usize)>> {
        let name = self.manifest.display();
        let mut reader =
            csv::Reader::from_path(&self.manifest).with_context(|| format!("cannot open {name}"))?;
        let mut lines = Vec::new();
        for line in reader.deserialize() {
            let line: Line = line.with_context(|| format!("in {name}"))?;
            let class = class_of(line.class.trim());
            let class = class.with_context(|| {
                format!("{name}: {} has the class '{}'; use {}", line.path, line.class, CLASSES.join(", "))
            })?;
            lines.push((line, class));
        }
        ensure!(!lines.is_empty(), "{name} names no image");
        Ok(lines)
    }
}

/// The class of a name: the manifest's or MedNIST's.
fn class_of(name: &str) -> Option<usize> {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    CLASSES.iter().position(|class| is(class)).or_else(|| FOLDERS.iter().position(|folder| is(folder)))
}

fn answer(gate: &Gate, look: &Look, possible: &[usize]) -> Answer {
    let wanted = [CLASSES[CHEST].to_owned()];
    let (best, is_unknown) = (look.best_of(possible), look.best() == OTHER);
    Answer { best, is_unknown, admitted: gate.admit(look, &wanted).map(|caveats| caveats.len()) }
}

fn summarise(gate: &Gate, lines: &[(Line, usize)], answers: &[Answer]) -> GateReport {
    let mut sources: BTreeMap<&str, Vec<(usize, &Answer)>> = BTreeMap::new();
    let all: Vec<(usize, &Answer)> =
        lines.iter().zip(answers).map(|((_, class), answer)| (*class, answer)).collect();
    for ((line, class), answer) in lines.iter().zip(answers) {
        if !line.source.is_empty() {
            sources.entry(&line.source).or_default().push((*class, answer));
        }
    }
    let is_wrong = |class: usize, answer: &Answer| (class == CHEST) != answer.admitted.is_ok();
    let wrong = lines.iter().zip(answers).filter(|((_, class), answer)| is_wrong(*class, answer));
    let mut refusals = BTreeMap::new();
    for fault in answers.iter().filter_map(|answer| answer.admitted.as_ref().err()) {
        *refusals.entry(fault.code.as_str()).or_default() += 1;
    }
    let mut figures = vec![of_source("all", &all)];
    figures.extend(sources.iter().map(|(source, members)| of_source(source, members)));
    GateReport {
        gate: gate.model().to_string(),
        figures,
        classes: CLASSES.iter().map(|class| (*class).to_owned()).collect(),
        confusion: Confusion::of(all.iter().map(|(class, answer)| (*class, answer.best))),
        refusals,
        wrong: wrong
            .map(|((line, _), answer)| Wrong {
                path: line.path.clone(),
                class: line.class.clone(),
                answer: answer.admitted.as_ref().map_or_else(ToString::to_string, |_| "passed".to_owned()),
            })
            .collect(),
        files: Vec::new(),
    }
}

fn of_source(source: &str, members: &[(usize, &Answer)]) -> GateFigures {
    let chests = || members.iter().filter(|(class, _)| *class == CHEST);
    let others = members.iter().filter(|(class, _)| *class != CHEST);
    GateFigures {
        source: source.to_owned(),
        accuracy: Rate::of(members.iter().map(|(class, answer)| *class == answer.best)),
        unknown: Rate::of(members.iter().map(|(_, answer)| answer.is_unknown)),
        passed: Rate::of(chests().map(|(_, answer)| answer.admitted.is_ok())),
        refused: Rate::of(others.map(|(_, answer)| answer.admitted.is_err())),
        caveats: Rate::of(chests().map(|(_, answer)| answer.admitted.as_ref().is_ok_and(|count| *count > 0))),
    }
}

impl fmt::Display for GateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.gate)?;
        for figures in &self.figures {
            writeln!(f, "{}", figures.source)?;
            writeln!(f, "  taken for what it is      {}", figures.accuracy)?;
            writeln!(f, "    rather something else   {}", figures.unknown)?;
            writeln!(f, "  chest radiographs passed  {}", figures.passed)?;
            writeln!(f, "    of them with a caveat   {}", figures.caveats)?;
            writeln!(f, "  other images refused      {}", figures.refused)?;
        }
        for (code, count) in &self.refusals {
            writeln!(f, "refused as {code}: {count}")?;
        }
        for wrong in &self.wrong {
            writeln!(f, "wrong: {} ({}): {}", wrong.path, wrong.class, wrong.answer)?;
        }
        self.files.iter().try_for_each(|file| write!(f, "\n{}", file.display()))
    }
}
