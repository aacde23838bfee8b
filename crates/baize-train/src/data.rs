//! Labelled images: reading them, and dealing them into folds so that no patient is in two.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Where a label file says what a logit is to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// In this column, as 0 or 1.
    Flag(&'static str),
    /// True where this column holds this text.
    Text(&'static str, &'static str),
}

/// One labelled image.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// `[rows, columns]`, bright = dense.
    pub(crate) pixels: Array2<u8>,
    /// What is there, in the order of the network's logits.
    pub(crate) truths: Vec<bool>,
    /// Groups the images of one patient.
    pub(crate) patient: String,
    /// Which collection it comes from; empty where the label file does not say.
    pub(crate) source: String,
    /// The view, such as `AP`; empty where the label file does not say.
    pub(crate) view: String,
}

/// Reads the images that the CSV file `labels` names from `data`, a tar archive or a folder. The file has the columns
/// `path`, `patient`, those of `truths` and, if it likes, `source` and `view`.
///
/// # Errors
/// Where a file is missing or is no image, with its name.
pub(crate) fn read(data: &Path, labels: &Path, truths: &[Truth]) -> Result<Vec<Sample>> {
    let rows = read_labels(labels)?;
    let names: BTreeSet<&str> = rows.iter().filter_map(|row| row.get("path")).map(String::as_str).collect();
    let files = read_files(data, &names)?;
    rows.par_iter().map(|row| sample(row, &files, truths)).collect()
}

fn sample(
    row: &HashMap<String, String>,
    files: &HashMap<String, Vec<u8>>,
    truths: &[Truth],
) -> Result<Sample> {
    let cell = |column: &str| {
        row.get(column)
            .with_context(|| format!("the label file has no column {column}"))
            .map(|text| text.trim())
    };
    let path = cell("path")?;
    let truths = truths.iter().map(|truth| match truth {
        Truth::Text(column, text) => Ok(cell(column)? == *text),
        Truth::Flag(column) => match cell(column)? {
            "0" => Ok(false),
            "1" => Ok(true),
            other => bail!("{path}: {column} must be 0 or 1, not '{other}'"),
        },
    });
    let optional = |column: &str| row.get(column).cloned().unwrap_or_default();
    Ok(Sample {
        pixels: decode(path, files)?,
        truths: truths.collect::<Result<_>>()?,
        patient: cell("patient")?.to_owned(),
        source: optional("source"),
        view: optional("view"),
    })
}

fn read_labels(labels: &Path) -> Result<Vec<HashMap<String, String>>> {
    let mut reader =
        csv::Reader::from_path(labels).with_context(|| format!("cannot open {}", labels.display()))?;
    let rows: Vec<_> =
        reader.deserialize().collect::<Result<_, _>>().with_context(|| format!("in {}", labels.display()))?;
    ensure!(!rows.is_empty(), "{} names no image", labels.display());
    Ok(rows)
}

/// The bytes of the named files of a folder or of a tar archive. A name that leads out of the folder, or that is
/// not there, is missing from the result.
///
/// # Errors
/// Where the archive or a file of the folder can't be read.
pub(crate) fn read_files(data: &Path, names: &BTreeSet<&str>) -> Result<HashMap<String, Vec<u8>>> {
    let mut files = HashMap::new();
    if data.is_dir() {
        for name in names {
            let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
            let file = data.join(name);
            if inside && file.is_file() {
                let bytes =
                    std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                files.insert((*name).to_owned(), bytes);
            }
        }
        return Ok(files);
    }
    let archive = File::open(data).with_context(|| format!("cannot open {}", data.display()))?;
    for entry in tar::Archive::new(BufReader::new(archive)).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if names.contains(name.as_str()) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

/// One PNG or JPEG image as grey values `[rows, columns]`.
///
/// # Errors
/// Where it is missing or is no image, with its name.
pub(crate) fn decode(name: &str, files: &HashMap<String, Vec<u8>>) -> Result<Array2<u8>> {
    let bytes = files.get(name).with_context(|| format!("{name} is not in the data"))?;
    let grey = image::load_from_memory(bytes).with_context(|| format!("cannot read {name}"))?.to_luma8();
    let size = (grey.height() as usize, grey.width() as usize);
    Ok(Array2::from_shape_vec(size, grey.into_raw())?)
}

/// How patients are dealt into folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deal {
    /// Neighbouring patient numbers together: numbers follow time, so a fold differs from the others as the images of
    /// another year do.
    ByNumber,
    /// At random.
    Shuffled,
}

