//! Bytes → tree. Every length is checked, and a data set that is not understood to its end is refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

use baize_core::{ErrorCode, Fault};

use crate::dictionary::{self, PIXEL_TAGS};
use crate::element::{DataSet, Element, Encoding, Tag, Value};

const ITEM: Tag = (0xFFFE, 0xE000);
const ITEM_END: Tag = (0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = (0xFFFE, 0xE0DD);
const UNDEFINED: u32 = u32::MAX;

/// Sequences within sequences. The deepest trees in use (structured reports) stay below 20.
const MAX_DEPTH: usize = 64;

/// Value representations with a 32-bit length (PS3.5 section 7.1.2).
pub(crate) const LONG_VRS: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];

/// Reads a whole data set.
///
/// # Errors
/// `MalformedObject`.
pub(crate) fn data_set(bytes: &[u8], encoding: Encoding) -> Result<DataSet<'_>, Fault> {
    let mut reader = Reader { bytes, position: 0, encoding };
    reader.elements(Ends::WithBytes, MAX_DEPTH)
}

/// Reads the file meta group: its elements and where the data set begins.
///
/// # Errors
/// `MalformedObject`.
pub(crate) fn file_meta(bytes: &[u8]) -> Result<(DataSet<'_>, usize), Fault> {
    let encoding = Encoding { explicit: true, big_endian: false, deflated: false };
    let mut reader = Reader { bytes, position: 0, encoding };
    let mut elements = BTreeMap::new();
    // Walked to its end rather than by its length (0002,0000), which some writers get wrong.
    while reader.peek().is_some_and(|(group, _)| group == 0x0002) {
        let (tag, element) = reader.element(1)?;
        elements.insert(tag, element);
    }
    Ok((DataSet(elements), reader.position))
}

fn malformed((group, element): Tag, what: &str) -> Fault {
    Fault::new(ErrorCode::MalformedObject, format!("element ({group:04X},{element:04X}): {what}"))
}

/// How the end of a list of elements is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    WithBytes,
    WithMark,
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    encoding: Encoding,
}

