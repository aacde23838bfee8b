//! From a trained gate to a folder that the server can load.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baize_models::gate::{
    ClassFile, Gate, GateManifestFile, GateNets, LetterboxFile, PassFile, Quality, QualityFile, Signs, load,
    template_of,
};
use baize_models::{DataFile, MetricFile, TextFile, sha256_hex};
use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Axis, Slice};
use rand::RngExt;
use rayon::prelude::*;
use serde::Serialize;

use super::augment::{self, augment};
use super::familiar::{Familiar, is_chest, quantile, temperature, template};
use super::figures::{Confusion, Rate, separation};
use super::session::{Plan, Session, spoil};
use super::sources::{Picture, Source, Split};
use super::training::Epoch;
use super::view::{self, ViewFigures};
use super::{CHEST, CLASSES, EVERY_KIND, OTHER, card, drawn};
use crate::trainer::sample_rng;
use crate::weights::numbered;

/// A change of the version is a change of this source.
const VERSION: &str = "0.2.0";
const WEIGHTS: &str = "model.bpk";
/// Training images that tell what a class looks like on average, and changed copies of the chest radiographs.
const FAMILIAR: usize = 4000;
/// Drawn pictures of each kind that are measured on.
const DRAWN: usize = 1000;
/// The part of the chest radiographs of the validation that each of the two conditions may turn away, on images as
/// they are and changed.
const MAY_LOSE: f64 = 0.001;
/// The part of the whole chest radiographs of the validation that may be marked as cut off.
const MAY_MARK: f64 = 0.005;
/// What a cropped copy keeps of each side.
const KEPT: f64 = 0.6;
/// The strictest probability that is asked for.
const MOST_PROBABILITY: f32 = 0.9;

/// Rules on the grey values. A blank frame has no contrast; an 8-bit copy of a radiograph has more than a hundred
/// levels; letters cross at least one row in ten thousand pixels.
const QUALITY: QualityFile = QualityFile {
    fewest_levels: 12,
    few_levels: 48,
    least_contrast: 0.04,
    white: 0.5,
    black: 0.5,
    field: 0.3,
    strokes: 4.0,
    // Chosen on the validation images.
    framing: -1.0,
    inverted: -0.25,
};

/// A finished run with the images that it is judged on.
pub(super) struct Finished<'a> {
    pub(super) session: &'a Session,
    pub(super) history: &'a [Epoch],
    pub(super) pictures: &'a [Picture],
    pub(super) split: &'a Split,
    /// The command that a reader would type to get the same.
    pub(super) command: String,
}

/// How well a score tells chest radiographs from what was never trained on (area under the ROC curve).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Separation {
    /// The calibrated probability.
    pub(super) probability: f64,
    /// The logarithm of the sum of the exponents of all logits (Liu et al. 2020).
    pub(super) energy: f64,
    /// The distance to the middle of the class.
    pub(super) distance: f64,
}

/// What `metrics.json` holds.
#[derive(Serialize)]
pub(super) struct Metrics<'a> {
    pub(super) model: String,
    pub(super) plan: &'a Plan,
    pub(super) parameters: usize,
    pub(super) training_images: usize,
    pub(super) validation_images: usize,
    pub(super) temperature: f32,
    pub(super) pass: PassFile,
    /// Classes of MedNIST told apart; "something else" is no answer there.
    pub(super) accuracy_mednist: Rate,
    /// Images of MedNIST that are rather taken for something else.
    pub(super) unknown_mednist: Rate,
    /// Whether the features tell AP from PA; the gate does not use it.
    pub(super) view: Option<ViewFigures>,
    /// Chest radiographs that pass, by source.
    pub(super) passed_mednist: Rate,
    pub(super) passed_kermany: Rate,
    pub(super) passed_nih: Rate,
    /// The same changed as in training.
    pub(super) passed_changed: Rate,
    /// Turned away: other classes of MedNIST, drawn pictures of trained and of unseen kinds, spoilt images.
    pub(super) refused_mednist: Rate,
    pub(super) refused_drawn: Rate,
    pub(super) refused_unseen: Rate,
    pub(super) refused_spoilt: Rate,
    /// Upright chest radiographs whose light and dark were taken to be swapped, and swapped ones that were found out.
    pub(super) swapped_falsely: Rate,
    pub(super) swapped_found: Rate,
    /// Whole chest radiographs that were marked as cut off, and cropped copies that were marked or refused.
    pub(super) cropped_falsely: Rate,
    pub(super) cropped_found: Rate,
    pub(super) separation_unseen: Separation,
    pub(super) separation_spoilt: Separation,
    pub(super) confusion: Confusion,
    pub(super) history: &'a [Epoch],
}

