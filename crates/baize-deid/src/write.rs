//! Tree → bytes. Sequences and items are written with undefined length, values as they are.

use baize_core::{ErrorCode, Fault};

use crate::element::{DataSet, Element, Encoding, Tag, Value};
use crate::read::LONG_VRS;

const ITEM: Tag = (0xFFFE, 0xE000);
const ITEM_END: Tag = (0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = (0xFFFE, 0xE0DD);

/// Writes a data set, not deflated.
///
/// # Errors
/// `MalformedObject` for a value that is too long for its VR; no value that was read from such an encoding is.
pub(crate) fn data_set(data_set: &DataSet<'_>, encoding: Encoding) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer { bytes: Vec::new(), encoding };
    writer.elements(data_set)?;
    Ok(writer.bytes)
}

struct Writer {
    bytes: Vec<u8>,
    encoding: Encoding,
}

impl Writer {
    fn elements(&mut self, data_set: &DataSet<'_>) -> Result<(), Fault> {
        data_set.0.iter().try_for_each(|(tag, element)| self.element(*tag, element))
    }

    fn element(&mut self, tag: Tag, element: &Element<'_>) -> Result<(), Fault> {
        let length = match &element.value {
            Value::Bytes(bytes) => u32::try_from(bytes.len()).map_err(|_| too_long(tag))?,
            Value::Items(_) | Value::Fragments(_) => u32::MAX,
        };
        self.tag(tag);
        if self.encoding.explicit {
            self.bytes.extend_from_slice(&element.vr);
        }
        if !self.encoding.explicit {
            self.u32(length);
        } else if LONG_VRS.contains(&&element.vr) {
            self.bytes.extend_from_slice(&[0, 0]);
            self.u32(length);
        } else {
            self.u16(u16::try_from(length).map_err(|_| too_long(tag))?);
        }
        match &element.value {
            Value::Bytes(bytes) => self.bytes.extend_from_slice(bytes),
            Value::Items(items) => {
                for item in items {
                    self.mark(ITEM, u32::MAX);
                    self.elements(item)?;
                    self.mark(ITEM_END, 0);
                }
                self.mark(SEQUENCE_END, 0);
            }
            Value::Fragments(fragments) => {
                for fragment in fragments {
                    self.mark(ITEM, u32::try_from(fragment.len()).map_err(|_| too_long(tag))?);
                    self.bytes.extend_from_slice(fragment);
                }
                self.mark(SEQUENCE_END, 0);
            }
        }
        Ok(())
    }

    fn mark(&mut self, tag: Tag, length: u32) {
        self.tag(tag);
        self.u32(length);
    }

    fn tag(&mut self, (group, element): Tag) {
        self.u16(group);
        self.u16(element);
    }

    fn u16(&mut self, number: u16) {
        let bytes = if self.encoding.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        self.bytes.extend_from_slice(&bytes);
    }

    fn u32(&mut self, number: u32) {
        let bytes = if self.encoding.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        self.bytes.extend_from_slice(&bytes);
    }
}

fn too_long((group, element): Tag) -> Fault {
    let message = format!("element ({group:04X},{element:04X}) is too long for its value representation");
    Fault::new(ErrorCode::MalformedObject, message)
}
