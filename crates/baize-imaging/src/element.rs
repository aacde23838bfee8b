//! A walk over the elements of a data set that neither copies, nor recurses, nor trusts a length.
//!
//! Baize reads some thirty attributes and then the pixels, of objects that anybody may send. A walk that
//! skips everything else in place holds no memory per element and keeps sequences on a stack of its own, so
//! that neither a million elements nor a thousand nested sequences cost anything.

use baize_core::{ErrorCode, Fault};

use crate::syntax::Encoding;

/// Group and element number.
pub(crate) type Tag = (u16, u16);

/// Float, double and integer pixel data: what a header ends with.
pub(crate) const PIXEL_TAGS: [Tag; 3] = [(0x7FE0, 0x0008), (0x7FE0, 0x0009), (0x7FE0, 0x0010)];
const ITEM: Tag = (0xFFFE, 0xE000);
const ITEM_END: Tag = (0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = (0xFFFE, 0xE0DD);
const UNDEFINED: u32 = u32::MAX;

/// Sequences within sequences that are followed. The deepest trees in use (structured reports) stay below 20.
const MAX_DEPTH: usize = 64;

/// Value representations with a 32-bit length (PS3.5 section 7.1.2).
const LONG_VRS: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];

/// One element, borrowed from the object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    /// The value representation as written; `None` in an implicit encoding.
    pub(crate) vr: Option<[u8; 2]>,
    /// The value; of an undefined length, everything after the length field.
    pub(crate) value: &'a [u8],
    /// The value has no length of its own but an end mark.
    pub(crate) undefined_length: bool,
    /// How elements within the value are written.
    pub(crate) encoding: Encoding,
}

/// A fault about the structure around a tag. Tags and lengths are no patient data.
pub(crate) fn malformed((group, element): Tag, what: &str) -> Fault {
    Fault::new(ErrorCode::MalformedObject, format!("element ({group:04X},{element:04X}): {what}"))
}

/// Whether the length of such values has 32 bits in an explicit encoding.
pub(crate) fn has_long_length(vr: [u8; 2]) -> bool {
    LONG_VRS.contains(&&vr)
}

/// A position in the bytes of a data set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    bytes: &'a [u8],
    position: usize,
    encoding: Encoding,
    /// An item may end before its bytes do, by an end mark.
    within_item: bool,
}

struct ElementHead {
    tag: Tag,
    vr: Option<[u8; 2]>,
    length: u32,
}

/// Where the walk through nested sequences stands.
#[derive(Clone, Copy)]
enum Level {
    /// Within a sequence, between items.
    Items { explicit: bool },
    /// Within an item, between elements.
    Elements { explicit: bool },
}

impl<'a> Walk<'a> {
    pub(crate) fn new(bytes: &'a [u8], encoding: Encoding) -> Self {
        Self { bytes, position: 0, encoding, within_item: false }
    }

    /// A walk over an item, which ends with its bytes or with an end mark.
    pub(crate) fn item(bytes: &'a [u8], encoding: Encoding) -> Self {
        Self { within_item: true, ..Self::new(bytes, encoding) }
    }

    /// Bytes walked so far.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The tag of the next element without taking it; `None` at the end.
    pub(crate) fn peek(&self) -> Option<Tag> {
        let mut ahead = *self;
        ahead.tag().ok()
    }

    /// The next element; `None` at the end. A value that would reach beyond the bytes is a fault, except for
    /// pixel data, which is handed out as far as it goes.
    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>, Fault> {
        if self.position == self.bytes.len() || (self.within_item && self.peek() == Some(ITEM_END)) {
            return Ok(None);
        }
        let head = self.head(self.encoding.explicit)?;
        if head.tag.0 == ITEM.0 {
            return Err(malformed(head.tag, "stands outside of a sequence"));
        }
        let rest = &self.bytes[self.position..];
        // PS3.5 section 6.2.2 note 4: a sequence of unknown VR is written in implicit VR little endian.
        let unknown = head.vr == Some(*b"UN");
        let encoding = Encoding { explicit: self.encoding.explicit && !unknown, ..self.encoding };
        let element = |value, undefined_length| Element {
            tag: head.tag,
            vr: head.vr,
            value,
            undefined_length,
            encoding,
        };
        let pixels = PIXEL_TAGS.contains(&head.tag);
        if head.length == UNDEFINED {
            if pixels {
                self.position = self.bytes.len();
                return Ok(Some(element(rest, true)));
            }
            self.skip_nested(head.tag, encoding.explicit)?;
            return Ok(Some(element(rest, true)));
        }
        let length = head.length as usize;
        let value = match rest.get(..length) {
            Some(value) => value,
            None if pixels => rest,
            None => return Err(malformed(head.tag, "its length reaches beyond the end of the object")),
        };
        self.position += value.len();
        Ok(Some(element(value, false)))
    }