/// Writes weights, manifest, card and metrics to `out/gate/<version>/`, calibrated on the validation images. Returns
/// the folder.
///
/// # Errors
/// Where the disk refuses or the network gives no numbers.
pub(super) fn export(out: &Path, finished: &Finished<'_>) -> Result<PathBuf> {
    let folder = out.join("gate").join(VERSION);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let bytes = learnt(finished, &folder)?;
    let mut file = manifest(finished, sha256_hex(&bytes));
    let views = Views::new(finished);
    let gate = Gate::new(file.clone(), bytes.clone(), WEIGHTS)?;
    let signs = views.signs(&gate)?;
    let (all, classes) = signs.labelled(&views);
    file.temperature = temperature(&all, &classes);
    let gate = Gate::new(file.clone(), bytes.clone(), WEIGHTS)?;
    file.pass = pass(&gate, &signs, &views);
    file.quality.framing = framing(&signs, &views);
    let gate = Gate::new(file.clone(), bytes, WEIGHTS)?;
    let mut metrics = measure(&gate, finished, &views, &signs);
    metrics.view = view_told(&gate, finished, &signs)?;
    file.metrics = metric_list(&metrics);
    std::fs::write(folder.join("manifest.toml"), toml::to_string(&file)?)?;
    std::fs::write(folder.join("metrics.json"), serde_json::to_string_pretty(&metrics)? + "\n")?;
    std::fs::write(folder.join("card.md"), card::write(&file, &metrics))?;
    load(&folder)?;
    Ok(folder)
}

/// An image as the server prepares it.
fn serving(plan: &Plan, pixels: &Array2<u8>) -> Array2<f32> {
    augment::serving(pixels.view(), plan.size, &plan.normalisation)
}

/// An image changed as in training; `number` tells the changes apart.
fn changed(plan: &Plan, pixels: &Array2<u8>, number: usize) -> Array2<f32> {
    let mut rng = sample_rng(!plan.seed, 0, number);
    augment(pixels.view(), plan.size, &plan.normalisation, &mut rng)
}

/// The burnpack: the averaged weights, and what they make of the training images on average.
fn learnt(finished: &Finished<'_>, folder: &Path) -> Result<Vec<u8>> {
    let (session, device) = (finished.session, Device::flex());
    let plan = &session.plan;
    let mut nets = GateNets::init(&plan.network, CLASSES.len(), &device);
    nets.net = numbered(session.learner.averaged());
    let bytes = saved(nets.clone(), folder)?;
    let gate = Gate::new(manifest(finished, sha256_hex(&bytes)), bytes, WEIGHTS)?;

    let training = &finished.split.training;
    let every = (training.len() / FAMILIAR).max(1);
    let of = |index: &usize| (&finished.pictures[*index].pixels, finished.pictures[*index].class);
    let some: Vec<(&Array2<u8>, usize)> = training.iter().step_by(every).map(of).collect();
    let plain = some.par_iter().map(|(pixels, _)| serving(plan, pixels));
    let varied = some.par_iter().enumerate().map(|(number, (pixels, _))| changed(plan, pixels, number));
    let plain: Vec<Array2<f32>> = plain.collect();
    let views: Vec<Array2<f32>> = plain.iter().cloned().chain(varied.collect::<Vec<_>>()).collect();
    let classes: Vec<usize> = some.iter().chain(&some).map(|(_, class)| *class).collect();
    let familiar = Familiar::of(&gate.signs(&views)?, &classes, CLASSES.len());
    let chests = plain.iter().zip(&classes).filter(|(_, class)| is_chest(class));
    let template = template(&chests.map(|(view, _)| template_of(view.view())).collect::<Vec<_>>());

    let tensor = |values: Vec<f32>, shape: &[usize]| TensorData::new(values, shape.to_vec());
    let mut next = 1u64 << 32;
    let mut number = || {
        next += 1;
        ParamId::from(next)
    };
    let means = tensor(familiar.means.iter().copied().collect(), familiar.means.shape());
    nets.means = Param::initialized(number(), Tensor::from_data(means, &device));
    let precision = tensor(familiar.precision.to_vec(), familiar.precision.shape());
    nets.precision = Param::initialized(number(), Tensor::from_data(precision, &device));
    let template = tensor(template.iter().copied().collect(), template.shape());
    nets.template = Param::initialized(number(), Tensor::from_data(template, &device));
    saved(nets, folder)
}

