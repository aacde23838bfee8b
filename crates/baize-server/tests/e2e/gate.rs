//! The gate and the routing rules in the real binary, with the weights that ship.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::harness::{baize, root};
use baize_testkit::ObjectBuilder;
use serde_json::Value;

/// The binary with the shipped weights, gate and all.
fn gated() -> Command {
    let mut command = baize();
    command.env("BAIZE__MODELS__WEIGHTS_DIR", root().join("weights"));
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// White noise under the header of a chest radiograph.
fn noise() -> ObjectBuilder {
    let mut state = 7u32;
    let pixels = (0..256 * 256).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 20) as u16
    });
    ObjectBuilder::chest(3).size(256, 256).bits(16, 12).window(None).pixels(pixels.collect())
}

#[test]
fn what_is_no_chest_radiograph_is_refused_whatever_its_header_says() {
    let folder = tempfile::tempdir().unwrap();
    let blank = ObjectBuilder::chest(2).size(128, 128).bits(16, 12).pixels(vec![700; 128 * 128]);
    for (name, object, code) in [("noise", noise(), "unfamiliar_image"), ("blank", blank, "poor_quality")] {
        let file = folder.path().join(name);
        std::fs::write(&file, object.build()).unwrap();
        let output = gated().args(["infer", "--json"]).arg(&file).output().unwrap();
        let answer: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        assert_eq!(
            (answer["status"].as_str(), answer["code"].as_str()),
            (Some("refused"), Some(code)),
            "{answer}"
        );
        assert_eq!(answer["findings"], Value::Array(vec![]));
        assert_eq!(answer["gate"]["model"]["id"], "gate");
        assert!((0.0..=1.0).contains(&answer["gate"]["probability"].as_f64().unwrap()));
    }
}

#[test]
fn a_real_chest_radiograph_passes() {
    let data = std::env::var_os("BAIZE_PYDICOM_DATA").map(PathBuf::from);
    let corpus = root().join("../shared/corpus/dicom/pydicom-data");
    let places = [data, Some(corpus)].into_iter().flatten().map(|folder| folder.join("RG1_J2KI.dcm"));
    let Some(chest) = places.into_iter().find(|file| file.is_file()) else {
        println!("skipped: neither BAIZE_PYDICOM_DATA nor ../shared has RG1_J2KI.dcm");
        return;
    };
    let output = gated().args(["infer", "--json"]).arg(&chest).output().unwrap();
    let answer: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    assert_eq!(answer["status"], "ok", "{answer}");
    assert_eq!(answer["gate"]["class"], "chest-radiograph");
    assert_eq!(answer["gate"]["label_zh"], "胸部 X 线片");
}

#[test]
fn route_says_which_rule_holds_and_what_the_pixels_show() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("noise.dcm");
    let unstated = noise().remove((0x0018, 0x0015)).text((0x0008, 0x1030), b"LO", "急诊 chest PA");
    std::fs::write(&file, unstated.charset("ISO_IR 192").build()).unwrap();
    let output = gated().arg("route").arg(&file).output().unwrap();
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for words in
        ["'chest by description'", "holds", "lane: at least urgent", "unfamiliar_image", "an earlier route"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let chinese = gated().env("LANG", "zh_CN.UTF-8").arg("route").arg(&file).output().unwrap();
    assert!(text(&chinese).contains("符合"), "{}", text(&chinese));
}

#[test]
fn rules_that_do_not_hold_keep_the_server_from_starting_and_doctor_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("routing.toml");
    let set = format!("routing.rules={}", rules.display());
    for (written, words) in [
        ("[[route]]\nname = \"a\"\nmodels = [\"nowhere\"]\n", "line 1: models: 'nowhere' is not installed"),
        ("\n[[route]]\nname = \"a\"\nwhen.description = \"(\"\n", "line 2: when.description"),
    ] {
        std::fs::write(&rules, written).unwrap();
        for verb in ["serve", "doctor"] {
            let mut command = gated();
            let data = format!("storage.data_dir={}", folder.path().join("data").display());
            command.args([verb, "--set", &set, "--set", &data, "--set", "http.bind=127.0.0.1:0"]);
            command.args(["--set", "http.metrics_bind=127.0.0.1:0", "--set", "dimse.bind=127.0.0.1:0"]);
            let output = command.output().unwrap();
            assert!(!output.status.success(), "{verb}: {}", text(&output));
            assert!(text(&output).contains(words), "{verb}: {}", text(&output));
        }
    }
    std::fs::remove_file(&rules).unwrap();
    let output = gated().args(["models", "verify"]).output().unwrap();
    assert!(output.status.success() && text(&output).contains("gate@"), "{}", text(&output));
}
