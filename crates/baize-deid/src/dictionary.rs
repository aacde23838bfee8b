//! What PS3.6 says about a tag.

use dicom_core::dictionary::{DataDictionary as _, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

use crate::element::Tag;

pub(crate) const SOP_CLASS_UID: Tag = (0x0008, 0x0016);
pub(crate) const SOP_INSTANCE_UID: Tag = (0x0008, 0x0018);
pub(crate) const IMAGE_TYPE: Tag = (0x0008, 0x0008);
pub(crate) const MODALITY: Tag = (0x0008, 0x0060);
pub(crate) const PATIENT_NAME: Tag = (0x0010, 0x0010);
pub(crate) const PATIENT_ID: Tag = (0x0010, 0x0020);
pub(crate) const BURNED_IN_ANNOTATION: Tag = (0x0028, 0x0301);
pub(crate) const STUDY_INSTANCE_UID: Tag = (0x0020, 0x000D);
pub(crate) const SERIES_INSTANCE_UID: Tag = (0x0020, 0x000E);
pub(crate) const PIXEL_DATA: Tag = (0x7FE0, 0x0010);
/// Float, double and integer pixel data.
pub(crate) const PIXEL_TAGS: [Tag; 3] = [(0x7FE0, 0x0008), (0x7FE0, 0x0009), PIXEL_DATA];

/// The value representation of a tag; `None` for one that the dictionary does not know. Where PS3.6 gives a choice
/// (`US or SS`, `OB or OW`), the wider one, whose bytes are the same.
pub(crate) fn vr(tag: Tag) -> Option<[u8; 2]> {
    let entry = StandardDataDictionary.by_tag(dicom_core::Tag(tag.0, tag.1))?;
    Some(match entry.vr {
        VirtualVr::Exact(vr) => vr.to_bytes(),
        VirtualVr::Xs => *b"US",
        VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt => *b"OW",
        _ => *b"UN",
    })
}

/// UIDs of this attribute name a class of things, not one thing: they say nothing about a patient.
pub(crate) fn names_a_class(tag: Tag) -> bool {
    let Some(entry) = StandardDataDictionary.by_tag(dicom_core::Tag(tag.0, tag.1)) else { return false };
    let keyword = entry.alias;
    ["SOPClassUID", "SOPClassesSupported", "TransferSyntaxUID", "ContextUID", "CodingSchemeUID", "MappingResourceUID"]
        .iter()
        .any(|end| keyword.ends_with(end))
        || keyword == "RelatedGeneralSOPClassUID"
}
