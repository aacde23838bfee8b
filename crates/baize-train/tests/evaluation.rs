//! `baize eval cxr` with the shipped model over drawn images.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where a step fails")]

use std::fs;
use std::path::{Path, PathBuf};

use baize_models::{Compute, Entry};
use baize_train::{CxrEvaluation, Evaluation};

fn entry() -> Entry {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights");
    Entry::open(&weights.join("cxr-pneumonia-paed/0.2.0")).unwrap()
}

/// Twelve images of eight patients with their label file.
fn images() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = "path,pneumonia,patient,kind,view,age,sick\n".to_owned();
    for index in 0..12u32 {
        let positive = index % 3 == 0;
        let name = format!("{index}.{}", if index.is_multiple_of(2) { "png" } else { "jpeg" });
        let image = image::GrayImage::from_fn(80 + index, 64, |x, y| {
            let wave = ((x + index) as f32 * 0.2).sin() * (y as f32 * 0.15).cos();
            image::Luma([(128.0 + 90.0 * wave) as u8])
        });
        image.save(folder.path().join(&name)).unwrap();
        let kind = if positive { "viral" } else { "" };
        let (truth, patient, sick) =
            (u8::from(positive), index / 2 * 2 % 16, u8::from(index.is_multiple_of(2)));
        csv += &format!("{name},{truth},p{patient},{kind},AP,{},{sick}\n", 2 + index / 6 * 30);
    }
    // A DICOM object is decoded as the server does; this one says nothing of the truth.
    fs::write(folder.path().join("12.dcm"), baize_testkit::ObjectBuilder::chest(3).size(96, 96).build())
        .unwrap();
    csv += "12.dcm,,p12,,AP,,1\n";
    fs::write(folder.path().join("labels.csv"), csv).unwrap();
    folder
}

fn evaluate(folder: &Path, label: Option<&str>) -> anyhow::Result<Evaluation> {
    let evaluation = CxrEvaluation {
        manifest: folder.join("labels.csv"),
        root: folder.to_owned(),
        label: label.map(str::to_owned),
        retest: true,
        out: folder.join("report"),
    };
    evaluation.run(&entry(), &Compute::Cpu.resolve()?)
}

#[test]
fn the_report_has_figures_subgroups_and_diagrams() {
    let folder = images();
    let evaluation = evaluate(folder.path(), None).unwrap();
    let [label] = &evaluation.labels[..] else { panic!("one label: {evaluation}") };
    assert_eq!((evaluation.images, label.overall.images, label.overall.positives), (13, 12, 4));
    assert!(label.overall.auc.is_some());
    let groups: Vec<_> =
        label.subgroups.iter().map(|one| (one.column.as_str(), one.value.as_str())).collect();
    assert_eq!(groups, [("age_group", "1-5"), ("age_group", "18-64"), ("view", "AP"), ("kind", "viral")]);
    assert_eq!(label.subgroups[3].figures.auc, None, "all of them are positive");
    assert_eq!(label.subgroups[2].figures, label.overall);
    let threshold = f64::from(entry().manifest.labels()[0].threshold);
    assert_eq!(label.threshold, threshold);

    // Twelve images without and one with an object to write anew, under every change.
    let retest: Vec<_> = label.retest.iter().map(|one| (one.change.as_str(), one.images)).collect();
    let expected = [
        ("jpeg-50", 13),
        ("jpeg-70", 13),
        ("jpeg-90", 13),
        ("shift", 52),
        ("window-centre", 26),
        ("window-width", 26),
        ("transfer-syntax", 1),
    ];
    assert_eq!(retest, expected);
    let syntax = label.retest.last().unwrap();
    assert_eq!((syntax.max, syntax.flipped), (0.0, 0.0), "another encoding is the same image");
    assert!(label.retest[0].max > 0.0 && label.retest.iter().all(|one| one.mean <= one.max));

    let table = evaluation.to_string();
    for words in ["cxr-pneumonia-paed@0.2.0", "kind viral", "JPEG quality 50", "evaluation.json"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let report: PathBuf = folder.path().join("report/cxr-pneumonia-paed-0.2.0");
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(report.join("evaluation.json")).unwrap()).unwrap();
    assert_eq!(json["labels"][0]["overall"]["images"], 12);
    assert_eq!(json["labels"][0]["column"], "pneumonia");
    for name in ["roc-pneumonia.svg", "reliability-pneumonia.svg", "retest-pneumonia.svg"] {
        let svg = fs::read_to_string(report.join(name)).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"),
            "{name}"
        );
    }
    assert_eq!(evaluation.files.len(), 4);
    assert_eq!(evaluate(folder.path(), None).unwrap(), evaluation, "the same images, the same figures");
    // A model with one label is measured against whatever column is named.
    let other = evaluate(folder.path(), Some("sick")).unwrap();
    assert_eq!((other.labels[0].column.as_str(), other.labels[0].overall.images), ("sick", 13));
}

#[test]
fn what_is_missing_is_named_and_never_skipped() {
    let folder = images();
    let error = format!("{:#}", evaluate(folder.path(), Some("effusion")).unwrap_err());
    assert!(error.contains("no column effusion") && error.contains("pneumonia"), "{error}");
    let csv = fs::read_to_string(folder.path().join("labels.csv")).unwrap();
    fs::write(folder.path().join("labels.csv"), csv.replace("pneumonia", "flu")).unwrap();
    let error = format!("{:#}", evaluate(folder.path(), None).unwrap_err());
    assert!(error.contains("are called pneumonia; there are: path, flu"), "{error}");
    fs::write(folder.path().join("labels.csv"), csv.replace("0.png,1", "0.png,maybe")).unwrap();
    let error = format!("{:#}", evaluate(folder.path(), None).unwrap_err());
    assert!(error.contains("0.png: pneumonia: must be 0, 1 or empty, not 'maybe'"), "{error}");
    fs::write(folder.path().join("labels.csv"), csv).unwrap();
    fs::remove_file(folder.path().join("4.png")).unwrap();
    let error = format!("{:#}", evaluate(folder.path(), None).unwrap_err());
    assert!(error.contains("4.png is not in the data"), "{error}");
    fs::write(folder.path().join("4.png"), b"no image").unwrap();
    let error = format!("{:#}", evaluate(folder.path(), None).unwrap_err());
    assert!(error.contains("cannot read 4.png"), "{error}");
    let object = baize_testkit::ObjectBuilder::chest(3).frames(2).build();
    fs::write(folder.path().join("4.png"), object).unwrap();
    let error = format!("{:#}", evaluate(folder.path(), None).unwrap_err());
    assert!(error.contains("cannot read 4.png") && error.contains("multi_frame"), "{error}");
}