impl<'a> Reader<'a> {
    fn elements(&mut self, ends: Ends, depth: usize) -> Result<DataSet<'a>, Fault> {
        let mut elements = BTreeMap::new();
        loop {
            if self.position == self.bytes.len() {
                if ends == Ends::WithMark {
                    return Err(malformed(ITEM_END, "is missing"));
                }
                return Ok(DataSet(elements));
            }
            if self.peek() == Some(ITEM_END) {
                self.tag()?;
                self.u32(ITEM_END)?;
                if ends == Ends::WithMark {
                    return Ok(DataSet(elements));
                }
                // Some writers end items of known length by a mark as well.
                continue;
            }
            let (tag, element) = self.element(depth)?;
            elements.insert(tag, element);
        }
    }

    fn element(&mut self, depth: usize) -> Result<(Tag, Element<'a>), Fault> {
        let tag = self.tag()?;
        if tag.0 == ITEM.0 {
            return Err(malformed(tag, "stands outside of a sequence"));
        }
        let (written, length) = self.vr_and_length(tag)?;
        let vr = match written {
            Some(vr) => vr,
            None => dictionary::vr(tag).unwrap_or(*b"UN"),
        };
        let known = dictionary::vr(tag);
        let is_sequence = &vr == b"SQ" || (&vr == b"UN" && known == Some(*b"SQ"));
        if length == UNDEFINED && PIXEL_TAGS.contains(&tag) && depth == MAX_DEPTH {
            return Ok((tag, Element { vr, value: Value::Fragments(self.fragments(tag)?) }));
        }
        if length != UNDEFINED && !is_sequence {
            let bytes = Cow::Borrowed(self.take(tag, length)?);
            return Ok((tag, Element { vr, value: Value::Bytes(bytes) }));
        }
        if depth == 0 {
            return Err(malformed(tag, "sequences are nested too deeply"));
        }
        // PS3.5 section 6.2.2 note 4: a sequence of unknown VR is written in Implicit VR Little Endian.
        let outer = self.encoding;
        if &vr == b"UN" && outer.explicit {
            if outer.big_endian {
                return Err(malformed(tag, "a sequence of unknown VR in a big endian data set cannot be read"));
            }
            self.encoding.explicit = false;
        }
        let items = self.items(tag, length, depth - 1);
        self.encoding = outer;
        Ok((tag, Element::sequence(items?)))
    }

    fn items(&mut self, tag: Tag, length: u32, depth: usize) -> Result<Vec<DataSet<'a>>, Fault> {
        if length != UNDEFINED {
            let bytes = self.take(tag, length)?;
            let mut inner = Reader { bytes, position: 0, encoding: self.encoding };
            return inner.items_until(Ends::WithBytes, depth);
        }
        self.items_until(Ends::WithMark, depth)
    }

    fn items_until(&mut self, ends: Ends, depth: usize) -> Result<Vec<DataSet<'a>>, Fault> {
        let mut items = Vec::new();
        loop {
            if self.position == self.bytes.len() && ends == Ends::WithBytes {
                return Ok(items);
            }
            let tag = self.tag()?;
            let length = self.u32(tag)?;
            match tag {
                ITEM if length == UNDEFINED => items.push(self.elements(Ends::WithMark, depth)?),
                ITEM => {
                    let bytes = self.take(tag, length)?;
                    let mut inner = Reader { bytes, position: 0, encoding: self.encoding };
                    items.push(inner.elements(Ends::WithBytes, depth)?);
                }
                SEQUENCE_END => return Ok(items),
                _ => return Err(malformed(tag, "stands where an item is due")),
            }
        }
    }

    fn fragments(&mut self, of: Tag) -> Result<Vec<&'a [u8]>, Fault> {
        let mut fragments = Vec::new();
        loop {
            let tag = self.tag()?;
            let length = self.u32(tag)?;
            match tag {
                ITEM if length != UNDEFINED => fragments.push(self.take(tag, length)?),
                SEQUENCE_END => return Ok(fragments),
                _ => return Err(malformed(of, "has something else than fragments")),
            }
        }
    }

    fn vr_and_length(&mut self, tag: Tag) -> Result<(Option<[u8; 2]>, u32), Fault> {
        if !self.encoding.explicit {
            return Ok((None, self.u32(tag)?));
        }
        let vr = self.two(tag)?;
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return Err(malformed(tag, "has no value representation"));
        }
        if LONG_VRS.contains(&&vr) {
            self.two(tag)?;
            return Ok((Some(vr), self.u32(tag)?));
        }
        Ok((Some(vr), self.u16(tag)?.into()))
    }

    fn peek(&self) -> Option<Tag> {
        let mut ahead = Reader { bytes: self.bytes, position: self.position, encoding: self.encoding };
        ahead.tag().ok()
    }

    fn tag(&mut self) -> Result<Tag, Fault> {
        let at_end = (0xFFFF, 0xFFFF);
        Ok((self.u16(at_end)?, self.u16(at_end)?))
    }

    fn take(&mut self, tag: Tag, length: u32) -> Result<&'a [u8], Fault> {
        let rest = &self.bytes[self.position..];
        let cut = || malformed(tag, "its length reaches beyond the end of the object");
        let taken = rest.get(..length as usize).ok_or_else(cut)?;
        self.position += taken.len();
        Ok(taken)
    }

    fn two(&mut self, tag: Tag) -> Result<[u8; 2], Fault> {
        let bytes = self.take(tag, 2)?;
        bytes.try_into().map_err(|_| malformed(tag, "is cut off"))
    }

    fn u16(&mut self, tag: Tag) -> Result<u16, Fault> {
        let bytes = self.two(tag)?;
        Ok(if self.encoding.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self, tag: Tag) -> Result<u32, Fault> {
        let bytes = self.take(tag, 4)?;
        let bytes = bytes.try_into().map_err(|_| malformed(tag, "is cut off"))?;
        Ok(if self.encoding.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}
