//! `baize infer --objects`: what highdicom reads from the structured report is what the JSON says.

use std::path::Path;
use std::process::Command;

use baize_testkit::ObjectBuilder;
use serde_json::{Value, json};

use crate::harness::baize;

/// Prints what the objects say; the tests of the DICOM crate own it.
const READER: &str = "../baize-dicom/tests/results/peer.py";

fn infer(objects: &Path, image: &Path) -> Value {
    let output = baize().args(["infer", "--json", "--objects"]).arg(objects).arg(image).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn infer_writes_result_objects_that_say_what_the_json_says() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("chest.dcm");
    std::fs::write(&image, ObjectBuilder::chest(1).age("005Y").build()).unwrap();
    let objects = folder.path().join("objects");
    let answer = infer(&objects, &image);
    let paths: Vec<&str> =
        answer["objects"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    // Segmentation and parametric map too where a finding is positive.
    let kinds = if answer["findings"][0]["positive"] == true { 6 } else { 4 };
    assert_eq!(paths.len(), kinds, "report, key image, presentation state and selection");
    assert_eq!(infer(&objects, &image)["objects"], answer["objects"], "a second run replaces the first");
    assert_eq!(std::fs::read_dir(&objects).unwrap().count(), kinds);

    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join(READER);
    let installed = Command::new("python3").args(["-c", "import highdicom"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        println!("skipped: the Python package highdicom is not installed");
        return;
    }
    let output = Command::new("python3").arg(reader).args(["report", paths[0]]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = answer["findings"].as_array().unwrap();
    let groups = read["groups"].as_array().unwrap();
    assert!(!findings.is_empty());
    assert_eq!(groups.len(), findings.len());
    for finding in findings {
        let group = groups.iter().find(|group| group["finding"][1] == finding["code"]).unwrap();
        assert_eq!(group["finding"][0], finding["scheme"]);
        let percent: f64 = group["percent"].as_str().unwrap().parse().unwrap();
        assert_eq!((percent / 100.0) as f32, finding["probability"].as_f64().unwrap() as f32);
        let model = &answer["model"];
        let threshold = format!("threshold={}", finding["threshold"].as_f64().unwrap() as f32);
        assert_eq!(group["algorithm"], json!([[model["id"]], [model["version"]], [threshold]]));
        let verdict = if finding["positive"] == true { "52101004" } else { "272519000" };
        assert_eq!(group["interpretation"][1], verdict);
        let side = |name: &str| finding["box"][name].as_f64().unwrap();
        let outline = finding["box"].is_object().then(|| {
            let (left, top) = (side("x"), side("y"));
            let (right, bottom) = (left + side("width"), top + side("height"));
            json!([left, top, right, top, right, bottom, left, bottom, left, top])
        });
        assert_eq!(group["outline"], outline.unwrap_or(Value::Null));
    }
}

#[test]
fn an_image_out_of_scope_gets_a_report_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("hand.dcm");
    std::fs::write(&image, ObjectBuilder::chest(1).body_part("HAND").build()).unwrap();
    let objects = folder.path().join("objects");
    let output = baize().args(["infer", "--json", "--objects"]).arg(&objects).arg(&image).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["status"], "refused");
    let written: Vec<_> = std::fs::read_dir(&objects).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(written.len(), 1, "a report and nothing else");
    assert_eq!(answer["objects"].as_array().unwrap().len(), 1);
    // The report itself, read again, is known as ours and reported on no further.
    let again =
        baize().args(["infer", "--json", "--objects"]).arg(&objects).arg(&written[0]).output().unwrap();
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((again["status"].as_str(), again.get("objects")), (Some("refused"), None));
    for path in written {
        let bytes = std::fs::read(path).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("111245") && holds("wrong_body_part"));
        assert!(!holds("272519000"), "out of scope is not absent");
    }
}
