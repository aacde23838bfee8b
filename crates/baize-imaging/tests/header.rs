//! What an object says about itself, and what is refused for which reason.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use baize_core::{AgeYears, ErrorCode, Sex};
use baize_imaging::{Limits, read_header};
use baize_testkit::{ObjectBuilder, Syntax, Value};

const LIMITS: Limits = Limits { max_object_bytes: 1 << 20, max_pixels: 1 << 20 };

#[test]
fn facts_are_read_in_every_syntax() {
    for syntax in Syntax::ALL {
        let builder = ObjectBuilder::chest(5).syntax(syntax).age("064Y").sex("F").patient_name("王^小明");
        let header = read_header(&builder.build(), &LIMITS).unwrap();
        assert_eq!(header.identity.study.as_str(), builder.study_uid());
        assert_eq!(header.identity.series.as_str(), builder.series_uid());
        assert_eq!(header.identity.sop.as_str(), builder.sop_uid());
        assert_eq!(header.identity.sop_class, "1.2.840.10008.5.1.4.1.1.1");
        assert_eq!(header.identity.transfer_syntax, syntax.uid());
        let facts = header.facts;
        assert_eq!(facts.modality.as_deref(), Some("CR"), "{syntax:?}");
        assert_eq!(facts.body_part.as_deref(), Some("CHEST"));
        assert_eq!(facts.view.as_deref(), Some("PA"));
        assert_eq!(facts.patient_name.as_deref(), Some("王^小明"));
        assert_eq!(facts.patient_id.as_deref(), Some("P5"));
        assert_eq!(facts.accession.as_deref(), Some("A5"));
        assert_eq!(facts.study_date.as_deref(), Some("20250102"));
        assert_eq!(facts.study_description.as_deref(), Some("Chest"));
        assert_eq!((facts.age, facts.sex), (Some(AgeYears(64.0)), Some(Sex::Female)));
        let size = if syntax.stream().is_some() { (96, 80) } else { (256, 208) };
        assert_eq!((facts.rows, facts.columns, facts.frames), (size.0, size.1, 1));
        assert!(!facts.burned_in_annotation);
    }
}

#[test]
fn names_are_decoded_from_their_character_set() {
    for charset in ["ISO_IR 192", "GB18030", "GBK"] {
        let object = ObjectBuilder::chest(1).charset(charset).patient_name("欧阳^雪莉").build();
        let facts = read_header(&object, &LIMITS).unwrap().facts;
        assert_eq!(facts.patient_name.as_deref(), Some("欧阳^雪莉"), "{charset}");
    }
}

#[test]
fn the_age_is_stated_or_counted_from_birth() {
    let age = |builder: ObjectBuilder| {
        read_header(&builder.build(), &LIMITS)
            .unwrap()
            .facts
            .age
            .map(|AgeYears(years)| (years * 100.0).round() / 100.0)
    };
    let chest = || ObjectBuilder::chest(1);
    assert_eq!(age(chest().age("018M")), Some(1.5));
    assert_eq!(age(chest()), Some(65.0), "born 1960-01-02, studied 2025-01-02");
    assert_eq!(age(chest().age("000Y")), Some(65.0), "a placeholder gives way to the date of birth");
    assert_eq!(age(chest().age("000Y").remove((0x0010, 0x0030))), None);
    assert_eq!(age(chest().text((0x0010, 0x0030), b"DA", "20260101")), None, "born after the study");
    assert_eq!(age(chest().text((0x0010, 0x0030), b"DA", "18000101")), None, "nobody is 225 years old");
    assert_eq!(age(chest().remove((0x0008, 0x0020))), None);
}

