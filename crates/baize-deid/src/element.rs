//! A data set as a tree whose values are the bytes as they were written.
//!
//! Values are not decoded: what stays is written as it came, whatever its character set, and pixel data are borrowed
//! from the object.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Group and element number.
pub(crate) type Tag = (u16, u16);

/// How elements are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// The value representation stands in every element.
    pub(crate) explicit: bool,
    /// Numbers have their highest byte first.
    pub(crate) big_endian: bool,
    /// The data set is one DEFLATE stream.
    pub(crate) deflated: bool,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Of any VR but SQ.
    Bytes(Cow<'a, [u8]>),
    /// A sequence.
    Items(Vec<DataSet<'a>>),
    /// Encapsulated pixel data: the offset table and the fragments.
    Fragments(Vec<&'a [u8]>),
}

/// One element.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Element<'a> {
    /// Its value representation, as written or, in an implicit encoding, from the dictionary.
    pub(crate) vr: [u8; 2],
    /// Its value.
    pub(crate) value: Value<'a>,
}

/// The elements of a data set or of an item, by tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DataSet<'a>(pub(crate) BTreeMap<Tag, Element<'a>>);

impl<'a> Element<'a> {
    /// An element with a text, padded to even length as its VR asks.
    pub(crate) fn text(vr: [u8; 2], text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if &vr == b"UI" { 0 } else { b' ' });
        }
        Self { vr, value: Value::Bytes(bytes.into()) }
    }

    /// A sequence.
    pub(crate) fn sequence(items: Vec<DataSet<'a>>) -> Self {
        Self { vr: *b"SQ", value: Value::Items(items) }
    }

    /// The bytes of a value that is neither sequence nor fragments.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Items(_) | Value::Fragments(_) => None,
        }
    }
}

impl DataSet<'_> {
    /// A value without padding, where it is UTF-8; else with its bytes as Latin-1 characters, so that two different
    /// values stay different. `None` where it is absent.
    pub(crate) fn text(&self, tag: Tag) -> Option<String> {
        let bytes = self.0.get(&tag)?.bytes()?;
        let text = match str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        };
        Some(text.trim_matches(['\0', ' ']).to_owned())
    }

    /// [`text`](Self::text) in upper case.
    pub(crate) fn code(&self, tag: Tag) -> Option<String> {
        self.text(tag).map(|text| text.to_uppercase())
    }
}
