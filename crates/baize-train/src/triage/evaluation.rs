//! `baize eval triage`: how well the triage that serves does on labelled visits.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use baize_triage::{Request, Triage, Words};
use indicatif::{ProgressBar, ProgressStyle};

use super::answer::answers;
use super::figures::{Case, Decision, Population, Resampling};
use super::groups::{audited, demographic, measure};
use super::ktas::read_ktas;
use super::plots;
use super::report::{KtasReport, Part, Source, TriageReport, YaleReport};
use super::second::{Nurses, Readings, SecondReading};
use super::visit::{Cohort, Visit};
use super::yale::read_yale;
use crate::metrics::Bin;
use crate::plot;

/// The bootstrap's seed: the same visits give the same intervals.
const SEED: u64 = 2018;

/// Measures triage on visits whose acuity and outcome are known.
#[derive(Clone, Debug, clap::Args)]
pub struct TriageEvaluation {
    /// Visits of Hong et al. 2018 with complaint codes and history (CSV, gzip or plain).
    #[arg(long, value_name = "FILE")]
    pub yale: Option<PathBuf>,
    /// Visits of Moon et al. 2019 with free text, nurses' and experts' levels (CSV, gzip or plain).
    #[arg(long, value_name = "FILE")]
    pub ktas: Option<PathBuf>,
    /// Folder for triage.json and the diagrams.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Resamples behind each interval.
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub bootstrap: u32,
}

/// A file of the report.
struct Diagram {
    name: String,
    svg: String,
}

impl TriageEvaluation {
    /// Assesses every visit as a request to the desk, measures, and writes the files.
    ///
    /// # Errors
    /// A file that cannot be read or is not what it should be; a folder that cannot be written.
    pub fn run(&self, triage: &Triage) -> Result<TriageReport> {
        ensure!(
            self.yale.is_some() || self.ktas.is_some(),
            "there is nothing to evaluate: give --yale, --ktas or both"
        );
        let resampling = Resampling { resamples: self.bootstrap as usize, seed: SEED };
        let mut diagrams = Vec::new();
        let mut model = None;
        let mut yale = None;
        if let Some(path) = &self.yale {
            let cohort = read_yale(path, triage.vocabulary())?;
            yale = Some(measure_yale(path, &cohort, triage, resampling, &mut model, &mut diagrams)?);
        }
        let mut ktas = None;
        if let Some(path) = &self.ktas {
            let cohort = read_ktas(path, triage.vocabulary())?;
            ktas = Some(measure_ktas(path, &cohort, triage, resampling, &mut model, &mut diagrams)?);
        }
        let report = TriageReport { model, resamples: resampling.resamples, yale, ktas };
        if let Some(out) = &self.out {
            write(out, &report, &diagrams)?;
        }
        Ok(report)
    }
}

fn measure_yale(
    path: &Path,
    cohort: &Cohort,
    triage: &Triage,
    resampling: Resampling,
    model: &mut Option<String>,
    diagrams: &mut Vec<Diagram>,
) -> Result<YaleReport> {
    let without = |visit: &Visit| Request {
        history: None,
        prior_ed_visits: None,
        prior_admissions: None,
        ..visit.request.clone()
    };
    let mut part = |name: &str, about: Words, request: &dyn Fn(&Visit) -> Request| -> Result<_> {
        let cases = assess(path, cohort, triage, request)?;
        let all: Vec<&Case<'_>> = cases.iter().collect();
        *model = all.first().and_then(|case| case.answer.name.clone());
        let waiting = waiting();
        let part = Part {
            overall: Population::measure(&all, resampling),
            by_age_and_sex: measure(&cases, demographic, resampling),
            fairness: measure(&cases, audited, resampling),
        };
        waiting.finish_and_clear();
        let truth = Words::new("分诊护士 ESI", "triage nurse's ESI");
        diagrams.extend(matrix(name, &about, &truth, &part.overall.shown));
        diagrams.extend(calibration(name, &about, &part.overall));
        Ok((source(path, cohort, &all, resampling), part))
    };
    let (source, without_history) =
        part("yale_without_history", Words::new("Yale，无既往史", "Yale, without history"), &without)?;
    let (_, with_history) = part(
        "yale_with_history",
        Words::new("Yale，含既往史及既往就诊", "Yale, with history and prior visits"),
        &|visit| visit.request.clone(),
    )?;
    Ok(YaleReport { source, without_history, with_history })
}

