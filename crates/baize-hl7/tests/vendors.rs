//! What other people's systems send: each habit is read, or refused with the reason; never read wrongly.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::path::Path;

use baize_hl7::profile::{Content, Mapping, Profile};
use baize_hl7::{Charset, Checked, Limits, Message, check};

const MSH: &str = "MSH|^~\\&|HIS|H|BAIZE|RAD|20260315093000||ADT^A04^ADT_A01|7|P|2.5.1\r";
const PID: &str = "PID|1||X1^^^H^MR||WANG^XIAODONG||19800101|M\r";

fn limits() -> Limits {
    Limits { fallback: Charset::GB18030, ..Limits::default() }
}

fn standard() -> Profile {
    Profile::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hl7"), "standard").unwrap()
}

fn checked(bytes: &[u8]) -> Vec<Checked> {
    check("x", bytes, &limits())
}

/// The only message of some bytes, which must be in order.
fn read(what: &str, bytes: &[u8]) -> Message {
    let found = checked(bytes);
    assert_eq!(found.len(), 1, "{what}: {found:?}");
    assert!(found[0].ok && found[0].round_trip, "{what}: {:?}", found[0]);
    Message::parse(bytes, &limits()).unwrap().message
}

fn mapped(what: &str, bytes: &[u8]) -> Mapping {
    let mapping = standard().map(&read(what, bytes)).unwrap();
    assert!(!mapping.issues.iter().any(baize_hl7::Issue::is_error), "{what}: {:?}", mapping.issues);
    mapping
}

fn at(message: &Message, path: &str) -> String {
    message.text(&path.parse().unwrap()).unwrap_or_default()
}

fn gb(text: &str) -> Vec<u8> {
    Charset::GB18030.encode(text).unwrap()
}

#[test]
fn the_patient_is_found_however_the_message_is_laid_out() {
    let plain = format!("{MSH}{PID}");
    let other =
        plain.replace('|', "$").replace('^', "%").replace('~', "*").replace('\\', "?").replace('&', "!");
    for (what, bytes) in [
        ("plain", plain.clone().into_bytes()),
        ("five encoding characters (2.7)", plain.replace("^~\\&|", "^~\\&#|").into_bytes()),
        ("three encoding characters", plain.replace("^~\\&|", "^~\\|").into_bytes()),
        ("no encoding characters", plain.replace("|^~\\&|", "||").into_bytes()),
        ("other delimiters", other.into_bytes()),
        ("no carriage return behind the last segment", plain.trim_end().as_bytes().to_vec()),
        ("line feeds", plain.replace('\r', "\n").into_bytes()),
        ("both", plain.replace('\r', "\r\n").into_bytes()),
        ("a line feed at the very end", format!("{plain}\n").into_bytes()),
        ("blank lines", plain.replace('\r', "\r\r").into_bytes()),
        ("blank lines before", format!("\r\n\r\n{plain}").into_bytes()),
        ("blanks before", format!("  \t{plain}").into_bytes()),
        ("a byte order mark", format!("\u{feff}{plain}").into_bytes()),
        ("a byte order mark, line feeds", format!("\u{feff}{plain}").replace('\r', "\n").into_bytes()),
        ("surplus separators", plain.replace("|M\r", "|M||||||||||\r").into_bytes()),
        ("unknown and Z-segments", format!("{MSH}ZXX|~|^\rZ01|1\r{PID}QQQ\r").into_bytes()),
        ("a segment of nothing but its name", format!("{MSH}EVN\r{PID}").into_bytes()),
        ("names of segments in lower case", plain.replace("PID|", "pid|").into_bytes()),
        ("the processing ID in lower case", plain.replace("|P|", "|p|").into_bytes()),
        ("no processing ID and no version", plain.replace("|P|2.5.1", "||").into_bytes()),
        ("a processing mode", plain.replace("|P|", "|P^T|").into_bytes()),
        ("a version with a country", plain.replace("2.5.1", "2.5.1^CHN&&ISO3166_1").into_bytes()),
        ("notes everywhere", plain.replace('\r', "\rNTE|1||a note\r").into_bytes()),
        ("a note over several lines", format!("{MSH}NTE|1||one\rtwo, three\r{PID}").into_bytes()),
        ("no structure in MSH-9", plain.replace("^ADT_A01", "").into_bytes()),
        ("the type in lower case", plain.replace("ADT^A04", "adt^a04").into_bytes()),
        (
            "the event in EVN alone",
            plain.replace("ADT^A04^ADT_A01", "ADT").replace("PID", "EVN|A04\rPID").into_bytes(),
        ),
        ("a very long field", format!("{plain}ZXX|{}\r", "x".repeat(3 << 20)).into_bytes()),
        ("many segments", format!("{plain}{}", "OBX|1|ST|X||y\r".repeat(9000)).into_bytes()),
        ("a vertical tab in a text", format!("{plain}NTE|1||a\u{b}b\r").into_bytes()),
    ] {
        let Content::Encounter(event) = mapped(what, &bytes).content else { panic!("{what}") };
        let patient = event.patient;
        let value = |mapped: Option<baize_hl7::profile::Mapped>| {
            mapped.map(|mapped| mapped.value).unwrap_or_default()
        };
        assert_eq!(
            [value(patient.id), value(patient.family_name), value(patient.birth_date), value(patient.sex)],
            ["X1", "WANG", "1980-01-01", "male"],
            "{what}"
        );
    }
    for version in
        ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.2", "2.9"]
    {
        mapped(version, plain.replace("2.5.1", version).as_bytes());
    }
}