    /// The next item of a sequence or the next fragment; `None` at its end. The value of an item of undefined
    /// length reaches to the end of the bytes.
    pub(crate) fn next_item(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        if self.position == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.tag()?;
        let length = self.u32(tag)?;
        if tag == SEQUENCE_END {
            return Ok(None);
        }
        if tag != ITEM {
            return Err(malformed(tag, "stands where an item is due"));
        }
        let rest = &self.bytes[self.position..];
        if length == UNDEFINED {
            self.position = self.bytes.len();
            return Ok(Some(rest));
        }
        let value = rest
            .get(..length as usize)
            .ok_or_else(|| malformed(tag, "its length reaches beyond the sequence"))?;
        self.position += value.len();
        Ok(Some(value))
    }

    /// Moves behind the end mark of a sequence of undefined length.
    fn skip_nested(&mut self, outer: Tag, explicit: bool) -> Result<(), Fault> {
        let mut levels = vec![Level::Items { explicit }];
        while let Some(level) = levels.last().copied() {
            if levels.len() > 2 * MAX_DEPTH {
                return Err(malformed(outer, "its sequences are nested too deeply"));
            }
            match level {
                Level::Items { explicit } => {
                    let tag = self.tag()?;
                    let length = self.u32(tag)?;
                    match (tag, length) {
                        (SEQUENCE_END, _) => drop(levels.pop()),
                        (ITEM, UNDEFINED) => levels.push(Level::Elements { explicit }),
                        (ITEM, length) => self.skip(tag, length)?,
                        _ => return Err(malformed(tag, "stands where an item is due")),
                    }
                }
                Level::Elements { explicit } => {
                    if self.peek() == Some(ITEM_END) {
                        self.skip(ITEM_END, 8)?;
                        levels.pop();
                        continue;
                    }
                    let head = self.head(explicit)?;
                    if head.length == UNDEFINED {
                        levels.push(Level::Items { explicit: explicit && head.vr != Some(*b"UN") });
                    } else {
                        self.skip(head.tag, head.length)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn head(&mut self, explicit: bool) -> Result<ElementHead, Fault> {
        let tag = self.tag()?;
        if !explicit || tag.0 == 0xFFFE {
            return Ok(ElementHead { tag, vr: None, length: self.u32(tag)? });
        }
        let vr = self.take::<2>(tag)?;
        if !vr.iter().all(u8::is_ascii_uppercase) {
            return Err(malformed(
                tag,
                "it has no value representation: the transfer syntax may be a wrong one",
            ));
        }
        let length = if LONG_VRS.contains(&&vr) {
            self.take::<2>(tag)?;
            self.u32(tag)?
        } else {
            u32::from(self.u16(tag)?)
        };
        Ok(ElementHead { tag, vr: Some(vr), length })
    }

    fn tag(&mut self) -> Result<Tag, Fault> {
        let whole_position = self.position;
        let cut = |_| {
            Fault::new(
                ErrorCode::MalformedObject,
                format!("the data set ends within a tag at byte {whole_position}"),
            )
        };
        let group = self.u16((0, 0)).map_err(cut)?;
        let element = self.u16((0, 0)).map_err(cut)?;
        Ok((group, element))
    }

    fn u16(&mut self, tag: Tag) -> Result<u16, Fault> {
        let bytes = self.take::<2>(tag)?;
        Ok(if self.encoding.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self, tag: Tag) -> Result<u32, Fault> {
        let bytes = self.take::<4>(tag)?;
        Ok(if self.encoding.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn take<const N: usize>(&mut self, tag: Tag) -> Result<[u8; N], Fault> {
        let bytes = self.bytes[self.position..].first_chunk::<N>();
        let bytes = *bytes.ok_or_else(|| malformed(tag, "the object ends within it"))?;
        self.position += N;
        Ok(bytes)
    }

    fn skip(&mut self, tag: Tag, length: u32) -> Result<(), Fault> {
        if self.bytes.len() - self.position < length as usize {
            return Err(malformed(tag, "its length reaches beyond the end of the object"));
        }
        self.position += length as usize;
        Ok(())
    }
}

impl<'a> Element<'a> {
    /// The 16-bit numbers of the value.
    pub(crate) fn words(&self) -> impl Iterator<Item = u16> + use<'a> {
        let big_endian = self.encoding.big_endian;
        self.value.chunks_exact(2).map(move |pair| {
            let pair = [pair[0], pair[1]];
            if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        })
    }

    /// A walk over the elements of the first item of a sequence; `None` where it has none.
    pub(crate) fn first_item(&self) -> Result<Option<Walk<'a>>, Fault> {
        let item = Walk::new(self.value, self.encoding).next_item()?;
        Ok(item.map(|bytes| Walk::item(bytes, self.encoding)))
    }
}
