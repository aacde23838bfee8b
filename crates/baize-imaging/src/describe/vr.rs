//! The value representation of an element that does not state it.

use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

use crate::element::Element;

/// The value representation: as stated, or as the standard's dictionary has it. An element of stated VR `UN`
/// that the standard knows was re-encoded by a system that did not (PS3.5 section 6.2.2).
pub(super) fn of(element: &Element<'_>, signed: bool) -> [u8; 2] {
    match element.vr {
        Some(vr) if vr != *b"UN" => vr,
        stated => {
            if element.undefined_length && stated.is_some() {
                return *b"SQ";
            }
            known(element, signed)
        }
    }
}

fn known(element: &Element<'_>, signed: bool) -> [u8; 2] {
    let (group, number) = element.tag;
    if group % 2 == 1 {
        return match number {
            // A private creator names the block of elements.
            0x0010..=0x00FF if element.vr.is_none() => *b"LO",
            _ if element.undefined_length => *b"SQ",
            _ => *b"UN",
        };
    }
    match StandardDataDictionary.by_tag(Tag(group, number)).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(vr)) => bytes(vr.to_string()),
        Some(VirtualVr::Xs) if signed => *b"SS",
        Some(VirtualVr::Xs) => *b"US",
        // PS3.5 section A.1: in Implicit VR, pixel, overlay and table data are of VR OW.
        Some(_) => *b"OW",
        None if element.undefined_length => *b"SQ",
        None => *b"UN",
    }
}

fn bytes(name: &str) -> [u8; 2] {
    name.as_bytes().try_into().unwrap_or(*b"UN")
}

/// The name of a value representation; `UN` for one that nobody knows.
pub(super) fn name(vr: &[u8; 2]) -> &str {
    // The walk lets capital letters through only.
    str::from_utf8(vr).unwrap_or("UN")
}
