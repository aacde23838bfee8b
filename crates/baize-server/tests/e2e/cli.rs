//! The verbs as an operator types them.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::harness::baize;
use baize_testkit::ObjectBuilder;
use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    baize().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `baize infer --json`: the exit status and one object per line.
fn infer(paths: &[&Path]) -> (i32, Vec<Value>) {
    let output = baize().arg("infer").arg("--json").args(paths).output().unwrap();
    let lines = text(&output.stdout);
    let objects = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code().unwrap_or_else(|| panic!("killed: {}", text(&output.stderr))), objects)
}

#[test]
fn infer_says_in_json_and_exit_status_what_became_of_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let chest = write("chest.dcm", &ObjectBuilder::chest(1).build());
    let leg = write("leg.dcm", &ObjectBuilder::chest(2).body_part("EXTREMITY").build());
    let text_file = write("note.txt", b"not an image");

    let (code, answers) = infer(&[&chest]);
    assert_eq!((code, answers.len()), (0, 1));
    let answer = &answers[0];
    assert_eq!(answer["status"], "ok");
    assert_eq!(answer["code"], Value::Null);
    assert_eq!(answer["sop"], ObjectBuilder::chest(1).sop_uid());
    assert!(answer["model"]["id"].is_string() && answer["model"]["version"].is_string());
    let finding = &answer["findings"][0];
    let probability = finding["probability"].as_f64().unwrap();
    let threshold = finding["threshold"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&probability));
    assert_eq!(finding["positive"], probability >= threshold);
    assert!(finding["code"].is_string() && finding["label"].is_string());
    assert!(finding["box"].is_null() || finding["box"]["width"].as_u64() >= Some(1));

    let (code, answers) = infer(&[&chest, &leg]);
    assert_eq!(code, 3);
    assert_eq!(answers[1]["status"], "refused");
    assert_eq!(answers[1]["code"], "wrong_body_part");
    assert_eq!(answers[1]["findings"], Value::Array(vec![]));

    let (code, answers) = infer(&[folder.path()]);
    assert_eq!((code, answers.len()), (4, 3));
    let error = answers.iter().find(|answer| answer["path"] == text_file.display().to_string()).unwrap();
    assert_eq!((error["status"].as_str(), error["code"].as_str()), (Some("error"), Some("not_dicom")));
}

#[test]
fn infer_writes_the_annotated_picture() {
    let folder = tempfile::tempdir().unwrap();
    let chest = folder.path().join("chest.dcm");
    std::fs::write(&chest, ObjectBuilder::chest(1).build()).unwrap();
    let pictures = folder.path().join("pictures");
    let output =
        baize().arg("infer").arg("--json").arg("--overlay-dir").arg(&pictures).arg(&chest).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let png = std::fs::read(answer["overlay"].as_str().unwrap()).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
}

#[test]
fn infer_speaks_the_operators_language() {
    let folder = tempfile::tempdir().unwrap();
    let chest = folder.path().join("chest.dcm");
    std::fs::write(&chest, ObjectBuilder::chest(1).build()).unwrap();
    let chinese = baize().env("LANG", "zh_CN.UTF-8").arg("infer").arg(&chest).output().unwrap();
    assert!(text(&chinese.stdout).contains("概率"), "{}", text(&chinese.stdout));
    let english = baize().arg("infer").arg(&chest).output().unwrap();
    assert!(text(&english.stdout).contains("a physician must review"), "{}", text(&english.stdout));
}

