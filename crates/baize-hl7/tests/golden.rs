//! Messages of synthetic patients beside what the profiles make of them.
//!
//! `golden/NAME.hl7` is read with the profile `standard`, or `site-example` where the name begins so, and must give
//! `golden/NAME.json`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};

use baize_hl7::profile::Profile;
use baize_hl7::{Charset, Limits, Message};
use serde_json::Value;

fn folder(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn profile(id: &str) -> Profile {
    Profile::load(&folder("../../hl7"), id).unwrap()
}

fn limits() -> Limits {
    Limits { fallback: Charset::GB18030, ..Limits::default() }
}

#[test]
fn messages_mean_what_is_expected() {
    let (standard, site) = (profile("standard"), profile("site-example"));
    let mut checked = 0;
    for entry in fs::read_dir(folder("tests/golden")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "hl7") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap();
        let parsed = Message::parse(&bytes, &limits()).unwrap();
        assert_eq!(parsed.issues, [], "{name}");
        assert_eq!(parsed.message.charset().encode(&parsed.message.render()).unwrap(), bytes, "{name}");
        let profile = if name.starts_with("site_example") { &site } else { &standard };
        let found = serde_json::to_value(profile.map(&parsed.message).unwrap()).unwrap();
        let expected = fs::read_to_string(path.with_extension("json")).unwrap_or_default();
        let expected: Value = serde_json::from_str(&expected).unwrap_or_default();
        assert_eq!(found, expected, "{name}: found\n{found:#}");
        checked += 1;
    }
    assert_eq!(checked, 11);
}

#[test]
fn the_trail_bytes_of_the_golden_message_are_delimiters() {
    let bytes = fs::read(folder("tests/golden/adt_a04_gb18030_trail_bytes.hl7")).unwrap();
    let text = Charset::GB18030.decode(&bytes).unwrap();
    for delimiter in ['|', '^', '~', '\\'] {
        let as_bytes = bytes.iter().filter(|byte| char::from(**byte) == delimiter).count();
        let as_characters = text.chars().filter(|c| *c == delimiter).count();
        assert!(as_bytes > as_characters, "no trail byte equals {delimiter}");
    }
}

#[test]
fn messages_that_nobody_reads_are_named() {
    for (message_type, code) in [("ADT^A99", 201), ("ZZZ^Z01", 200), ("ORU^R30", 201)] {
        let text = format!("MSH|^~\\&|A|B|C|D|2026||{message_type}|1|P|2.5\rPID|1||X\r");
        let parsed = Message::parse(text.as_bytes(), &limits()).unwrap();
        assert_eq!(profile("standard").map(&parsed.message).unwrap_err().code.number(), code);
    }
}

#[test]
fn profiles_that_do_not_hold_are_refused() {
    let standard = fs::read_to_string(folder("../../hl7/standard.toml")).unwrap();
    for (old, new, complaint) in [
        ("\"PID-8\"", "\"PID8\"", "no path"),
        ("id = \"standard\"", "id = \"other\"", "not the name of its file"),
        ("version = \"1.1.0\"", "version = \"\"", "version"),
        ("name = \"heart_rate\"", "name = \"heart_rat\"", "no vital sign"),
        ("birth_date =", "birthdate =", "unknown field"),
        ("S = \"stat\"", "S = \"now\"", "not a lane"),
        ("S = \"stat\"", "s = \"stat\"", "upper case"),
        ("\"ADT^A01\"", "\"ADT\"", "not like"),
        ("range = [0, 10]", "range = [10, 0]", "must rise"),
        ("where = 5", "where = 0", "where"),
    ] {
        let folder = std::env::temp_dir().join(format!("baize-hl7-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let text = standard.replacen(old, new, 1);
        assert_ne!(text, standard, "{old}");
        fs::write(folder.join("standard.toml"), text).unwrap();
        let error = Profile::load(&folder, "standard").unwrap_err().to_string();
        assert!(error.contains(complaint), "{new}: {error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