/// The fold of each image. No patient is in two folds; patients of one source with the same ones of the first `labels`
/// truths are spread evenly.
///
/// # Errors
/// Where a fold would lack images with, or without, one of those truths.
pub(crate) fn folds(
    samples: &[Sample],
    labels: usize,
    folds: usize,
    deal: Deal,
    seed: u64,
) -> Result<Vec<usize>> {
    // What is true of any image of a patient is true of the patient.
    let mut patients: BTreeMap<&str, (&str, Vec<bool>)> = BTreeMap::new();
    for sample in samples {
        let (_, truths) =
            patients.entry(&sample.patient).or_insert_with(|| (&sample.source, vec![false; labels]));
        truths.iter_mut().zip(&sample.truths).for_each(|(any, this)| *any |= this);
    }
    let mut strata: BTreeMap<(&str, Vec<bool>), Vec<&str>> = BTreeMap::new();
    for (patient, stratum) in patients {
        strata.entry(stratum).or_default().push(patient);
    }
    let (mut fold_of, mut dealt) = (HashMap::new(), 0);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for mut members in strata.into_values() {
        let count = members.len();
        match deal {
            Deal::ByNumber => {
                members.sort_by_key(|patient| (number(patient), *patient));
                fold_of
                    .extend(members.into_iter().enumerate().map(|(place, one)| (one, place * folds / count)));
            }
            Deal::Shuffled => {
                members.shuffle(&mut rng);
                let places = (dealt..).map(|place| place % folds);
                fold_of.extend(members.into_iter().zip(places));
                dealt += count;
            }
        }
    }
    let result: Vec<usize> = samples.iter().map(|sample| fold_of[sample.patient.as_str()]).collect();
    for fold in 0..folds {
        for label in 0..labels {
            let of_fold = || samples.iter().zip(&result).filter(|(_, of)| **of == fold);
            let positives = of_fold().filter(|(sample, _)| sample.truths[label]).count();
            if positives == 0 || positives == of_fold().count() {
                bail!(
                    "too few patients for {folds} folds: in one, label {} is the same everywhere",
                    label + 1
                );
            }
        }
    }
    Ok(result)
}

/// The digits of a patient's name as a number; 0 where there are none.
fn number(patient: &str) -> u64 {
    let digits: String = patient.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// How an epoch is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Diet {
    /// As many images with as without the first truth.
    Balanced,
    /// Every image once, each truth weighted so that no source has more of it than another: see [`weights`].
    Everything,
}

/// The images of an epoch, in order. Depends on nothing but its arguments.
pub(crate) fn epoch_order(
    samples: &[Sample],
    training: &[usize],
    diet: Diet,
    seed: u64,
    epoch: usize,
) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    rng.set_stream(epoch as u64);
    let mut order = match diet {
        Diet::Balanced => balanced(samples, training, seed, epoch),
        Diet::Everything => training.to_vec(),
    };
    order.shuffle(&mut rng);
    order
}

/// As many positive as negative images, each class in a new order every time it is used up.
fn balanced(samples: &[Sample], training: &[usize], seed: u64, epoch: usize) -> Vec<usize> {
    let mut classes: BTreeMap<bool, Vec<usize>> = BTreeMap::new();
    for &index in training {
        classes.entry(samples[index].truths[0]).or_default().push(index);
    }
    let size = classes.values().map(Vec::len).min().unwrap_or(0);
    let mut order = Vec::with_capacity(2 * size);
    for (positive, members) in &classes {
        // The class is laid out endlessly, one shuffle after another; this epoch takes the next `size` of it.
        let (first, last) = (epoch * size, (epoch + 1) * size);
        for round in first / members.len()..last.div_ceil(members.len()) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(2 * round as u64 + u64::from(*positive));
            let mut shuffled = members.clone();
            shuffled.shuffle(&mut rng);
            let start = round * members.len();
            order.extend(&shuffled[first.max(start) - start..last.min(start + members.len()) - start]);
        }
    }
    order
}

/// What each truth of each image counts in the loss, 1 on average. Under [`Diet::Everything`] all sources get the same
/// share of positives of each truth, so that knowing the source is no help, and positives get [`POSITIVE_SHARE`] of the
/// whole.
pub(crate) fn weights(samples: &[Sample], training: &[usize], diet: Diet) -> HashMap<usize, Vec<f32>> {
    let truths = training.first().map_or(0, |index| samples[*index].truths.len());
    let mut weights: HashMap<usize, Vec<f32>> =
        training.iter().map(|&index| (index, vec![1.0; truths])).collect();
    if diet == Diet::Balanced {
        return weights;
    }
    let mut per_source: BTreeMap<&str, f32> = BTreeMap::new();
    for &index in training {
        *per_source.entry(&samples[index].source).or_default() += 1.0;
    }
    for truth in 0..truths {
        let mut cells: BTreeMap<(&str, bool), f32> = BTreeMap::new();
        for &index in training {
            *cells.entry((&samples[index].source, samples[index].truths[truth])).or_default() += 1.0;
        }
        for &index in training {
            let (source, positive) = (samples[index].source.as_str(), samples[index].truths[truth]);
            let share = if positive { POSITIVE_SHARE } else { 1.0 - POSITIVE_SHARE };
            let weight = (share * per_source[source] / cells[&(source, positive)]).min(LARGEST_WEIGHT);
            if let Some(own) = weights.get_mut(&index) {
                own[truth] = weight;
            }
        }
    }
    weights
}

/// What all positives of a truth count together.
const POSITIVE_SHARE: f32 = 0.3;
/// No single image counts more than this.
const LARGEST_WEIGHT: f32 = 8.0;

#[cfg(test)]
#[path = "data_tests.rs"]
mod tests;
