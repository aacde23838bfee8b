//! `baize volume` on the T1 volume of niivue-brainchop, written as DICOM series by other people's tools.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{baize, root};

/// The models and the volume, where they lie beside the checkout, and Python with pydicom.
fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/mr");
    if !folder.is_dir() {
        println!("skipped: the models of niivue-brainchop are not at hand");
        return None;
    }
    let installed = Command::new("python3").args(["-c", "import numpy, pydicom"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        println!("skipped: the Python packages numpy and pydicom are not installed");
        return None;
    }
    Some(folder)
}

/// Folders of a test, gone with it.
struct Bench {
    data: PathBuf,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        let bench = Self { data: data()?, folder: tempfile::tempdir().unwrap() };
        let recipes = bench.path("weights/recipes");
        std::fs::create_dir_all(&recipes).unwrap();
        std::fs::copy(root().join("weights/recipes/brainchop-gw.toml"), recipes.join("brainchop-gw.toml"))
            .unwrap();
        Some(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_series(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let folder = self.path(name);
        let script = root().join("benches/parity/mr_series.py");
        let volume = self.data.join("t1_crop.nii.gz");
        let output =
            Command::new("python3").arg(script).arg(volume).arg(&folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    }

    fn analyse(&self, series: &Path, out: &str) -> Output {
        baize()
            .env("BAIZE__MODELS__WEIGHTS_DIR", self.path("weights"))
            .args(["volume", "--model", "brainchop-gw", "--json", "--install-from"])
            .arg(self.data.join("model5_gw_ae"))
            .arg("--series")
            .arg(series)
            .arg("--out")
            .arg(self.path(out))
            .output()
            .unwrap()
    }
}

fn millilitres(answer: &Value) -> Vec<f64> {
    answer["structures"].as_array().unwrap().iter().map(|row| row["millilitres"].as_f64().unwrap()).collect()
}

/// PyTorch on the volume itself: 518.585 and 735.070 mL (`benches/parity/meshnet.py`).
#[test]
fn two_planes_of_one_head_give_the_same_millilitres() {
    let Some(bench) = Bench::new() else { return };
    for (plane, order) in [("axial", "sorted"), ("sagittal", "shuffled")] {
        let series = bench.write_series(plane, &["--plane", plane, "--order", order]);
        let output = bench.analyse(&series, "out");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&answer["status"], &answer["accuracy"]), (&"ok".into(), &"not measured".into()));
        assert!(answer["notice"]["zh"].as_str().unwrap().contains("仅供科研使用"));
        let found = millilitres(&answer);
        for (found, expected) in found.iter().zip([518.585, 735.070]) {
            assert!((found - expected).abs() < 0.1, "{plane}: {found} mL, PyTorch has {expected}");
        }
        let written: Value =
            serde_json::from_slice(&std::fs::read(bench.path("out/volumes.json")).unwrap()).unwrap();
        assert_eq!(written, answer);
        assert!(bench.path("out/seg.dcm").exists() && bench.path("out/preview.png").exists());
    }
}

#[test]
fn a_missing_slice_is_named_and_leaves_no_older_result() {
    let Some(bench) = Bench::new() else { return };
    std::fs::create_dir_all(bench.path("out")).unwrap();
    std::fs::write(bench.path("out/seg.dcm"), "of another series").unwrap();
    let series = bench.write_series("gap", &["--plane", "axial", "--order", "shuffled", "--without", "100"]);
    let output = bench.analyse(&series, "out");
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["status"], &answer["code"]), (&"not analysed".into(), &"unfit_series".into()));
    let message = answer["message"]["en"].as_str().unwrap();
    assert!(
        message.starts_with("between the slices at ") && message.contains(", 1 of the series are missing"),
        "{message}"
    );
    assert!(answer["message"]["zh"].as_str().unwrap().contains("缺少 1 层"));
    assert!(answer.get("structures").is_none());
    assert!(!bench.path("out/seg.dcm").exists(), "what is left could be taken for this series'");
}
