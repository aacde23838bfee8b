//! A result to make objects of, and other people's tools to read them with.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use baize_core::{
    Coded, Extent, Fault, Finding, HeatMap, Language, ModelRef, Outcome, PixelBox, Population, Report, Text,
    Timestamp,
};
use baize_dicom::results::{Kind, ResultObject, objects_in};
use baize_imaging::{Limits, read_header};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, InMemDicomObject};
use image::{ImageFormat, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const REPORT: &str = uids::COMPREHENSIVE3_DSR_STORAGE;
pub(crate) const KEY_IMAGE: &str = uids::SECONDARY_CAPTURE_IMAGE_STORAGE;
pub(crate) const PRESENTATION: &str = uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE;
pub(crate) const SEGMENTATION: &str = uids::SEGMENTATION_STORAGE;
pub(crate) const PARAMETRIC_MAP: &str = uids::PARAMETRIC_MAP_STORAGE;
pub(crate) const SELECTION: &str = uids::KEY_OBJECT_SELECTION_DOCUMENT_STORAGE;

/// 2026-03-01T23:30:15.25Z
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_772_407_815_250_000);

pub(crate) fn text(zh: &str, en: &str) -> Text {
    Text { zh: zh.to_owned(), en: en.to_owned() }
}

pub(crate) fn finding(
    value: &str,
    zh: &str,
    en: &str,
    probability: f32,
    region: Option<PixelBox>,
) -> Finding {
    let code = Coded { scheme: "SCT".to_owned(), value: value.to_owned(), meaning: text(zh, en) };
    Finding { code, probability, threshold: 0.4375, critical: None, region, heat: None }
}

/// The hottest cell is the region of [`analysed`].
pub(crate) fn heat() -> HeatMap {
    let extent = Extent { left: 12.0, top: 30.0, width: 80.0, height: 50.0 };
    HeatMap::new(2, 2, vec![1.0, 0.25, 0.1, 0.0], extent).unwrap()
}

/// Two findings, one of them with a region.
pub(crate) fn analysed() -> Outcome {
    let region = PixelBox { x: 12, y: 30, width: 40, height: 25 };
    Outcome::Analysed {
        findings: vec![
            Finding {
                heat: Some(heat()),
                ..finding("233604007", "肺炎", "Pneumonia", 0.871_234_5, Some(region))
            },
            finding("60046008", "胸腔积液", "Pleural effusion", 0.031_25, None),
        ],
        population: Population::Validated,
        caveats: vec![],
    }
}

/// The result on that image.
pub(crate) fn report(source: &[u8], outcome: Outcome) -> Report {
    let limits = Limits { max_object_bytes: 1 << 30, max_pixels: 1 << 28 };
    Report {
        instance: read_header(source, &limits).unwrap().identity,
        model: Some(ModelRef { id: "cxr-pneumonia-paed".to_owned(), version: "0.1.0".to_owned() }),
        outcome,
        finished_at: NOW,
        gate: None,
    }
}

/// An odd number of bytes, so that padding is needed.
pub(crate) fn picture() -> Vec<u8> {
    let mut png = Vec::new();
    let image = RgbImage::from_fn(31, 21, |x, y| image::Rgb([x as u8, y as u8, 7]));
    image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
    png
}

pub(crate) fn make(source: &[u8], outcome: Outcome, language: Language) -> Vec<ResultObject> {
    let with_picture = matches!(outcome, Outcome::Analysed { .. });
    let png = with_picture.then(picture);
    objects_in(language, &Kind::ALL, source, &report(source, outcome), png.as_deref(), NOW).unwrap()
}

pub(crate) fn of_class<'a>(objects: &'a [ResultObject], sop_class: &str) -> &'a ResultObject {
    objects.iter().find(|object| object.sop_class == sop_class).unwrap()
}

pub(crate) fn parse(object: &ResultObject) -> DefaultDicomObject {
    dicom_object::from_reader(&object.bytes[..]).unwrap()
}

/// All content items below, of all levels.
pub(crate) fn content_items(object: &InMemDicomObject) -> Vec<&InMemDicomObject> {
    let Ok(sequence) = object.element(tags::CONTENT_SEQUENCE) else { return vec![] };
    let children = sequence.items().unwrap();
    children.iter().flat_map(|child| std::iter::once(child).chain(content_items(child))).collect()
}

/// Code Value of the first item of a Code Sequence.
pub(crate) fn code_value(item: &InMemDicomObject, sequence: dicom_core::Tag) -> Option<String> {
    let code = item.element(sequence).ok()?.items()?.first()?;
    Some(code.element(tags::CODE_VALUE).unwrap().to_str().unwrap().into_owned())
}

pub(crate) fn failed(code: baize_core::ErrorCode) -> Fault {
    Fault::new(code, "Body Part Examined (0018,0015) is HAND")
}

/// Objects as files.
pub(crate) struct Files {
    _folder: TempDir,
    pub(crate) paths: Vec<PathBuf>,
}

pub(crate) fn files(objects: &[ResultObject]) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let write = |object: &ResultObject| {
        let path = folder.path().join(format!("{}.dcm", object.sop_instance));
        std::fs::write(&path, &object.bytes).unwrap();
        path
    };
    let paths = objects.iter().map(write).collect();
    Files { _folder: folder, paths }
}

/// Runs a tool of a Python wheel, which lies in `bin` below a folder of PYTHONPATH; `None` where it is not installed.
pub(crate) fn wheel_tool(tool: &str) -> Option<Command> {
    let folders = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .map(|folder| folder.join("bin").join(tool))
        .find(|path| path.exists());
    let Some(program) = found else {
        println!("skipped: {tool} is not installed");
        return None;
    };
    let mut command = Command::new("python3");
    command.arg(program);
    Some(command)
}

/// One of DCMTK's tools, by full path; `None` where it is not installed.
pub(crate) fn dcmtk(tool: &str) -> Option<Command> {
    let program = Path::new("/usr/bin").join(tool);
    if !program.exists() {
        println!("skipped: {tool} of DCMTK is not installed");
        return None;
    }
    Some(Command::new(program))
}

/// What pydicom or highdicom reads; `None` where they are not installed.
pub(crate) fn python(module: &str, command: &str, paths: &[PathBuf]) -> Option<Value> {
    let installed = Command::new("python3").args(["-c", &format!("import {module}")]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        println!("skipped: the Python package {module} is not installed");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/results/peer.py");
    let output = Command::new("python3").arg(script).arg(command).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Standard output and error.
pub(crate) fn both(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
