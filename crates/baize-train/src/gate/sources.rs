//! The labelled images, from the folder that holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Deserialize;

use super::CHEST;

/// Larger images are reduced to this side when they are read.
const SIDE: usize = 64;
/// The part of the groups of a source that validates.
const VALIDATION: f64 = 0.12;
/// MedNIST's folders, in the order of the classes.
pub(super) const FOLDERS: [&str; 6] = ["AbdomenCT", "BreastMRI", "ChestCT", "CXR", "Hand", "HeadCT"];

/// Where an image comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    MedNist,
    /// Paediatric chest radiographs.
    Kermany,
    /// Adult chest radiographs.
    Nih,
}

/// One image with its class.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// `[rows, columns]`.
    pub(super) pixels: Array2<u8>,
    pub(super) class: usize,
    pub(super) source: Source,
    /// The patient, where the source tells.
    pub(super) group: String,
    /// The source's own word on which side of a split the image is.
    validates: Option<bool>,
    /// Whether the view is PA (else AP), where the source tells; the paediatric source has AP only.
    pub(super) is_pa: Option<bool>,
}

/// What a source says about an image.
struct Told {
    class: usize,
    source: Source,
    group: String,
    validates: Option<bool>,
    is_pa: Option<bool>,
}

/// Indices of the images of both sides.
#[derive(Clone, Debug)]
pub(super) struct Split {
    pub(super) training: Vec<usize>,
    pub(super) validation: Vec<usize>,
}

#[derive(Deserialize)]
struct KermanyRow {
    path: String,
    patient: String,
}

#[derive(Deserialize)]
struct NihRow {
    path: String,
    patient: String,
    split: String,
    #[serde(default)]
    view: String,
}

/// Reads `mednist_train.tar`, `kermany_train.tar` and `nih_adult_trainval.tar`, the last two with their CSV files.
///
/// # Errors
/// Where a file is missing, an image is damaged or has no line in its CSV file.
pub(super) fn read(folder: &Path) -> Result<Vec<Picture>> {
    let mut pictures = archive(&folder.join("mednist_train.tar"), |name| {
        let class = FOLDERS.iter().position(|folder| name.split('/').any(|part| part == *folder));
        let class =
            class.with_context(|| format!("{name} is in none of the folders {}", FOLDERS.join(", ")))?;
        Ok(Told { class, source: Source::MedNist, group: name.to_owned(), validates: None, is_pa: None })
    })?;
    let patients: BTreeMap<String, String> = rows(&folder.join("kermany_train.csv"))?
        .into_iter()
        .map(|row: KermanyRow| (row.path, row.patient))
        .collect();
    pictures.extend(archive(&folder.join("kermany_train.tar"), |name| {
        let patient = patients.get(name).with_context(|| format!("{name} is not in kermany_train.csv"))?;
        let (class, source, group) = (CHEST, Source::Kermany, patient.clone());
        Ok(Told { class, source, group, validates: None, is_pa: None })
    })?);
    let adults: BTreeMap<String, NihRow> = rows(&folder.join("nih_adult_trainval.csv"))?
        .into_iter()
        .map(|row: NihRow| (row.path.clone(), row))
        .collect();
    pictures.extend(archive(&folder.join("nih_adult_trainval.tar"), |name| {
        let row = adults.get(name).with_context(|| format!("{name} is not in nih_adult_trainval.csv"))?;
        let (class, source, group) = (CHEST, Source::Nih, row.patient.clone());
        let is_pa = ["PA", "AP"].contains(&row.view.as_str()).then_some(row.view == "PA");
        Ok(Told { class, source, group, validates: Some(row.split == "val"), is_pa })
    })?);
    Ok(pictures)
}

fn rows<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("cannot open {}", path.display()))?;
    reader.deserialize().collect::<Result<_, _>>().with_context(|| format!("in {}", path.display()))
}