fn saved(nets: GateNets, folder: &Path) -> Result<Vec<u8>> {
    let file = folder.join(WEIGHTS);
    nets.save_file(&file)?;
    Ok(std::fs::read(file)?)
}

/// The prepared images that the gate is judged on.
struct Views {
    plain: Vec<Array2<f32>>,
    changed: Vec<Array2<f32>>,
    swapped: Vec<Array2<f32>>,
    cropped: Vec<Array2<f32>>,
    drawn: Vec<Array2<f32>>,
    unseen: Vec<Array2<f32>>,
    spoilt: Vec<Array2<f32>>,
    classes: Vec<usize>,
    sources: Vec<Source>,
}

/// What the gate makes of them.
struct AllSigns {
    plain: Vec<Signs>,
    changed: Vec<Signs>,
    swapped: Vec<Signs>,
    cropped: Vec<Signs>,
    drawn: Vec<Signs>,
    unseen: Vec<Signs>,
    spoilt: Vec<Signs>,
}

impl Views {
    fn new(finished: &Finished<'_>) -> Self {
        let plan = &finished.session.plan;
        let held: Vec<&Picture> =
            finished.split.validation.iter().map(|index| &finished.pictures[*index]).collect();
        let made = |number: usize, draw: &(dyn Fn(&mut rand_chacha::ChaCha8Rng) -> Array2<u8> + Sync)| {
            let mut rng = sample_rng(!plan.seed, 1, number);
            serving(plan, &draw(&mut rng))
        };
        let numbers = || (0..DRAWN).into_par_iter();
        let spoilt = |number: usize| {
            made(number, &|rng| spoil(held[number % held.len()], held[number * 7 % held.len()], rng))
        };
        let swap = |pixels: &Array2<u8>| serving(plan, &pixels.mapv(|value| 255 - value));
        Self {
            plain: held.par_iter().map(|one| serving(plan, &one.pixels)).collect(),
            changed: held.par_iter().enumerate().map(|(n, one)| changed(plan, &one.pixels, n)).collect(),
            swapped: held
                .par_iter()
                .filter(|one| is_chest(&one.class))
                .map(|one| swap(&one.pixels))
                .collect(),
            cropped: held
                .par_iter()
                .enumerate()
                .filter(|(_, one)| is_chest(&one.class))
                .map(|(number, one)| {
                    serving(plan, &cropped(&one.pixels, &mut sample_rng(!plan.seed, 2, number)))
                })
                .collect(),
            drawn: numbers().map(|n| made(n, &|rng| drawn::for_training(rng))).collect(),
            unseen: numbers().map(|n| made(n, &|rng| drawn::unseen(rng))).collect(),
            spoilt: numbers().map(spoilt).collect(),
            classes: held.iter().map(|one| one.class).collect(),
            sources: held.iter().map(|one| one.source).collect(),
        }
    }

    fn signs(&self, gate: &Gate) -> Result<AllSigns> {
        Ok(AllSigns {
            plain: gate.signs(&self.plain)?,
            changed: gate.signs(&self.changed)?,
            swapped: gate.signs(&self.swapped)?,
            cropped: gate.signs(&self.cropped)?,
            drawn: gate.signs(&self.drawn)?,
            unseen: gate.signs(&self.unseen)?,
            spoilt: gate.signs(&self.spoilt)?,
        })
    }
}

