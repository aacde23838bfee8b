//! One value in the DICOM JSON model (PS3.18 section F.2).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value, json};

use crate::element::Element;
use crate::text::Charset;

/// Values that are bytes and not text or numbers.
pub(super) fn is_binary(vr: [u8; 2]) -> bool {
    !is_text(vr) && number_size(vr).is_none() && !matches!(&vr, b"PN" | b"AT" | b"SQ")
}

fn is_text(vr: [u8; 2]) -> bool {
    matches!(
        &vr,
        b"AE"
            | b"AS"
            | b"CS"
            | b"DA"
            | b"DS"
            | b"DT"
            | b"IS"
            | b"LO"
            | b"LT"
            | b"SH"
            | b"ST"
            | b"TM"
            | b"UC"
            | b"UI"
            | b"UR"
            | b"UT"
    )
}

/// Bytes of one number.
fn number_size(vr: [u8; 2]) -> Option<usize> {
    match &vr {
        b"US" | b"SS" => Some(2),
        b"UL" | b"SL" | b"FL" => Some(4),
        b"FD" | b"SV" | b"UV" => Some(8),
        _ => None,
    }
}

/// Writes an element that is neither a sequence nor large.
pub(super) fn write(element: &Element<'_>, vr: [u8; 2], name: &str, charset: &Charset) -> Value {
    let mut written = Map::new();
    written.insert("vr".into(), name.into());
    let values = match &vr {
        b"PN" => split(element, charset).map(|parts| parts.iter().map(|part| person(part)).collect()),
        b"AT" => Some(attribute_tags(element)),
        _ if is_text(vr) => texts(element, vr, charset),
        _ => match number_size(vr) {
            Some(size) => Some(numbers(element, vr, size)),
            None => {
                if !element.value.is_empty() {
                    let bytes = little_endian(element, vr);
                    written.insert("InlineBinary".into(), STANDARD.encode(bytes).into());
                }
                None
            }
        },
    };
    if let Some(values) = values.filter(|values: &Vec<Value>| !values.is_empty()) {
        written.insert("Value".into(), values.into());
    }
    Value::Object(written)
}

/// The bytes of a binary value in the order that octet streams have (PS3.18 section 8.7.3).
pub(crate) fn little_endian<'a>(element: &Element<'a>, vr: [u8; 2]) -> Cow<'a, [u8]> {
    let word = match &vr {
        b"OW" => 2,
        b"OF" | b"OL" => 4,
        b"OD" | b"OV" => 8,
        _ => 1,
    };
    if word == 1 || !element.encoding.big_endian {
        return Cow::Borrowed(element.value);
    }
    let mut bytes = element.value.to_vec();
    bytes.chunks_exact_mut(word).for_each(<[u8]>::reverse);
    Cow::Owned(bytes)
}

/// The bytes of any value that is no sequence, in little endian.
pub(super) fn little_endian_of_all<'a>(element: &Element<'a>, vr: [u8; 2]) -> Cow<'a, [u8]> {
    let size = if vr == *b"AT" { Some(2) } else { number_size(vr) };
    match size.filter(|_| element.encoding.big_endian) {
        None => little_endian(element, vr),
        Some(size) => {
            let mut bytes = element.value.to_vec();
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            Cow::Owned(bytes)
        }
    }
}

/// Values of odd length end with a space and not with a zero (PS3.5 section 6.2).
pub(super) fn is_padded_by_space(vr: [u8; 2]) -> bool {
    (is_text(vr) && vr != *b"UI") || vr == *b"PN"
}

/// The values of a text, decoded first and split then; `None` where it is empty.
fn split(element: &Element<'_>, charset: &Charset) -> Option<Vec<String>> {
    let text = charset.decode(element.value)?;
    Some(text.split('\\').map(|part| part.trim_matches([' ', '\0']).to_owned()).collect())
}

fn texts(element: &Element<'_>, vr: [u8; 2], charset: &Charset) -> Option<Vec<Value>> {
    match &vr {
        // Of a single value, in which a backslash is a character like others.
        b"ST" | b"LT" | b"UT" => charset.decode(element.value).map(|text| vec![text.into()]),
        b"UR" => plain(element).map(|text| vec![text.into()]),
        b"LO" | b"SH" | b"UC" => {
            Some(split(element, charset)?.iter().map(|part| text_or_null(part)).collect())
        }
        b"DS" => Some(plain(element)?.split('\\').map(decimal).collect()),
        b"IS" => Some(plain(element)?.split('\\').map(integer).collect()),
        _ => Some(
            plain(element)?.split('\\').map(|part| text_or_null(part.trim_matches([' ', '\0']))).collect(),
        ),
    }
}

/// Text of the default repertoire.
fn plain(element: &Element<'_>) -> Option<String> {
    let text = String::from_utf8_lossy(element.value);
    let trimmed = text.trim_matches(['\0', ' ']);
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// A number where it is one, else the text as it stands: the standard lets both through.
fn decimal(text: &str) -> Value {
    let text = text.trim();
    let number = text.parse::<f64>().ok().and_then(Number::from_f64);
    number.map_or_else(|| text_or_null(text), Value::Number)
}

fn integer(text: &str) -> Value {
    let text = text.trim();
    text.strip_prefix('+').unwrap_or(text).parse::<i64>().map_or_else(|_| text_or_null(text), Value::from)
}

/// The writings of a name: alphabetic, ideographic, phonetic.
fn person(name: &str) -> Value {
    let groups = ["Alphabetic", "Ideographic", "Phonetic"].into_iter().zip(name.split('='));
    let written: Map<String, Value> = groups
        .filter(|(_, text)| !text.is_empty())
        .map(|(group, text)| (group.to_owned(), text.trim_end().into()))
        .collect();
    if written.is_empty() { Value::Null } else { Value::Object(written) }
}

fn attribute_tags(element: &Element<'_>) -> Vec<Value> {
    let words: Vec<u16> = element.words().collect();
    words.chunks_exact(2).map(|pair| format!("{:04X}{:04X}", pair[0], pair[1]).into()).collect()
}

fn numbers(element: &Element<'_>, vr: [u8; 2], size: usize) -> Vec<Value> {
    let big_endian = element.encoding.big_endian;
    let read = |bytes: &[u8]| {
        let mut little = [0; 8];
        little[..size].copy_from_slice(bytes);
        if big_endian {
            little[..size].reverse();
        }
        let raw = u64::from_le_bytes(little);
        match &vr {
            b"SS" => json!(raw as u16 as i16),
            b"SL" => json!(raw as u32 as i32),
            b"SV" => json!(raw as i64),
            b"FL" => float(f64::from(f32::from_bits(raw as u32))),
            b"FD" => float(f64::from_bits(raw)),
            _ => json!(raw),
        }
    };
    element.value.chunks_exact(size).map(read).collect()
}

/// JSON has no infinite numbers: they are texts (PS3.18 table F.2.3-1).
fn float(number: f64) -> Value {
    match Number::from_f64(number) {
        Some(finite) => Value::Number(finite),
        None if number.is_nan() => "NaN".into(),
        None if number > 0.0 => "inf".into(),
        None => "-inf".into(),
    }
}
