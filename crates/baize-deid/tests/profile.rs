//! The profile over synthetic objects, in every encoding.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use baize_core::ErrorCode;
use baize_deid::{Concern, Dates, Deidentified, Key, Options, deidentify};
use baize_testkit::{ObjectBuilder, Syntax, Value};

const LIMIT: u64 = 64 << 20;

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

fn clean(object: &ObjectBuilder, options: &Options) -> Deidentified {
    deidentify(&object.build(), &key(1), options, LIMIT).unwrap()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn patient() -> ObjectBuilder {
    ObjectBuilder::chest(1)
        .patient_name("Miller^Anna")
        .text((0x0010, 0x0020), b"LO", "PID-4711")
        .text((0x0010, 0x0030), b"DA", "19610203")
        .text((0x0008, 0x0020), b"DA", "20240301")
        .text((0x0008, 0x0030), b"TM", "101112")
        .text((0x0008, 0x0080), b"LO", "Mercy Hospital")
        .text((0x0008, 0x1010), b"SH", "CR-ROOM-3")
        .text((0x0008, 0x1030), b"LO", "Thorax of Anna Miller")
        .text((0x0009, 0x0010), b"LO", "VENDOR PRIVATE")
        .text((0x0009, 0x1001), b"LO", "private words")
        .text((0x0018, 0x1400), b"LO", "post processing")
        .sex("F")
        .accession("ACC-99-1")
}

const SECRETS: [&str; 11] = [
    "Miller",
    "Anna",
    "PID-4711",
    "19610203",
    "20240301",
    "Mercy",
    "CR-ROOM-3",
    "Thorax",
    "VENDOR",
    "private words",
    "ACC-99-1",
];

#[test]
fn nothing_of_the_patient_stays_in_any_encoding() {
    for syntax in [
        Syntax::ImplicitLittle,
        Syntax::ExplicitLittle,
        Syntax::ExplicitBig,
        Syntax::Rle,
        Syntax::JpegBaseline,
    ] {
        let object = patient().syntax(syntax);
        let out = clean(&object, &Options::default());
        for secret in SECRETS {
            assert!(!holds(&out.bytes, secret), "{syntax:?}: {secret}");
        }
        for uid in [object.study_uid(), object.series_uid(), object.sop_uid()] {
            assert!(!holds(&out.bytes, &uid), "{syntax:?}: {uid}");
        }
        assert!(holds(&out.bytes, object.transfer_syntax_uid()), "{syntax:?}");
        assert!(out.removed > 0 && out.replaced > 0);
        // What the output says about itself can be de-identified once more.
        deidentify(&out.bytes, &key(2), &Options::default(), LIMIT).unwrap();
    }
}

#[test]
fn names_in_every_character_set_go() {
    for charset in ["GB18030", "ISO_IR 192"] {
        let object = ObjectBuilder::chest(3).charset(charset).patient_name("Zhang^Cheng=张^乗俓");
        let before = object.build();
        let out = clean(&object, &Options::default());
        let name = object.data_set().encode(Syntax::ExplicitLittle);
        assert!(holds(&before, "Zhang") && holds(&name, "Zhang"), "the test would find it");
        assert!(!holds(&out.bytes, "Zhang"), "{charset}");
        let han = "张".as_bytes();
        assert!(!out.bytes.windows(3).any(|window| window == han), "{charset}");
    }
}

#[test]
fn options_keep_what_they_name_and_nothing_else() {
    let retained = |options: Options| {
        let out = clean(&patient(), &options);
        SECRETS.into_iter().filter(|secret| holds(&out.bytes, secret)).collect::<Vec<_>>()
    };
    let none = Options::default();
    assert_eq!(retained(none), [""; 0]);
    assert_eq!(retained(Options { retain_institution: true, ..none }), ["Mercy"]);
    assert_eq!(retained(Options { retain_device: true, ..none }), ["CR-ROOM-3"]);
    assert_eq!(retained(Options { dates: Dates::Keep, ..none }), ["20240301"]);
    assert_eq!(retained(Options { dates: Dates::Shift, ..none }), [""; 0]);
    let out = clean(&patient(), &Options { retain_uids: true, ..none });
    assert!(holds(&out.bytes, &patient().sop_uid()));
}

#[test]
fn what_refers_to_one_another_still_does() {
    let first = clean(&patient().sop("1.2.3.1").study("1.2.3").series("1.2.3.9"), &Options::default());
    let second = clean(&patient().sop("1.2.3.2").study("1.2.3").series("1.2.3.9"), &Options::default());
    assert_eq!(first.names.study, second.names.study);
    assert_eq!(first.names.series, second.names.series);
    assert_eq!(first.names.patient, second.names.patient);
    assert_ne!(first.names.sop.new, second.names.sop.new);
    let other = deidentify(&patient().build(), &key(2), &Options::default(), LIMIT).unwrap();
    assert_ne!(other.names.patient.new, first.names.patient.new, "another key, another name");
}

#[test]
fn patients_without_an_id_stay_apart() {
    let nobody = |study: &str| {
        clean(&patient().text((0x0010, 0x0020), b"LO", "").study(study), &Options::default())
            .names
            .patient
            .new
    };
    assert_ne!(nobody("1.2.3"), nobody("1.2.4"));
    assert_eq!(nobody("1.2.3"), nobody("1.2.3"));
}

#[test]
fn a_name_is_found_in_a_text_that_stays() {
    // Body Part Examined is a code and stays; Pixel data provider's free label is prose.
    let object = patient().text((0x0018, 0x1160), b"SH", "Miller, A.");
    assert!(!holds(&clean(&object, &Options::default()).bytes, "Miller"));
}

#[test]
fn what_may_show_a_name_is_held_back() {
    let concerns = |object: ObjectBuilder| clean(&object, &Options::default()).concerns;
    assert_eq!(concerns(patient()), []);
    assert_eq!(concerns(patient().text((0x0028, 0x0301), b"CS", "YES")), [Concern::BurnedInDeclared]);
    for modality in ["US", "OT"] {
        assert_eq!(concerns(patient().modality(modality)), [Concern::BurnedInUsual], "{modality}");
    }
    let capture = patient().text((0x0008, 0x0016), b"UI", "1.2.840.10008.5.1.4.1.1.7");
    assert_eq!(concerns(capture), [Concern::BurnedInUsual]);
    let overlay = patient().set((0x6000, 0x0102), b"US", Value::Words(vec![12]));
    assert_eq!(concerns(overlay), [Concern::OverlayInPixels]);
    let document = patient().text((0x0008, 0x0016), b"UI", "1.2.840.10008.5.1.4.1.1.104.1");
    assert_eq!(concerns(document), [Concern::Document]);
    assert!(!Concern::Document.is_acceptable());
}

#[test]
fn what_is_not_understood_is_refused() {
    let refused = |bytes: &[u8]| deidentify(bytes, &key(1), &Options::default(), LIMIT).unwrap_err().code;
    let whole = patient().build();
    assert_eq!(refused(b"no image"), ErrorCode::NotDicom);
    assert_eq!(refused(&whole[..whole.len() - 1]), ErrorCode::MalformedObject);
    let nameless = patient().remove((0x0008, 0x0018)).build();
    assert_eq!(refused(&nameless), ErrorCode::MissingAttribute);
    for (what, bytes) in baize_testkit::malformed(7, 300) {
        // Whatever comes of it, it comes as a value.
        if let Err(fault) = deidentify(&bytes, &key(1), &Options::default(), LIMIT) {
            assert!(!fault.message.is_empty(), "{what}");
        }
    }
}