impl AllSigns {
    /// Everything whose class is known, but for what the network was never shown.
    fn labelled(&self, views: &Views) -> (Vec<Signs>, Vec<usize>) {
        let others = self.drawn.iter().chain(&self.spoilt).map(|one| (one, OTHER));
        let real = self.plain.iter().chain(&self.changed).zip(views.classes.iter().chain(&views.classes));
        real.map(|(one, class)| (one, *class)).chain(others).map(|(one, class)| (one.clone(), class)).unzip()
    }
}

/// A quality that no rule objects to: small copies say nothing about it.
const FINE: Quality =
    Quality { levels: 256, contrast: 1.0, white: 0.0, black: 0.0, field: 1.0, strokes: 0.0 };

fn pass(gate: &Gate, signs: &AllSigns, views: &Views) -> PassFile {
    let limit = |signs: &[Signs]| {
        let chests = signs.iter().zip(&views.classes).filter(|(_, class)| is_chest(class));
        let looks: Vec<_> = chests.map(|(one, _)| gate.look_of(one, FINE)).collect();
        let of = |value: fn(&baize_models::gate::Look) -> f32, fraction| {
            quantile(&looks.iter().map(value).collect::<Vec<_>>(), fraction)
        };
        (of(|look| look.probabilities[CHEST], MAY_LOSE), of(|look| look.distances[CHEST], 1.0 - MAY_LOSE))
    };
    let (plain, changed) = (limit(&signs.plain), limit(&signs.changed));
    // To a thousandth, in the direction that turns fewer away.
    PassFile {
        probability: (plain.0.clamp(0.5, MOST_PROBABILITY) * 1000.0).floor() / 1000.0,
        distance: (plain.1.max(changed.1) * 1000.0).ceil() / 1000.0,
    }
}

/// The likeness to the average chest radiograph below which few whole ones lie.
fn framing(signs: &AllSigns, views: &Views) -> f32 {
    let chests = signs.plain.iter().zip(&views.classes).filter(|(_, class)| is_chest(class));
    let likeness: Vec<f32> = chests.map(|(one, _)| one.likeness).collect();
    // To a hundredth, in the direction that marks fewer.
    (quantile(&likeness, MAY_MARK) * 100.0).floor() / 100.0
}

/// A part of an image, somewhere in it.
fn cropped(pixels: &Array2<u8>, rng: &mut impl RngExt) -> Array2<u8> {
    let mut part = |length: usize| {
        let kept = ((length as f64 * KEPT) as usize).max(1);
        let start = rng.random_range(0..=length - kept);
        Slice::from(start..start + kept)
    };
    let (rows, columns) = (part(pixels.nrows()), part(pixels.ncols()));
    pixels.slice_axis(Axis(0), rows).slice_axis(Axis(1), columns).to_owned()
}

