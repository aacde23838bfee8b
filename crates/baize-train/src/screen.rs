//! The screen for chest radiographs of adults: which findings it may report, and how well it does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use baize_models::{
    AcceptsFile, CalibrationFile, DataFile, FitFile, InputFile, ManifestFile, NetworkFile, PopulationFile,
};
use burn::module::Module;
use serde::Serialize;

use crate::assemble::{Odds, Shipped, assemble};
use crate::calibrate::threshold;
use crate::export::{Finished, Folder, WEIGHTS, label, metrics, text, words};
use crate::metrics::{Figures, Scored, auc};
use crate::platt::platt;
use crate::screen_card::{self, Story};
use crate::task::{ADULT, Target};
use crate::trainer::Plan;
use crate::training::Epoch;
use crate::unseen::Unseen;
use crate::validation::Kind;

/// The model's name and version; a change of either is a change of this source.
const ID: &str = "cxr-adult-screen";
const VERSION: &str = "0.1.0";

/// A finding whose AUC may lie below this (lower end of the 95 % interval) is not reported.
const LEAST_AUC: f64 = 0.60;
/// A finding is positive from the probability on at which this share of the images with it are found.
pub(crate) const SENSITIVITY: f64 = 0.80;

/// How well one finding is told, on images whose patients the member had never seen.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    /// The column of the label file.
    pub(crate) finding: &'static str,
    /// Whether it is one of the model's labels.
    pub(crate) reported: bool,
    pub(crate) threshold: f64,
    scale: f64,
    shift: f64,
    pub(crate) all: Figures,
    pub(crate) by_source: BTreeMap<String, Figures>,
    pub(crate) by_view: BTreeMap<String, Figures>,
    /// How well the score tells the sources apart, among images without the finding: 0.5 is not at all. Absent with
    /// fewer or more than two sources.
    pub(crate) source_auc: Option<f64>,
}

/// What `metrics.json` holds.
#[derive(Serialize)]
struct Metrics<'a> {
    model: String,
    plan: &'a Plan,
    images: usize,
    mean_auc_of_reported: f64,
    findings: &'a [Told],
    history: &'a [Vec<Epoch>],
}

/// Writes weights, manifest, card and metrics to `out/<model>/<version>/`. Returns the folder.
///
/// # Errors
/// Where the disk refuses, or nothing can be told well enough to be reported.
pub(crate) fn export(out: &Path, finished: &Finished<'_>) -> Result<PathBuf> {
    let Finished { trained, plan, command } = finished;
    let unseen = Unseen::ask(plan, trained, Kind::Plain)?;
    let columns = ADULT.iter().map(|target| target.column).chain(["no_finding"]);
    let mut findings: Vec<Told> =
        columns.enumerate().map(|(output, column)| told(finished, &unseen, output, column)).collect();
    // The weakest that remains must be one that may be reported; no finding is never a finding.
    for one in &mut findings[..ADULT.len()] {
        one.reported = one.all.auc.is_some_and(|auc| auc.low >= LEAST_AUC);
    }
    let reported: Vec<(usize, &Told, &Target)> = findings
        .iter()
        .zip(&ADULT)
        .enumerate()
        .filter(|(_, (told, _))| told.reported)
        .map(|(output, (told, target))| (output, told, target))
        .collect();
    ensure!(!reported.is_empty(), "no finding is told well enough to be reported");
    let shipped: Vec<Shipped> = reported
        .iter()
        .map(|(output, told, _)| Shipped {
            output: *output,
            odds: Odds { scale: told.scale, shift: told.shift },
        })
        .collect();
    let (shape, net, temperature) = assemble(&plan.network, &trained.members, &shipped)?;
    let parameters = net.num_params();
    let folder = Folder::with(out, ID, VERSION, net)?;
    let aucs = reported.iter().filter_map(|(_, told, _)| told.all.auc);
    let mean_auc = aucs.map(|auc| auc.value).sum::<f64>() / reported.len() as f64;
    let manifest = ManifestFile {
        network: NetworkFile::ResidualCnn(shape),
        calibration: CalibrationFile { temperature: temperature as f32 },
        labels: reported.iter().map(|(_, told, target)| label(target, told.threshold, None)).collect(),
        metrics: reported
            .iter()
            .flat_map(|(_, told, _)| {
                let measured_on = format!(
                    "{} images, each scored by the member that never saw its patient; 95 % interval by bootstrap over \
                     patients",
                    told.all.images
                );
                metrics(told.finding, &told.all, &measured_on)
            })
            .collect(),
        ..manifest(finished, &folder.sha256)
    };
    let metrics = Metrics {
        model: format!("{ID}@{VERSION}"),
        plan,
        images: trained.samples.len(),
        mean_auc_of_reported: mean_auc,
        findings: &findings,
        history: &trained.history,
    };
    let story = Story {
        model: format!("{ID} {VERSION}"),
        command,
        images: trained.samples.len(),
        patients: trained
            .samples
            .iter()
            .map(|one| one.patient.as_str())
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        parameters,
        plan,
        mean_auc,
        findings: &findings,
    };
    folder.finish(manifest, &metrics, &screen_card::write(&story))
}

