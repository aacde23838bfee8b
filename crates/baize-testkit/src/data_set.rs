//! Writing data sets, well-formed or not.

use std::collections::BTreeMap;

use crate::Syntax;

/// Group and element number.
pub type Tag = (u16, u16);

/// The value of an element.
#[derive(Clone, Debug)]
pub enum Value {
    /// Bytes as they are; padded to even length.
    Bytes(Vec<u8>),
    /// 16-bit numbers.
    Words(Vec<u16>),
    /// Items.
    Sequence(Vec<DataSet>),
    /// Encapsulated pixel data, without the offset table.
    Fragments(Vec<Vec<u8>>),
}

/// Elements in the order of their tags.
#[derive(Clone, Debug, Default)]
pub struct DataSet(BTreeMap<Tag, ([u8; 2], Value)>);

impl DataSet {
    /// Sets an element.
    pub fn set(&mut self, tag: Tag, vr: &[u8; 2], value: Value) {
        self.0.insert(tag, (*vr, value));
    }

    /// Sets a text; an empty one makes an empty element.
    pub fn text(&mut self, tag: Tag, vr: &[u8; 2], text: &str) {
        self.set(tag, vr, Value::Bytes(text.as_bytes().to_vec()));
    }

    /// Sets a 16-bit number.
    pub fn word(&mut self, tag: Tag, number: u16) {
        self.set(tag, b"US", Value::Words(vec![number]));
    }

    /// Takes an element away.
    pub fn remove(&mut self, tag: Tag) {
        self.0.remove(&tag);
    }

    /// The text of an element; empty where it has none.
    pub fn get_text(&self, tag: Tag) -> String {
        match self.0.get(&tag) {
            Some((_, Value::Bytes(bytes))) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }

    /// The elements as bytes, not deflated.
    pub fn encode(&self, syntax: Syntax) -> Vec<u8> {
        let mut writer = Writer { bytes: Vec::new(), syntax };
        writer.elements(self);
        writer.bytes
    }
}

struct Writer {
    bytes: Vec<u8>,
    syntax: Syntax,
}

const UNDEFINED: u32 = u32::MAX;

impl Writer {
    fn elements(&mut self, data_set: &DataSet) {
        for (tag, (vr, value)) in &data_set.0 {
            match value {
                Value::Bytes(bytes) => self.element(*tag, vr, bytes.clone()),
                Value::Words(words) => {
                    let bytes = words.iter().flat_map(|word| self.word_bytes(*word)).collect();
                    self.element(*tag, vr, bytes);
                }
                Value::Sequence(items) => self.sequence(*tag, items),
                Value::Fragments(fragments) => self.fragments(*tag, fragments),
            }
        }
    }

    fn element(&mut self, tag: Tag, vr: &[u8; 2], mut bytes: Vec<u8>) {
        if bytes.len() % 2 == 1 {
            let blank = if matches!(vr, b"UI" | b"OB" | b"UN") { 0 } else { b' ' };
            bytes.push(blank);
        }
        self.head(tag, vr, bytes.len() as u32);
        self.bytes.append(&mut bytes);
    }

    fn sequence(&mut self, tag: Tag, items: &[DataSet]) {
        self.head(tag, b"SQ", UNDEFINED);
        for item in items {
            self.mark(0xE000, UNDEFINED);
            self.elements(item);
            self.mark(0xE00D, 0);
        }
        self.mark(0xE0DD, 0);
    }

    fn fragments(&mut self, tag: Tag, fragments: &[Vec<u8>]) {
        self.head(tag, b"OB", UNDEFINED);
        self.mark(0xE000, 0);
        for fragment in fragments {
            self.mark(0xE000, fragment.len().next_multiple_of(2) as u32);
            self.bytes.extend_from_slice(fragment);
            if fragment.len() % 2 == 1 {
                self.bytes.push(0);
            }
        }
        self.mark(0xE0DD, 0);
    }

    fn head(&mut self, tag: Tag, vr: &[u8; 2], length: u32) {
        self.tag(tag);
        if !self.syntax.explicit() {
            self.long(length);
            return;
        }
        self.bytes.extend_from_slice(vr);
        if matches!(vr, b"OB" | b"OW" | b"OF" | b"OD" | b"SQ" | b"UN" | b"UT") {
            self.bytes.extend_from_slice(&[0, 0]);
            self.long(length);
        } else {
            let bytes = self.word_bytes(length as u16);
            self.bytes.extend_from_slice(&bytes);
        }
    }

    fn mark(&mut self, element: u16, length: u32) {
        self.tag((0xFFFE, element));
        self.long(length);
    }

    fn tag(&mut self, (group, element): Tag) {
        for word in [group, element] {
            let bytes = self.word_bytes(word);
            self.bytes.extend_from_slice(&bytes);
        }
    }

    fn long(&mut self, number: u32) {
        let bytes = if self.syntax.big_endian() { number.to_be_bytes() } else { number.to_le_bytes() };
        self.bytes.extend_from_slice(&bytes);
    }

    fn word_bytes(&self, word: u16) -> [u8; 2] {
        if self.syntax.big_endian() { word.to_be_bytes() } else { word.to_le_bytes() }
    }
}
