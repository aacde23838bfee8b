//! A look at the first elements of an encoded data set, without decoding it.
//!
//! Lengths are only ever skipped, never allocated, so a damaged data set costs nothing here.

use std::io::{Cursor, Read};

use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use dicom_transfer_syntax_registry::entries::{EXPLICIT_VR_BIG_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};

/// How much of a deflated data set is inflated to find the two UIDs, which come among the first elements.
const INFLATE_LIMIT: u64 = 64 * 1024;

pub(crate) const UNDEFINED_LENGTH: u32 = u32::MAX;
const FILE_META_GROUP: u16 = 0x0002;
const TRANSFER_SYNTAX_ELEMENT: u16 = 0x0010;
const SOP_CLASS_UID: (u16, u16) = (0x0008, 0x0016);
const SOP_INSTANCE_UID: (u16, u16) = (0x0008, 0x0018);
pub(crate) const ITEM: (u16, u16) = (0xFFFE, 0xE000);
pub(crate) const ITEM_END: (u16, u16) = (0xFFFE, 0xE00D);
pub(crate) const SEQUENCE_END: (u16, u16) = (0xFFFE, 0xE0DD);

/// SOP Class UID (0008,0016) and SOP Instance UID (0008,0018) of a data set, without padding; `None` for one
/// that is absent or lies behind damage.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SopUids {
    pub(crate) class: Option<String>,
    pub(crate) instance: Option<String>,
}

/// Finds the UIDs in `data_set`, which is encoded in `transfer_syntax`.
pub(crate) fn sop_uids(data_set: &[u8], transfer_syntax: &str) -> SopUids {
    let mut found = SopUids::default();
    walk_outer(data_set, transfer_syntax, INFLATE_LIMIT, |tag, value| {
        match tag {
            SOP_CLASS_UID => found.class = Some(text(value)),
            SOP_INSTANCE_UID => found.instance = Some(text(value)),
            _ => {}
        }
        tag <= SOP_INSTANCE_UID
    });
    found
}

/// Shows the elements of the outermost level of `data_set`, as written in `transfer_syntax`, until `look` says that
/// it has seen enough, to the end, or to damage. The value of a sequence of undefined length shows as empty. At most
/// `inflate_limit` bytes of a deflated data set are looked at.
pub(crate) fn walk_outer(
    data_set: &[u8],
    transfer_syntax: &str,
    inflate_limit: u64,
    mut look: impl FnMut((u16, u16), &[u8]) -> bool,
) {
    let Some(syntax) = TransferSyntaxRegistry.get(transfer_syntax) else { return };
    // PS3.5 annex A: all others are Explicit VR Little Endian.
    let explicit_vr = syntax.uid() != IMPLICIT_VR_LITTLE_ENDIAN.uid();
    let big_endian = syntax.uid() == EXPLICIT_VR_BIG_ENDIAN.uid();
    let inflated;
    let bytes = match syntax.codec() {
        Codec::Dataset(Some(adapter)) => {
            let mut start = Vec::new();
            let reader = adapter.adapt_reader(Box::new(Cursor::new(data_set)));
            // What could be inflated before an error is looked at; the intake will find the error.
            let _inflated = reader.take(inflate_limit).read_to_end(&mut start);
            inflated = start;
            inflated.as_slice()
        }
        _ => data_set,
    };
    let mut elements = Elements { rest: bytes, explicit_vr, big_endian };
    while let Some((tag, value)) = elements.next_outer() {
        if !look(tag, value) {
            break;
        }
    }
}

/// Takes a file apart behind its preamble and prefix: Transfer Syntax UID and data set. The group length (0002,0000)
/// is wrong in some files, so the file meta group is walked to its end.
pub(crate) fn split_file_meta(file: &[u8]) -> Option<(String, &[u8])> {
    let mut elements = Elements { rest: file, explicit_vr: true, big_endian: false };
    let mut transfer_syntax = None;
    let mut data_set = file;
    while let Some(((FILE_META_GROUP, element), value)) = elements.next_outer() {
        if element == TRANSFER_SYNTAX_ELEMENT {
            transfer_syntax = Some(text(value));
        }
        data_set = elements.rest;
    }
    Some((transfer_syntax?, data_set))
}

pub(crate) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches(['\0', ' ']).to_owned()
}

/// The elements of an encoded data set, one after the other.
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
    explicit_vr: bool,
    big_endian: bool,
}

impl<'a> Elements<'a> {
    /// Of a data set in a transfer syntax that is not deflated.
    pub(crate) fn of(data_set: &'a [u8], transfer_syntax: &str) -> Self {
        Self {
            rest: data_set,
            explicit_vr: transfer_syntax != IMPLICIT_VR_LITTLE_ENDIAN.uid(),
            big_endian: transfer_syntax == EXPLICIT_VR_BIG_ENDIAN.uid(),
        }
    }

