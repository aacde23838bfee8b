//! What a de-identified object says about itself (PS3.15 section E.1.1, PS3.16 CID 7050).

use crate::actions::{CONTENT_SEQUENCE, GRAPHIC_ANNOTATION_SEQUENCE};
use crate::dummy::code_item;
use crate::element::{DataSet, Element};
use crate::options::{Dates, Options};
use crate::profile::EDITION;

/// Writes Patient Identity Removed, the method with its codes, and what became of the dates.
pub(crate) fn set(data_set: &mut DataSet<'_>, options: &Options) {
    let method = format!("Baize, DICOM PS3.15 {EDITION} Basic Profile");
    let longitudinal = match options.dates {
        Dates::Remove => "REMOVED",
        Dates::Shift => "MODIFIED",
        Dates::Keep => "UNMODIFIED",
    };
    let codes = codes(data_set, options).into_iter().map(|(value, meaning)| code_item(value, "DCM", meaning));
    let codes = codes.collect();
    data_set.0.insert((0x0012, 0x0062), Element::text(*b"CS", "YES"));
    data_set.0.insert((0x0012, 0x0063), Element::text(*b"LO", &method));
    data_set.0.insert((0x0012, 0x0064), Element::sequence(codes));
    data_set.0.insert((0x0028, 0x0303), Element::text(*b"CS", longitudinal));
}

fn codes(data_set: &DataSet<'_>, options: &Options) -> Vec<(&'static str, &'static str)> {
    let dates = match options.dates {
        Dates::Remove => None,
        Dates::Shift => Some(("113107", "Retain Longitudinal Temporal Information Modified Dates Option")),
        Dates::Keep => Some(("113106", "Retain Longitudinal Temporal Information Full Dates Option")),
    };
    let has = |tag| data_set.0.contains_key(&tag);
    let when = |applies: bool, code| applies.then_some(code);
    [
        Some(("113100", "Basic Application Confidentiality Profile")),
        when(has(GRAPHIC_ANNOTATION_SEQUENCE), ("113103", "Clean Graphics Option")),
        when(has(CONTENT_SEQUENCE), ("113104", "Clean Structured Content Option")),
        dates,
        when(options.retain_patient_characteristics, ("113108", "Retain Patient Characteristics Option")),
        when(options.retain_device, ("113109", "Retain Device Identity Option")),
        when(options.retain_uids, ("113110", "Retain UIDs Option")),
        when(options.retain_institution, ("113112", "Retain Institution Identity Option")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