#[test]
fn a_bad_configuration_is_refused_before_a_port_is_bound_and_names_the_key() {
    let cases: [(&[&str], &str); 5] = [
        (&["serve", "--set", "http.bnd=1"], "bnd"),
        (&["serve", "--set", "http.bind=0.0.0.0:0"], "http.bind"),
        (&["serve", "--set", "dimse.bind=0.0.0.0:0"], "dimse.allowed_calling_aes"),
        (&["serve", "--set", "engine.compute=cuda:7"], "engine.compute"),
        (&["serve", "--config", "nowhere.toml"], "nowhere.toml"),
    ];
    for (arguments, named) in cases {
        let data = tempfile::tempdir().unwrap();
        let data_dir = format!("storage.data_dir={}", data.path().display());
        let mut with_data = arguments.to_vec();
        with_data.extend(["--set", data_dir.as_str()]);
        let output = run(&with_data);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(named), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn doctor_finds_the_device_the_model_and_the_mistake() {
    let data = tempfile::tempdir().unwrap();
    let data_dir = format!("storage.data_dir={}", data.path().display());
    let healthy = run(&["doctor", "--set", &data_dir]);
    let said = text(&healthy.stdout);
    assert!(healthy.status.success(), "{said}");
    assert!(said.contains("cpu") && said.contains("cxr-pneumonia-paed@"), "{said}");
    assert!(said.contains("triage rules: built in") && said.contains("triage lexicon: built in"), "{said}");

    let sick = run(&["doctor", "--set", &data_dir, "--set", "engine.largest_bucket=5"]);
    assert_eq!(sick.status.code(), Some(1));
    assert!(text(&sick.stdout).contains("engine.largest_bucket"));
    let sick = run(&["doctor", "--set", &data_dir, "--set", "triage.model=9.9.9"]);
    assert_eq!(sick.status.code(), Some(1));
    assert!(text(&sick.stdout).contains("triage.model"), "{}", text(&sick.stdout));
}

#[test]
fn models_are_listed_and_verified_and_a_changed_weight_is_found() {
    let listed = run(&["models", "list"]);
    assert!(text(&listed.stdout).contains("233604007"), "{}", text(&listed.stdout));
    let verified = run(&["models", "verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));

    let copy = tempfile::tempdir().unwrap();
    copy_folder(&crate::harness::root().join("weights"), copy.path());
    let weights = find(copy.path(), "model.bpk").unwrap();
    let mut bytes = std::fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let weights_dir = format!("models.weights_dir={}", copy.path().display());
    let output = run(&["models", "verify", "--set", &weights_dir]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("SHA-256"), "{}", text(&output.stderr));
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(Result::unwrap).find_map(|entry| {
        if entry.file_type().unwrap().is_dir() {
            find(&entry.path(), name)
        } else {
            (entry.file_name() == name).then(|| entry.path())
        }
    })
}

#[test]
fn triage_answers_each_line_and_refuses_by_name() {
    use std::io::Write as _;
    let requests = concat!(
        r#"{"age_years": 58, "chief_complaint": "胸痛2小时伴大汗，左肩放射", "vitals": {"heart_rate": 186}}"#,
        "\n\n",
        r#"{"age_years": 30, "chief_complaint": "SOB", "vitals": {"spo2": 980}}"#,
        "\nnot json\n"
    );
    let mut child = baize()
        .arg("triage")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(requests.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let answers: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["level_cn"], 1, "{}", answers[0]);
    assert_eq!(answers[1]["errors"][0]["field"], "vitals.spo2", "{}", answers[1]);
    assert_eq!(answers[2]["errors"][0]["problem"], "unreadable");
}

#[test]
fn triage_answers_what_is_there_before_more_comes_and_keeps_the_order() {
    use std::io::{BufRead as _, Write as _};
    let mut child = baize()
        .arg("triage")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut encounter = || -> String {
        let answer: Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
        answer["encounter"].as_str().unwrap().to_owned()
    };
    for number in 0..3 {
        // The pipe stays open: an answer that waited for a full batch would never come.
        writeln!(input, r#"{{"encounter": "slow-{number}", "chief_complaint": "腹痛"}}"#).unwrap();
        assert_eq!(encounter(), format!("slow-{number}"));
    }
    let sender = std::thread::spawn(move || {
        for number in 0..1_000 {
            writeln!(
                input,
                r#"{{"encounter": "{number}", "chief_complaint": "chest pain", "age_years": 50}}"#
            )
            .unwrap();
        }
    });
    for number in 0..1_000 {
        assert_eq!(encounter(), number.to_string());
    }
    sender.join().unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn triage_goes_by_the_hospitals_rules() {
    use std::io::Write as _;
    let rules = tempfile::tempdir().unwrap();
    let builtin = crate::harness::root().join("crates/baize-triage/rules/policy.toml");
    let policy = std::fs::read_to_string(builtin).unwrap();
    let stricter = policy.replace("acuity_without_model = 3", "acuity_without_model = 2");
    assert_ne!(policy, stricter, "the policy is written otherwise now");
    std::fs::write(rules.path().join("policy.toml"), stricter).unwrap();
    let acuity = |setting: &str| {
        let mut child = baize()
            .args(["triage", "--set", "triage.model=none", "--set", setting])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all("{\"chief_complaint\": \"扭伤\"}".as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["acuity"].clone()
    };
    assert_eq!(acuity("triage.threads=1"), 3);
    assert_eq!(acuity(&format!("triage.rules_dir={}", rules.path().display())), 2);
}

#[test]
fn a_new_key_matches_its_hash() {
    use sha2::Digest as _;
    let output = run(&["key", "new"]);
    let said = text(&output.stdout);
    let key = said.lines().find_map(|line| line.strip_prefix("key    ")).unwrap();
    let hash = said.lines().find_map(|line| line.strip_prefix("sha256 ")).unwrap();
    let computed: String = sha2::Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, computed);
}

#[test]
fn hl7_check_says_a_line_of_json_for_each_message_and_its_exit_status_whether_all_are_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let message = |id: &str| {
        format!("MSH|^~\\&|HIS|H|B|B|20260315||ADT^A04^ADT_A01|{id}|P|2.5.1\rPID|1||X1||王^小东\r")
    };
    let two = write("two.hl7", format!("{}{}", message("1"), message("2")).as_bytes());
    let framed = write("framed.mllp", format!("\u{b}{}\u{1c}\r", message("3")).as_bytes());
    let marked = write("marked.hl7", format!("\u{feff}{}", message("4").replace('\r', "\n")).as_bytes());
    let bad = write("bad.hl7", message("5").replace("ADT^A04^ADT_A01", "").as_bytes());
    let none = write("none.hl7", b"hello");

    let check = |files: &[&str]| {
        let output = run(&[&["hl7", "check"], files].concat());
        let lines: Vec<Value> =
            text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (output.status.code().unwrap(), lines)
    };
    let (code, lines) = check(&[&two, &framed, &marked]);
    assert_eq!(code, 0, "{lines:?}");
    let found: Vec<_> = lines.iter().map(|line| (line["file"].clone(), line["index"].clone())).collect();
    let expected = [(&two, 0), (&two, 1), (&framed, 0), (&marked, 0)];
    assert_eq!(found, expected.map(|(file, index)| (Value::from(file.as_str()), Value::from(index))));
    for line in &lines {
        let mut keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["charset", "errors", "file", "index", "ok", "round_trip", "type"]);
        assert_eq!((&line["type"], &line["charset"]), (&"ADT^A04^ADT_A01".into(), &"UNICODE UTF-8".into()));
        assert_eq!((&line["ok"], &line["round_trip"]), (&Value::Bool(true), &Value::Bool(true)), "{line}");
    }
    let (code, lines) = check(&[&bad, &two, &none]);
    assert_eq!((code, lines.len()), (3, 4));
    for (line, number) in [(&lines[0], 101), (&lines[3], 100)] {
        assert_eq!(line["ok"], false);
        let errors = line["errors"].as_array().unwrap();
        assert!(errors.iter().any(|error| error["severity"] == "error" && error["code"] == number), "{line}");
        assert!(!line.to_string().contains("王"), "patient data in {line}");
    }
    let missing = run(&["hl7", "check", "/nowhere/at/all.hl7"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("/nowhere/at/all.hl7"));
}
