//! Text in its character set (PS3.5 section 6.1 and PS3.3 section C.12.1.1.2).
//!
//! A name that cannot be decoded perfectly is still better shown nearly right than the object refused, so
//! nothing here fails.

use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

const ESCAPE: u8 = 0x1B;

/// The character sets of one data set.
pub(crate) struct Charset {
    /// The set in use at the start of a value; `None` where none was declared.
    initial: Option<SpecificCharacterSet>,
    /// More than one set was declared: values switch by escape sequences (ISO 2022).
    extended: bool,
}

impl Charset {
    /// From the value of Specific Character Set (0008,0005), where there is one.
    pub(crate) fn declared(value: Option<&[u8]>) -> Self {
        let text = String::from_utf8_lossy(value.unwrap_or_default());
        let terms: Vec<&str> = text.split('\\').map(|term| term.trim_matches(['\0', ' '])).collect();
        let first = terms.first().copied().unwrap_or_default();
        let extended = terms.len() > 1 || first.starts_with("ISO 2022");
        let initial = match first {
            // An empty first term means the default repertoire when others follow.
            "" if extended => Some(SpecificCharacterSet::ISO_IR_6),
            "" => None,
            // Not a defined term, yet found in the field.
            "ISO-IR 192" | "UTF-8" | "UTF8" => Some(SpecificCharacterSet::ISO_IR_192),
            "GB2312" | "GB 18030" | "GB18030-2000" => SpecificCharacterSet::from_code("GB18030"),
            term => SpecificCharacterSet::from_code(term).or(Some(SpecificCharacterSet::ISO_IR_100)),
        };
        Self { initial, extended }
    }

    /// The text without its padding; `None` where it is empty.
    pub(crate) fn decode(&self, value: &[u8]) -> Option<String> {
        let text = match &self.initial {
            _ if value.is_ascii() && !value.contains(&ESCAPE) => String::from_utf8_lossy(value).into_owned(),
            None => guess(value),
            Some(initial) if self.extended => decode_extended(initial, value),
            Some(initial) => decode_with(initial, value),
        };
        let trimmed = text.trim_matches(['\0', ' ', '\r', '\n', '\t']);
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }
}

fn decode_with(set: &SpecificCharacterSet, value: &[u8]) -> String {
    set.decode(value).unwrap_or_else(|_| String::from_utf8_lossy(value).into_owned())
}

fn decode_as(term: &str, value: &[u8]) -> String {
    match SpecificCharacterSet::from_code(term) {
        Some(set) => decode_with(&set, value),
        None => String::from_utf8_lossy(value).into_owned(),
    }
}

/// Text of an object that declares no character set though it needs one. UTF-8 proves itself; GB 2312, usual
/// on older equipment in China, shows as pairs of bytes from 0xA1 on, which European text hardly has.
fn guess(value: &[u8]) -> String {
    if let Ok(text) = str::from_utf8(value) {
        return text.to_owned();
    }
    let paired = value
        .split(u8::is_ascii)
        .all(|run| run.len() % 2 == 0 && run.iter().all(|byte| (0xA1..=0xFE).contains(byte)));
    decode_as(if paired { "GB18030" } else { "ISO_IR 100" }, value)
}

/// Text with code extensions (PS3.5 section 6.1.2.5): an escape sequence selects the set for what follows,
/// and the delimiters of person names and the ends of lines select the initial one again.
fn decode_extended(initial: &SpecificCharacterSet, value: &[u8]) -> String {
    let mut text = String::new();
    let mut active: Option<Designation> = None;
    let mut rest = value;
    while let Some(&byte) = rest.first() {
        if byte == ESCAPE
            && let Some((designation, length)) = designation(rest)
        {
            active = Some(designation);
            rest = &rest[length..];
            continue;
        }
        // Two-byte sets in the lower half use every code, so nothing there is a delimiter.
        let double = active.is_some_and(|set| set.escape_for_decoder.is_some());
        let ends = |byte: &u8| *byte == ESCAPE || (!double && b"^=\\\r\n".contains(byte));
        let length = 1 + rest[1..].iter().position(ends).unwrap_or(rest.len() - 1);
        let (run, after) = rest.split_at(length);
        if !double && b"^=\\\r\n".contains(&byte) {
            active = None;
        }
        match active {
            None => text.push_str(&decode_with(initial, run)),
            Some(Designation { term, escape_for_decoder: None }) => text.push_str(&decode_as(term, run)),
            Some(Designation { term, escape_for_decoder: Some(escape) }) => {
                text.push_str(&decode_as(term, &[escape, run].concat()));
            }
        }
        rest = after;
    }
    text
}

