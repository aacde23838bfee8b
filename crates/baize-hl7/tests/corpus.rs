//! Other people's messages: each parses, comes back byte for byte, and those of known types are read.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};

use baize_hl7::profile::{Content, Profile};
use baize_hl7::{Charset, Limits, Message, check};
use proptest::prelude::*;

/// What the standard profile reads of the corpora, and as what.
const READ: [(&str, &[&str]); 5] = [
    ("admit", &["ADT^A01"]),
    ("register", &["ADT^A04", "ADT^A05"]),
    ("update", &["ADT^A02", "ADT^A03", "ADT^A06", "ADT^A07", "ADT^A08", "ADT^A13", "ADT^A28", "ADT^A31"]),
    ("cancel", &["ADT^A11"]),
    ("merge", &["ADT^A40", "ADT^A47"]),
];
const ORDERS: [&str; 3] = ["ORM^O01", "OMI^O23", "OMG^O19"];
const VITALS: [&str; 1] = ["ORU^R01"];

/// The messages where they lie beside the project; else `None`, with the reason printed.
fn corpus() -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/hl7v2");
    let mut files = Vec::new();
    for folder in ["fhir-converter", "gb18030", "python-hl7", "v2-to-fhir"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            println!("skipped: {} is not there", root.join(folder).display());
            return None;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "hl7" || extension == "txt") {
                let bytes = fs::read(&path).unwrap();
                files.push((path, bytes));
            }
        }
    }
    Some(files)
}

fn limits() -> Limits {
    Limits { fallback: Charset::GB18030, ..Limits::default() }
}

#[test]
fn every_message_parses_and_comes_back() {
    let Some(files) = corpus() else { return };
    let (mut messages, mut marked, mut line_feeds) = (0, 0, 0);
    for (path, bytes) in files {
        marked += usize::from(bytes.starts_with(b"\xEF\xBB\xBF"));
        line_feeds += usize::from(bytes.contains(&b'\n'));
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for checked in check(&name, &bytes, &limits()) {
            let json = serde_json::to_string(&checked).unwrap();
            // Envelopes whose segments stand outside of any message: python-hl7's own tests expect an error.
            if name.starts_with("sample_bad") {
                assert!(!checked.ok, "{json}");
                continue;
            }
            assert!(checked.ok, "{json}");
            assert!(checked.round_trip, "{json}");
            assert_eq!(name.starts_with("trap_declares"), json.contains("but the bytes are not"), "{json}");
            messages += 1;
        }
    }
    assert!(messages >= 90, "only {messages} messages");
    assert!(
        marked >= 10 && line_feeds >= 10,
        "{marked} with a byte order mark, {line_feeds} with line feeds"
    );
}

#[test]
fn known_types_are_read() {
    let Some(files) = corpus() else { return };
    let profile =
        Profile::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hl7"), "standard").unwrap();
    let mut read = std::collections::BTreeSet::new();
    for (path, bytes) in files {
        let Ok(parsed) = Message::parse(&bytes, &limits()) else { continue };
        let message_type: String = parsed.message.message_type().chars().take(7).collect();
        let is = |known: &[&str]| known.contains(&message_type.as_str());
        let event = READ.iter().find(|(_, known)| is(known)).map(|(event, _)| *event);
        let expected = match event {
            _ if is(&ORDERS) => "orders",
            _ if is(&VITALS) => "vitals",
            event => event.unwrap_or("nothing"),
        };
        let mapping = profile.map(&parsed.message);
        let found = match mapping.as_ref().map(|mapping| &mapping.content) {
            Ok(Content::Encounter(event)) => serde_json::to_value(event.event).unwrap(),
            Ok(Content::Orders(_)) => "orders".into(),
            Ok(Content::Vitals(_)) => "vitals".into(),
            Err(_) => "nothing".into(),
        };
        assert_eq!(found, expected, "{} {message_type}", path.display());
        let Ok(mapping) = mapping else { continue };
        let errors: Vec<_> = mapping.issues.iter().filter(|issue| issue.is_error()).collect();
        // The first is one header; the orders of the second have a group's number and none of their own.
        if !path.ends_with("rep_sample_hl7.hl7") && !path.ends_with("OMG-O19-01.hl7") {
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        }
        if let Content::Orders(orders) = &mapping.content {
            assert!(!orders.orders.is_empty());
        }
        read.insert(message_type);
    }
    let known = READ.iter().flat_map(|(_, types)| types.iter()).chain(&ORDERS).chain(&VITALS);
    assert_eq!(read, known.map(|known| (*known).to_owned()).collect());
}

#[test]
fn names_in_chinese_are_the_same_in_both_character_sets() {
    let Some(files) = corpus() else { return };
    let profile =
        Profile::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hl7"), "standard").unwrap();
    let read = |name: &str| {
        let (_, bytes) = files.iter().find(|(path, _)| path.ends_with(name)).unwrap();
        profile.map(&Message::parse(bytes, &limits()).unwrap().message).unwrap()
    };
    for name in ["adt_a04", "omi_o23"] {
        assert_eq!(read(&format!("{name}.gb18030.hl7")), read(&format!("{name}.utf-8.hl7")));
    }
    for name in ["trap_declares_utf8_sends_gb18030.hl7", "trap_gbk_bytes_but_msh18_empty.hl7"] {
        let Content::Encounter(event) = read(name).content else { panic!("{name} is an encounter") };
        assert_eq!(event.patient.family_name.unwrap().value, "王");
        assert_eq!(event.patient.given_name.unwrap().value, "小东");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Damaged messages are refused or read; never a panic.
    #[test]
    fn damaged_messages_are_survived(seed in any::<u64>()) {
        let profile = Profile::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hl7"), "standard").unwrap();
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let mut state = seed | 1;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below.max(1)
        };
        for entry in fs::read_dir(golden).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "hl7") {
                continue;
            }
            let mut bytes = fs::read(path).unwrap();
            for _ in 0..1 + random(8) {
                if bytes.is_empty() {
                    break;
                }
                let at = random(bytes.len());
                match random(4) {
                    0 => bytes[at] = b"|^~\\&\r\n\x0b\x1c\x80\xff\"A0"[random(14)],
                    1 => bytes.truncate(at),
                    2 => { bytes.remove(at); }
                    _ => { let piece = bytes[at..(at + 20).min(bytes.len())].to_vec(); bytes.splice(at..at, piece); }
                }
            }
            for checked in check("x", &bytes, &limits()) {
                prop_assert!(checked.ok || !checked.errors.is_empty());
            }
            if let Ok(parsed) = Message::parse(&bytes, &limits()) {
                let _ = profile.map(&parsed.message);
            }
        }
    }
}
