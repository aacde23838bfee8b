//! What the result objects take over from the header of the image.

use std::collections::BTreeMap;

use baize_core::{ErrorCode, Fault, Language};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_transfer_syntax_registry::entries::EXPLICIT_VR_BIG_ENDIAN;

use crate::data_set::{split_file_meta, walk_outer};

/// PS3.10 section 7.1: preamble and prefix.
const PREFIX_END: usize = 132;
/// How much of a deflated data set is inflated to find what stands before its pixels.
const INFLATE_LIMIT: u64 = 4 << 20;
/// The longest value that is kept: descriptions and names stay far below.
const MAX_VALUE: usize = 10 * 1024;
const PIXEL_GROUPS: u16 = 0x7FE0;

/// The attributes of the image, as bytes, by tag; sequences and long values are there but empty.
pub(crate) struct Source {
    values: BTreeMap<Tag, Vec<u8>>,
    big_endian: bool,
}

impl Source {
    /// Reads the header of a Part 10 object as far as it is whole: what could not be read is reported on too.
    ///
    /// # Errors
    /// `NotDicom` where there is no file meta group that names a transfer syntax.
    pub(crate) fn read(object: &[u8]) -> Result<Self, Fault> {
        let not_dicom = || Fault::new(ErrorCode::NotDicom, "the source of a result is no DICOM Part 10 file");
        let (prefix, file) = object.split_at_checked(PREFIX_END).ok_or_else(not_dicom)?;
        if !prefix.ends_with(b"DICM") {
            return Err(not_dicom());
        }
        let (transfer_syntax, data_set) = split_file_meta(file).ok_or_else(not_dicom)?;
        let mut values = BTreeMap::new();
        walk_outer(data_set, &transfer_syntax, INFLATE_LIMIT, |(group, element), value| {
            if group >= PIXEL_GROUPS {
                return false;
            }
            let kept = if value.len() > MAX_VALUE { Vec::new() } else { value.to_vec() };
            values.entry(Tag(group, element)).or_insert(kept);
            true
        });
        Ok(Self { values, big_endian: transfer_syntax == EXPLICIT_VR_BIG_ENDIAN.uid() })
    }

    /// The attribute is there, be it empty.
    pub(crate) fn has(&self, tag: Tag) -> bool {
        self.values.contains_key(&tag)
    }

    /// A text in its character set, without padding; `None` where it is absent or empty.
    pub(crate) fn text(&self, tag: Tag) -> Option<String> {
        let character_set = self.values.get(&tags::SPECIFIC_CHARACTER_SET).map(Vec::as_slice);
        baize_imaging::decode_text(character_set, self.values.get(&tag)?)
    }

    /// A value of the default repertoire: a code, a UID, numbers as text; several stand as written, with `\` between.
    pub(crate) fn code(&self, tag: Tag) -> Option<&str> {
        let text = str::from_utf8(self.values.get(&tag)?).ok()?.trim_matches(['\0', ' ']);
        (!text.is_empty() && text.is_ascii()).then_some(text)
    }

    /// The first 16-bit number.
    pub(crate) fn word(&self, tag: Tag) -> Option<u16> {
        let bytes = *self.values.get(&tag)?.first_chunk::<2>()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    /// The image is written in GB18030 or in its subset GBK.
    pub(crate) fn is_gb18030(&self) -> bool {
        matches!(self.code(tags::SPECIFIC_CHARACTER_SET), Some("GB18030" | "GBK"))
    }

    /// The language that the place of the image works in: Chinese where the header shows it by its character set or
    /// by Chinese text, else English.
    pub(crate) fn language(&self) -> Language {
        let chinese_set = self
            .code(tags::SPECIFIC_CHARACTER_SET)
            .is_some_and(|terms| terms.split('\\').any(|term| CHINESE_SETS.contains(&term)));
        let described = [
            tags::STUDY_DESCRIPTION,
            tags::SERIES_DESCRIPTION,
            tags::PROTOCOL_NAME,
            tags::INSTITUTION_NAME,
            tags::INSTITUTIONAL_DEPARTMENT_NAME,
            tags::PATIENT_NAME,
        ];
        let chinese_text = described
            .into_iter()
            .filter_map(|tag| self.text(tag))
            .any(|text| text.chars().any(is_han) && !text.chars().any(is_kana_or_hangul));
        if chinese_set || chinese_text { Language::Chinese } else { Language::English }
    }

    /// Timezone Offset From UTC (0008,0201) in minutes, where the image states it.
    pub(crate) fn utc_offset_minutes(&self) -> Option<i16> {
        let text = self.code(tags::TIMEZONE_OFFSET_FROM_UTC)?;
        let (sign, digits) = match text.split_at_checked(1)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return None,
        };
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: i16 = digits.parse().ok()?;
        let minutes = number / 100 * 60 + number % 100;
        // PS3.3 section C.12.1.1.8: -1200 to +1400.
        (number % 100 < 60 && (-720..=840).contains(&(sign * minutes))).then_some(sign * minutes)
    }
}

/// PS3.3 section C.12.1.1.2: the sets that only Chinese sites declare.
const CHINESE_SETS: [&str; 3] = ["GB18030", "GBK", "ISO 2022 IR 58"];

fn is_han(character: char) -> bool {
    ('\u{4E00}'..='\u{9FFF}').contains(&character)
}

fn is_kana_or_hangul(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30FF}' | '\u{AC00}'..='\u{D7AF}')
}
