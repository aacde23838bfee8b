//! `baize train triage`: from labelled visits to a folder that the server can load.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use baize_models::networks::{WideNet, WideShape};
use baize_models::triage::{
    AgesFile, AlertFile, SIGNS, SecondReader, SecondReaderFile, TriageManifestFile, TriageModel, TriageNets,
    load,
};
use baize_models::{DataFile, MetricFile, TextFile, sha256_hex};
use baize_triage::complaint::Lexicon;
use baize_triage::{FeatureSchema, ModelOutput, Request, RuleSet, Triage};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use indicatif::{ProgressBar, ProgressStyle};

use super::acuity::{self, Acuity, Labelled};
use super::card;
use super::evaluation::TriageEvaluation;
use super::ktas::read_ktas;
use super::report::TriageReport;
use super::second_training::{self, CrossValidated, Second, Trained};
use super::visit::{Cohort, Visit};
use super::yale::read_yale;
use crate::bootstrap::Interval;
use crate::weights::in_order;

/// The model's name and version; a change of either is a change of this source.
const ID: &str = "triage";
const VERSION: &str = "0.1.0";
const WEIGHTS: &str = "model.bpk";
/// The ages of the training visits, in years: adults. The oldest are not told apart.
const AGES: AgesFile = AgesFile { from_years: 18.0, to_years: 110.0 };

/// Trains the triage model: acuity, admission and the second reader.
#[derive(Clone, Debug, clap::Args)]
pub struct TriageTraining {
    /// Training visits of Hong et al. 2018 (CSV, gzip or plain).
    #[arg(long, value_name = "FILE")]
    pub train: PathBuf,
    /// Validation visits of the same source: they calibrate, and the card reports them.
    #[arg(long, value_name = "FILE")]
    pub validation: PathBuf,
    /// Visits of Moon et al. 2019: the second reader learns from their nurses and experts.
    #[arg(long, value_name = "FILE")]
    pub ktas: PathBuf,
    /// Folder that becomes the new version's, such as weights/triage/0.1.0.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Networks in the ensemble of acuity.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub members: u32,
    /// Epochs of each.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub epochs: u32,
    /// Decides the first weights, the order and everything drawn.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl TriageTraining {
    /// Trains, calibrates, evaluates, and writes weights, manifest, card and diagrams. Returns the folder.
    ///
    /// # Errors
    /// A file that cannot be read or is not what it should be, a folder that cannot be written, a loss that diverges.
    pub fn run(&self) -> Result<PathBuf> {
        ensure!(
            self.out.file_name().is_some_and(|name| name == VERSION),
            "--out: a version's folder is named after it: {VERSION}"
        );
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let triage = Triage::new(RuleSet::builtin()?, Lexicon::builtin()?, None)?;
        let training = read_yale(&self.train, triage.vocabulary())?;
        let validation = read_yale(&self.validation, triage.vocabulary())?;
        let ktas = read_ktas(&self.ktas, triage.vocabulary())?;
        let counts = (training.visits.len(), validation.visits.len(), ktas.visits.len());
        tracing::info!(training = counts.0, validation = counts.1, ktas = counts.2, "visits read");

        let bar = progress_bar(u64::from(self.members) * u64::from(self.epochs));
        let labelled = |cohort: &'_ Cohort| -> Vec<_> {
            cohort.visits.iter().map(|visit| triage.features(&visit.request)).collect()
        };
        let acuity = acuity::train(
            triage.schema(),
            &Labelled { visits: &training.visits, features: labelled(&training) },
            &Labelled { visits: &validation.visits, features: labelled(&validation) },
            (self.members as usize, self.epochs as usize, self.seed),
            &bar,
        )?;
        bar.finish_and_clear();

