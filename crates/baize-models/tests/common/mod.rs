//! Models made for a test.

use std::fs;
use std::path::{Path, PathBuf};

use baize_models::networks::ResidualShape;
use baize_models::{
    AcceptsFile, CalibrationFile, FitFile, InputFile, LabelFile, ManifestFile, NetworkFile, Normalisation,
    PopulationFile, TextFile, sha256_hex,
};
use burn::module::Module;
use burn::tensor::Device;

fn text(text: &str) -> TextFile {
    TextFile { zh: text.to_owned(), en: text.to_owned() }
}

/// Writes an untrained model with two labels to `weights/<id>/<version>` and returns that folder.
pub(crate) fn install(weights: &Path, id: &str, version: &str, flip_average: bool) -> PathBuf {
    let folder = weights.join(id).join(version);
    fs::create_dir_all(&folder).unwrap();
    let shape = ResidualShape { stem: 4, widths: vec![6, 8], blocks: vec![1, 1], members: 1 };
    let device = Device::flex();
    device.seed(7);
    shape.init(2, &device).save_file(folder.join("model.bpk")).unwrap();
    let label = |value: &str| LabelFile {
        scheme: "SCT".to_owned(),
        value: value.to_owned(),
        meaning: text(value),
        column: None,
        threshold: 0.5,
        critical_threshold: None,
        operating_point: None,
    };
    let file = ManifestFile {
        id: id.to_owned(),
        version: version.to_owned(),
        preview: false,
        weights: "model.bpk".to_owned(),
        sha256: sha256_hex(&fs::read(folder.join("model.bpk")).unwrap()),
        created_by: "a test".to_owned(),
        license: "none".to_owned(),
        intended_use: text("a test"),
        network: NetworkFile::ResidualCnn(shape),
        flip_average,
        input: InputFile {
            height: 32,
            width: 48,
            fit: FitFile::Letterbox,
            normalisation: Some(Normalisation::STANDARD),
            range: None,
        },
        calibration: CalibrationFile { temperature: 1.5 },
        labels: vec![label("233604007"), label("60046008")],
        accepts: AcceptsFile {
            modalities: vec!["CR".to_owned()],
            body_parts: vec!["CHEST".to_owned()],
            views: vec!["AP".to_owned()],
            content: Vec::new(),
            min_side: 16,
        },
        population: PopulationFile {
            description: text("nobody"),
            from_years: 1.0,
            below_years: 6.0,
            views: vec!["AP".to_owned()],
        },
        training_data: Vec::new(),
        metrics: Vec::new(),
    };
    write(&folder, &file);
    folder
}

/// Writes a manifest.
pub(crate) fn write(folder: &Path, file: &ManifestFile) {
    fs::write(folder.join("manifest.toml"), toml::to_string(file).unwrap()).unwrap();
}
