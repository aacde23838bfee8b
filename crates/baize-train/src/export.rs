//! From a trained network to a folder that the server can load.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baize_models::{
    AcceptsFile, CalibrationFile, Compute, DataFile, Entry, FitFile, InputFile, LabelFile, Manifest,
    ManifestFile, MetricFile, NetworkFile, PopulationFile, TextFile, sha256_hex,
};
use burn::module::Module;
use ndarray::Array2;
use serde::Serialize;

use crate::bootstrap::Interval;
use crate::calibrate::{critical, temperature, threshold};
use crate::card;
use crate::data::{Sample, Split};
use crate::metrics::{Figures, Scored};
use crate::scoring::score;
use crate::trainer::{Plan, Session};
use crate::training::{Epoch, Validation};
use crate::weights::numbered;

/// The model's name and version; a change of either is a change of this source.
const ID: &str = "cxr-pneumonia-paed";
const VERSION: &str = "0.1.0";
const WEIGHTS: &str = "model.bpk";

/// The sensitivity that the intended use asks for, on each kind of validation image.
const REQUIRED_SENSITIVITY: f64 = 0.97;
/// The sensitivity over both kinds together; the margin pays for the difference between validation images and
/// those of another site.
const TARGET_SENSITIVITY: f64 = 0.98;

/// The specificity, on each kind of validation image, from which on a finding counts as critical: of a hundred patients
/// without it at most one is hurried through.
const CRITICAL_SPECIFICITY: f64 = 0.99;

/// The cuts of a version.
#[derive(Clone, Copy)]
struct Cuts {
    threshold: f64,
    critical: Option<f64>,
}

/// What `metrics.json` holds.
#[derive(Serialize)]
struct Metrics<'a> {
    model: String,
    plan: &'a Plan,
    training_images: usize,
    validation_images: usize,
    temperature: f64,
    threshold: f64,
    critical_threshold: Option<f64>,
    validation: &'a Figures,
    validation_shifted: &'a Figures,
    history: &'a [Epoch],
}

/// A finished run with the images that it is judged on.
pub(crate) struct Finished<'a> {
    pub(crate) session: &'a Session,
    pub(crate) history: &'a [Epoch],
    pub(crate) samples: &'a [Sample],
    pub(crate) split: &'a Split,
    pub(crate) validation: &'a Validation,
    /// The command that a reader would type to get the same.
    pub(crate) command: String,
}

/// Writes weights, manifest, card and metrics to `out/<model>/<version>/`, calibrated on the validation images
/// through the same executor that serves. Returns the folder.
///
/// # Errors
/// Where the disk refuses or the network gives no numbers.
pub(crate) fn export(out: &Path, finished: &Finished<'_>) -> Result<PathBuf> {
    let folder = out.join(ID).join(VERSION);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let weights = folder.join(WEIGHTS);
    numbered(finished.session.averaged()).save_file(&weights)?;
    let sha256 = sha256_hex(&std::fs::read(&weights)?);

    // Logits come from a first manifest that neither scales nor cuts.
    let plain_cut = Cuts { threshold: 0.5, critical: None };
    let draft = manifest_file(finished, &sha256, 1.0, plain_cut, Vec::new());
    write_manifest(&folder, draft)?;
    let plain = raw_logits(&folder, finished.validation.plain())?;
    let shifted = raw_logits(&folder, finished.validation.shifted())?;
    let positive = &finished.validation.positive;
    let both: Vec<f64> = plain.iter().chain(&shifted).copied().collect();
    let both_positive: Vec<bool> = positive.iter().chain(positive).copied().collect();
    // The manifest holds f32: measure with the value that will be used.
    let temperature = f64::from(temperature(&both, &both_positive) as f32);
    let scored = |logits: &[f64]| -> Vec<Scored> {
        let one = |((logit, positive), index): ((&f64, &bool), &usize)| Scored {
            probability: 1.0 / (1.0 + (-logit / temperature).exp()),
            positive: *positive,
            group: finished.samples[*index].patient.clone(),
        };
        logits.iter().zip(positive).zip(&finished.split.validation).map(one).collect()
    };
    let (plain, shifted) = (scored(&plain), scored(&shifted));
    let pooled: Vec<Scored> = plain.iter().chain(&shifted).cloned().collect();
    let threshold = threshold(&pooled, TARGET_SENSITIVITY)
        .min(threshold(&plain, REQUIRED_SENSITIVITY))
        .min(threshold(&shifted, REQUIRED_SENSITIVITY));
    let critical = critical(&plain, CRITICAL_SPECIFICITY)
        .zip(critical(&shifted, CRITICAL_SPECIFICITY))
        .map(|(plain, shifted)| plain.max(shifted))
        .filter(|cut| *cut > threshold);
    let cuts = Cuts { threshold, critical };

    let seed = finished.session.plan.seed;
    let (plain, shifted) =
        (Figures::measure(&plain, threshold, seed), Figures::measure(&shifted, threshold, seed));
    let metrics = metric_list(&plain, &shifted, finished);
    write_manifest(&folder, manifest_file(finished, &sha256, temperature as f32, cuts, metrics))?;
    write_reports(&folder, finished, (temperature, cuts), &plain, &shifted)?;
    Entry::open(&folder)?;
    Ok(folder)
}

/// Logits through the serving executor, whose probabilities are those of temperature 1.
fn raw_logits(folder: &Path, views: &[Array2<f32>]) -> Result<Vec<f64>> {
    let mut executor = baize_models::load(&Entry::open(folder)?, &Compute::Cpu.resolve()?)?;
    let to_logit = |p: f64| {
        // Beyond this f32 rounds to 0 or 1; nothing is calibrated out there.
        let p = p.clamp(1e-7, 1.0 - 1e-7);
        (p / (1.0 - p)).ln()
    };
    Ok(score(executor.as_mut(), views)?.into_iter().map(to_logit).collect())
}

