//! The attributes that searches speak of.

use baize_core::ports::ArchiveLevel;
use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
use dicom_dictionary_std::StandardDataDictionary;

/// A tag as DICOM JSON writes it: `GGGGEEEE`.
pub(super) type Key = String;

/// What values of an attribute look like, as far as comparing them goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Capitals and small letters are the same.
    Name,
    Date,
    Time,
    Number,
}

/// The attributes that the ledger does not know but the objects' headers do: tag, level, VR, kind.
pub(super) const OF_HEADERS: [(&str, ArchiveLevel, Kind); 22] = [
    ("00080030", ArchiveLevel::Study, Kind::Time),
    ("00080080", ArchiveLevel::Study, Kind::Text),
    ("00080090", ArchiveLevel::Study, Kind::Name),
    ("00100030", ArchiveLevel::Study, Kind::Date),
    ("00100040", ArchiveLevel::Study, Kind::Text),
    ("00200010", ArchiveLevel::Study, Kind::Text),
    ("00080021", ArchiveLevel::Series, Kind::Date),
    ("00080070", ArchiveLevel::Series, Kind::Text),
    ("00081010", ArchiveLevel::Series, Kind::Text),
    ("0008103E", ArchiveLevel::Series, Kind::Text),
    ("00180015", ArchiveLevel::Series, Kind::Text),
    ("00181030", ArchiveLevel::Series, Kind::Text),
    ("00200011", ArchiveLevel::Series, Kind::Number),
    ("00200060", ArchiveLevel::Series, Kind::Text),
    ("00400244", ArchiveLevel::Series, Kind::Date),
    ("00400245", ArchiveLevel::Series, Kind::Time),
    ("00080023", ArchiveLevel::Instance, Kind::Date),
    ("00080033", ArchiveLevel::Instance, Kind::Time),
    ("00185101", ArchiveLevel::Instance, Kind::Text),
    ("00200013", ArchiveLevel::Instance, Kind::Number),
    ("00280008", ArchiveLevel::Instance, Kind::Number),
    ("00280010", ArchiveLevel::Instance, Kind::Number),
];

/// The tag of an attribute that is named by its keyword or by its tag.
pub(super) fn key(name: &str) -> Option<Key> {
    if name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(name.to_ascii_uppercase());
    }
    let Tag(group, element) = StandardDataDictionary.by_name(name)?.tag();
    Some(format!("{group:04X}{element:04X}"))
}

/// The value representation of an attribute that is written without a value.
pub(super) fn vr(key: &str) -> &'static str {
    let number = |text: &str| u16::from_str_radix(text, 16).unwrap_or_default();
    let tag = key.split_at_checked(4).map(|(group, element)| Tag(number(group), number(element)));
    let entry = tag.and_then(|tag| StandardDataDictionary.by_tag(tag));
    entry.map_or("UN", |entry| entry.vr().relaxed().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_go_by_keyword_and_by_tag() {
        for (name, expected) in [
            ("PatientName", Some("00100010")),
            ("0020000d", Some("0020000D")),
            ("patientname", None),
            ("0020000", None),
            ("00400275.00080050", None),
        ] {
            assert_eq!(key(name).as_deref(), expected, "{name}");
        }
        assert_eq!(vr("00100010"), "PN");
        for (tag, ..) in OF_HEADERS {
            assert_ne!(vr(tag), "UN", "{tag}");
        }
    }
}