        // The second reader learns from what the model of acuity and the rules say; its own place is filled for now.
        let device = Device::flex();
        let shape = |net: &WideNet| {
            let ([inputs, hidden], [_, outputs]) =
                (net.hidden.weight.val().dims(), net.output.weight.val().dims());
            WideShape { inputs, hidden, outputs }
        };
        let nobody = WideShape { inputs: SIGNS, hidden: 1, outputs: 1 };
        let no_alerts = vec![AlertFile { share: 1.0, threshold: 1.0 }];
        let draft = self.manifest(&acuity, shape(&acuity.net), (nobody, no_alerts));
        let draft = self.write(draft, nets(&acuity, nobody.init(&device), &device))?;
        let visits = second_views(&draft, &ktas)?;
        let Trained { net, alerts, unseen } = second_training::train(&visits, self.seed)?;
        let manifest = self.manifest(&acuity, shape(&acuity.net), (shape(&net), alerts));
        let model = self.write(manifest, nets(&acuity, net, &device))?;

        let triage = Triage::new(RuleSet::builtin()?, Lexicon::builtin()?, Some(model.clone()))?;
        let cross = CrossValidated::measure(&visits, &unseen, triage.alert_threshold().unwrap_or(1.0));
        let report = TriageEvaluation {
            yale: Some(self.validation.clone()),
            ktas: Some(self.ktas.clone()),
            out: Some(self.out.clone()),
            bootstrap: 1000,
        }
        .run(&triage)?;
        let manifest = TriageManifestFile { metrics: metrics(&report, &cross), ..model.manifest().clone() };
        std::fs::write(self.out.join("manifest.toml"), toml::to_string(&manifest)?)?;
        let story = card::Story { manifest: &manifest, visits: counts, cross: &cross, report: &report };
        std::fs::write(self.out.join("card.md"), card::write(&story))?;
        load(&self.out)?;
        Ok(self.out.clone())
    }

    fn manifest(
        &self,
        acuity: &Acuity,
        shape: WideShape,
        (second, alerts): (WideShape, Vec<AlertFile>),
    ) -> TriageManifestFile {
        TriageManifestFile {
            id: ID.to_owned(),
            version: VERSION.to_owned(),
            weights: WEIGHTS.to_owned(),
            sha256: String::new(),
            created_by: format!(
                "baize train triage --train yale_train.csv.gz --validation yale_val.csv.gz --ktas ktas_dev.csv --members {} --epochs {} --seed {}",
                self.members, self.epochs, self.seed
            ),
            license: "Apache-2.0; trained on the data named in training_data, under their terms".to_owned(),
            intended_use: TextFile {
                zh: "成人急诊预检分诊的分级与住院概率提示，以及对护士分级的第二读者提醒。仅供科研使用，不是医疗器械，分级须由医护人员确认。"
                    .to_owned(),
                en: "Suggests acuity and the chance of admission of adults at triage, and reads the nurse's level a second time. Research use, not a medical device: a clinician must confirm the level."
                    .to_owned(),
            },
            schema_version: FeatureSchema::builtin().map(|schema| schema.version().to_owned()).unwrap_or_default(),
            population: AGES,
            acuity: shape,
            second_reader: SecondReaderFile { shape: second, alerts },
            inputs: acuity.inputs.clone(),
            training_data: sources(),
            metrics: Vec::new(),
        }
    }

    /// Writes weights and manifest and loads them as the server would.
    fn write(&self, mut manifest: TriageManifestFile, nets: TriageNets) -> Result<Arc<TriageModel>> {
        let weights = self.out.join(WEIGHTS);
        in_order(nets).save_file(&weights)?;
        manifest.sha256 = sha256_hex(&std::fs::read(&weights)?);
        std::fs::write(self.out.join("manifest.toml"), toml::to_string(&manifest)?)?;
        Ok(load(&self.out)?)
    }
}

fn nets(acuity: &Acuity, second_reader: WideNet, device: &Device) -> TriageNets {
    let reference = TensorData::new(acuity.reference.clone(), [acuity.reference.len()]);
    TriageNets {
        acuity: acuity.net.clone(),
        reference: Param::from_tensor(Tensor::from_data(reference, device)),
        second_reader,
    }
}