fn measure<'a>(gate: &Gate, finished: &'a Finished<'_>, views: &Views, signs: &AllSigns) -> Metrics<'a> {
    let wanted = [CLASSES[CHEST].to_owned()];
    let passes = |one: &Signs| gate.admit(&gate.look_of(one, FINE), &wanted).is_ok();
    let best = |one: &Signs| gate.look_of(one, FINE).best();
    let plain = || signs.plain.iter().zip(&views.classes).zip(&views.sources);
    let chests = |source: Source| {
        plain().filter(move |((_, class), from)| is_chest(class) && **from == source).map(|((one, _), _)| one)
    };
    let changed = signs.changed.iter().zip(&views.classes).filter(|(_, class)| is_chest(class));
    let mednist = || plain().filter(|(_, source)| **source == Source::MedNist).map(|(pair, _)| pair);
    let other_classes = mednist().filter(|(_, class)| !is_chest(class));
    let is_swapped = |one: &Signs| one.likeness < gate.manifest().quality.inverted;
    let is_marked = |one: &Signs| {
        let caveats = gate.admit(&gate.look_of(one, FINE), &wanted);
        caveats.map_or(true, |caveats| !caveats.is_empty())
    };
    let all_chests: Vec<&Signs> =
        plain().filter(|((_, class), _)| is_chest(class)).map(|((one, _), _)| one).collect();
    let against = |unknown: &[Signs]| {
        let of = |score: fn(&Gate, &Signs) -> f64| {
            let high: Vec<f64> = all_chests.iter().map(|one| score(gate, one)).collect();
            let low: Vec<f64> = unknown.iter().map(|one| score(gate, one)).collect();
            separation(&high, &low)
        };
        Separation {
            probability: of(|gate, one| f64::from(gate.look_of(one, FINE).probabilities[CHEST])),
            energy: of(|_, one| one.logits.iter().map(|logit| f64::from(*logit).exp()).sum::<f64>().ln()),
            distance: of(|gate, one| -f64::from(gate.look_of(one, FINE).distances[CHEST])),
        }
    };
    let session = finished.session;
    Metrics {
        model: gate.model().to_string(),
        plan: &session.plan,
        parameters: session.learner.net.num_params(),
        training_images: finished.split.training.len(),
        validation_images: finished.split.validation.len(),
        temperature: gate.manifest().temperature,
        pass: gate.manifest().pass,
        accuracy_mednist: Rate::of(mednist().map(|(one, class)| {
            let look = gate.look_of(one, FINE);
            look.best_of(&EVERY_KIND) == *class
        })),
        unknown_mednist: Rate::of(mednist().map(|(one, _)| best(one) == OTHER)),
        view: None,
        passed_mednist: Rate::of(chests(Source::MedNist).map(passes)),
        passed_kermany: Rate::of(chests(Source::Kermany).map(passes)),
        passed_nih: Rate::of(chests(Source::Nih).map(passes)),
        passed_changed: Rate::of(changed.map(|(one, _)| passes(one))),
        refused_mednist: Rate::of(other_classes.map(|(one, _)| !passes(one))),
        refused_drawn: Rate::of(signs.drawn.iter().map(|one| !passes(one))),
        refused_unseen: Rate::of(signs.unseen.iter().map(|one| !passes(one))),
        refused_spoilt: Rate::of(signs.spoilt.iter().map(|one| !passes(one))),
        swapped_falsely: Rate::of(all_chests.iter().map(|one| is_swapped(one))),
        swapped_found: Rate::of(signs.swapped.iter().map(is_swapped)),
        cropped_falsely: Rate::of(
            all_chests.iter().map(|one| one.likeness < gate.manifest().quality.framing && passes(one)),
        ),
        cropped_found: Rate::of(signs.cropped.iter().map(is_marked)),
        separation_unseen: against(&signs.unseen),
        separation_spoilt: against(&signs.spoilt),
        confusion: Confusion::of(
            plain()
                .map(|((one, class), _)| (*class, best(one)))
                .chain(signs.drawn.iter().map(|one| (OTHER, best(one)))),
        ),
        history: finished.history,
    }
}

/// How well the gate's features tell the view of the adult chest radiographs that were held back.
fn view_told(gate: &Gate, finished: &Finished<'_>, signs: &AllSigns) -> Result<Option<ViewFigures>> {
    let plan = &finished.session.plan;
    let known = |index: &&usize| finished.pictures[**index].is_pa.is_some();
    let training: Vec<&Picture> =
        finished.split.training.iter().filter(known).map(|index| &finished.pictures[*index]).collect();
    let prepared: Vec<Array2<f32>> = training.par_iter().map(|one| serving(plan, &one.pixels)).collect();
    let of_training = gate.signs(&prepared)?;
    let training: Vec<(&Signs, bool)> =
        of_training.iter().zip(&training).filter_map(|(signs, one)| Some((signs, one.is_pa?))).collect();
    let held = finished.split.validation.iter().map(|index| &finished.pictures[*index]);
    let held: Vec<(&Signs, bool, &str)> = signs
        .plain
        .iter()
        .zip(held)
        .filter_map(|(signs, one)| Some((signs, one.is_pa?, one.group.as_str())))
        .collect();
    Ok(view::measure(&training, &held))
}