/// The set that an escape sequence selects.
#[derive(Clone, Copy)]
struct Designation {
    term: &'static str,
    /// The decoder wants to see the escape sequence itself.
    escape_for_decoder: Option<&'static [u8]>,
}

/// The designation at the start of `bytes`, with the length of its escape sequence (PS3.3 tables C.12-3/4).
fn designation(bytes: &[u8]) -> Option<(Designation, usize)> {
    const SEQUENCES: [(&[u8], &str, bool); 17] = [
        (b"\x1B(B", "ISO_IR 6", false),
        (b"\x1B(J", "ISO_IR 13", false),
        (b"\x1B)I", "ISO_IR 13", false),
        (b"\x1B$B", "ISO 2022 IR 87", true),
        (b"\x1B$(D", "ISO 2022 IR 87", true),
        (b"\x1B$)C", "ISO 2022 IR 149", false),
        (b"\x1B$)A", "ISO 2022 IR 58", false),
        (b"\x1B-A", "ISO_IR 100", false),
        (b"\x1B-B", "ISO_IR 101", false),
        (b"\x1B-C", "ISO_IR 109", false),
        (b"\x1B-D", "ISO_IR 110", false),
        (b"\x1B-F", "ISO_IR 126", false),
        (b"\x1B-G", "ISO_IR 127", false),
        (b"\x1B-H", "ISO_IR 138", false),
        (b"\x1B-L", "ISO_IR 144", false),
        (b"\x1B-M", "ISO_IR 100", false),
        (b"\x1B-T", "ISO_IR 166", false),
    ];
    let (sequence, term, double) =
        SEQUENCES.into_iter().find(|(sequence, ..)| bytes.starts_with(sequence))?;
    Some((Designation { term, escape_for_decoder: double.then_some(sequence) }, sequence.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(declared: &str, bytes: &[u8], expected: &str) {
        let declared = (!declared.is_empty()).then_some(declared.as_bytes());
        let found = Charset::declared(declared).decode(bytes);
        assert_eq!(found.as_deref(), Some(expected), "{declared:?}");
    }

    #[test]
    fn text_is_decoded_by_its_declared_set() {
        check("ISO_IR 192", "王^小东 ".as_bytes(), "王^小东");
        check("GB18030", b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB=", "Wang^XiaoDong=王^小东=");
        check("GBK", b"\xCD\xF5^\xD0\xA1\xB6\xAB", "王^小东");
        check("ISO_IR 100", b"Buc^J\xE9r\xF4me", "Buc^Jérôme");
        // The trail byte of 乗 (81 5C) is a backslash: decoded first, it splits nothing.
        check("GB18030", b"\x81\x5C", "乗");
    }

    #[test]
    fn escape_sequences_switch_sets_and_delimiters_switch_back() {
        check(
            r"\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=\x1B$B$d$^$@\x1B(B^\x1B$B$?$m$&\x1B(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        );
        check(
            r"\ISO 2022 IR 149",
            b"Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)C\xB1\xE6\xB5\xBF",
            "Hong^Gildong=洪^吉洞=홍^길동",
        );
        check(
            r"\ISO 2022 IR 58",
            b"Zhang^XiaoDong=\x1B$)A\xD5\xC5^\x1B$)A\xD0\xA1\xB6\xAB=",
            "Zhang^XiaoDong=张^小东=",
        );
    }

    #[test]
    fn a_missing_or_wrong_declaration_still_gives_text() {
        check("", "王^小东".as_bytes(), "王^小东");
        check("", b"\xCD\xF5^\xD0\xA1\xB6\xAB", "王^小东");
        check("", b"Buc^J\xE9r\xF4me", "Buc^Jérôme");
        check("ISO_IR 999", b"Buc^J\xE9r\xF4me", "Buc^Jérôme");
        assert!(Charset::declared(Some(b"ISO_IR 192")).decode(b"\xFF\xFE").is_some());
        assert!(Charset::declared(Some(br"\ISO 2022 IR 87")).decode(b"\x1B\x1B$B\x1B$").is_some());
        assert_eq!(Charset::declared(None).decode(b" \0"), None);
    }
}