/// Calibrates and measures one output.
fn told(finished: &Finished<'_>, unseen: &Unseen, output: usize, finding: &'static str) -> Told {
    let trained = finished.trained;
    let (scale, shift) = platt(&unseen.logits(output), &unseen.truths(trained, output));
    let scored = unseen.scored(trained, output, Odds { scale, shift });
    let cut = threshold(&scored, SENSITIVITY);
    let seed = finished.plan.seed;
    let by = |word: fn(&crate::data::Sample) -> &str| -> BTreeMap<String, Figures> {
        let mut groups: BTreeMap<&str, Vec<Scored>> = BTreeMap::new();
        for (image, one) in unseen.images.iter().zip(&scored) {
            groups.entry(word(&trained.samples[*image])).or_default().push(one.clone());
        }
        let named = groups.into_iter().filter(|(name, _)| !name.is_empty());
        named.map(|(name, group)| (name.to_owned(), Figures::measure(&group, cut, seed))).collect()
    };
    let by_source = by(|sample| &sample.source);
    let by_view = by(|sample| &sample.view);
    let sources: Vec<&String> = by_source.keys().collect();
    let source_auc = (sources.len() == 2).then(|| {
        let without = unseen.images.iter().zip(&scored).filter(|(_, one)| !one.positive);
        let asked = without.map(|(image, one)| Scored {
            positive: trained.samples[*image].source == *sources[1],
            ..one.clone()
        });
        auc(&asked.collect::<Vec<_>>())
    });
    Told {
        finding,
        reported: false,
        threshold: cut,
        scale,
        shift,
        all: Figures::measure(&scored, cut, seed),
        by_source,
        by_view,
        source_auc,
    }
}

/// The manifest, but for what calibration gives.
fn manifest(finished: &Finished<'_>, sha256: &str) -> ManifestFile {
    let plan = finished.plan;
    ManifestFile {
        id: ID.to_owned(),
        version: VERSION.to_owned(),
        preview: true,
        weights: WEIGHTS.to_owned(),
        sha256: sha256.to_owned(),
        created_by: finished.command.clone(),
        license: "Apache-2.0; trained on data that are free to use with citation, see training_data".to_owned(),
        intended_use: text(
            "成人正位胸片常见征象提示（预览版，不用于临床）。仅供科研使用，不是医疗器械，结果须由医师复核；未提示不代表没有异常。",
            "Points out common findings on frontal chest radiographs of adults (preview, not for clinical use). Research \
             use, not a medical device: a physician must review every result. What is not pointed out may still be there.",
        ),
        network: NetworkFile::ResidualCnn(plan.network.clone()),
        flip_average: true,
        input: InputFile {
            height: plan.size,
            width: plan.size,
            fit: FitFile::Letterbox,
            normalisation: Some(plan.normalisation),
            range: None,
        },
        calibration: CalibrationFile { temperature: 1.0 },
        labels: Vec::new(),
        accepts: AcceptsFile {
            modalities: words(&["CR", "DX"]),
            body_parts: words(&["CHEST", "THORAX"]),
            views: words(&["AP", "PA"]),
            min_side: 64,
            content: words(&["chest-radiograph"]),
        },
        population: PopulationFile {
            description: text("18～92 岁成人，正位（后前位或前后位）", "adults of 18 to 92 years, PA or AP view"),
            from_years: 18.0,
            below_years: 93.0,
            views: words(&["AP", "PA"]),
        },
        training_data: vec![DataFile {
            name: "NIH ChestX-ray14 (National Institutes of Health Clinical Center), 1,490 images of two published selections"
                .to_owned(),
            source: "https://nihcc.app.box.com/v/ChestXray-NIHCC".to_owned(),
            terms: "free to use with citation and a link to the source".to_owned(),
            citation: "Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8: Hospital-scale Chest X-ray \
                       Database and Benchmarks on Weakly-Supervised Classification and Localization of Common Thorax \
                       Diseases. IEEE CVPR 2017, 3462-3471"
                .to_owned(),
        }, DataFile {
            name: "Paediatric chest X-rays of Kermany et al., official training split (first weights)".to_owned(),
            source: "https://data.mendeley.com/datasets/rscbjbr9sj/2".to_owned(),
            terms: "CC BY 4.0".to_owned(),
            citation:
                "Kermany D, Zhang K, Goldbaum M. Labeled Optical Coherence Tomography (OCT) and Chest X-Ray \
                       Images for Classification. Mendeley Data, V2, 2018. doi:10.17632/rscbjbr9sj.2"
                    .to_owned(),
        }],
        metrics: Vec::new(),
    }
}
