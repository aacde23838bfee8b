//! Whether a heat map depends on what the model has learnt (the model randomisation test of Adebayo et al., "Sanity
//! Checks for Saliency Maps", 2018): with random weights the shipped model must point elsewhere. And it must point to the
//! same place every time.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends where a step fails, and says what it saw"
)]

#[allow(dead_code, reason = "another test file uses the rest")]
mod common;

use std::path::Path;

use baize_models::{Catalog, Compute, Entry, NetworkFile, load, sha256_hex};
use burn::module::Module as _;
use burn::tensor::Device;
use ndarray::{Array2, Array4, ArrayView3, Axis};

/// The rank correlation of maps of the trained and of a random network stays below this on average.
const BOUND: f64 = 0.5;
/// Random networks that are tried.
const SEEDS: [u64; 4] = [11, 12, 13, 14];

fn shipped() -> Entry {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights");
    let catalog = Catalog::open(&weights).unwrap();
    let newest = catalog.iter().rfind(|entry| entry.manifest.model().id == "cxr-pneumonia-paed");
    newest.unwrap().clone()
}

/// The same model with fresh weights.
fn randomised(entry: &Entry, seed: u64) -> (tempfile::TempDir, Entry) {
    let folder = tempfile::tempdir().unwrap();
    let mut file = entry.manifest.file().clone();
    let NetworkFile::ResidualCnn(shape) = file.network.clone() else {
        unreachable!("the shipped model is a residual network");
    };
    let device = Device::flex();
    device.seed(seed);
    let path = folder.path().join(&file.weights);
    shape.init(file.labels.len(), &device).save_file(&path).unwrap();
    file.sha256 = sha256_hex(&std::fs::read(&path).unwrap());
    common::write(folder.path(), &file);
    let random = Entry::open(folder.path()).unwrap();
    (folder, random)
}

/// Drawn chests with a haze in one of four places of the lungs, and grain.
fn chests(entry: &Entry, count: usize) -> Array4<f32> {
    let (height, width) = entry.manifest.input_size();
    let mut batch = Array4::zeros((count, 1, height, width));
    for (index, mut place) in batch.outer_iter_mut().enumerate() {
        let (cx, cy) = [(0.33, 0.35), (0.33, 0.6), (0.67, 0.35), (0.67, 0.6)][index % 4];
        let near = |x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32| {
            (-((x - cx) / rx).powi(2) - ((y - cy) / ry).powi(2)).exp()
        };
        let image = Array2::from_shape_fn((height, width), |(row, column)| {
            let (x, y) = ((column as f32 + 0.5) / width as f32, (row as f32 + 0.5) / height as f32);
            let grain = ((row * 31 + column * 17 + index * 101) % 23) as f32 / 23.0 * 0.04;
            let trunk = if (0.1..0.9).contains(&x) { 0.65 } else { 0.03 };
            let lungs = near(x, y, 0.33, 0.45, 0.13, 0.3) + near(x, y, 0.67, 0.45, 0.13, 0.3);
            let ribs = 0.05 * (y * 70.0 + 4.0 * (x - 0.5).abs()).sin();
            trunk - 0.4 * lungs.min(1.0) * (1.0 - ribs) + 0.3 * near(x, y, cx, cy, 0.1, 0.1) + grain
        });
        let fitted = entry.manifest.fit(image.view());
        place.index_axis_mut(Axis(0), 0).assign(&entry.manifest.prepare(fitted.pixels.view()));
    }
    batch
}

/// Ranks from 0, equal values sharing their mean rank.
fn ranks(map: ArrayView3<'_, f32>) -> Vec<f64> {
    let values: Vec<f32> = map.iter().copied().collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for ties in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let middle = first as f64 + (ties.len() - 1) as f64 / 2.0;
        ties.iter().for_each(|place| ranks[*place] = middle);
        first += ties.len();
    }
    ranks
}

/// Spearman's rank correlation; 0 where one map does not vary.
fn rank_correlation(a: ArrayView3<'_, f32>, b: ArrayView3<'_, f32>) -> f64 {
    let centred = |map| {
        let ranks = ranks(map);
        let mean = ranks.iter().sum::<f64>() / ranks.len() as f64;
        ranks.into_iter().map(|rank| rank - mean).collect::<Vec<f64>>()
    };
    let (a, b): (Vec<f64>, Vec<f64>) = (centred(a), centred(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norm = (dot(&a, &a) * dot(&b, &b)).sqrt();
    if norm > 0.0 { dot(&a, &b) / norm } else { 0.0 }
}

#[test]
fn a_random_network_points_elsewhere_and_the_trained_one_always_to_the_same_place() {
    let entry = shipped();
    let cpu = Compute::Cpu.resolve().unwrap();
    let images = chests(&entry, 8);
    let maps = |entry: &Entry| -> Vec<_> {
        let answers = load(entry, &cpu).unwrap().run(images.view()).unwrap();
        answers.into_iter().map(|answer| answer.heat).collect()
    };
    let trained = maps(&entry);
    assert_eq!(trained, maps(&entry), "the same image, the same map");
    assert!(trained.iter().any(|map| map.iter().any(|value| *value > 0.0)), "there is something to compare");
    let mut correlations = Vec::new();
    for seed in SEEDS {
        let (_folder, random) = randomised(&entry, seed);
        let random = maps(&random);
        correlations.extend(trained.iter().zip(&random).map(|(a, b)| rank_correlation(a.view(), b.view())));
    }
    let mean = correlations.iter().sum::<f64>() / correlations.len() as f64;
    println!("mean rank correlation {mean:.3} over {} maps", correlations.len());
    assert!(mean.abs() < BOUND, "{mean:.3}: {correlations:.2?}");
}

#[test]
fn rank_correlation_is_spearmans() {
    let map = |values: [f32; 4]| ndarray::Array3::from_shape_vec((1, 2, 2), values.to_vec()).unwrap();
    let (a, b) = (map([0.1, 0.2, 0.9, 1.0]), map([1.0, 4.0, 9.0, 100.0]));
    assert!((rank_correlation(a.view(), b.view()) - 1.0).abs() < 1e-12, "only the order counts");
    assert!((rank_correlation(a.view(), a.mapv(|value| -value).view()) + 1.0).abs() < 1e-12);
    assert_eq!(rank_correlation(a.view(), map([0.5; 4]).view()), 0.0);
    // Two share the first place: ranks 0.5, 0.5, 2, 3 against 0, 1, 2, 3.
    let tied = rank_correlation(map([0.0, 0.0, 1.0, 2.0]).view(), a.view());
    assert!((tied - 4.5 / (4.5f64 * 5.0).sqrt()).abs() < 1e-12, "{tied}");
}