/// The visits as the second reader will see them when it serves.
fn second_views(model: &Arc<TriageModel>, ktas: &Cohort) -> Result<Vec<Second>> {
    let triage = Triage::new(RuleSet::builtin()?, Lexicon::builtin()?, Some(model.clone()))?;
    let signs = SecondReader::new(triage.schema()).map_err(anyhow::Error::msg)?;
    let requests: Vec<Request> = ktas.visits.iter().map(|visit| visit.request.clone()).collect();
    let view = |(visit, assessment): (&Visit, baize_triage::Assessment)| {
        let nurse = visit.nurse?;
        let rules = assessment.basis.rules_level.map(|level| triage.rules().policy.calmest(level));
        let opinion = ModelOutput {
            acuity_probabilities: assessment.acuity_probabilities?,
            admission: assessment.admission_probability?,
            contributions: Vec::new(),
        };
        let features = triage.features(&visit.request);
        // Nobody can be more urgent than level 1: the second reader is not asked there.
        (nurse != baize_triage::Acuity::MOST_URGENT).then(|| Second {
            signs: signs.signs(&features, &opinion, nurse, rules),
            nurse,
            experts: visit.acuity,
        })
    };
    Ok(ktas.visits.iter().zip(triage.assess_many(&requests)).filter_map(view).collect())
}

fn sources() -> Vec<DataFile> {
    vec![
        DataFile {
            name: "De-identified adult emergency visits of Hong et al., part for training".to_owned(),
            source: "https://doi.org/10.1371/journal.pone.0201016".to_owned(),
            terms: "published by the authors for research".to_owned(),
            citation: "Hong WS, Haimovich AD, Taylor RA. Predicting hospital admission at emergency department triage using machine learning. PLoS ONE 13(7): e0201016, 2018".to_owned(),
        },
        DataFile {
            name: "Emergency visits with KTAS levels of nurses and experts, half (second reader only)".to_owned(),
            source: "https://doi.org/10.1371/journal.pone.0216972".to_owned(),
            terms: "CC BY 4.0".to_owned(),
            citation: "Moon SH, Shim JL, Park KS, Park CS. Triage accuracy and causes of mistriage using the Korean Triage and Acuity Scale. PLoS ONE 14(9): e0216972, 2019".to_owned(),
        },
    ]
}

fn progress_bar(epochs: u64) -> ProgressBar {
    let bar = ProgressBar::new(epochs);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} epoch {pos}/{len} {elapsed} (eta {eta}) {msg}")
    {
        bar.set_style(style);
    }
    bar
}

/// The figures that the manifest repeats.
fn metrics(report: &TriageReport, cross: &CrossValidated) -> Vec<MetricFile> {
    let round = |value: f64| (value * 1e4).round() / 1e4;
    let figure = |(name, measured_on, interval): (String, String, Interval)| MetricFile {
        name,
        value: round(interval.value),
        low: Some(round(interval.low)),
        high: Some(round(interval.high)),
        measured_on,
    };
    let second = [
        ("second_reader_auc", cross.auc),
        ("second_reader_alert_rate", cross.alert_rate),
        ("second_reader_precision", cross.precision),
        ("nurses_under_triage", cross.before.under),
        ("nurses_mistriage", cross.before.wrong),
        ("under_triage_with_alerts_followed", cross.after.under),
        ("mistriage_with_alerts_followed", cross.after.wrong),
    ];
    let measured_on =
        format!("{} visits of ktas_dev with a nurse's level of 2 to 5, cross-validated", cross.visits);
    let second = second.map(|(name, value)| MetricFile {
        name: name.to_owned(),
        value: round(value),
        low: None,
        high: None,
        measured_on: measured_on.clone(),
    });
    report.figures().into_iter().map(figure).chain(second).collect()
}
