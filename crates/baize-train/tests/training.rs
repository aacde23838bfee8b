//! `baize train cxr` from a folder of images to a model that the server can load.

#![allow(clippy::unwrap_used, reason = "a test ends where a step fails")]

use std::fs;
use std::path::Path;

use baize_models::{Catalog, Compute, self_test};
use baize_train::CxrTraining;

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
    assert_eq!(model, out.join("cxr-pneumonia-paed").join("0.1.0"));

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
    assert_eq!(metrics["history"].as_array().unwrap().len(), 1);

    // The checkpoint is still there: running again trains nothing and writes the same weights.
    let sha256 = manifest.sha256.clone();
    let again = baize_models::Entry::open(&training.run().unwrap()).unwrap();
    assert_eq!(again.manifest.file().sha256, sha256);
}
