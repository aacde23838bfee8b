//! Our own results are known when they come back.

use baize_core::{ErrorCode, Language, Outcome};
use baize_dicom::results::is_ours;
use baize_testkit::{ObjectBuilder, malformed};
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::tags;

use crate::support::{analysed, failed, make, parse};

#[test]
fn every_result_is_ours_and_no_image_is() {
    let source = ObjectBuilder::chest(1).build();
    assert!(!is_ours(&source));
    assert!(!is_ours(&ObjectBuilder::chest(1).text((0x0008, 0x0070), b"LO", "Baize Optics").build()));
    for outcome in [analysed(), Outcome::Refused(failed(ErrorCode::WrongView))] {
        for object in make(&source, outcome, Language::English) {
            assert!(is_ours(&object.bytes));
        }
    }
}

/// An archive may coerce either of the two attributes, not both.
#[test]
fn one_mark_is_enough() {
    let source = ObjectBuilder::chest(1).build();
    for object in make(&source, analysed(), Language::English) {
        for (tag, vr) in [(tags::MANUFACTURER, VR::LO), (tags::DEVICE_UID, VR::UI)] {
            let mut coerced = parse(&object);
            coerced.put(DataElement::new(tag, vr, "1.2"));
            let mut bytes = Vec::new();
            coerced.write_all(&mut bytes).unwrap();
            assert!(is_ours(&bytes), "{tag}");
        }
    }
}

#[test]
fn damage_is_not_ours_and_no_panic() {
    for (_, object) in malformed(7, 200) {
        let _ours = is_ours(&object);
    }
    assert!(!is_ours(b""));
    assert!(!is_ours(&[0; 200]));
}
