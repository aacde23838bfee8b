//! De-identification and the export of reviewed cases, as an operator types them.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use baize_testkit::{ObjectBuilder, Syntax};
use serde_json::{Value, json};

use crate::harness::{Server, baize};

const SECRETS: [&str; 4] = ["Miller", "PID-48151623", "ACC-42108", "19400305"];

fn patient(seed: u64) -> ObjectBuilder {
    ObjectBuilder::chest(seed)
        .patient_name("Miller^Anna")
        .text((0x0010, 0x0020), b"LO", "PID-48151623")
        .text((0x0010, 0x0030), b"DA", "19400305")
        .accession("ACC-42108")
}

fn run(arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = baize().args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.code().unwrap(), said)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// All files below a folder, by their path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in std::fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let bytes = std::fs::read(&path).unwrap();
                    found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
                }
            }
        }
    }
    found
}

fn assert_names_nobody(files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in files {
        for secret in SECRETS {
            let stands = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!stands && !text(path).contains(secret), "{secret} in {}", path.display());
        }
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_folder_is_deidentified_and_what_may_show_a_name_is_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (key, source, out, crosswalk) = (at("key"), at("in"), at("out"), at("crosswalk.csv"));
    assert_eq!(run(&["key", "deid", text(&key)]).0, 0);
    assert_eq!(mode(&key), 0o600);
    let before = std::fs::read(&key).unwrap();
    assert_eq!(run(&["key", "deid", text(&key)]).0, 1, "a key is not overwritten");
    assert_eq!(std::fs::read(&key).unwrap(), before);

    std::fs::create_dir_all(source.join("deep")).unwrap();
    let objects = [
        ("chest.dcm", patient(1).build()),
        ("deep/jpeg.dcm", patient(2).syntax(Syntax::JpegBaseline).build()),
        ("Miller-us.dcm", patient(3).modality("US").build()),
    ];
    for (name, bytes) in &objects {
        std::fs::write(source.join(name), bytes).unwrap();
    }
    std::fs::write(source.join("note.txt"), "no image").unwrap();

    let arguments = ["deidentify", text(&source), "--out", text(&out), "--key", text(&key)];
    let with_crosswalk = [&arguments[..], &["--crosswalk", text(&crosswalk)]].concat();
    let (code, said) = run(&with_crosswalk);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("note.txt: skipped"), "{said}");
    assert!(said.contains("Miller-us.dcm: held back, burned_in_usual"), "{said}");
    let first = files(&out);
    assert_eq!(first.len(), 3, "two objects and the manifest: {:?}", first.keys());
    assert_names_nobody(&first);
    let manifest: Value = serde_json::from_slice(&first[Path::new("manifest.json")]).unwrap();
    let statuses: Vec<_> = manifest["files"].as_array().unwrap().iter().map(|file| &file["status"]).collect();
    assert_eq!(statuses, ["held", "done", "done"]);
    assert_eq!(mode(&crosswalk), 0o600);
    let rows = std::fs::read_to_string(&crosswalk).unwrap();
    assert_eq!((rows.lines().count(), rows.matches("PID-48151623").count()), (4, 3), "{rows}");

    run(&arguments);
    assert_eq!(files(&out), first, "the same key and files give the same bytes");

    let all = at("all");
    let accepted =
        ["deidentify", text(&source), "--out", text(&all), "--key", text(&key), "--burned-in", "accept"];
    assert_eq!(run(&accepted).0, 0);
    assert_eq!(files(&all).len(), 4);
    assert_names_nobody(&files(&all));
}

#[test]
fn mistakes_are_told_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (key, source) = (at("key"), at("in"));
    std::fs::create_dir(&source).unwrap();
    let inside = source.join("out");
    let (code, said) = run(&["deidentify", text(&source), "--out", text(&at("out")), "--key", text(&key)]);
    assert!(code == 1 && said.contains("baize key deid"), "{said}");
    std::fs::write(&key, "secret").unwrap();
    let (code, said) = run(&["deidentify", text(&source), "--out", text(&at("out")), "--key", text(&key)]);
    assert!(code == 1 && said.contains("64 hexadecimal digits") && !said.contains("secret"), "{said}");
    std::fs::remove_file(&key).unwrap();
    run(&["key", "deid", text(&key)]);
    let (code, said) = run(&["deidentify", text(&source), "--out", text(&inside), "--key", text(&key)]);
    assert!(code == 1 && said.contains("must not lie inside"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reviewed_cases_are_exported_while_the_server_runs_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (data, key) = (at("data"), at("key"));
    run(&["key", "deid", text(&key)]);
    let mut server = Server::start(&data, &[]).await;
    let (reviewed, other) = (patient(1), patient(2));
    server.stow(&[reviewed.build(), other.build()]).await.unwrap();
    let result = server.results(&reviewed.study_uid()).await.remove(0);
    server.results(&other.study_uid()).await;
    let finding = &result["findings"][0];
    let uri = format!("/v1/studies/{}/instances/{}/reviews", reviewed.study_uid(), reviewed.sop_uid());
    let review = json!({
        "model": result["model"],
        "verdict": "corrected",
        "findings": [{ "scheme": finding["code"]["scheme"], "value": finding["code"]["value"], "opinion": "disagree" }],
        "comment": "Miller, PID-48151623",
        "sign": true,
    });
    let (status, recorded) = server.post(&uri, review.to_string()).await.unwrap();
    assert_eq!(status, 201, "{recorded}");

    let export = |out: &Path| {
        let data_dir = format!("storage.data_dir={}", data.display());
        run(&["export", "reviewed", "--out", text(out), "--key", text(&key), "--set", &data_dir])
    };
    let running = at("running");
    let (code, said) = export(&running);
    assert_eq!(code, 0, "{said}");
    let exported = files(&running);
    assert_names_nobody(&exported);
    let of_kind = |end: &str| exported.keys().filter(|path| text(path).ends_with(end)).count();
    assert_eq!((of_kind(".dcm"), of_kind(".png")), (1, 1), "{said}");

    let line: Value = serde_json::from_slice(&exported[Path::new("results.jsonl")]).unwrap();
    assert_eq!(line["reviews"][0]["verdict"], "corrected");
    assert_eq!(line["reviews"][0]["signed"], true);
    assert_eq!(line["findings"][0]["positive"], finding["positive"]);
    let truth = !finding["positive"].as_bool().unwrap();
    assert_eq!(line["findings"][0]["truth"], truth);
    let labels = String::from_utf8(exported[Path::new("labels/pneumonia.csv")].clone()).unwrap();
    let row = format!("{},{}", line["png"].as_str().unwrap(), u8::from(truth));
    assert!(labels.starts_with("path,pneumonia,patient") && labels.contains(&row), "{labels}");
    let manifest: Value = serde_json::from_slice(&exported[Path::new("manifest.json")]).unwrap();
    assert_eq!(manifest["counts"]["images"], 1);
    assert_eq!(manifest["sha256"].as_object().unwrap().len(), exported.len() - 1, "all but the manifest");

    let (code, said) = export(&running);
    assert!(code == 1 && said.contains("is not empty"), "{said}");
    assert!(server.terminate().success());
    let stopped = at("stopped");
    assert_eq!(export(&stopped).0, 0);
    assert_eq!(files(&stopped), exported, "the same key and state give the same bytes");
    assert!(!server.log().iter().any(|line| line.contains("Miller")), "the log names no patient");
}