fn metric_list(metrics: &Metrics<'_>) -> Vec<MetricFile> {
    let rates = [
        ("accuracy", metrics.accuracy_mednist, "MedNIST images held back, six classes"),
        ("passed", metrics.passed_mednist, "chest radiographs of MedNIST held back"),
        ("passed", metrics.passed_kermany, "paediatric chest radiographs of other patients"),
        ("passed", metrics.passed_nih, "adult chest radiographs of other patients"),
        ("refused", metrics.refused_mednist, "MedNIST images held back of the other five classes"),
        ("refused", metrics.refused_unseen, "drawn pictures of kinds that were not trained on"),
        ("refused", metrics.refused_spoilt, "images cut up, put together, turned or reduced to a detail"),
    ];
    let round = |x: f64| (x * 1e4).round() / 1e4;
    let entry = |(name, rate, on): (&str, Rate, &str)| {
        let interval = rate.fraction?;
        Some(MetricFile {
            name: name.to_owned(),
            value: round(interval.value),
            low: Some(round(interval.low)),
            high: Some(round(interval.high)),
            measured_on: format!("{} {on}; Wilson's 95 % interval", rate.images),
        })
    };
    rates.into_iter().filter_map(entry).collect()
}

fn text(zh: &str, en: &str) -> TextFile {
    TextFile { zh: zh.to_owned(), en: en.to_owned() }
}

fn manifest(finished: &Finished<'_>, sha256: String) -> GateManifestFile {
    let plan = &finished.session.plan;
    let names = [
        text("腹部 CT", "an abdominal CT"),
        text("乳腺 MR", "a breast MR"),
        text("胸部 CT", "a chest CT"),
        text("胸部 X 线片", "a chest radiograph"),
        text("手部 X 线片", "a hand radiograph"),
        text("头部 CT", "a head CT"),
        text("其他图像", "something else"),
    ];
    let class = |(id, name): (&&str, TextFile)| ClassFile { id: (*id).to_owned(), name };
    GateManifestFile {
        id: "gate".to_owned(),
        version: VERSION.to_owned(),
        weights: WEIGHTS.to_owned(),
        sha256,
        created_by: finished.command.clone(),
        license: "CC BY-SA 4.0, as MedNIST, which it is trained on".to_owned(),
        intended_use: text(
            "在模型判读前核对图像内容，拒绝不属于模型适用范围的图像。仅供科研使用，不是医疗器械。",
            "Checks what an image shows before a model reads it, and turns away what the model is not meant for. \
             Research use, not a medical device.",
        ),
        network: plan.network.clone(),
        input: LetterboxFile { height: plan.size, width: plan.size, normalisation: plan.normalisation },
        temperature: 1.0,
        classes: CLASSES.iter().zip(names).map(class).collect(),
        pass: PassFile { probability: 0.5, distance: 1.0 },
        quality: QUALITY,
        training_data: data(),
        metrics: Vec::new(),
    }
}

fn data() -> Vec<DataFile> {
    let one = |name: &str, source: &str, terms: &str, citation: &str| DataFile {
        name: name.to_owned(),
        source: source.to_owned(),
        terms: terms.to_owned(),
        citation: citation.to_owned(),
    };
    vec![
        one(
            "MedNIST",
            "https://github.com/Project-MONAI/tutorials",
            "CC BY-SA 4.0",
            "MedNIST, gathered by B. Erickson (Mayo Clinic) from TCIA, the RSNA Bone Age Challenge and the NIH Chest \
             X-ray dataset",
        ),
        one(
            "Paediatric chest X-rays of Kermany et al., official training split",
            "https://data.mendeley.com/datasets/rscbjbr9sj/2",
            "CC BY 4.0",
            "Kermany D, Zhang K, Goldbaum M. Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for \
             Classification. Mendeley Data, V2, 2018. doi:10.17632/rscbjbr9sj.2",
        ),
        one(
            "NIH ChestX-ray14, 1,490 images",
            "https://nihcc.app.box.com/v/ChestXray-NIHCC",
            "free use with citation; provided by the NIH Clinical Center",
            "Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8. IEEE CVPR 2017, 3462-3471",
        ),
    ]
}
