//! `baize train gate` from archives of images to a gate that loads, and `baize eval gate` with it.

#![allow(clippy::unwrap_used, reason = "a test ends where a step fails")]

use std::fs::{self, File};
use std::path::Path;

use baize_models::gate::{load, self_test};
use baize_train::{GateEvaluation, GateTraining};

/// A PNG whose stripes tell its class.
fn picture(class: u32, copy: u32) -> Vec<u8> {
    let image = image::GrayImage::from_fn(48, 48, |x, y| {
        let wave = ((x * (class + 2) + y * (7 - class) + copy * 3) % 40) * 5;
        image::Luma([20 + wave as u8])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn archive(path: &Path, files: impl Iterator<Item = (String, Vec<u8>)>) {
    let mut archive = tar::Builder::new(File::create(path).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    archive.finish().unwrap();
}

/// Ten images of every class and source, as the real archives name them.
fn data(folder: &Path) {
    let classes = ["AbdomenCT", "BreastMRI", "ChestCT", "CXR", "Hand", "HeadCT"];
    let of_class = |(class, name): (u32, &'static str)| {
        (0..10).map(move |copy| (format!("mednist/{name}/{copy}.png"), picture(class, copy)))
    };
    archive(&folder.join("mednist_train.tar"), (0..).zip(classes).flat_map(of_class));
    let name = |source: &str, copy: u32| format!("{source}/{copy}.png");
    for (source, tar, csv, head, row) in [
        ("kermany", "kermany_train.tar", "kermany_train.csv", "path,pneumonia,patient", ",0,n"),
        (
            "nih",
            "nih_adult_trainval.tar",
            "nih_adult_trainval.csv",
            "path,split,view,patient",
            ",SPLIT,VIEW,n",
        ),
    ] {
        archive(&folder.join(tar), (0..10).map(|copy| (name(source, copy), picture(3, copy + 20))));
        let row = |copy: u32| {
            let split = if copy < 2 { "val" } else { "train" };
            let view = if copy.is_multiple_of(2) { "PA" } else { "AP" };
            format!("{}{}{copy}", name(source, copy), row.replace("SPLIT", split).replace("VIEW", view))
        };
        fs::write(folder.join(csv), format!("{head}\n{}\n", (0..10).map(row).collect::<Vec<_>>().join("\n")))
            .unwrap();
    }
}

#[test]
fn a_run_ends_in_a_gate_that_loads_and_can_be_measured() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path());
    let out = folder.path().join("out");
    let training =
        GateTraining { data: folder.path().to_owned(), out: out.clone(), epochs: 1, images: 128, seed: 5 };
    let version = training.run().unwrap();
    assert_eq!(version, out.join("gate").join("0.2.0"));
    let gate = load(&version).unwrap();
    self_test(&gate).unwrap();
    let manifest = gate.manifest();
    assert!(manifest.created_by.contains("--epochs 1 --images 128 --seed 5"), "{}", manifest.created_by);
    assert!(manifest.metrics.iter().any(|metric| metric.name == "refused"));
    let card = fs::read_to_string(version.join("card.md")).unwrap();
    for part in
        ["Not a medical device", "不是医疗器械", "CC BY-SA 4.0", "Limits", "局限", &manifest.created_by]
    {
        assert!(card.contains(part), "the card lacks {part}");
    }
    let metrics: serde_json::Value =
        serde_json::from_slice(&fs::read(version.join("metrics.json")).unwrap()).unwrap();
    assert_eq!(metrics["history"].as_array().unwrap().len(), 1);
    assert_eq!(metrics["view"]["accuracy"]["images"], 2, "the view is measured on what was held back");

    // The checkpoint is still there: running again trains nothing and writes the same weights.
    let sha256 = manifest.sha256.clone();
    assert_eq!(load(&training.run().unwrap()).unwrap().manifest().sha256, sha256);

    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    for (class, name) in [(3, "a.png"), (4, "b.png"), (5, "c.png")] {
        fs::write(images.join(name), picture(class, 1)).unwrap();
    }
    // An object without a picture: nothing that a model gets.
    fs::write(images.join("d.dcm"), baize_testkit::ObjectBuilder::chest(1).frames(2).build()).unwrap();
    let csv = folder.path().join("labels.csv");
    let evaluate = |rows: &str| {
        fs::write(&csv, format!("path,class,source\n{rows}")).unwrap();
        let report = folder.path().join("report");
        GateEvaluation { manifest: csv.clone(), root: images.clone(), out: report }.run(&gate)
    };
    let report =
        evaluate("a.png,chest-radiograph,x\nb.png,hand-radiograph,y\nc.png,head-ct,y\nd.dcm,other,y\n")
            .unwrap();
    assert_eq!(report.figures.len(), 3, "all, x and y");
    let all = &report.figures[0];
    assert_eq!((all.accuracy.images, all.passed.images, all.refused.images), (4, 1, 3));
    assert_eq!(report.refusals.get("multi_frame"), Some(&1));
    let table = report.to_string();
    assert!(table.contains("gate@0.2.0") && table.contains("other images refused"), "{table}");
    let written = fs::read_to_string(folder.path().join("report/gate-0.2.0/evaluation.json")).unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    let confusion = written["confusion"].as_array().unwrap();
    let counted: u64 =
        confusion.iter().flat_map(|row| row.as_array().unwrap()).map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(counted, 4);
    let svg = fs::read_to_string(folder.path().join("report/gate-0.2.0/confusion.svg")).unwrap();
    assert!(svg.contains("混淆矩阵") && svg.contains("chest-radiograph"));

    // MedNIST's own names, and no image that is something else: then that is no possible answer.
    let mednist = evaluate("a.png,CXR,x\nb.png,Hand,y\nc.png,headct,y\n").unwrap();
    let written = serde_json::to_value(&mednist).unwrap();
    let other = |row: &serde_json::Value| row[6].as_u64().unwrap();
    assert_eq!(written["confusion"].as_array().unwrap().iter().map(other).sum::<u64>(), 0);
    assert_eq!(mednist.figures[0].accuracy.images, 3);

    for (rows, words) in [
        ("a.png,knee,\n", "has the class 'knee'"),
        ("z.png,other,\n", "z.png is not in the data"),
        ("", "names no image"),
    ] {
        let error = format!("{:#}", evaluate(rows).unwrap_err());
        assert!(error.contains(words), "{error}");
    }
}