fn measure_ktas(
    path: &Path,
    cohort: &Cohort,
    triage: &Triage,
    resampling: Resampling,
    model: &mut Option<String>,
    diagrams: &mut Vec<Diagram>,
) -> Result<KtasReport> {
    let alone = assess(path, cohort, triage, &|visit| visit.request.clone())?;
    let with_nurse =
        assess(path, cohort, triage, &|visit| Request { nurse_level: visit.nurse, ..visit.request.clone() })?;
    let alone: Vec<&Case<'_>> = alone.iter().collect();
    let with_nurse: Vec<&Case<'_>> = with_nurse.iter().collect();
    *model = alone.first().and_then(|case| case.answer.name.clone());
    let waiting = waiting();
    let report = KtasReport {
        source: source(path, cohort, &alone, resampling),
        overall: Population::measure(&alone, resampling),
        nurses: Nurses::measure(&alone, resampling),
        second_reader: SecondReading::measure(&with_nurse, resampling),
        complaints: Readings::measure(&alone, resampling),
    };
    waiting.finish_and_clear();
    let truth = Words::new("专家 KTAS", "experts' KTAS");
    let free_text = Words::new("KTAS，自由文本主诉", "KTAS, from free text");
    diagrams.extend(matrix("ktas", &free_text, &truth, &report.overall.shown));
    diagrams.extend(calibration("ktas", &free_text, &report.overall));
    let nurses = Words::new("KTAS，护士分级", "KTAS, the nurses' levels");
    diagrams.extend(matrix("ktas_nurses", &nurses, &truth, &report.nurses.levels));
    let raised = Words::new("KTAS，护士分级，提醒时上调一级", "KTAS, the nurses' levels, raised on alert");
    diagrams.extend(matrix("ktas_second_reader", &raised, &truth, &report.second_reader.after));
    Ok(report)
}

fn assess<'v>(
    path: &Path,
    cohort: &'v Cohort,
    triage: &Triage,
    request: &dyn Fn(&Visit) -> Request,
) -> Result<Vec<Case<'v>>> {
    ensure!(!cohort.visits.is_empty(), "{} holds no visit", path.display());
    let requests: Vec<Request> = cohort.visits.iter().map(request).collect();
    let bar = ProgressBar::new(requests.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} visits {elapsed}") {
        bar.set_style(style);
    }
    let answers = answers(triage, &requests, &bar);
    bar.finish_and_clear();
    ensure!(answers.len() == cohort.visits.len(), "the triage left visits without an answer");
    Ok(cohort.visits.iter().zip(answers).map(|(visit, answer)| Case { visit, answer }).collect())
}

/// Something that moves while the intervals are made.
fn waiting() -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message("drawing the visits again, for the intervals");
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}

fn source(path: &Path, cohort: &Cohort, cases: &[&Case<'_>], resampling: Resampling) -> Source {
    Source {
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        visits: cases.len(),
        resampled_units: resampling.of(cases).groups(),
        left_out: cohort.empty,
        implausible: cohort.implausible.clone(),
    }
}

/// The confusion matrix, where there is one.
fn matrix(name: &str, about: &Words, truth: &Words, decision: &Decision) -> Option<Diagram> {
    let svg = plots::confusion(about, truth, decision.confusion.as_ref()?);
    Some(Diagram { name: format!("confusion_{name}.svg"), svg })
}

/// Two reliability diagrams; none where the model did not run.
fn calibration(name: &str, about: &Words, population: &Population) -> Vec<Diagram> {
    let diagram = |what: &str, zh: &str, en: &str, bins: &[Bin]| {
        let about = Words::new(format!("{}，{zh}", about.zh), format!("{}, {en}", about.en));
        let svg = plot::reliability(&about, bins);
        (!bins.is_empty()).then(|| Diagram { name: format!("reliability_{name}_{what}.svg"), svg })
    };
    let urgent = diagram("urgent", "级别 ≤2", "level ≤2", &population.urgent.reliability);
    let admission = diagram("admission", "住院", "admission", &population.admission.reliability);
    [urgent, admission].into_iter().flatten().collect()
}

fn write(out: &Path, report: &TriageReport, diagrams: &[Diagram]) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let write = |name: &str, text: &str| {
        let file = out.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    };
    write("triage.json", &(serde_json::to_string_pretty(report)? + "\n"))?;
    diagrams.iter().try_for_each(|diagram| write(&diagram.name, &diagram.svg))
}