#[test]
fn the_digest_is_of_the_data_set_and_its_syntax() {
    let builder = ObjectBuilder::chest(1);
    let digest = |object: &[u8]| read_header(object, &LIMITS).unwrap().digest;
    let object = builder.build();
    // The same data set as another way in wraps it: another preamble, no other meta elements.
    let mut wrapped = vec![0x20; 128];
    wrapped.extend_from_slice(b"DICM\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0");
    wrapped.extend_from_slice(&builder.data_set_bytes());
    assert_eq!(digest(&object), digest(&wrapped));
    assert_ne!(digest(&object), digest(&builder.clone().accession("A2").build()));
    assert_ne!(digest(&object), digest(&builder.syntax(Syntax::ImplicitLittle).build()));
}

#[test]
fn objects_that_cannot_be_kept_are_refused_by_name() {
    let check = |what: &str, object: &[u8], code: ErrorCode, said: &str| {
        let fault = read_header(object, &LIMITS).unwrap_err();
        assert_eq!(fault.code, code, "{what}: {fault}");
        assert!(fault.message.contains(said), "{what}: {fault}");
    };
    let chest = || ObjectBuilder::chest(1);
    let object = chest().build();
    check("empty", b"", ErrorCode::NotDicom, "preamble");
    check("text", b"GIF89a".repeat(40).as_slice(), ErrorCode::NotDicom, "preamble");
    check("no preamble", &object[128..], ErrorCode::NotDicom, "preamble");
    check(
        "no meta group",
        &[&[0; 128][..], b"DICM", &chest().data_set_bytes()].concat(),
        ErrorCode::NotDicom,
        "meta",
    );
    check("too large", &vec![0; (1 << 20) + 1], ErrorCode::ObjectTooLarge, "1048576");
    check("cut", &object[..500], ErrorCode::MalformedObject, "");
    let sop = chest().remove((0x0008, 0x0018)).build();
    check("no SOP Instance", &sop, ErrorCode::MissingAttribute, "SOP Instance UID (0008,0018)");
    check(
        "no study",
        &chest().study("").build(),
        ErrorCode::MissingAttribute,
        "Study Instance UID (0020,000D)",
    );
    check("a path", &chest().series("../etc").build(), ErrorCode::MalformedObject, "Series Instance UID");
    let frames = chest().text((0x0028, 0x0008), b"IS", "many").build();
    check("frames", &frames, ErrorCode::MalformedObject, "(0028,0008)");
    let bomb =
        chest().syntax(Syntax::Deflated).set((0x0028, 0x2000), b"OB", Value::Bytes(vec![0; 2 << 20])).build();
    check("a bomb", &bomb, ErrorCode::ObjectTooLarge, "inflates");
}

#[test]
fn faults_hold_no_patient_data() {
    for (name, object) in baize_testkit::malformed(11, 240) {
        if let Err(fault) = read_header(&object, &LIMITS) {
            assert!(!fault.message.contains("Phantom"), "{name}: {fault}");
        }
    }
    let uid = ObjectBuilder::chest(1).study("Phantom^1").build();
    assert!(!read_header(&uid, &LIMITS).unwrap_err().message.contains("Phantom"));
}

#[test]
fn sequences_are_skipped_whatever_they_hold() {
    let mut item = baize_testkit::DataSet::default();
    item.text((0x0010, 0x0010), b"PN", "Inner^Name");
    let mut outer = baize_testkit::DataSet::default();
    outer.set((0x0040, 0xA730), b"SQ", Value::Sequence(vec![item.clone(), item]));
    // Before the patient's name, so that a walk that loses its way would find the inner one.
    for syntax in [Syntax::ExplicitLittle, Syntax::ImplicitLittle, Syntax::ExplicitBig] {
        let object = ObjectBuilder::chest(1)
            .syntax(syntax)
            .set((0x0008, 0x1140), b"SQ", Value::Sequence(vec![outer.clone()]))
            .build();
        let facts = read_header(&object, &LIMITS).unwrap().facts;
        assert_eq!(facts.patient_name.as_deref(), Some("Phantom^1"), "{syntax:?}");
    }
}
