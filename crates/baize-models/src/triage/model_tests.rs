use baize_triage::{Acuity, AcuityModel, FeatureSchema, Request};
use burn::module::Module;

use super::super::{AgesFile, InputsFile, NumberFile, SecondReaderFile};
use super::*;
use crate::format::TextFile;

fn manifest() -> TriageManifestFile {
    let inputs = InputsFile {
        numbers: vec![NumberFile {
            name: "heart_rate".to_owned(),
            missing: true,
            edges: vec![40.0, 80.0, 120.0, 160.0],
        }],
        flags: vec!["cc_chestpain".to_owned(), "history_missing".to_owned(), "pmh_asthma".to_owned()],
    };
    TriageManifestFile {
        id: "triage".to_owned(),
        version: "0.1.0".to_owned(),
        weights: "model.bpk".to_owned(),
        sha256: String::new(),
        created_by: "a test".to_owned(),
        license: "Apache-2.0".to_owned(),
        intended_use: TextFile { zh: "测试".to_owned(), en: "a test".to_owned() },
        schema_version: "1".to_owned(),
        population: AgesFile { from_years: 18.0, to_years: 110.0 },
        acuity: WideShape { inputs: 7, hidden: 12, outputs: OUTPUTS },
        second_reader: SecondReaderFile {
            shape: WideShape { inputs: SIGNS, hidden: 4, outputs: 1 },
            alerts: vec![
                AlertFile { share: 0.05, threshold: 0.6 },
                AlertFile { share: 0.10, threshold: 0.4 },
                AlertFile { share: 0.50, threshold: 0.1 },
            ],
        },
        inputs,
        training_data: Vec::new(),
        metrics: Vec::new(),
    }
}

fn saved(manifest: &TriageManifestFile) -> Vec<u8> {
    let nets = TriageNets::init(manifest.acuity, manifest.second_reader.shape, &Device::flex());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bpk");
    nets.save_file(&path).unwrap();
    std::fs::read(path).unwrap()
}

fn patients() -> Vec<Features> {
    let schema = FeatureSchema::builtin().unwrap();
    let rates = [None, Some(70.0), Some(150.0)];
    let build = |rate| {
        let mut request = Request::default();
        request.vitals.heart_rate = rate;
        schema.build(&request, &["cc_chestpain".to_owned()], &[])
    };
    rates.into_iter().map(build).collect()
}

#[test]
fn a_batch_answers_as_its_patients_alone_do() {
    let manifest = manifest();
    let model = TriageModel::new(manifest.clone(), saved(&manifest), "test").unwrap();
    let patients = patients();
    let together = model.predict(&patients.iter().collect::<Vec<_>>()).unwrap();
    for (patient, output) in patients.iter().zip(&together) {
        let alone = &model.predict(&[patient]).unwrap()[0];
        for (a, b) in alone.acuity_probabilities.iter().zip(&output.acuity_probabilities) {
            assert!((a - b).abs() < 1e-6);
        }
        assert!((output.acuity_probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let second = model.second_reader(patient, output, Acuity::new(3).unwrap(), None).unwrap();
        assert!((0.0..=1.0).contains(&second));
        assert_eq!(model.second_reader(patient, output, Acuity::MOST_URGENT, None).unwrap(), 0.0);
    }
    assert!(model.predict(&[]).unwrap().is_empty());
}

#[test]
fn alert_thresholds_lie_between_those_measured() {
    let alerts = manifest().second_reader.alerts;
    for (budget, expected) in [(0.0, 1.0), (0.05, 0.6), (0.075, 0.5), (0.1, 0.4), (0.5, 0.1), (1.0, 0.1)] {
        assert!((threshold(&alerts, budget) - expected).abs() < 1e-6, "{budget}");
    }
}

#[test]
fn a_manifest_that_does_not_hold_names_its_key() {
    let good = manifest();
    let weights = saved(&good);
    let refused = |change: fn(&mut TriageManifestFile), key: &str| {
        let mut file = good.clone();
        change(&mut file);
        let error = TriageModel::new(file, weights.clone(), "test").err().unwrap().to_string();
        assert!(error.contains(key), "{key}: {error}");
    };
    refused(|file| file.version = "1".to_owned(), "version");
    refused(|file| file.weights = "../model.bpk".to_owned(), "weights");
    refused(|file| file.schema_version = "7".to_owned(), "schema_version");
    refused(|file| file.population.to_years = 3.0, "population");
    refused(|file| file.acuity.inputs = 9, "acuity.inputs");
    refused(|file| file.acuity.outputs = 2, "acuity.outputs");
    refused(|file| file.second_reader.shape.inputs = 2, "second_reader.shape");
    refused(|file| file.second_reader.alerts.reverse(), "second_reader.alerts");
    refused(|file| file.inputs.flags.push("race".to_owned()), "race");
    refused(|file| file.acuity.hidden = 13, "test");
}

#[test]
fn a_folder_is_checked_before_it_is_trusted() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("0.1.0");
    std::fs::create_dir(&folder).unwrap();
    assert!(matches!(load(&folder), Err(ModelError::Io { .. })));
    let mut file = manifest();
    let weights = saved(&file);
    std::fs::write(folder.join("model.bpk"), &weights).unwrap();
    file.sha256 = crate::sha256_hex(b"something else");
    std::fs::write(folder.join("manifest.toml"), toml::to_string(&file).unwrap()).unwrap();
    assert!(matches!(load(&folder), Err(ModelError::Checksum { .. })));
    file.sha256 = crate::sha256_hex(&weights);
    std::fs::write(folder.join("manifest.toml"), toml::to_string(&file).unwrap()).unwrap();
    assert_eq!(load(&folder).unwrap().model().to_string(), "triage@0.1.0");
    let elsewhere = root.path().join("0.2.0");
    std::fs::rename(&folder, &elsewhere).unwrap();
    assert!(load(&elsewhere).err().unwrap().to_string().contains("folder"));
}
