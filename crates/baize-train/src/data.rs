//! Labelled images: reading them, and splitting them so that no patient is on both sides.

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
use serde::Deserialize;

/// One line of the label file.
#[derive(Clone, Debug, Deserialize)]
struct Row {
    path: String,
    pneumonia: u8,
    patient: String,
}

/// One labelled image.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// `[rows, columns]`, bright = dense.
    pub(crate) pixels: Array2<u8>,
    /// Whether the finding is present.
    pub(crate) positive: bool,
    /// Groups the images of one patient.
    pub(crate) patient: String,
}

/// Reads the images that the CSV file `labels` (columns `path`, `pneumonia`, `patient`) names from `data`, a tar
/// archive or a folder.
///
/// # Errors
/// Where a file is missing or is no image, with its name.
pub(crate) fn read(data: &Path, labels: &Path) -> Result<Vec<Sample>> {
    let rows = read_labels(labels)?;
    let names: BTreeSet<&str> = rows.iter().map(|row| row.path.as_str()).collect();
    let files = read_files(data, &names)?;
    rows.par_iter()
        .map(|row| {
            ensure!(row.pneumonia <= 1, "{}: pneumonia must be 0 or 1, not {}", row.path, row.pneumonia);
            let pixels = decode(&row.path, &files)?;
            Ok(Sample { pixels, positive: row.pneumonia == 1, patient: row.patient.clone() })
        })
        .collect()
}

fn read_labels(labels: &Path) -> Result<Vec<Row>> {
    let mut reader =
        csv::Reader::from_path(labels).with_context(|| format!("cannot open {}", labels.display()))?;
    let rows: Vec<Row> =
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

/// Indices of the images of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// To learn from.
    pub(crate) training: Vec<usize>,
    /// To validate, calibrate and choose the threshold on.
    pub(crate) validation: Vec<usize>,
}

/// Splits by patient, within each class: about `fraction` of the patients validate. Half of them are drawn at
/// random; the other half are those with the lowest patient numbers, because numbers follow time and place and
/// so that half differs from the rest as another department's images would.
///
/// # Errors
/// Where a side would lack a class.
pub(crate) fn split(samples: &[Sample], fraction: f64, seed: u64) -> Result<Split> {
    let mut held_back = BTreeSet::new();
    for positive in [false, true] {
        let of_class = samples.iter().filter(|sample| sample.positive == positive);
        let mut patients: Vec<&str> =
            of_class.map(|sample| sample.patient.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
        patients.sort_by_key(|patient| (number(patient), *patient));
        let half = (patients.len() as f64 * fraction / 2.0).round() as usize;
        if half == 0 || patients.len() <= 2 * half {
            bail!("too few patients to validate on: {} with label {}", patients.len(), u8::from(positive));
        }
        let mut rest = patients.split_off(half);
        rest.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ u64::from(positive)));
        held_back.extend(patients);
        held_back.extend(rest.into_iter().take(half));
    }
    let (validation, training) =
        (0..samples.len()).partition(|&index| held_back.contains(samples[index].patient.as_str()));
    Ok(Split { training, validation })
}

/// The digits of a patient's name as a number; 0 where there are none.
fn number(patient: &str) -> u64 {
    let digits: String = patient.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Draws as many positive as negative images per epoch, each class in a new order every time it is used up.
/// Depends on nothing but its arguments.
pub(crate) fn balanced_epoch(samples: &[Sample], training: &[usize], seed: u64, epoch: usize) -> Vec<usize> {
    let mut classes: BTreeMap<bool, Vec<usize>> = BTreeMap::new();
    for &index in training {
        classes.entry(samples[index].positive).or_default().push(index);
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
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    rng.set_stream(epoch as u64);
    order.shuffle(&mut rng);
    order
}

#[cfg(test)]
#[path = "data_tests.rs"]
mod tests;
