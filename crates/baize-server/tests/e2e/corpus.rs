//! Real files: each ends in a result or a typed refusal, and the encoding does not change the reading.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::harness::{baize, root};
use baize_core::ErrorCode;
use serde_json::Value;

/// The folders of real files that are there; a printed reason for each that is not.
fn folders() -> Vec<PathBuf> {
    let shared = root().join("../shared/corpus/dicom");
    let pydicom_data = std::env::var_os("BAIZE_PYDICOM_DATA").map(PathBuf::from);
    let mut found = Vec::new();
    for (name, folder) in
        [("../shared/corpus/dicom", Some(shared)), ("BAIZE_PYDICOM_DATA (set by `make test`)", pydicom_data)]
    {
        match folder.filter(|folder| folder.is_dir()) {
            Some(folder) => found.push(folder),
            None => println!("skipped: {name} is not there"),
        }
    }
    found
}

fn infer(folder: &Path) -> HashMap<String, Value> {
    let output = baize().args(["infer", "--json"]).arg(folder).output().unwrap();
    let code = output.status.code();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        matches!(code, Some(0 | 3 | 4)),
        "{}: ended with {code:?}: {}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    said.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|answer| {
            let path = PathBuf::from(answer["path"].as_str().unwrap());
            (path.file_name().unwrap().to_string_lossy().into_owned(), answer)
        })
        .collect()
}

#[test]
fn every_real_file_ends_in_a_result_or_a_typed_refusal() {
    for folder in folders() {
        let answers = infer(&folder);
        assert!(!answers.is_empty());
        for (file, answer) in &answers {
            match answer["status"].as_str() {
                Some("ok") => {
                    assert!(answer["findings"].as_array().is_some_and(|list| !list.is_empty()), "{file}")
                }
                Some("refused" | "error") => {
                    let code = answer["code"].as_str().and_then(ErrorCode::from_name);
                    assert!(code.is_some(), "{file}: {answer}");
                    assert!(!matches!(code, Some(ErrorCode::Internal)), "{file}: {answer}");
                    assert!(!answer["message"].as_str().unwrap().is_empty(), "{file}");
                }
                other => panic!("{file}: status {other:?}"),
            }
        }
    }
}

#[test]
fn the_encoding_of_the_real_chest_radiograph_does_not_change_its_reading() {
    let Some(folder) = folders().into_iter().find(|folder| folder.join("RG1_UNCR.dcm").is_file()) else {
        println!("skipped: no folder holds RG1_UNCR.dcm");
        return;
    };
    let answers = infer(&folder);
    let probability = |file: &str| {
        let answer = &answers[file];
        assert_eq!(answer["status"], "ok", "{file}: {answer}");
        assert_eq!(answer["population"]["validated"], false, "{file} shows an adult: {answer}");
        answer["findings"][0]["probability"].as_f64().unwrap()
    };
    let reference = probability("RG1_UNCR.dcm");
    // The *R files are lossless encodings of the same image; the *I files are lossy or made from lossy ones.
    assert!((probability("RG1_J2KR.dcm") - reference).abs() <= 1e-3);
    let lossy = probability("RG1_UNCI.dcm");
    assert!((probability("RG1_J2KI.dcm") - lossy).abs() <= 1e-3);
    assert!((lossy - reference).abs() <= 0.05, "lossy {lossy}, lossless {reference}");
    for leg in ["RG3_UNCR.dcm", "RG3_J2KR.dcm", "RG3_J2KI.dcm", "RG3_UNCI.dcm"] {
        assert_eq!(answers[leg]["code"], "wrong_body_part", "{leg}: {}", answers[leg]);
    }
    for other in ["693_UNCR.dcm", "MR2_UNCR.dcm", "US1_UNCR.dcm"] {
        assert_eq!(answers[other]["code"], "wrong_modality", "{other}: {}", answers[other]);
    }
}
