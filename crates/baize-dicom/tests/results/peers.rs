//! Validators and readers of other people: dciodvfy, tid1500reader, DCMTK, pydicom, highdicom.

use std::collections::BTreeMap;
use std::path::Path;

use baize_core::{ErrorCode, Language, Outcome, Population};
use baize_dicom::results::ResultObject;
use baize_testkit::{ObjectBuilder, Syntax};
use serde_json::json;

use crate::support::{
    PARAMETRIC_MAP, REPORT, SEGMENTATION, analysed, both, dcmtk, failed, files, finding, make, of_class,
    python, text, wheel_tool,
};

/// Images of many kinds, with their names.
fn sources() -> Vec<(String, Vec<u8>)> {
    let chest = ObjectBuilder::chest;
    let mut all = vec![
        ("CR".to_owned(), chest(1).build().to_vec()),
        ("MONOCHROME1".to_owned(), chest(2).photometric("MONOCHROME1").build().to_vec()),
        (
            "GB18030".to_owned(),
            chest(3).charset("GB18030").patient_name("Zhang^Cheng=张^乗俓").build().to_vec(),
        ),
        ("no window".to_owned(), chest(4).window(None).build().to_vec()),
        ("no body part".to_owned(), chest(5).remove((0x0018, 0x0015)).build().to_vec()),
    ];
    for syntax in [Syntax::ImplicitLittle, Syntax::ExplicitBig, Syntax::Deflated, Syntax::JpegBaseline] {
        all.push((format!("{syntax:?}"), chest(6).syntax(syntax).build().to_vec()));
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/dicom");
    for name in [
        "golden/dx.dcm",
        "highdicom/dx_image.dcm",
        "highdicom/ct_image.dcm",
        "pydicom-data/RG1_J2KI.dcm",
        "pydicom-data/RG3_J2KI.dcm",
        "pydicom-data/mlut_18.dcm",
        "pydicom-data/vlut_04.dcm",
        "pydicom-data/MR-SIEMENS-DICOM-WithOverlays.dcm",
        "pydicom-charset/chrX1.dcm",
        "pydicom-charset/chrX2.dcm",
    ] {
        match std::fs::read(corpus.join(name)) {
            Ok(object) => all.push((name.to_owned(), object)),
            Err(_) => println!("skipped: {name} is not there"),
        }
    }
    all
}

/// Every way in which a run ends.
fn outcomes() -> Vec<Outcome> {
    vec![
        analysed(),
        Outcome::Analysed {
            findings: vec![finding("233604007", "肺炎", "Pneumonia", 0.2, None)],
            population: Population::Outside(text(
                "该模型未在成人中验证。",
                "The model was not validated on adults.",
            )),
            caveats: vec![text("图像中有烧录文字。", "The image has burned-in text.")],
        },
        Outcome::Refused(failed(ErrorCode::WrongBodyPart)),
        Outcome::Failed(failed(ErrorCode::InferenceFailed)),
    ]
}

fn for_each(mut check: impl FnMut(&str, &[ResultObject])) {
    // The languages take turns: each of them meets every outcome, and every image is read in both.
    for (number, (name, source)) in sources().into_iter().enumerate() {
        for (turn, outcome) in outcomes().into_iter().enumerate() {
            let language = [Language::Chinese, Language::English][(number + turn) % 2];
            let objects = make(&source, outcome.clone(), language);
            check(&format!("{name}, {language:?}, {outcome:?}"), &objects);
        }
    }
}

#[test]
fn dciodvfy_finds_no_error() {
    if wheel_tool("dciodvfy").is_none() {
        return;
    }
    let mut complaints = BTreeMap::new();
    for_each(|name, objects| {
        let files = files(objects);
        for path in &files.paths {
            let output = wheel_tool("dciodvfy").unwrap().arg(path).output().unwrap();
            let said = both(&output);
            let kinds = [
                "Comprehensive3DSR",
                "SCImage",
                "GrayscaleSoftcopyPresentationState",
                "KeyObjectSelectionDocument",
                "Segmentation",
                "ParametricMap",
            ];
            assert!(kinds.iter().any(|kind| said.contains(kind)), "{name}: the kind was not told: {said}");
            for line in said.lines().filter(|line| line.starts_with("Error")) {
                complaints.entry(line.to_owned()).or_insert_with(|| name.to_owned());
            }
        }
    });
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn dcmtk_reads_every_object() {
    if dcmtk("dsrdump").is_none() || dcmtk("dcmdump").is_none() {
        return;
    }
    for_each(|name, objects| {
        let files = files(objects);
        for (path, object) in files.paths.iter().zip(objects) {
            let output = dcmtk("dcmdump").unwrap().arg(path).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{name}: {}", both(&output));
            let document = object.sop_class == REPORT || object.sop_class.ends_with(".88.59");
            if document {
                let output = dcmtk("dsrdump").unwrap().arg(path).output().unwrap();
                let said = both(&output);
                assert!(output.status.success(), "{name}: {said}");
                // What it cannot check itself (a character set, the templates of key objects) is no complaint.
                let complaint = said.lines().find(|line| {
                    let limitation = line.contains("does not support") || line.contains("not yet supported");
                    (line.starts_with("W:") || line.starts_with("E:")) && !limitation
                });
                assert_eq!(complaint, None, "{name}: {said}");
            }
        }
    });
}

/// Grids and numbers as highdicom and pydicom read them.
#[test]
fn highdicom_reads_segmentation_and_map() {
    for language in [Language::Chinese, Language::English] {
        let objects = make(&ObjectBuilder::chest(1).build(), analysed(), language);
        let wanted = [of_class(&objects, SEGMENTATION).clone(), of_class(&objects, PARAMETRIC_MAP).clone()];
        let files = files(&wanted);
        let Some(read) = python("highdicom", "grids", &files.paths) else { return };
        let label = if language == Language::Chinese {
            "AI 证据区域：肺炎"
        } else {
            "AI evidence region: Pneumonia"
        };
        assert_eq!(read["segments"], json!([[label, "309825002", "111099", "cxr-pneumonia-paed", "0.1.0"]]));
        // Left, top, right and bottom of the set pixels, and their number.
        assert_eq!(read["mask"], json!([12, 30, 52, 55, 40 * 25]));
        assert_eq!(read["source"], json!([report_of_chest()]));
        assert_eq!(read["quantity"], json!(["130403", "233604007", "cxr-pneumonia-paed", "0.1.0"]));
        assert_eq!(read["unit"], "1");
        assert_eq!(read["range"], json!([0.0, 1.0]));
        assert_eq!(read["values"], json!([1.0, 0.25, 0.1_f32, 0.0]));
        assert_eq!(read["shape"], json!([256, 208]));
    }
}

fn report_of_chest() -> String {
    ObjectBuilder::chest(1).sop_uid()
}

#[test]
fn highdicom_reads_what_the_finding_says() {
    for charset in ["ISO_IR 192", "GB18030"] {
        let source = ObjectBuilder::chest(1).charset(charset).build();
        for language in [Language::Chinese, Language::English] {
            let objects = make(&source, analysed(), language);
            let files = files(&objects[..1]);
            let Some(read) = python("highdicom", "report", &files.paths) else { return };
            let present = if language == Language::Chinese { "存在" } else { "Present" };
            let absent = if language == Language::Chinese { "不存在" } else { "Absent" };
            let pneumonia = if language == Language::Chinese { "肺炎" } else { "Pneumonia" };
            let effusion = if language == Language::Chinese { "胸腔积液" } else { "Pleural effusion" };
            let model = json!([["cxr-pneumonia-paed"], ["0.1.0"], ["threshold=0.4375"]]);
            let group = |number: usize| &read["groups"][number];
            assert_eq!(read["groups"].as_array().unwrap().len(), 2);
            assert_eq!(group(0)["finding"], json!(["SCT", "233604007", pneumonia]));
            assert_eq!(group(0)["percent"], "87.12345");
            assert_eq!(group(0)["interpretation"], json!(["SCT", "52101004", present]));
            assert_eq!(group(0)["outline"], json!([12., 30., 52., 30., 52., 55., 12., 55., 12., 30.]));
            assert_eq!(group(1)["finding"], json!(["SCT", "60046008", effusion]));
            assert_eq!(group(1)["percent"], "3.125");
            assert_eq!(group(1)["interpretation"], json!(["SCT", "272519000", absent]));
            assert_eq!(group(1)["outline"], json!(null));
            for number in [0, 1] {
                assert_eq!(group(number)["algorithm"], model);
                assert_eq!(group(number)["measurement"][1], "111012");
                assert_eq!(group(number)["unit"][1], "%");
            }
            assert_eq!(read["flags"], json!(["PRELIMINARY", "UNVERIFIED", "COMPLETE"]));
        }
    }
}

#[test]
fn highdicom_reads_a_report_without_findings() {
    let source = ObjectBuilder::chest(1).build();
    for outcome in outcomes().drain(2..) {
        let objects = make(&source, outcome, Language::English);
        let files = files(&objects);
        let Some(read) = python("highdicom", "report", &files.paths) else { return };
        assert_eq!(read["groups"], json!([]));
    }
}

#[test]
fn tid1500reader_reads_what_the_finding_says() {
    let source = ObjectBuilder::chest(1).build();
    let objects = make(&source, analysed(), Language::English);
    let files = files(&[of_class(&objects, REPORT).clone()]);
    let Some(mut reader) = wheel_tool("tid1500reader") else { return };
    let folder = tempfile::tempdir().unwrap();
    let metadata = folder.path().join("read.json");
    let output = reader
        .arg("--inputDICOM")
        .arg(&files.paths[0])
        .arg("--outputMetadata")
        .arg(&metadata)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let read: serde_json::Value = serde_json::from_slice(&std::fs::read(metadata).unwrap()).unwrap();
    let expected = [("233604007", "87.12345", "52101004"), ("60046008", "3.125", "272519000")];
    assert_eq!(read["Measurements"].as_array().unwrap().len(), expected.len());
    for (number, (finding, percent, verdict)) in expected.into_iter().enumerate() {
        let group = &read["Measurements"][number];
        assert_eq!(group["Finding"]["CodeValue"], finding);
        assert_eq!(group["measurementAlgorithmIdentification"]["AlgorithmName"], "cxr-pneumonia-paed");
        assert_eq!(group["measurementAlgorithmIdentification"]["AlgorithmVersion"], "0.1.0");
        assert_eq!(group["measurementAlgorithmIdentification"]["AlgorithmParameters"][0], "threshold=0.4375");
        assert_eq!(group["measurementItems"][0]["value"], percent);
        assert_eq!(group["measurementItems"][0]["quantity"]["CodeValue"], "111012");
        assert_eq!(group["qualitativeEvaluations"][0]["conceptValue"]["CodeValue"], verdict);
    }
}

#[test]
fn pydicom_reads_every_object() {
    for (name, source) in sources() {
        let objects = make(&source, analysed(), Language::Chinese);
        let files = files(&objects);
        let Some(read) = python("pydicom", "attributes", &files.paths) else { return };
        for (object, read) in objects.iter().zip(read.as_array().unwrap()) {
            assert_eq!(read["top"]["SOPInstanceUID"], object.sop_instance.as_str(), "{name}");
            assert_eq!(read["top"]["SOPClassUID"], object.sop_class.as_str(), "{name}");
            assert_eq!(read["top"]["Manufacturer"], "Baize", "{name}");
        }
    }
}
