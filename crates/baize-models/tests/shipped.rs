//! The weights in this repository: they hold, they are what their card says, and they answer as they did when
//! they were made.

use std::path::PathBuf;

use baize_models::{Catalog, Compute, load, self_test};
use ndarray::{Array2, Array4, Axis};

fn weights() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../weights")
}

/// A drawn chest: a bright trunk, two dark lungs, and in the right lung a haze of the given density.
fn drawn_chest(size: usize, haze: f32) -> Array2<f32> {
    let inside = |x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32| {
        let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
        dx * dx + dy * dy < 1.0
    };
    Array2::from_shape_fn((size, size), |(row, column)| {
        let (x, y) = ((column as f32 + 0.5) / size as f32, (row as f32 + 0.5) / size as f32);
        let mut value = if (0.12..0.88).contains(&x) { 0.62 } else { 0.02 };
        for centre in [0.33, 0.67] {
            if inside(x, y, centre, 0.45, 0.15, 0.33) {
                value = 0.28 + 0.05 * (y * 60.0).sin();
            }
        }
        if inside(x, y, 0.33, 0.55, 0.11, 0.14) {
            value += haze * 0.35;
        }
        value
    })
}

#[test]
fn every_shipped_model_holds_and_runs() {
    let catalog = Catalog::open(&weights()).unwrap();
    assert!(catalog.iter().len() > 0);
    let cpu = Compute::Cpu.resolve().unwrap();
    for entry in catalog.iter() {
        self_test(entry, &cpu).unwrap();
        let manifest = entry.manifest.file();
        assert!(std::fs::metadata(entry.weights_path()).unwrap().len() <= 16 << 20, "{}", manifest.id);
        assert!(!manifest.metrics.is_empty() && !manifest.training_data.is_empty(), "{}", manifest.id);
        let card = std::fs::read_to_string(entry.weights_path().with_file_name("card.md")).unwrap();
        for part in ["Not a medical device", "不是医疗器械", &manifest.version, &manifest.created_by] {
            assert!(card.contains(part), "the card of {} lacks {part}", manifest.id);
        }
        for label in &manifest.labels {
            let threshold = format!("{:.3}", label.threshold);
            assert!(card.contains(&threshold), "the card of {} lacks the threshold {threshold}", manifest.id);
        }
        if manifest.preview {
            assert!(
                manifest.labels.iter().all(|label| label.critical_threshold.is_none()),
                "{}",
                manifest.id
            );
            for text in [&card, &manifest.intended_use.en, &manifest.intended_use.zh] {
                let said =
                    text.contains("preview, not for clinical use") || text.contains("预览版，不用于临床");
                assert!(said, "{} does not say that it is a preview", manifest.id);
            }
        }
    }
}

#[test]
fn the_paediatric_model_answers_as_it_was_made() {
    let catalog = Catalog::open(&weights()).unwrap();
    let find = |id: &str, version: &str| {
        catalog.iter().find(|entry| {
            let model = entry.manifest.model();
            (model.id.as_str(), model.version.as_str()) == (id, version)
        })
    };
    let entry = find("cxr-pneumonia-paed", "0.2.0").unwrap();
    let [label] = entry.manifest.labels() else { panic!("one label") };
    let code = (label.code.scheme.as_str(), label.code.value.as_str());
    assert_eq!(code, ("SCT", "233604007"), "SNOMED CT Pneumonia");
    assert_eq!((label.code.meaning.zh.as_str(), label.code.meaning.en.as_str()), ("肺炎", "Pneumonia"));

    let (height, width) = entry.manifest.input_size();
    assert_eq!(height, width);
    let hazes = [0.0, 0.5, 1.0];
    let mut batch = Array4::zeros((hazes.len(), 1, height, width));
    for (mut place, haze) in batch.outer_iter_mut().zip(hazes) {
        place.index_axis_mut(Axis(0), 0).assign(&entry.manifest.prepare(drawn_chest(height, haze).view()));
    }
    let mut executor = load(entry, &Compute::Cpu.resolve().unwrap()).unwrap();
    let answers = executor.run(batch.view()).unwrap();
    let expected = [0.9229, 0.8255, 0.8524];
    for (answer, expected) in answers.iter().zip(expected) {
        let [probability] = answer.probabilities[..] else { panic!("one probability") };
        assert!((probability - expected).abs() < 1e-3, "{probability} is not {expected}");
        assert_eq!(answer.heat.dim(), (1, 8, 8));
        assert!(answer.heat.iter().any(|value| *value > 0.0));
    }
    for (image, together) in batch.axis_chunks_iter(Axis(0), 1).zip(&answers) {
        let alone = executor.run(image).unwrap().remove(0);
        assert!((alone.probabilities[0] - together.probabilities[0]).abs() < 1e-5, "batch of 3 = 3 singles");
    }
}
