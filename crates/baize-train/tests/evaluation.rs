//! `baize eval cxr` with the shipped model over drawn images.

#![allow(clippy::unwrap_used, reason = "a test ends where a step fails")]

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
    let mut csv = "path,pneumonia,patient,kind,view\n".to_owned();
    for index in 0..12u32 {
        let positive = index % 3 == 0;
        let name = format!("{index}.{}", if index % 2 == 0 { "png" } else { "jpeg" });
        let image = image::GrayImage::from_fn(80 + index, 64, |x, y| {
            let wave = ((x + index) as f32 * 0.2).sin() * (y as f32 * 0.15).cos();
            image::Luma([(128.0 + 90.0 * wave) as u8])
        });
        image.save(folder.path().join(&name)).unwrap();
        let kind = if positive { "viral" } else { "" };
        csv += &format!("{name},{},p{},{kind},AP\n", u8::from(positive), index / 2 * 2 % 16);
    }
    fs::write(folder.path().join("labels.csv"), csv).unwrap();
    folder
}

fn evaluate(folder: &Path, label: &str) -> anyhow::Result<Evaluation> {
    let evaluation = CxrEvaluation {
        manifest: folder.join("labels.csv"),
        root: folder.to_owned(),
        label: label.to_owned(),
        out: folder.join("report"),
    };
    evaluation.run(&entry(), &Compute::Cpu.resolve()?)
}

#[test]
fn the_report_has_figures_subgroups_and_diagrams() {
    let folder = images();
    let evaluation = evaluate(folder.path(), "pneumonia").unwrap();
    assert_eq!((evaluation.overall.images, evaluation.overall.positives), (12, 4));
    assert!(evaluation.overall.auc.is_some());
    let groups: Vec<_> =
        evaluation.subgroups.iter().map(|one| (one.column.as_str(), one.value.as_str())).collect();
    assert_eq!(groups, [("kind", "viral"), ("view", "AP")]);
    assert_eq!(evaluation.subgroups[0].figures.auc, None, "all of them are positive");
    assert_eq!(evaluation.subgroups[1].figures, evaluation.overall);
    let threshold = f64::from(entry().manifest.labels()[0].threshold);
    assert_eq!(evaluation.threshold, threshold);

    let table = evaluation.to_string();
    assert!(table.contains("cxr-pneumonia-paed@0.2.0") && table.contains("kind viral"), "{table}");
    let report: PathBuf = folder.path().join("report");
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(report.join("evaluation.json")).unwrap()).unwrap();
    assert_eq!(json["overall"]["images"], 12);
    for name in ["roc.svg", "reliability.svg"] {
        let svg = fs::read_to_string(report.join(name)).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"),
            "{name}"
        );
    }
    assert_eq!(
        evaluate(folder.path(), "pneumonia").unwrap(),
        evaluation,
        "the same images, the same figures"
    );
}

#[test]
fn what_is_missing_is_named_and_never_skipped() {
    let folder = images();
    let error = format!("{:#}", evaluate(folder.path(), "effusion").unwrap_err());
    assert!(error.contains("no column effusion"), "{error}");
    fs::remove_file(folder.path().join("4.png")).unwrap();
    let error = format!("{:#}", evaluate(folder.path(), "pneumonia").unwrap_err());
    assert!(error.contains("4.png is not in the data"), "{error}");
    fs::write(folder.path().join("4.png"), b"no image").unwrap();
    let error = format!("{:#}", evaluate(folder.path(), "pneumonia").unwrap_err());
    assert!(error.contains("cannot read 4.png"), "{error}");
}
