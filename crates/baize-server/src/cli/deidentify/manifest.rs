//! What a run did: once without, once with what identifies patients.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use baize_core::Fault;
use serde::Serialize;
use serde_json::Value;

use super::files::write_atomically;
use super::flags::ProfileFlags;
use super::object::Cleaned;
use crate::wiring;

/// `manifest.json`. Names no patient: files are numbered in the order of their paths, which may name one.
#[derive(Serialize)]
pub(super) struct Manifest {
    tool: &'static str,
    version: &'static str,
    deidentification: Value,
    pub(super) files: Vec<Entry>,
}

/// What became of one file.
#[derive(Serialize)]
pub(super) struct Entry {
    /// The number of the file among those given, from 1, in the order of their paths.
    input: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sop_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    concerns: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

impl Manifest {
    pub(super) fn new(profile: &ProfileFlags) -> Self {
        Self {
            tool: "baize deidentify",
            version: wiring::VERSION,
            deidentification: profile.as_json(),
            files: Vec::new(),
        }
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        write_atomically(path, &json)
    }
}

impl Entry {
    fn new(input: u64, status: &'static str) -> Self {
        Self {
            input,
            status,
            path: None,
            sha256: None,
            sop_class: None,
            removed: None,
            replaced: None,
            concerns: Vec::new(),
            code: None,
        }
    }

    pub(super) fn failed(input: u64, fault: &Fault) -> Self {
        Self { code: Some(fault.code.as_str()), ..Self::new(input, "failed") }
    }

    pub(super) fn held(input: u64, cleaned: &Cleaned) -> Self {
        Self {
            sop_class: Some(cleaned.object.sop_class.clone()),
            concerns: cleaned.concerns.iter().map(|concern| concern.as_str()).collect(),
            ..Self::new(input, "held")
        }
    }

    pub(super) fn done(input: u64, cleaned: &Cleaned, path: &Path, digest: &str) -> Self {
        Self {
            status: "done",
            path: Some(path.display().to_string()),
            sha256: Some(digest.to_owned()),
            removed: Some(cleaned.object.removed),
            replaced: Some(cleaned.object.replaced),
            ..Self::held(input, cleaned)
        }
    }
}

/// Old and new identifiers.
#[derive(Default)]
pub(super) struct Crosswalk(Vec<[String; 10]>);

const COLUMNS: [&str; 10] = [
    "file",
    "status",
    "patient_id",
    "new_patient_id",
    "study",
    "new_study",
    "series",
    "new_series",
    "sop",
    "new_sop",
];

impl Crosswalk {
    pub(super) fn add(&mut self, file: &Path, cleaned: &Cleaned, status: &str) {
        let names = cleaned.object.names.clone();
        self.0.push([
            file.display().to_string(),
            status.to_owned(),
            names.patient.old,
            names.patient.new,
            names.study.old,
            names.study.new,
            names.series.old,
            names.series.new,
            names.sop.old,
            names.sop.new,
        ]);
    }

    /// Replaces an earlier one. A temporary file is readable by its owner alone, and stays so under its new name.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(COLUMNS)?;
        for row in &self.0 {
            writer.write_record(row)?;
        }
        let mut bytes = writer.into_inner().context("cannot write CSV")?;
        bytes.flush()?;
        write_atomically(path, &bytes)
    }
}
