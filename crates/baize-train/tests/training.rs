//! `baize train cxr` and `baize train screen` from a folder of images to a model that the server can load.

#![allow(clippy::unwrap_used, reason = "a test ends where a step fails")]

use std::fs;
use std::path::Path;

use baize_models::{Catalog, Compute, Entry, self_test};
use baize_train::{CxrTraining, ScreenTraining};

/// Fifty patients with one image each; the positive ones have a bright spot.
fn images(folder: &Path) {
    let mut csv = "path,pneumonia,kind,patient\n".to_owned();
    for index in 0..50u32 {
        let positive = index >= 20;
        let image = image::GrayImage::from_fn(64, 64, |x, y| {
            let spot = positive && (20..36).contains(&x) && (20..36).contains(&y);
            image::Luma([if spot { 220 } else { 60 + ((x * 7 + y * 3 + index * 11) % 60) as u8 }])
        });
        image.save(folder.join(format!("{index}.png"))).unwrap();
        csv += &format!("{index}.png,{},,x{index}\n", u8::from(positive));
    }
    fs::write(folder.join("labels.csv"), csv).unwrap();
}

#[test]
fn a_run_ends_in_a_model_with_manifest_card_and_metrics() {
    let folder = tempfile::tempdir().unwrap();
    images(folder.path());
    let out = folder.path().join("out");
    let training = CxrTraining {
        data: folder.path().to_owned(),
        labels: folder.path().join("labels.csv"),
        out: out.clone(),
        epochs: 1,
        seed: 5,
    };
    let model = training.run().unwrap();
    assert_eq!(model, out.join("cxr-pneumonia-paed").join("0.2.0"));

    let weights = folder.path().join("weights");
    fs::create_dir(&weights).unwrap();
    fs::rename(out.join("cxr-pneumonia-paed"), weights.join("cxr-pneumonia-paed")).unwrap();
    let catalog = Catalog::open(&weights).unwrap();
    let entry = catalog.iter().next().unwrap();
    self_test(entry, &Compute::Cpu.resolve().unwrap()).unwrap();
    let manifest = entry.manifest.file();
    assert!(manifest.created_by.contains("--epochs 1 --seed 5"), "{}", manifest.created_by);
    assert!(manifest.metrics.iter().any(|metric| metric.name == "auc"));
    let version = entry.weights_path();
    let card = fs::read_to_string(version.with_file_name("card.md")).unwrap();
    for part in ["Not a medical device", "不是医疗器械", "CC BY 4.0", "Limits", "局限", &manifest.created_by]
    {
        assert!(card.contains(part), "the card lacks {part}");
    }
    let metrics: serde_json::Value =
        serde_json::from_slice(&fs::read(version.with_file_name("metrics.json")).unwrap()).unwrap();
    assert_eq!(metrics["history"].as_array().unwrap().len(), 2, "one for each member");
    assert_eq!(manifest.labels[0].column.as_deref(), Some("pneumonia"));

    // The checkpoint is still there: running again trains nothing and writes the same weights.
    let sha256 = manifest.sha256.clone();
    let again = Entry::open(&training.run().unwrap()).unwrap();
    assert_eq!(again.manifest.file().sha256, sha256);

    screen(folder.path(), &weights.join("cxr-pneumonia-paed/0.2.0"));
}

/// What the adult screen makes of a hundred images of two sources, of which it can only tell one finding: from the model
/// in the folder `start`.
fn screen(folder: &Path, start: &Path) {
    let mut csv =
        "path,patient,source,view,effusion,edema,atelectasis,infiltration,cardiomegaly,no_finding\n"
            .to_owned();
    for index in 0..120u32 {
        let effusion = index % 2 == 1;
        let image = image::GrayImage::from_fn(80, 80, |x, y| {
            let fluid = effusion && y >= 44;
            image::Luma([if fluid { 200 } else { 50 + ((x * 7 + y * 3 + index * 11) % 90) as u8 }])
        });
        image.save(folder.join(format!("adult{index}.png"))).unwrap();
        let (square, uneven) = (index * index, index * 29);
        let others = [square % 7 < 3, square % 11 < 5, index * 13 % 17 < 8, uneven % 23 < 11, index % 5 == 0];
        let others: Vec<String> = others.iter().map(|truth| u8::from(*truth).to_string()).collect();
        let source = ["one", "two"][index as usize / 60];
        csv +=
            &format!("adult{index}.png,a{index},{source},AP,{},{}\n", u8::from(effusion), others.join(","));
    }
    fs::write(folder.join("adults.csv"), csv).unwrap();
    let training = ScreenTraining {
        data: folder.to_owned(),
        labels: folder.join("adults.csv"),
        start: start.to_owned(),
        out: folder.join("screen"),
        epochs: 6,
        seed: 5,
    };
    let entry = Entry::open(&training.run().unwrap()).unwrap();
    let manifest = entry.manifest.file();
    assert!(manifest.preview, "it runs only where it is named");
    let columns: Vec<_> = manifest.labels.iter().filter_map(|label| label.column.as_deref()).collect();
    assert!(columns.contains(&"effusion"), "{columns:?}");
    assert!(!columns.contains(&"no_finding"), "no all-clear: {columns:?}");
    assert!(manifest.labels.iter().all(|label| label.critical_threshold.is_none()));
    self_test(&entry, &Compute::Cpu.resolve().unwrap()).unwrap();
    let beside = |name: &str| fs::read_to_string(entry.weights_path().with_file_name(name)).unwrap();
    let card = beside("card.md");
    for part in
        ["Preview, not for clinical use", "预览版，不用于临床", "Wang", "CheXNet", "Not a medical device"]
    {
        assert!(card.contains(part), "the card lacks {part}");
    }
    let metrics: serde_json::Value = serde_json::from_str(&beside("metrics.json")).unwrap();
    let findings = metrics["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 6, "no_finding is measured too");
    for told in findings {
        let least = told["all"]["auc"]["low"].as_f64().unwrap();
        let reported = told["reported"].as_bool().unwrap();
        assert_eq!(reported, least >= 0.6 && told["finding"] != "no_finding", "{told}");
        assert_eq!(told["by_source"].as_object().unwrap().len(), 2);
    }
}
