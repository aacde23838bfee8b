use burn::module::Module;

use super::*;
use crate::Normalisation;
use crate::format::TextFile;
use crate::gate::format::LetterboxFile;
use crate::gate::{PassFile, QualityFile};
use crate::networks::ResidualShape;

fn text(en: &str) -> TextFile {
    TextFile { zh: format!("中文 {en}"), en: en.to_owned() }
}

fn manifest() -> GateManifestFile {
    let class = |id: &str| ClassFile { id: id.to_owned(), name: text(&id.replace('-', " ")) };
    GateManifestFile {
        id: "gate".to_owned(),
        version: "0.1.0".to_owned(),
        weights: "model.bpk".to_owned(),
        sha256: String::new(),
        created_by: "a test".to_owned(),
        license: "none".to_owned(),
        intended_use: text("tests"),
        network: ResidualShape { stem: 4, widths: vec![4, 6], blocks: vec![1, 1], members: 1 },
        input: LetterboxFile { height: 32, width: 32, normalisation: Normalisation::STANDARD },
        temperature: 1.0,
        classes: vec![class("chest-radiograph"), class("hand-radiograph"), class("other")],
        pass: PassFile { probability: 0.8, distance: 3.0 },
        quality: QualityFile {
            fewest_levels: 4,
            few_levels: 32,
            least_contrast: 0.05,
            white: 0.5,
            black: 0.5,
            field: 0.3,
            strokes: 1.0,
            framing: 0.2,
            inverted: -0.2,
        },
        training_data: Vec::new(),
        metrics: Vec::new(),
    }
}

/// A burnpack of fresh weights.
fn weights(manifest: &GateManifestFile) -> Vec<u8> {
    let nets = GateNets::init(&manifest.network, manifest.classes.len(), &Device::flex());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.bpk");
    nets.save_file(&file).unwrap();
    std::fs::read(file).unwrap()
}

fn gate() -> Gate {
    let manifest = manifest();
    let weights = weights(&manifest);
    Gate::new(manifest, weights, "test").unwrap()
}

fn fine() -> Quality {
    Quality { levels: 200, contrast: 0.9, white: 0.0, black: 0.1, field: 1.0, strokes: 0.0 }
}

fn look(probabilities: [f32; 3]) -> Look {
    Look {
        probabilities: probabilities.to_vec(),
        distances: vec![1.0, 9.0, 9.0],
        likeness: 0.8,
        quality: fine(),
    }
}

#[test]
fn what_the_pixels_show_decides() {
    let gate = gate();
    let wanted = ["chest-radiograph".to_owned()];
    let check = |look: Look, expected: Result<usize, (ErrorCode, &str)>| {
        let answer = gate.admit(&look, &wanted);
        match (answer, expected) {
            (Ok(caveats), Ok(count)) => assert_eq!(caveats.len(), count, "{look:?}"),
            (Err(fault), Err((code, words))) => {
                assert_eq!(fault.code, code, "{look:?}");
                assert!(fault.message.contains(words), "{}", fault.message);
            }
            (answer, _) => panic!("{look:?}: {answer:?}"),
        }
    };
    let chest = look([0.9, 0.05, 0.05]);
    check(chest.clone(), Ok(0));
    check(Look { quality: Quality { strokes: 2.0, ..fine() }, ..chest.clone() }, Ok(1));
    check(look([0.1, 0.85, 0.05]), Err((ErrorCode::WrongContent, "look like hand radiograph")));
    check(look([0.1, 0.05, 0.85]), Err((ErrorCode::UnfamiliarImage, "chest radiograph")));
    check(look([0.5, 0.45, 0.05]), Err((ErrorCode::UnfamiliarImage, "gate@0.1.0, probability 0.50")));
    let far = Look { distances: vec![3.5, 1.0, 1.0], ..chest.clone() };
    check(far, Err((ErrorCode::UnfamiliarImage, "chest radiograph")));
    let cut_off = Look { likeness: 0.1, ..chest.clone() };
    check(cut_off.clone(), Ok(1));
    let caveats = gate.admit(&cut_off, &wanted).unwrap();
    assert!(caveats[0].en.contains("cut off") && caveats[0].zh.contains("裁切"), "{caveats:?}");
    let swapped = Look { likeness: -0.5, ..chest.clone() };
    check(swapped, Err((ErrorCode::PoorQuality, "Photometric Interpretation")));
    let blank = Look { quality: Quality { contrast: 0.0, ..fine() }, ..chest };
    check(blank, Err((ErrorCode::PoorQuality, "blank")));
}

#[test]
fn a_value_that_is_no_number_never_passes() {
    let gate = gate();
    let wanted = ["chest-radiograph".to_owned()];
    let chest = look([0.9, 0.05, 0.05]);
    for broken in [
        Look { probabilities: vec![f32::NAN; 3], ..chest.clone() },
        Look { distances: vec![f32::NAN; 3], ..chest.clone() },
        Look { distances: Vec::new(), ..chest.clone() },
        Look { probabilities: Vec::new(), ..chest },
    ] {
        assert!(gate.admit(&broken, &wanted).is_err(), "{broken:?}");
    }
    assert!(gate.admit(&look([0.9, 0.05, 0.05]), &[]).is_err(), "nothing is wanted, nothing passes");
}

#[test]
fn every_image_gets_an_answer_in_range() {
    let gate = gate();
    for image in
        [Array2::zeros((32, 32)), Array2::from_elem((32, 32), f32::NAN), Array2::from_elem((32, 32), 1e30)]
    {
        let look = gate.look(image.view(), image.view()).unwrap();
        let total: f32 = look.probabilities.iter().sum();
        assert!((total - 1.0).abs() < 1e-4, "{look:?}");
        assert!(look.distances.iter().all(|distance| distance.is_finite()));
        assert!(gate.admit(&look, &["chest-radiograph".to_owned()]).is_err());
    }
    let wrong = Array2::zeros((16, 16));
    assert_eq!(gate.look(wrong.view(), wrong.view()).unwrap_err().code, ErrorCode::Internal);
}

#[test]
fn a_manifest_that_does_not_hold_is_refused_with_the_key() {
    type Change = fn(&mut GateManifestFile);
    let cases: [(&str, Change); 7] = [
        ("id", |file| file.id = "other".to_owned()),
        ("version", |file| file.version = "1".to_owned()),
        ("weights", |file| file.weights = "../x".to_owned()),
        ("temperature", |file| file.temperature = 0.0),
        ("classes", |file| file.classes.truncate(1)),
        ("pass.probability", |file| file.pass.probability = 0.2),
        ("input", |file| file.input.width = 33),
    ];
    let good = weights(&manifest());
    for (key, change) in cases {
        let mut file = manifest();
        change(&mut file);
        let error = Gate::new(file, good.clone(), "test").unwrap_err().to_string();
        assert!(error.contains(key), "{key}: {error}");
    }
    let mut wider = manifest();
    wider.network.widths = vec![4, 8];
    assert!(Gate::new(wider, good, "test").is_err(), "weights of another size");
}

#[test]
fn correlation_is_pearsons() {
    let a = Array1::from_vec(vec![1.0, 2.0, 3.0, 4.0]);
    assert!((correlation(&a, &(&a * 3.0 + 1.0)) - 1.0).abs() < 1e-6);
    assert!((correlation(&a, &(&a * -1.0)) + 1.0).abs() < 1e-6);
    assert_eq!(correlation(&a, &Array1::ones(4)), 0.0);
}
