//! The recipes that ship, and upstream's models where they are at hand: labels as PyTorch gives them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use baize_volume::{Grid, Means, ModelError, Recipe, Volume, find, installed, preview};

const MODELS: [(&str, &str); 4] = [
    ("brainchop-gw", "model5_gw_ae"),
    ("brainchop-gw-accurate", "model20chan3cls"),
    ("brainchop-subcortical", "model18cls"),
    ("brainchop-aparc", "model21_104class"),
];

fn recipe(model: &str) -> Recipe {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../weights/recipes/{model}.toml"));
    Recipe::open(&path).unwrap()
}

/// Upstream's folder of models, beside the checkout.
fn upstream() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/mr");
    if !folder.is_dir() {
        println!("skipped: the models of niivue-brainchop are not at hand");
        return None;
    }
    Some(folder)
}

#[test]
fn every_recipe_holds() {
    for (id, folder) in MODELS {
        let recipe = recipe(id);
        assert_eq!(recipe.manifest.id, id);
        assert_eq!((recipe.upstream.license.as_str(), recipe.manifest.license.as_str()), ("MIT", "MIT"));
        for file in &recipe.upstream.files {
            assert!(file.url.ends_with(&format!("{folder}/{}", file.name)), "{}", file.url);
        }
        let mut codes = HashSet::new();
        for label in &recipe.manifest.labels {
            assert!(codes.insert((&label.code.value, label.side)), "{id}: {} stands twice", label.upstream);
            assert!(!label.name.zh.is_ascii() && label.name.en.is_ascii(), "{id}: {}", label.upstream);
            let side = if label.upstream.starts_with("Left-") || label.upstream.starts_with("ctx-lh") {
                "左侧"
            } else if label.upstream.starts_with("Right-") || label.upstream.starts_with("ctx-rh") {
                "右侧"
            } else {
                ""
            };
            assert_eq!(label.side.is_some(), !side.is_empty(), "{id}: {}", label.upstream);
            assert!(label.name.zh.starts_with(side), "{id}: {}", label.upstream);
        }
        assert!(recipe.manifest.intended_use.en.contains("Research use"));
        assert!(recipe.manifest.intended_use.zh.contains("仅供科研使用"));
    }
}

#[test]
fn models_are_installed_from_checked_files_only() {
    let weights = tempfile::tempdir().unwrap();
    assert!(installed(weights.path()).unwrap().is_empty());
    assert!(matches!(find(weights.path(), "brainchop-gw"), Err(ModelError::NotInstalled(_))));
    let Some(upstream) = upstream() else { return };
    for (id, folder) in MODELS {
        let model = recipe(id).install(&upstream.join(folder), weights.path()).unwrap();
        assert_eq!(model.manifest, find(weights.path(), &format!("{id}@1.0.0")).unwrap().manifest);
    }
    assert_eq!(installed(weights.path()).unwrap().len(), MODELS.len());

    // A file that changes afterwards is found out, and so is another model's file.
    let changed = weights.path().join("volume/brainchop-gw/1.0.0/group1-shard1of1.bin");
    let mut bytes = std::fs::read(&changed).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&changed, bytes).unwrap();
    assert!(matches!(find(weights.path(), "brainchop-gw"), Err(ModelError::Checksum { .. })));
    let other = recipe("brainchop-gw").install(&upstream.join("model21_104class"), weights.path());
    assert!(matches!(other, Err(ModelError::Checksum { .. })));
}

/// The T1 volume of niivue-brainchop: 8 bits, 256³, voxels towards left, feet and front.
fn t1(upstream: &Path) -> Volume {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(upstream.join("t1_crop.nii.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    let voxels = bytes[352..].iter().map(|value| f32::from(*value)).collect();
    let steps = [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]];
    let grid = Grid { size: [256; 3], origin: [-127.599_998, 133.480_011, 134.479_996], steps };
    Volume { grid, voxels }
}

/// Golden counts: `benches/parity/meshnet.py` with PyTorch 1.13 gives 518,585 and 735,070 voxels.
#[test]
fn white_and_grey_matter_are_those_of_pytorch() {
    let Some(upstream) = upstream() else { return };
    let weights = tempfile::tempdir().unwrap();
    let model = recipe("brainchop-gw").install(&upstream.join("model5_gw_ae"), weights.path()).unwrap();
    let volume = t1(&upstream);
    let means = Means { threads: 2, memory: 512 << 20 };
    let analysis = model.analyse(None, &volume, means, &|_| {}).unwrap();
    let found: Vec<i64> = analysis.measured.iter().map(|measured| measured.voxels as i64).collect();
    for (found, expected) in found.iter().zip([518_585, 735_070]) {
        assert!((found - expected).abs() <= 100, "{found} voxels, PyTorch has {expected}");
    }
    assert!((analysis.measured[0].millilitres - found[0] as f64 / 1000.0).abs() < 1e-6);
    assert_eq!(analysis.labels, analysis.conformed_labels, "the volume lies on the grid already");
    let png = preview(&model, &analysis).unwrap();
    assert!(png.starts_with(b"\x89PNG"));

    let fault = model.analyse(None, &volume, Means { memory: 1 << 20, ..means }, &|_| {}).unwrap_err();
    assert!(fault.message.contains("volumes.memory_mib"), "{fault}");
    assert!(fault.told(baize_core::Language::Chinese).contains("内存"));
}