/// Every image of an archive, with what `describe` says about its name.
fn archive(path: &Path, describe: impl Fn(&str) -> Result<Told> + Sync) -> Result<Vec<Picture>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut files = Vec::new();
    for entry in tar::Archive::new(BufReader::new(file)).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let name = entry.path()?.to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.push((name, bytes));
        }
    }
    ensure!(!files.is_empty(), "{} holds no image", path.display());
    // The order of the archive must not matter.
    files.sort_unstable();
    let picture = |(name, bytes): &(String, Vec<u8>)| {
        let Told { class, source, group, validates, is_pa } = describe(name)?;
        let grey = image::load_from_memory(bytes).with_context(|| format!("cannot read {name}"))?.to_luma8();
        let size = (grey.height() as usize, grey.width() as usize);
        let pixels = reduced(Array2::from_shape_vec(size, grey.into_raw())?);
        Ok(Picture { pixels, class, source, group, validates, is_pa })
    };
    files.par_iter().map(picture).collect()
}

/// An image whose sides are at most [`SIDE`].
fn reduced(pixels: Array2<u8>) -> Array2<u8> {
    if pixels.nrows().max(pixels.ncols()) <= SIDE {
        return pixels;
    }
    let values = pixels.mapv(|value| f32::from(value) / 255.0);
    baize_imaging::fit(values.view(), SIDE, SIDE).pixels.mapv(|value| (value * 255.0).round() as u8)
}

/// Splits by patient, where the source tells patients apart, and else by image.
pub(super) fn split(pictures: &[Picture], seed: u64) -> Split {
    let mut groups: BTreeMap<(Source, usize), BTreeSet<&str>> = BTreeMap::new();
    for picture in pictures {
        groups.entry((picture.source, picture.class)).or_default().insert(&picture.group);
    }
    let mut held_back: BTreeSet<(Source, &str)> = BTreeSet::new();
    for ((source, class), members) in groups {
        let mut members: Vec<&str> = members.into_iter().collect();
        members.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ class as u64));
        let count = (members.len() as f64 * VALIDATION).ceil() as usize;
        held_back.extend(members.into_iter().take(count).map(|group| (source, group)));
    }
    let validates = |index: &usize| {
        let picture = &pictures[*index];
        picture.validates.unwrap_or_else(|| held_back.contains(&(picture.source, picture.group.as_str())))
    };
    let (validation, training) = (0..pictures.len()).partition(validates);
    Split { training, validation }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two made-up images of every class of MedNIST and of both other sources.
    pub(in crate::gate) fn pictures() -> Vec<Picture> {
        let kinds = (0..6)
            .map(|class| (class, Source::MedNist))
            .chain([(CHEST, Source::Kermany), (CHEST, Source::Nih)]);
        let one = |((class, source), copy): ((usize, Source), u8)| Picture {
            pixels: Array2::from_shape_fn((40, 40), |(row, column)| {
                (row * (class + 3) + column * 5 + usize::from(copy) * 40) as u8
            }),
            class,
            source,
            group: format!("p{copy}"),
            validates: (source == Source::Nih).then_some(copy == 1),
            is_pa: None,
        };
        kinds.flat_map(|kind| [(kind, 0), (kind, 1)]).map(one).collect()
    }

    #[test]
    fn no_group_is_on_both_sides_and_the_sources_word_counts() {
        let mut pictures = Vec::new();
        for _ in 0..10 {
            pictures.extend(self::pictures());
        }
        for (number, picture) in pictures.iter_mut().enumerate() {
            picture.group = format!("p{}", number / 4);
        }
        let split = split(&pictures, 5);
        assert_eq!(split.training.len() + split.validation.len(), pictures.len());
        let side = |side: &[usize]| -> BTreeSet<(Source, String)> {
            let told = side.iter().filter(|index| pictures[**index].validates.is_none());
            told.map(|index| (pictures[*index].source, pictures[*index].group.clone())).collect()
        };
        assert!(!split.validation.is_empty());
        assert_eq!(side(&split.training).intersection(&side(&split.validation)).count(), 0);
        for index in &split.validation {
            assert_ne!(pictures[*index].validates, Some(false));
        }
    }

    #[test]
    fn large_images_are_reduced() {
        assert_eq!(reduced(Array2::from_elem((224, 224), 9)).dim(), (64, 64));
        assert_eq!(reduced(Array2::from_elem((60, 40), 9)).dim(), (60, 40));
    }
}