#[test]
fn values_come_back_as_they_were_meant() {
    for (raw, path, value) in [
        (r"OBX|1|TX|A||one\.br\two\X0D\three", "OBX-5", "one\ntwo\rthree"),
        (r"OBX|1|FT|A||\.in+4\\.sp2\a\.ce\b\.sk2\c\H\!\N\", "OBX-5", "\n\na\nb  c!"),
        (r"OBX|1|ST|A||\E\F\E\ and \F\", "OBX-5", r"\F\ and |"),
        (r"OBX|1|ST|A||C:\scans\new", "OBX-5", r"C:\scans\new"),
        (r"OBX|1|ST|A||a\T\b\S\c\R\d", "OBX-5", "a&b^c~d"),
        (r"OBX|1|CE|A^B^LN||71046^XR CHEST 2V^C4^71046^CHEST^L", "OBX-5.5", "CHEST"),
        (r"OBX|1|SN|A||>=^120", "OBX-5.2", "120"),
        (r"OBX|1|ED|A||^AP^PDF^Base64^JVBERi0xLjcK+/==", "OBX-5.5", "JVBERi0xLjcK+/=="),
        (r"OBX|1|TS|A||20260315093000.1234+0800", "OBX-5", "20260315093000.1234+0800"),
        (r"OBX|1|XPN|A||A&van&B^C", "OBX-5.1.2", "van"),
        (r"OBX|1|CX|A||first~second^^^H", "OBX-5[2].4", "H"),
        (r#"OBX|1|ST|A||"""#, "OBX-5", "\"\""),
        (r"OBX|1|ST|A||", "OBX-5", ""),
        (r"ZXX|||deep^er&est", "ZXX-3.2.2", "est"),
    ] {
        let bytes = format!("{MSH}{PID}{raw}\r").into_bytes();
        assert_eq!(at(&read(raw, &bytes), path), value, "{raw}");
    }
}

#[test]
fn names_are_read_in_the_character_set_they_are_written_in() {
    let text = |said: &str| {
        let header = MSH.trim_end();
        format!("{header}||||||{said}\rPID|1||X1||王^小东||1980\rPV1|1|E|急诊科\r")
    };
    for (what, bytes, charset) in [
        ("declared", text("UNICODE UTF-8").into_bytes(), "UNICODE UTF-8"),
        ("declared in another spelling", text("UTF-8").into_bytes(), "UNICODE UTF-8"),
        ("declared among others", text("ASCII~UNICODE UTF-8").into_bytes(), "UNICODE UTF-8"),
        ("UTF-8 undeclared", text("").into_bytes(), "UNICODE UTF-8"),
        ("UTF-8 behind a byte order mark", format!("\u{feff}{}", text("")).into_bytes(), "UNICODE UTF-8"),
        ("UTF-8 declared as GB 18030", text("GB 18030-2000").into_bytes(), "UNICODE UTF-8"),
        ("UTF-8 declared as Latin-1", text("8859/1").into_bytes(), "UNICODE UTF-8"),
        ("UTF-8 declared as ASCII", text("ASCII").into_bytes(), "UNICODE UTF-8"),
        ("GB 18030", gb(&text("GB 18030-2000")), "GB 18030-2000"),
        ("GBK", gb(&text("GBK")), "GB 18030-2000"),
        ("GB2312", gb(&text("GB2312")), "GB 18030-2000"),
        ("GB 18030 undeclared", gb(&text("")), "GB 18030-2000"),
        ("GB 18030 declared as UTF-8", gb(&text("UNICODE UTF-8")), "GB 18030-2000"),
        ("GB 18030 declared as ASCII", gb(&text("ASCII")), "GB 18030-2000"),
        ("GB 18030 under a name that is none", gb(&text("CHINESE")), "GB 18030-2000"),
    ] {
        let message = read(what, &bytes);
        assert_eq!(message.charset().as_str(), charset, "{what}");
        let read = (at(&message, "PID-5.1"), at(&message, "PID-5.2"), at(&message, "PV1-3"));
        assert_eq!(read, ("王".to_owned(), "小东".to_owned(), "急诊科".to_owned()), "{what}");
    }
}

#[test]
fn files_hold_messages_in_many_ways() {
    let one = format!("{MSH}{PID}");
    let batch = format!("FHS|^~\\&|A\rBHS|^~\\&|A\r{one}{one}BTS|2\rFTS|1\r");
    for (what, text, expected) in [
        ("one behind the other", one.repeat(3), &[true, true, true][..]),
        ("with blank lines between", format!("{one}\r\n\r\n{one}\r\n"), &[true, true]),
        ("with a byte order mark before each", format!("\u{feff}{one}").repeat(2), &[true, true]),
        ("a batch", batch.clone(), &[true, true]),
        ("a batch with line feeds", batch.replace('\r', "\n"), &[true, true]),
        ("a batch without trailers", batch.replace("BTS|2\rFTS|1\r", ""), &[true, true]),
        ("frames", format!("\u{b}{one}\u{1c}\r").repeat(2), &[true, true]),
        ("frames in lines", format!("\u{b}{one}\u{1c}\r\n").repeat(2), &[true, true]),
        (
            "frames with line feeds",
            format!("\u{b}{one}\u{1c}\r").repeat(2).replace('\r', "\n"),
            &[true, true],
        ),
        ("frames without carriage returns", format!("\u{b}{one}\u{1c}").repeat(2), &[true, true]),
        ("a frame within a frame", format!("\u{b}{MSH}\u{b}{one}\u{1c}\r"), &[true]),
        ("one frame too few", format!("\u{b}{one}\u{1c}\r\u{b}{one}"), &[false]),
        ("two messages in a frame", format!("\u{b}{one}{one}\u{1c}\r"), &[false]),
    ] {
        let found = checked(text.as_bytes());
        assert_eq!(found.iter().map(|one| one.ok).collect::<Vec<_>>(), expected, "{what}: {found:?}");
        assert!(found.iter().all(|one| one.round_trip), "{what}: {found:?}");
        assert_eq!(
            found.iter().map(|one| one.index).collect::<Vec<_>>(),
            (0..found.len()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_the_reason() {
    let one = format!("{MSH}{PID}");
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(one.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (what, bytes, reason) in [
        ("nothing", Vec::new(), "no message"),
        ("text", b"Dear colleague,".to_vec(), "outside of a message"),
        ("XML", b"<ADT_A01 xmlns=\"urn:hl7-org:v2xml\"><MSH>".to_vec(), "outside of a message"),
        ("UTF-16", utf16, "UTF-16"),
        ("no header", PID.as_bytes().to_vec(), "outside of a message"),
        (
            "a name cut in two by a line end",
            one.replace("WANG^", "WANG^\r").into_bytes(),
            "name of a segment",
        ),
        ("a damaged name", format!("{one}NTE|1||x\rO:R|1\r").into_bytes(), "name of a segment"),
        ("doubled escape character", one.replace("^~\\&", "^~\\\\&").into_bytes(), "two delimiters"),
        ("letters as delimiters", one.replace("^~\\&", "abcd").into_bytes(), "no punctuation"),
        ("no type", one.replace("ADT^A04^ADT_A01", "").into_bytes(), "type is missing"),
        ("no control ID", one.replace("|7|", "||").into_bytes(), "control ID is missing"),
        ("version 3", one.replace("2.5.1", "3.0").into_bytes(), "not 2.x"),
        ("a processing ID that is none", one.replace("|P|", "|LIVE|").into_bytes(), "none of P, T and D"),
        ("bytes in no character set", [one.as_bytes(), b"NTE|1||\xff\xff\r"].concat(), "no text"),
        ("a header in small letters", one.to_lowercase().into_bytes(), "outside of a message"),
    ] {
        let found = checked(&bytes);
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        assert!(!found[0].ok, "{what}");
        let said = serde_json::to_string(&found[0].errors).unwrap();
        assert!(said.contains(reason), "{what}: {said}");
        assert!(!said.contains("WANG") && !said.contains("X1"), "{what}: patient data in {said}");
    }
}

#[test]
fn the_line_of_a_message_has_these_keys_and_no_others() {
    let line = serde_json::to_value(&checked(format!("{MSH}{PID}").as_bytes())[0]).unwrap();
    let expected = serde_json::json!({
        "file": "x", "index": 0, "type": "ADT^A04^ADT_A01", "charset": "ASCII",
        "ok": true, "round_trip": true, "errors": [],
    });
    assert_eq!(line, expected);
    let line = serde_json::to_value(&checked(b"?")[0]).unwrap();
    let mut keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["charset", "errors", "file", "index", "ok", "round_trip", "type"]);
    let mut of_error: Vec<_> = line["errors"][0].as_object().unwrap().keys().map(String::as_str).collect();
    of_error.sort_unstable();
    assert_eq!(of_error, ["code", "message", "position", "severity"]);
}

#[test]
fn orders_are_told_apart() {
    let of = |what: &str, header: &str, body: &str| {
        let bytes = format!("{}{PID}{body}", MSH.replace("ADT^A04^ADT_A01", header)).into_bytes();
        let Content::Orders(orders) = mapped(what, &bytes).content else { panic!("{what}") };
        let value =
            |mapped: &Option<baize_hl7::profile::Mapped>| mapped.as_ref().map(|mapped| mapped.value.clone());
        let one = |order: &baize_hl7::profile::Order| {
            let fields = &order.fields;
            (
                value(&fields.placer_number).unwrap_or_default(),
                value(&fields.accession).unwrap_or_default(),
                order.lane.as_ref().map_or("none", |lane| lane.value.as_str()),
            )
        };
        orders.orders.iter().map(one).collect::<Vec<_>>()
    };
    let order =
        |placer: &str, accession: &str, lane: &'static str| (placer.to_owned(), accession.to_owned(), lane);
    let obr = |placer: &str, accession: &str, priority: &str| {
        format!("OBR|1|{placer}||71046^CHEST{}{accession}{}^^^^^{priority}\r", "|".repeat(14), "|".repeat(9))
    };
    let two = format!("ORC|NW|P1\r{}ORC|NW|P2\r{}", obr("P1", "A1", "S"), obr("P2", "A2", "R"));
    let shared = format!("ORC|NW|P0|||||^^^^^A\r{}{}", obr("P1", "A1", "R"), obr("P2", "A2", "S"));
    let expected = vec![order("P1", "A1", "stat"), order("P2", "A2", "routine")];
    for header in ["ORM^O01^ORM_O01", "ORM^O01", "ORM", "OMG^O19^OMG_O19"] {
        assert_eq!(of("an ORC each", header, &two), expected, "{header}");
    }
    let each = vec![order("P1", "A1", "urgent"), order("P2", "A2", "stat")];
    assert_eq!(of("one ORC for all", "ORM^O01", &shared), each);
    let bare = format!("{}{}", obr("P1", "A1", "S"), obr("P2", "A2", "R"));
    assert_eq!(of("no ORC", "ORM^O01", &bare), expected);
    let imaging =
        format!("ORC|NW|P1\rTQ1|1||||||||S^STAT^HL70485\r{}IPC|A9|R1|1.2.3|S1|DX\r", obr("P1", "A1", "R"));
    assert_eq!(of("IPC and TQ1", "OMI^O23^OMI_O23", &imaging), [order("P1", "A9", "stat")]);
    assert_eq!(of("nothing but an ORC", "ORM^O01", "ORC|CA|P1\r"), [order("P1", "", "none")]);
}

#[test]
fn only_what_was_measured_is_a_vital_sign() {
    for (obx, expected) in [
        ("OBX|1|NM|8867-4^Heart rate^LN||88|/min", Some(("heart_rate", 88.0))),
        (
            "OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC||88|264864^MDC_DIM_BEAT_PER_MIN^MDC",
            Some(("heart_rate", 88.0)),
        ),
        ("OBX|1|SN|59408-5||^91|%", Some(("spo2", 91.0))),
        ("OBX|1|SN|59408-5||=^91|%", Some(("spo2", 91.0))),
        ("OBX|1|SN|59408-5||<^91|%", None),
        ("OBX|1|SN|59408-5||^91^-^95|%", None),
        ("OBX|1|NM|59408-5||91~75|%", None),
        ("OBX|1|ST|59408-5||>90|%", None),
        ("OBX|1|NM|59408-5||\"\"|%", None),
        ("OBX|1|NM|8310-5||98.6|[degF]", Some(("temperature_c", 37.0))),
        ("OBX|1|NM|8310-5||36.6|Cel", Some(("temperature_c", 36.6))),
        ("OBX|1|NM|8310-5||36,6|Cel", None),
        ("OBX|1|NM|8310-5||36.6|", None),
        ("OBX|1|NM|8310-5||98.6|Cel", None),
        ("OBX|1|NM|8867-4||88|/min|||||X", None),
        ("OBX|1|NM|718-7^Hemoglobin^LN||13|g/dL", None),
        ("obx|1|NM|8867-4||88|/min", Some(("heart_rate", 88.0))),
    ] {
        for header in ["ORU^R01^ORU_R01", "ORU"] {
            let bytes = format!("{}{PID}OBR|1\r{obx}\r", MSH.replace("ADT^A04^ADT_A01", header)).into_bytes();
            let Content::Vitals(reading) = mapped(obx, &bytes).content else { panic!("{obx}") };
            let found: Vec<_> =
                reading.vitals.iter().map(|vital| (vital.name.as_str(), vital.value)).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{obx}");
        }
    }
}

#[test]
fn a_merge_names_what_is_given_up() {
    for header in ["ADT^A40^ADT_A39", "ADT^A34", "ADT^A18", "ADT^A47"] {
        let header = MSH.replace("ADT^A04^ADT_A01", header);
        let bytes = format!("{header}{PID}MRG|OLD1^^^H^MR||||V0\r").into_bytes();
        let Content::Encounter(event) = mapped("merge", &bytes).content else { panic!("{header}") };
        assert_eq!(event.visit.prior_patient_id.unwrap().value, "OLD1");
        assert_eq!(event.visit.prior_number.unwrap().value, "V0");
        let without = standard().map(&read("merge", format!("{header}{PID}").as_bytes())).unwrap();
        assert!(without.issues.iter().any(baize_hl7::Issue::is_error), "{header}");
    }
}

#[test]
fn a_message_about_nobody_is_not_acted_on() {
    for pid in ["", "PID|1\r", "PID|1||\r", "PID|1||\"\"\r", "PID|1||^^^H^MR\r"] {
        for header in ["ADT^A04", "ORU^R01", "ORM^O01"] {
            let bytes = format!("{}{pid}ORC|NW|1\r", MSH.replace("ADT^A04^ADT_A01", header));
            let mapping = standard().map(&read("nobody", bytes.as_bytes())).unwrap();
            let error = mapping.issues.iter().find(|issue| issue.is_error()).unwrap();
            assert_eq!(
                (error.code.number(), error.position.to_string().as_str()),
                (101, "PID-3.1"),
                "{pid:?}"
            );
        }
    }
    // Older senders know PID-2 alone.
    let Content::Encounter(event) = mapped("PID-2", format!("{MSH}PID|1|X2\r").as_bytes()).content else {
        panic!("an encounter")
    };
    assert_eq!(event.patient.id.unwrap().value, "X2");
}

#[test]
fn what_belongs_together_is_of_one_repetition() {
    let pid = "PID|1||OTHER^^^SSA^SS~X1^^^^MR||WANG^XIAODONG^^^^^D~LI^^^^^^L\r";
    let Content::Encounter(event) = mapped("repetitions", format!("{MSH}{pid}").as_bytes()).content else {
        panic!("an encounter")
    };
    let patient = event.patient;
    let found = [patient.id, patient.id_authority, patient.family_name, patient.given_name];
    let found = found.map(|mapped| mapped.map(|mapped| mapped.value));
    assert_eq!(found, [Some("X1".to_owned()), None, Some("LI".to_owned()), None]);
}
