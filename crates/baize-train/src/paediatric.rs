//! The paediatric pneumonia model: calibrating it and describing it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use baize_models::{
    AcceptsFile, CalibrationFile, DataFile, FitFile, InputFile, ManifestFile, NetworkFile, PopulationFile,
};
use burn::module::Module;
use serde::Serialize;

use crate::assemble::{Odds, Shipped, assemble};
use crate::calibrate::{critical, threshold};
use crate::card::{self, Story};
use crate::export::{Finished, Folder, WEIGHTS, label, metrics, text, words};
use crate::metrics::{Figures, Scored};
use crate::platt::platt;
use crate::task::PAEDIATRIC;
use crate::trainer::Plan;
use crate::training::Epoch;
use crate::unseen::Unseen;
use crate::validation::Kind;

/// The model's name and version; a change of either is a change of this source.
const ID: &str = "cxr-pneumonia-paed";
const VERSION: &str = "0.2.0";

/// The sensitivity that the intended use asks for, on each kind of validation image.
const REQUIRED_SENSITIVITY: f64 = 0.97;
/// The sensitivity over all kinds together; the margin pays for the difference between validation images and those of
/// another site.
const TARGET_SENSITIVITY: f64 = 0.98;
/// The specificity, on each kind of validation image, from which on a finding counts as critical: of a hundred patients
/// without it at most one is hurried through.
const CRITICAL_SPECIFICITY: f64 = 0.99;
/// How many of a hundred images with the question of pneumonia show one, which the probabilities assume: about what the
/// published test images of the collection have.
const PREVALENCE: f64 = 0.62;

/// What `metrics.json` holds.
#[derive(Serialize)]
struct Metrics<'a> {
    model: String,
    plan: &'a Plan,
    images: usize,
    validation_images: usize,
    scale: f64,
    shift: f64,
    prevalence: f64,
    threshold: f64,
    critical_threshold: Option<f64>,
    validation: &'a Figures,
    validation_shifted: &'a Figures,
    validation_harsh: &'a Figures,
    history: &'a [Vec<Epoch>],
}

/// Writes weights, manifest, card and metrics to `out/<model>/<version>/`. Returns the folder.
///
/// # Errors
/// Where the disk refuses.
pub(crate) fn export(out: &Path, finished: &Finished<'_>) -> Result<PathBuf> {
    let Finished { trained, plan, command } = finished;
    let [plain, shifted, harsh] = Kind::ALL.map(|kind| Unseen::ask(plan, trained, kind));
    let unseen = [plain?, shifted?, harsh?];
    let odds = calibrate(&unseen, finished);
    let scored = unseen.each_ref().map(|kind| kind.scored(trained, 0, odds));
    let pooled: Vec<Scored> = scored.iter().flatten().cloned().collect();
    let cut = scored
        .iter()
        .map(|kind| threshold(kind, REQUIRED_SENSITIVITY))
        .fold(threshold(&pooled, TARGET_SENSITIVITY), f64::min);
    let criticals: Option<Vec<f64>> =
        scored.iter().map(|kind| critical(kind, CRITICAL_SPECIFICITY)).collect();
    let critical =
        criticals.map(|cuts| cuts.into_iter().fold(0.0, f64::max)).filter(|highest| *highest > cut);
    let figures = scored.each_ref().map(|kind| Figures::measure(&at_prevalence(kind), cut, plan.seed));

    let (shape, net, temperature) =
        assemble(&plan.network, &trained.members, &[Shipped { output: 0, odds }])?;
    let parameters = net.num_params();
    let folder = Folder::with(out, ID, VERSION, net)?;
    let patients: BTreeSet<&str> =
        unseen[0].images.iter().map(|index| trained.samples[*index].patient.as_str()).collect();
    let manifest = ManifestFile {
        network: NetworkFile::ResidualCnn(shape),
        calibration: CalibrationFile { temperature: temperature as f32 },
        labels: vec![label(&PAEDIATRIC[0], cut, critical)],
        metrics: metric_list(&figures),
        ..manifest(finished, &folder.sha256)
    };
    let metrics = Metrics {
        model: format!("{ID}@{VERSION}"),
        plan,
        images: trained.samples.len(),
        validation_images: unseen[0].images.len(),
        scale: odds.scale,
        shift: odds.shift,
        prevalence: PREVALENCE,
        threshold: cut,
        critical_threshold: critical,
        validation: &figures[0],
        validation_shifted: &figures[1],
        validation_harsh: &figures[2],
        history: &trained.history,
    };
    let story = Story {
        model: format!("{ID} {VERSION}"),
        command,
        images: trained.samples.len(),
        validation_images: unseen[0].images.len(),
        validation_patients: patients.len(),
        parameters,
        plan,
        temperature,
        threshold: cut,
        critical,
        figures: &figures,
    };
    folder.finish(manifest, &metrics, &card::write(&story))
}

/// Scale and shift over all kinds of images together, for images of which [`PREVALENCE`] are positive.
fn calibrate(unseen: &[Unseen], finished: &Finished<'_>) -> Odds {
    let logits: Vec<f64> = unseen.iter().flat_map(|kind| kind.logits(0)).collect();
    let truths: Vec<bool> = unseen.iter().flat_map(|kind| kind.truths(finished.trained, 0)).collect();
    let (scale, shift) = platt(&logits, &truths);
    let positives = truths.iter().filter(|truth| **truth).count() as f64;
    let observed = (positives / (truths.len() as f64 - positives)).ln();
    Odds { scale, shift: shift + (PREVALENCE / (1.0 - PREVALENCE)).ln() - observed }
}

/// The images with so many of the more frequent class left out, in even steps, that [`PREVALENCE`] are positive.
fn at_prevalence(scored: &[Scored]) -> Vec<Scored> {
    let count = |positive: bool| scored.iter().filter(|one| one.positive == positive).count() as f64;
    let (positives, negatives) = (count(true), count(false));
    let kept = (negatives * PREVALENCE / (1.0 - PREVALENCE) / positives).min(1.0);
    let mut seen = 0.0;
    let mut keep = |one: &&Scored| {
        if !one.positive {
            return true;
        }
        seen += 1.0;
        (seen * kept).floor() > ((seen - 1.0) * kept).floor()
    };
    scored.iter().filter(|one| keep(one)).cloned().collect()
}

fn metric_list(figures: &[Figures; 3]) -> Vec<baize_models::MetricFile> {
    let images = figures[0].images;
    let names = [
        format!(
            "{images} images, each scored by a member that never saw its patient, 62 % with pneumonia; 95 % interval \
             by bootstrap over patients"
        ),
        format!("the same {images} images, changed to imitate another site; interval likewise"),
        format!("the same {images} images, made flat, veiled and blurred; interval likewise"),
    ];
    figures.iter().zip(names).flat_map(|(figures, name)| metrics("", figures, &name)).collect()
}

/// The manifest, but for what calibration gives.
fn manifest(finished: &Finished<'_>, sha256: &str) -> ManifestFile {
    let plan = finished.plan;
    ManifestFile {
        id: ID.to_owned(),
        version: VERSION.to_owned(),
        preview: false,
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
        metrics: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positives_are_left_out_until_their_share_is_right() {
        for (positives, negatives, images) in [(740, 260, 684), (50, 50, 100)] {
            let one = |index: usize| Scored {
                probability: index as f64 / 1000.0,
                positive: index < positives,
                group: index.to_string(),
            };
            let scored: Vec<Scored> = (0..positives + negatives).map(one).collect();
            assert_eq!(at_prevalence(&scored).len(), images);
        }
    }
}
