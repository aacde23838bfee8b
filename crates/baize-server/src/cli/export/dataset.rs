//! The data set as files. The same key and the same records give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::Path;

use anyhow::Context as _;
use baize_core::ports::{InstanceRecord, RecordedReview};
use baize_deid::Key;
use baize_imaging::Image;
use serde_json::json;

use super::readme;
use super::record::{Record, characteristics, records};
use crate::cli::deidentify::{Cleaned, ProfileFlags, sha256, write_atomically};
use crate::wiring;

const RESULTS_COLUMNS: [&str; 16] = [
    "png",
    "dicom",
    "patient",
    "study",
    "sop",
    "model",
    "version",
    "scheme",
    "code",
    "label",
    "probability",
    "threshold",
    "positive",
    "opinion",
    "truth",
    "verdict",
];

/// A data set being written.
pub(super) struct DataSet<'a> {
    out: &'a Path,
    key: &'a Key,
    profile: &'a ProfileFlags,
    /// Objects that may show a name.
    pub(super) held: usize,
    /// Objects that could not be de-identified.
    pub(super) failed: usize,
    lines: Vec<String>,
    rows: Vec<Vec<String>>,
    /// For each label, the rows of its CSV file.
    labels: BTreeMap<String, Vec<Vec<String>>>,
    patients: BTreeSet<String>,
    studies: BTreeSet<String>,
    models: BTreeMap<String, usize>,
    digests: BTreeMap<String, String>,
}

/// Where an object lies in the data set.
pub(super) fn dicom_path(cleaned: &Cleaned) -> String {
    format!("images/{}", cleaned.path().display())
}

impl<'a> DataSet<'a> {
    pub(super) fn new(out: &'a Path, key: &'a Key, profile: &'a ProfileFlags) -> Self {
        Self {
            out,
            key,
            profile,
            held: 0,
            failed: 0,
            lines: Vec::new(),
            rows: Vec::new(),
            labels: BTreeMap::new(),
            patients: BTreeSet::new(),
            studies: BTreeSet::new(),
            models: BTreeMap::new(),
            digests: BTreeMap::new(),
        }
    }

    /// Adds an image with its reviewed results.
    pub(super) fn add(
        &mut self,
        image: &InstanceRecord,
        cleaned: &Cleaned,
        reviews: &[&RecordedReview],
    ) -> anyhow::Result<()> {
        let dicom = dicom_path(cleaned);
        self.write(&dicom, &cleaned.object.bytes)?;
        let png = match &cleaned.image {
            Some(picture) => {
                let path = dicom.strip_suffix(".dcm").unwrap_or(&dicom).to_owned() + ".png";
                self.write(&path, &png(picture)?)?;
                Some(path)
            }
            None => None,
        };
        self.patients.insert(cleaned.object.names.patient.new.clone());
        self.studies.insert(cleaned.object.names.study.new.clone());
        for record in records(image, reviews) {
            *self.models.entry(record.model.to_string()).or_default() += 1;
            self.lines.push(record.as_json(cleaned, png.as_deref(), self.key).to_string());
            self.add_rows(image, cleaned, &record, png.as_deref());
        }
        Ok(())
    }

    fn add_rows(
        &mut self,
        image: &InstanceRecord,
        cleaned: &Cleaned,
        record: &Record<'_>,
        png: Option<&str>,
    ) {
        let names = &cleaned.object.names;
        let [sex, age, age_group] = characteristics(image, &self.profile.options());
        let view = image.facts.view.clone().unwrap_or_default();
        for labelled in &record.labelled {
            let finding = labelled.finding;
            let flag = |value: bool| u8::from(value).to_string();
            let truth = labelled.truth.map(flag);
            self.rows.push(vec![
                png.unwrap_or_default().to_owned(),
                dicom_path(cleaned),
                names.patient.new.clone(),
                names.study.new.clone(),
                names.sop.new.clone(),
                record.model.id.clone(),
                record.model.version.clone(),
                finding.code.scheme.clone(),
                finding.code.value.clone(),
                finding.code.meaning.en.clone(),
                finding.probability.to_string(),
                finding.threshold.to_string(),
                flag(finding.is_positive()),
                labelled.opinion.map(|opinion| opinion.as_str().to_owned()).unwrap_or_default(),
                truth.clone().unwrap_or_default(),
                record.newest.verdict.as_str().to_owned(),
            ]);
            // Only what has a picture and is known can be evaluated. An image counts once, whatever the number of models.
            let (Some(png), Some(truth)) = (png, truth) else { continue };
            let rows = self.labels.entry(label(&finding.code.meaning.en)).or_default();
            let row = [
                png.to_owned(),
                truth,
                names.patient.new.clone(),
                sex.clone(),
                age.clone(),
                age_group.clone(),
            ];
            let row: Vec<String> = row.into_iter().chain([view.clone()]).collect();
            match rows.iter_mut().find(|other| other[0] == png) {
                // Two versions of a model, two reviews: the newer version's counts, which comes later.
                Some(other) => *other = row,
                None => rows.push(row),
            }
        }
    }

    /// Writes tables, manifest and instructions. Returns a line about it.
    pub(super) fn finish(mut self) -> anyhow::Result<String> {
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        self.write("results.jsonl", lines.as_bytes())?;
        let rows = std::mem::take(&mut self.rows);
        self.write("results.csv", &csv_table(&RESULTS_COLUMNS, &rows)?)?;
        for (label, rows) in std::mem::take(&mut self.labels) {
            let columns = ["path", &label, "patient", "sex", "age_years", "age_group", "view"];
            self.write(&format!("labels/{label}.csv"), &csv_table(&columns, &rows)?)?;
        }
        self.write("README.md", readme::ENGLISH.as_bytes())?;
        self.write("README.zh-CN.md", readme::CHINESE.as_bytes())?;
        let images = self.digests.keys().filter(|path| path.ends_with(".dcm")).count();
        let manifest = json!({
            "tool": "baize export reviewed",
            "version": wiring::VERSION,
            "notice": { "zh": readme::NOTICE_ZH, "en": readme::NOTICE_EN },
            "deidentification": self.profile.as_json(),
            "counts": {
                "patients": self.patients.len(),
                "studies": self.studies.len(),
                "images": images,
                "results": self.lines.len(),
                "held_back": self.held,
                "failed": self.failed,
            },
            "models": self.models,
            "sha256": self.digests,
        });
        let mut manifest = serde_json::to_vec_pretty(&manifest)?;
        manifest.push(b'\n');
        write_atomically(&self.out.join("manifest.json"), &manifest)?;
        Ok(format!(
            "{images} images of {} patients, {} results, {} held back, {} failed",
            self.patients.len(),
            self.lines.len(),
            self.held,
            self.failed
        ))
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
        write_atomically(&self.out.join(path), bytes)?;
        self.digests.insert(path.to_owned(), sha256(bytes));
        Ok(())
    }
}

/// The label as a column name and a file name: `Pleural effusion` becomes `pleural_effusion`.
fn label(meaning: &str) -> String {
    let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    meaning.chars().map(fold).collect()
}

fn csv_table(columns: &[&str], rows: &[Vec<String>]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().context("cannot write CSV")
}

/// The image as a display would show it, in 8 bits.
fn png(image: &Image) -> anyhow::Result<Vec<u8>> {
    let (rows, columns) = image.pixels.dim();
    let grey: Vec<u8> =
        image.pixels.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let (width, height) = (u32::try_from(columns)?, u32::try_from(rows)?);
    let picture = image::GrayImage::from_raw(width, height, grey).context("the image has an odd size")?;
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner())
}
