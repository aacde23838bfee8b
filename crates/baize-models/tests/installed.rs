//! From a folder of weights to predictions, with untrained models.

#![allow(clippy::unwrap_used, reason = "a test ends where a step fails")]

mod common;

use std::fs;

use baize_core::ErrorCode;
use baize_models::{Catalog, Compute, Entry, ModelError, load, self_test};
use ndarray::{Array4, Axis, concatenate};

fn cpu() -> baize_models::ComputeDevice {
    Compute::Cpu.resolve().unwrap()
}

/// `n` different images of the test model's size.
fn images(n: usize) -> Array4<f32> {
    Array4::from_shape_fn((n, 1, 32, 48), |(i, _, row, column)| {
        ((i + 1) as f32 * 0.37 * row as f32).sin() + (0.21 * column as f32).cos()
    })
}

#[test]
fn models_are_listed_by_name_and_version() {
    let weights = tempfile::tempdir().unwrap();
    for (id, version) in [("b-model", "0.1.0"), ("a-model", "0.10.0"), ("a-model", "0.9.0")] {
        common::install(weights.path(), id, version, false);
    }
    fs::write(weights.path().join("README.md"), "not a model").unwrap();
    let catalog = Catalog::open(weights.path()).unwrap();
    let listed: Vec<String> = catalog.iter().map(|entry| entry.manifest.model().to_string()).collect();
    assert_eq!(listed, ["a-model@0.9.0", "a-model@0.10.0", "b-model@0.1.0"]);
}

#[test]
fn a_changed_weight_file_is_found_out() {
    let weights = tempfile::tempdir().unwrap();
    let folder = common::install(weights.path(), "a-model", "0.1.0", false);
    let entry = Entry::open(&folder).unwrap();
    let path = folder.join("model.bpk");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(Catalog::open(weights.path()), Err(ModelError::Checksum { .. })));
    assert!(matches!(load(&entry, &cpu()), Err(ModelError::Checksum { .. })), "also after it was listed");
}

#[test]
fn folders_that_do_not_hold_are_errors() {
    let weights = tempfile::tempdir().unwrap();
    let folder = common::install(weights.path(), "a-model", "0.1.0", false);
    let mut file = Entry::open(&folder).unwrap().manifest.file().clone();
    file.version = "0.2.0".to_owned();
    common::write(&folder, &file);
    let error = Catalog::open(weights.path()).unwrap_err().to_string();
    assert!(error.contains("a-model@0.2.0, which is not where the file lies"), "{error}");
    fs::remove_file(folder.join("manifest.toml")).unwrap();
    assert!(matches!(Catalog::open(weights.path()), Err(ModelError::Io { .. })));
    assert!(matches!(Catalog::open(&weights.path().join("nowhere")), Err(ModelError::Io { .. })));
}

#[test]
fn weights_of_another_network_are_refused() {
    let weights = tempfile::tempdir().unwrap();
    let folder = common::install(weights.path(), "a-model", "0.1.0", false);
    let sound = Entry::open(&folder).unwrap().manifest.file().clone();
    let mut one_label = sound.clone();
    one_label.labels.pop();
    common::write(&folder, &one_label);
    assert!(matches!(load(&Entry::open(&folder).unwrap(), &cpu()), Err(ModelError::Weights { .. })));

    let garbage = b"no weights at all".to_vec();
    let mut file = sound;
    file.sha256 = baize_models::sha256_hex(&garbage);
    fs::write(folder.join("model.bpk"), garbage).unwrap();
    common::write(&folder, &file);
    assert!(matches!(load(&Entry::open(&folder).unwrap(), &cpu()), Err(ModelError::Weights { .. })));
}

#[test]
fn an_image_is_read_alike_in_any_batch() {
    let weights = tempfile::tempdir().unwrap();
    for (id, flip_average) in [("plain", false), ("flipped", true)] {
        let entry = Entry::open(&common::install(weights.path(), id, "0.1.0", flip_average)).unwrap();
        self_test(&entry, &cpu()).unwrap();
        let mut executor = load(&entry, &cpu()).unwrap();
        let batch = images(5);
        let together = executor.run(batch.view()).unwrap();
        assert_eq!(together.len(), 5);
        for (image, expected) in batch.axis_chunks_iter(Axis(0), 1).zip(&together) {
            let alone = executor.run(image).unwrap().remove(0);
            for (a, b) in alone.probabilities.iter().zip(&expected.probabilities) {
                assert!((a - b).abs() < 1e-5, "{a} is not {b}");
            }
            for (a, b) in alone.heat.iter().zip(&expected.heat) {
                assert!((a - b).abs() < 1e-4, "{a} is not {b}");
            }
            assert_eq!(alone.heat.dim(), (2, 4, 6));
            assert!(alone.heat.iter().all(|heat| (0.0..=1.0).contains(heat)));
        }
        let distinct: std::collections::BTreeSet<u32> =
            together.iter().map(|one| one.probabilities[0].to_bits()).collect();
        assert_eq!(distinct.len(), 5, "different images get different answers");
    }
}

#[test]
fn large_batches_are_run_in_parts_and_empty_ones_not_at_all() {
    let weights = tempfile::tempdir().unwrap();
    let entry = Entry::open(&common::install(weights.path(), "a-model", "0.1.0", false)).unwrap();
    let mut executor = load(&entry, &cpu()).unwrap();
    let batch = images(70);
    let all = executor.run(batch.view()).unwrap();
    assert_eq!(all.len(), 70);
    let last = executor.run(batch.slice_axis(Axis(0), (69..70).into())).unwrap();
    assert!((last[0].probabilities[0] - all[69].probabilities[0]).abs() < 1e-5);
    assert_eq!(executor.run(images(0).view()).unwrap(), Vec::new());
}

#[test]
fn averaging_over_mirror_images_makes_mirror_images_equal() {
    let weights = tempfile::tempdir().unwrap();
    let entry = Entry::open(&common::install(weights.path(), "a-model", "0.1.0", true)).unwrap();
    let mut executor = load(&entry, &cpu()).unwrap();
    let image = images(1);
    let mut mirrored = image.clone();
    mirrored.invert_axis(Axis(3));
    let both = concatenate(Axis(0), &[image.view(), mirrored.view()]).unwrap();
    let answers = executor.run(both.view()).unwrap();
    assert!((answers[0].probabilities[0] - answers[1].probabilities[0]).abs() < 1e-5);
    let mut back = answers[1].heat.clone();
    back.invert_axis(Axis(2));
    for (a, b) in answers[0].heat.iter().zip(&back) {
        assert!((a - b).abs() < 1e-4);
    }
}

#[test]
fn wrong_shapes_and_values_are_faults() {
    let weights = tempfile::tempdir().unwrap();
    let entry = Entry::open(&common::install(weights.path(), "a-model", "0.1.0", false)).unwrap();
    let mut executor = load(&entry, &cpu()).unwrap();
    for shape in [(1, 2, 32, 48), (1, 1, 48, 32), (1, 1, 32, 32)] {
        let fault = executor.run(Array4::zeros(shape).view()).unwrap_err();
        assert_eq!(fault.code, ErrorCode::Internal, "{shape:?}");
    }
    let fault = executor.run(Array4::from_elem((1, 1, 32, 48), f32::NAN).view()).unwrap_err();
    assert_eq!(fault.code, ErrorCode::InferenceFailed, "no number must not pass for a low probability");
}