    /// The next element of the outermost level; the value of one of undefined length is skipped and empty.
    /// `None` at the end and at damage.
    fn next_outer(&mut self) -> Option<((u16, u16), &'a [u8])> {
        let (tag, length) = self.header()?;
        if length != UNDEFINED_LENGTH {
            return Some((tag, self.take(length as usize)?));
        }
        // Counts the sequences and items that are open; a loop, so that nesting costs no stack.
        let mut open = 1_u32;
        while open > 0 {
            match self.header()? {
                (ITEM_END | SEQUENCE_END, _) => open -= 1,
                (_, UNDEFINED_LENGTH) => open = open.checked_add(1)?,
                (_, inner) => {
                    self.take(inner as usize)?;
                }
            }
        }
        Some((tag, &[]))
    }

    /// Tag and length of what comes next; `None` at the end and at damage.
    pub(crate) fn header(&mut self) -> Option<((u16, u16), u32)> {
        let tag = (self.u16()?, self.u16()?);
        if !self.explicit_vr || matches!(tag, ITEM | ITEM_END | SEQUENCE_END) {
            return Some((tag, self.u32()?));
        }
        // PS3.5 section 7.1.2: these have two reserved bytes and a length of four.
        match self.take(2)? {
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT"
            | b"UV" => {
                self.take(2)?;
                Some((tag, self.u32()?))
            }
            _ => Some((tag, u32::from(self.u16()?))),
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// A number in the data set's order of bytes.
    pub(crate) fn number(&self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    /// The bytes that come next; `None` where there are fewer.
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?.try_into().ok()?;
        Some(self.number(bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use dicom_core::value::DataSetSequence;
    use dicom_core::{DataElement, Length, PrimitiveValue, VR};
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;

    use super::*;

    const SYNTAXES: [&str; 5] = [
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.4.70",
    ];

    fn encoded(transfer_syntax: &str) -> Vec<u8> {
        // A sequence of undefined length, nested, stands before the UIDs (PS3.6 has one: Language Code Sequence).
        let inner = InMemDicomObject::from_element_iter([DataElement::new(
            tags::CODE_VALUE,
            VR::SH,
            PrimitiveValue::from("zh-CN"),
        )]);
        let nested = InMemDicomObject::from_element_iter([DataElement::new(
            tags::CONCEPT_CODE_SEQUENCE,
            VR::SQ,
            DataSetSequence::new(vec![inner], Length::UNDEFINED),
        )]);
        let object = InMemDicomObject::from_element_iter([
            DataElement::new(
                tags::LANGUAGE_CODE_SEQUENCE,
                VR::SQ,
                DataSetSequence::new(vec![nested], Length::UNDEFINED),
            ),
            DataElement::new(tags::SOP_CLASS_UID, VR::UI, PrimitiveValue::from("1.2.840.10008.5.1.4.1.1.1")),
            DataElement::new(tags::SOP_INSTANCE_UID, VR::UI, PrimitiveValue::from("2.25.77")),
            DataElement::new(tags::PATIENT_ID, VR::LO, PrimitiveValue::from("X")),
        ]);
        let mut bytes = Vec::new();
        let syntax = TransferSyntaxRegistry.get(transfer_syntax).unwrap();
        object.write_dataset_with_ts(&mut bytes, syntax).unwrap();
        bytes
    }

    #[test]
    fn both_uids_are_found_in_every_encoding() {
        for syntax in SYNTAXES {
            let uids = sop_uids(&encoded(syntax), syntax);
            assert_eq!(uids.class.as_deref(), Some("1.2.840.10008.5.1.4.1.1.1"), "{syntax}");
            assert_eq!(uids.instance.as_deref(), Some("2.25.77"), "{syntax}");
        }
    }

    #[test]
    fn damage_yields_no_uid_and_no_panic() {
        for syntax in SYNTAXES {
            let whole = encoded(syntax);
            for end in 0..whole.len() {
                let _uids = sop_uids(&whole[..end], syntax);
            }
            for position in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[position] ^= 0xff;
                let _uids = sop_uids(&damaged, syntax);
            }
        }
        assert_eq!(sop_uids(b"", "1.2.840.10008.1.2"), SopUids::default());
        assert_eq!(sop_uids(&[0xff; 64], "1.2.840.10008.1.2.1"), SopUids::default());
        assert_eq!(sop_uids(&encoded(SYNTAXES[1]), "1.2.3"), SopUids::default());
    }
}
