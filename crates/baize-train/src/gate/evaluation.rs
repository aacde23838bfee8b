//! `baize eval gate`: whether the installed gate knows what images show, through the way that serves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use baize_core::{ErrorCode, Fault};
use baize_imaging::{Limits, fit};
use baize_models::gate::{Gate, Look};
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::figures::{Confusion, Rate};
use super::{CHEST, CLASSES, OTHER};
use crate::data::{decode, read_files};
use crate::plot;

/// Images that are decoded and held at once.
const CHUNK: usize = 64;
/// As large as an object may be for the server by default.
const LIMITS: Limits = Limits { max_object_bytes: 512 << 20, max_pixels: 100_000_000 };

/// Measures the gate on PNG, JPEG or DICOM images.
#[derive(Clone, Debug, clap::Args)]
pub struct GateEvaluation {
    /// CSV file with the columns `path` and `class` (a class of the gate's manifest; "other" for what is none of
    /// them) and, optionally, `source`.
    #[arg(long, value_name = "CSV")]
    pub manifest: PathBuf,
    /// The images: a folder or a tar archive.
    #[arg(long, value_name = "PATH")]
    pub root: PathBuf,
    /// Folder for evaluation.json and confusion.svg.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Deserialize)]
struct Line {
    path: String,
    class: String,
    #[serde(default)]
    source: String,
}

/// What was measured of one source, or of all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateFigures {
    /// The CSV file's word; "all" for all.
    pub source: String,
    /// Images taken for what they are.
    pub accuracy: Rate,
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
    /// Each image that was judged wrongly, and how.
    pub wrong: Vec<Wrong>,
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
    best: usize,
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
        let files = read_files(&self.root, &names)?;
        let mut answers = Vec::with_capacity(lines.len());
        for chunk in lines.chunks(CHUNK) {
            let chunk: Vec<Answer> = chunk
                .par_iter()
                .map(|(line, _)| match pixels(&line.path, &files)? {
                    Ok(pixels) => {
                        let (height, width) = gate.input_size();
                        let fitted = fit(pixels.view(), height, width);
                        Ok(answer(gate, &gate.look(pixels.view(), fitted.pixels.view())?))
                    }
                    Err(fault) => Ok(Answer { best: OTHER, admitted: Err(fault) }),
                })
                .collect::<Result<_>>()?;
            answers.extend(chunk);
        }
        let report = summarise(gate, &lines, &answers);
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let write = |name: &str, text: String| {
            let file = self.out.join(name);
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
        };
        write("evaluation.json", serde_json::to_string_pretty(&report)? + "\n")?;
        write("confusion.svg", plot::counts(&report.gate, &CLASSES, &report.confusion.counts))?;
        Ok(report)
    }

    fn read_lines(&self) -> Result<Vec<(Line, usize)>> {
        let name = self.manifest.display();
        let mut reader =
            csv::Reader::from_path(&self.manifest).with_context(|| format!("cannot open {name}"))?;
        let mut lines = Vec::new();
        for line in reader.deserialize() {
            let line: Line = line.with_context(|| format!("in {name}"))?;
            let class = CLASSES.iter().position(|class| *class == line.class);
            let class = class.with_context(|| {
                format!("{name}: {} has the class '{}'; use {}", line.path, line.class, CLASSES.join(", "))
            })?;
            lines.push((line, class));
        }
        ensure!(!lines.is_empty(), "{name} names no image");
        Ok(lines)
    }
}

/// The picture, or why a DICOM object has none that is read.
fn pixels(
    name: &str,
    files: &std::collections::HashMap<String, Vec<u8>>,
) -> Result<Result<Array2<f32>, Fault>> {
    let bytes = files.get(name).with_context(|| format!("{name} is not in the data"))?;
    match baize_imaging::decode(bytes, &LIMITS) {
        Ok(image) => Ok(Ok(image.pixels)),
        Err(fault) if fault.code == ErrorCode::NotDicom => {
            Ok(Ok(decode(name, files)?.mapv(|value| f32::from(value) / 255.0)))
        }
        Err(fault) => Ok(Err(fault)),
    }
}

fn answer(gate: &Gate, look: &Look) -> Answer {
    let wanted = [CLASSES[CHEST].to_owned()];
    Answer { best: look.best(), admitted: gate.admit(look, &wanted).map(|caveats| caveats.len()) }
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
    let mut figures = vec![of_source("all", &all)];
    figures.extend(sources.iter().map(|(source, members)| of_source(source, members)));
    GateReport {
        gate: gate.model().to_string(),
        figures,
        classes: CLASSES.iter().map(|class| (*class).to_owned()).collect(),
        confusion: Confusion::of(all.iter().map(|(class, answer)| (*class, answer.best))),
        wrong: wrong
            .map(|((line, _), answer)| Wrong {
                path: line.path.clone(),
                class: line.class.clone(),
                answer: answer.admitted.as_ref().map_or_else(ToString::to_string, |_| "passed".to_owned()),
            })
            .collect(),
    }
}

fn of_source(source: &str, members: &[(usize, &Answer)]) -> GateFigures {
    let chests = || members.iter().filter(|(class, _)| *class == CHEST);
    let others = members.iter().filter(|(class, _)| *class != CHEST);
    GateFigures {
        source: source.to_owned(),
        accuracy: Rate::of(members.iter().map(|(class, answer)| *class == answer.best)),
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
            writeln!(f, "  chest radiographs passed  {}", figures.passed)?;
            writeln!(f, "    of them with a caveat   {}", figures.caveats)?;
            writeln!(f, "  other images refused      {}", figures.refused)?;
        }
        for wrong in &self.wrong {
            writeln!(f, "wrong: {} ({}): {}", wrong.path, wrong.class, wrong.answer)?;
        }
        Ok(())
    }
}
