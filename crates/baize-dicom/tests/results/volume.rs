//! The segmentation of a series: what highdicom reads is what was put in, and dciodvfy has no complaint.

use baize_core::{Coded, ErrorCode, Language, ModelRef};
use baize_dicom::results::{
    ResultObject, Side, SourceSlice, Structure, VolumeResult, is_ours, volume_segmentation,
};
use baize_testkit::{ObjectBuilder, uid};
use bytes::Bytes;
use serde_json::json;

use crate::support::{NOW, both, files, python, text, wheel_tool};

const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
const SLICES: usize = 3;
const ROWS: usize = 16;
const COLUMNS: usize = 13;

fn slice(number: usize) -> Bytes {
    ObjectBuilder::chest(7)
        .size(ROWS as u16, COLUMNS as u16)
        .modality("MR")
        .body_part("BRAIN")
        .text((0x0008, 0x0016), b"UI", MR)
        .sop(&uid(7, 100 + number as u64))
        .text((0x0020, 0x0032), b"DS", &format!(r"-6\-8\{}", number as f64 * 1.25))
        .text((0x0020, 0x0037), b"DS", r"1\0\0\0\1\0")
        .text((0x0020, 0x0052), b"UI", "1.2.3.4")
        .text((0x0028, 0x0030), b"DS", r"0.9\0.8")
        .build()
}

/// Label 1 in all slices, 3 in the last, 2 in none.
fn labels() -> Vec<u8> {
    let mut labels = vec![0; SLICES * ROWS * COLUMNS];
    for (number, label) in labels.iter_mut().enumerate() {
        let (slice, row, column) = (number / (ROWS * COLUMNS), number / COLUMNS % ROWS, number % COLUMNS);
        *label = match (row, column) {
            (2..5, 3..9) => 1,
            (10.., 12) if slice == 2 => 3,
            _ => 0,
        };
    }
    labels
}

fn structure(value: &str, zh: &str, en: &str, side: Option<Side>, color: [u8; 3]) -> Structure {
    let code = Coded { scheme: "SCT".to_owned(), value: value.to_owned(), meaning: text(zh, en) };
    Structure { name: text(zh, en), code, side, color, millilitres: 0.0486 }
}

fn make(labels: &[u8], language: Language) -> Result<ResultObject, baize_core::Fault> {
    let uids: Vec<String> = (0..SLICES).map(|number| uid(7, 100 + number as u64)).collect();
    let slices: Vec<SourceSlice<'_>> = uids
        .iter()
        .enumerate()
        .map(|(number, uid)| SourceSlice {
            sop_class: MR,
            sop_instance: uid,
            position: [-6.0, -8.0, number as f64 * 1.25],
        })
        .collect();
    let structures = [
        structure("389080008", "脑白质", "White matter", None, [255, 255, 255]),
        structure("389081007", "脑灰质", "Grey matter", None, [205, 62, 78]),
        structure("5366008", "左侧海马", "Left hippocampus", Some(Side::Left), [220, 216, 20]),
    ];
    let result = VolumeResult {
        model: &ModelRef { id: "brainchop-gw".to_owned(), version: "1.0.0".to_owned() },
        structures: &structures,
        slices: &slices,
        labels,
        spacing: 1.25,
        first: &slice(0),
    };
    volume_segmentation(&result, language, NOW)
}

#[test]
fn highdicom_reads_the_labels_that_were_put_in() {
    for language in [Language::Chinese, Language::English] {
        let object = make(&labels(), language).unwrap();
        assert!(is_ours(&object.bytes));
        let files = files(&[object]);
        let Some(read) = python("highdicom", "volume", &files.paths) else { return };
        let names = match language {
            Language::Chinese => ["脑白质", "脑灰质", "左侧海马"],
            Language::English => ["White matter", "Grey matter", "Left hippocampus"],
        };
        assert_eq!(
            read["segments"],
            json!([
                [1, names[0], "91723000", "389080008", null, "brainchop-gw", "1.0.0"],
                [2, names[1], "91723000", "389081007", null, "brainchop-gw", "1.0.0"],
                [3, names[2], "91723000", "5366008", "7771000", "brainchop-gw", "1.0.0"],
            ])
        );
        assert_eq!(read["frames"], 4, "a frame for each slice that holds some of a structure, and no others");
        assert_eq!(read["labels"], json!(labels()), "voxel by voxel, slice by slice");
        assert_eq!(read["spacing"], json!([1.25, 0.9, 0.8]));
        assert_eq!(read["frame_of_reference"], "1.2.3.4");
        assert_eq!(read["white"], json!([65535, 32896, 32896]));
    }
}

#[test]
fn dciodvfy_has_no_complaint() {
    for language in [Language::Chinese, Language::English] {
        let files = files(&[make(&labels(), language).unwrap()]);
        let Some(mut tool) = wheel_tool("dciodvfy") else { return };
        let said = both(&tool.arg(&files.paths[0]).output().unwrap());
        assert!(said.contains("Segmentation"), "{said}");
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("Error")).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn the_same_result_has_the_same_uid() {
    let first = make(&labels(), Language::English).unwrap();
    assert_eq!(first.sop_instance, make(&labels(), Language::Chinese).unwrap().sop_instance);
}

#[test]
fn what_does_not_fit_is_a_fault() {
    assert_eq!(make(&labels()[1..], Language::English).unwrap_err().code, ErrorCode::Internal);
    assert_eq!(make(&[0; SLICES * ROWS * COLUMNS], Language::English).unwrap_err().code, ErrorCode::Internal);
}