fn write_manifest(folder: &Path, file: ManifestFile) -> Result<()> {
    let text = toml::to_string(&file)?;
    Manifest::new(file).map_err(anyhow::Error::msg)?;
    std::fs::write(folder.join("manifest.toml"), text)?;
    Ok(())
}

fn write_reports(
    folder: &Path,
    finished: &Finished<'_>,
    (temperature, Cuts { threshold, critical }): (f64, Cuts),
    plain: &Figures,
    shifted: &Figures,
) -> Result<()> {
    let plan = &finished.session.plan;
    let patients = |indices: &[usize]| {
        indices
            .iter()
            .map(|index| &finished.samples[*index].patient)
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    };
    let metrics = Metrics {
        model: format!("{ID}@{VERSION}"),
        plan,
        training_images: finished.split.training.len(),
        validation_images: finished.split.validation.len(),
        temperature,
        threshold,
        critical_threshold: critical,
        validation: plain,
        validation_shifted: shifted,
        history: finished.history,
    };
    std::fs::write(folder.join("metrics.json"), serde_json::to_string_pretty(&metrics)? + "\n")?;
    let story = card::Story {
        model: format!("{ID} {VERSION}"),
        command: &finished.command,
        training_images: finished.split.training.len(),
        validation_images: finished.split.validation.len(),
        validation_patients: patients(&finished.split.validation),
        parameters: finished.session.learner.net.num_params(),
        size: plan.size,
        epochs: finished.session.epoch,
        temperature,
        threshold,
        critical,
        plain,
        shifted,
    };
    std::fs::write(folder.join("card.md"), card::write(&story))?;
    Ok(())
}

fn text(zh: &str, en: &str) -> TextFile {
    TextFile { zh: zh.to_owned(), en: en.to_owned() }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn manifest_file(
    finished: &Finished<'_>,
    sha256: &str,
    temperature: f32,
    cuts: Cuts,
    metrics: Vec<MetricFile>,
) -> ManifestFile {
    let plan = &finished.session.plan;
    ManifestFile {
        id: ID.to_owned(),
        version: VERSION.to_owned(),
        weights: WEIGHTS.to_owned(),
        sha256: sha256.to_owned(),
        created_by: finished.command.clone(),
        license: "Apache-2.0; trained on CC BY 4.0 data, see training_data".to_owned(),
        intended_use: text(
            "1～5 岁儿童正位胸片的肺炎提示。仅供科研使用，不是医疗器械，结果须由医师复核。",
            "Points out pneumonia on frontal chest radiographs of children of 1 to 5 years. Research use, not a \
             medical device: a physician must review every result.",
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
        calibration: CalibrationFile { temperature },
        labels: vec![LabelFile {
            scheme: "SCT".to_owned(),
            value: "233604007".to_owned(),
            meaning: text("肺炎", "Pneumonia"),
            column: Some("pneumonia".to_owned()),
            threshold: cuts.threshold as f32,
            critical_threshold: cuts.critical.map(|cut| cut as f32),
            operating_point: None,
        }],
        accepts: AcceptsFile {
            modalities: words(&["CR", "DX"]),
            body_parts: words(&["CHEST", "THORAX"]),
            views: words(&["AP", "PA"]),
            min_side: 64,
            content: words(&["chest-radiograph"]),
        },
        population: PopulationFile {
            description: text("1～5 岁儿童，前后位", "children of 1 to 5 years, AP view"),
            from_years: 1.0,
            below_years: 6.0,
            views: words(&["AP"]),
        },
        training_data: vec![DataFile {
            name: "Paediatric chest X-rays of Kermany et al., official training split".to_owned(),
            source: "https://data.mendeley.com/datasets/rscbjbr9sj/2".to_owned(),
            terms: "CC BY 4.0".to_owned(),
            citation:
                "Kermany D, Zhang K, Goldbaum M. Labeled Optical Coherence Tomography (OCT) and Chest X-Ray \
                       Images for Classification. Mendeley Data, V2, 2018. doi:10.17632/rscbjbr9sj.2"
                    .to_owned(),
        }],
        metrics,
    }
}

fn metric_list(plain: &Figures, shifted: &Figures, finished: &Finished<'_>) -> Vec<MetricFile> {
    let mut list = Vec::new();
    let images = finished.split.validation.len();
    let sets = [
        (
            plain,
            format!("{images} validation images of other patients; 95 % interval by bootstrap over patients"),
        ),
        (shifted, format!("the same {images} images, changed to imitate another site; interval likewise")),
    ];
    for (figures, measured_on) in sets {
        let measured: [(&str, Option<Interval>); 3] = [
            ("auc", figures.auc),
            ("sensitivity", figures.sensitivity),
            ("specificity", figures.specificity),
        ];
        for (name, interval) in measured {
            if let Some(Interval { value, low, high }) = interval {
                let round = |x: f64| (x * 1e4).round() / 1e4;
                list.push(MetricFile {
                    name: name.to_owned(),
                    value: round(value),
                    low: Some(round(low)),
                    high: Some(round(high)),
                    measured_on: measured_on.clone(),
                });
            }
        }
        for (name, value) in [("brier", figures.brier), ("ece", figures.ece)] {
            let value = (value * 1e4).round() / 1e4;
            let measured_on = measured_on.clone();
            list.push(MetricFile { name: name.to_owned(), value, low: None, high: None, measured_on });
        }
    }
    list
}
