//! An independent reader of HL7 v2, hl7v2-fhir-bridge, and the standard profile agree on whom the messages of the corpora
//! are about, in which visit, and what is ordered.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use baize_hl7::profile::{Content, Mapped, Profile};
use baize_hl7::{Charset, Limits, Message};
use serde_json::{Value, json};

const SCRIPT: &str = include_str!("bridge.py");

/// The corpora's files that hold one message each.
fn files() -> Option<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/hl7v2");
    let mut files = Vec::new();
    for folder in ["fhir-converter", "gb18030", "v2-to-fhir"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            println!("skipped: {} is not there", root.join(folder).display());
            return None;
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "hl7" || end == "txt")));
    }
    files.sort();
    Some(files)
}

/// What the standard profile reads, in the words of the script.
fn ours(path: &Path, profile: &Profile) -> Option<Value> {
    let limits = Limits { fallback: Charset::GB18030, ..Limits::default() };
    let message = Message::parse(&fs::read(path).unwrap(), &limits).ok()?.message;
    let content = profile.map(&message).ok()?.content;
    let (patient, visit, orders) = match content {
        Content::Encounter(event) => (event.patient, event.visit, Vec::new()),
        Content::Vitals(reading) => (reading.patient, reading.visit, Vec::new()),
        Content::Orders(orders) => (orders.patient, orders.visit, orders.orders),
    };
    let value = |mapped: Option<Mapped>| mapped.map(|mapped| mapped.value);
    // The bridge does not look at PID-18.
    let number = visit.number.filter(|mapped| mapped.path.starts_with("PV1"));
    let order = |order: baize_hl7::profile::Order| {
        let fields = order.fields;
        // Where OBR-18 and IPC-1 are empty, other numbers stand in for the accession number here.
        let named =
            fields.accession.filter(|one| one.path.starts_with("OBR-18") || one.path.starts_with("IPC"));
        json!({
            "placer": value(fields.placer_number),
            "filler": value(fields.filler_number),
            "accession": value(named),
        })
    };
    Some(json!({
        "id": value(patient.id),
        "family": value(patient.family_name),
        "given": value(patient.given_name),
        "sex": value(patient.sex),
        "birth_date": value(patient.birth_date),
        "visit": value(number),
        "orders": orders.into_iter().map(order).collect::<Vec<_>>(),
    }))
}

#[test]
fn an_independent_reader_finds_the_same_patients_visits_and_orders() {
    let python = |script: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", script]).stderr(Stdio::null());
        command
    };
    if !python("import v2fhir").status().is_ok_and(|status| status.success()) {
        println!("skipped: hl7v2-fhir-bridge is not installed (deploy/requirements-test-peers.txt)");
        return;
    }
    let Some(files) = files() else { return };
    let profile =
        Profile::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hl7"), "standard").unwrap();
    let read: Vec<_> =
        files.into_iter().filter_map(|path| ours(&path, &profile).map(|ours| (path, ours))).collect();
    let output = python(SCRIPT).args(read.iter().map(|(path, _)| path)).output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), read.len());
    let (mut compared, mut with_visit, mut orders) = (0, 0, 0);
    for ((path, ours), line) in read.iter().zip(lines.lines()) {
        let theirs: Value = serde_json::from_str(line).unwrap();
        if theirs.is_null() {
            continue;
        }
        for field in ["id", "family", "given", "sex", "birth_date"] {
            assert_eq!(ours[field], theirs[field], "{}: {field}", path.display());
        }
        // Without an authority the bridge passes a visit over.
        if !theirs["visit"].is_null() {
            assert_eq!(ours["visit"], theirs["visit"], "{}", path.display());
            with_visit += 1;
        }
        for (ours, theirs) in
            ours["orders"].as_array().unwrap().iter().zip(theirs["orders"].as_array().unwrap())
        {
            assert_eq!(ours, theirs, "{}", path.display());
            orders += 1;
        }
        compared += 1;
    }
    assert!(
        compared >= 28 && with_visit >= 17 && orders >= 4,
        "only {compared} messages, {with_visit} visits, {orders} orders"
    );
}
