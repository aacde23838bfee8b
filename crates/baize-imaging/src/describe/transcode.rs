//! An object in Explicit VR Little Endian, which every client reads (PS3.5 section A.2). What texts say is not touched:
//! their bytes stay as they are, in their character set.

use baize_core::{ErrorCode, Fault};
use bytes::Bytes;

use super::frames::frames;
use super::native::decoded;
use super::{each_item, value, vr};
use crate::attributes::{Attributes, tags};
use crate::element::{Element, PIXEL_TAGS, Tag, Walk, has_long_length};
use crate::layout::{self, Space, unsupported};
use crate::part10::{self, Part10};
use crate::{EXPLICIT_LITTLE, Limits};

/// Sequences within sequences that are followed; the deepest trees in use stay below 20.
const MAX_DEPTH: usize = 32;
/// Tables of where compressed frames begin and how long they are.
const FRAME_TABLES: [Tag; 2] = [(0x7FE0, 0x0001), (0x7FE0, 0x0002)];
const UNDEFINED: u32 = u32::MAX;

/// The object in Explicit VR Little Endian; as it is where it is in that already.
///
/// # Errors
/// What [`native_frames`](super::native_frames) refuses, and `MalformedObject`.
pub fn transcode(object: &Bytes, limits: &Limits) -> Result<Bytes, Fault> {
    let file = part10::open(object, limits)?;
    if file.transfer_syntax == EXPLICIT_LITTLE {
        return Ok(object.clone());
    }
    let attributes = Attributes::collect(&file.data_set, file.encoding)?;
    let pixels = match attributes.pixels {
        None => None,
        Some(pixels) => Some(native(object, &file, &attributes, &pixels, limits)?),
    };
    let mut writer = Writer { written: part10::with_syntax(object, EXPLICIT_LITTLE)?, pixels };
    writer.data_set(Walk::new(&file.data_set, file.encoding), 0)?;
    Ok(writer.written.into())
}

/// Pixel data as it is to be written.
struct Pixels {
    bytes: Vec<u8>,
    /// Samples have more than a byte.
    wide: bool,
    /// Decoding has changed what the samples are: Photometric Interpretation.
    now: Option<&'static str>,
    /// Decoding has put colours pixel by pixel.
    by_pixel: bool,
}

fn native(
    object: &Bytes,
    file: &Part10<'_>,
    attributes: &Attributes<'_>,
    pixels: &Element<'_>,
    limits: &Limits,
) -> Result<Pixels, Fault> {
    let wide = attributes.word(tags::BITS_ALLOCATED).is_some_and(|bits| bits > 8);
    if !pixels.undefined_length {
        let bytes = match file.encoding.big_endian {
            false => pixels.value.to_vec(),
            true => frames(object, limits)?.parts.concat(),
        };
        return Ok(Pixels { bytes, wide, now: None, by_pixel: false });
    }
    let (layout, _) = layout::of_frames(attributes, limits)?;
    let stored = frames(object, limits)?.parts;
    if (layout.rows * layout.columns) as u64 * stored.len() as u64 > limits.max_pixels {
        let message = format!("the image holds more than the limit of {} pixels", limits.max_pixels);
        return Err(Fault::new(ErrorCode::DimensionsTooLarge, message));
    }
    let (mut bytes, mut space) = (Vec::new(), layout.space);
    for frame in &stored {
        let (samples, now) = decoded(frame, pixels, &file.transfer_syntax, &layout)?;
        bytes.extend_from_slice(&samples);
        space = now;
    }
    let now = match space {
        Space::Rgb => Some("RGB"),
        Space::Ybr => Some("YBR_FULL"),
        Space::Grey | Space::Palette | Space::Ybr422 => None,
    };
    Ok(Pixels { bytes, wide, now, by_pixel: layout.space.components() == 3 })
}

struct Writer {
    written: Vec<u8>,
    pixels: Option<Pixels>,
}

impl Writer {
    /// Writes the elements of a data set or an item, and says how far it walked.
    fn data_set(&mut self, mut walk: Walk<'_>, depth: usize) -> Result<usize, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::new(ErrorCode::MalformedObject, "its sequences are nested too deeply"));
        }
        let mut signed = false;
        while let Some(element) = walk.next()? {
            let tag = element.tag;
            if tag.1 == 0 || FRAME_TABLES.contains(&tag) {
                continue;
            }
            if tag == tags::PIXEL_REPRESENTATION {
                signed = element.words().next() == Some(1);
            }
            if depth == 0 && PIXEL_TAGS.contains(&tag) {
                self.pixels(&element)?;
                if element.undefined_length {
                    break;
                }
                continue;
            }
            if PIXEL_TAGS.contains(&tag) && element.undefined_length {
                return Err(unsupported("a picture within the object, such as an icon, is compressed too"));
            }
            let replaced = self.pixels.as_ref().filter(|_| depth == 0).and_then(|pixels| match tag {
                tags::PHOTOMETRIC => pixels.now.map(|now| now.as_bytes().to_vec()),
                tags::PLANAR if pixels.by_pixel => Some(vec![0, 0]),
                _ => None,
            });
            match replaced {
                Some(value) => self.element(tag, vr::of(&element, signed), &value)?,
                None => self.copy(&element, vr::of(&element, signed), depth)?,
            }
        }
        Ok(walk.position())
    }

    fn copy(&mut self, element: &Element<'_>, vr: [u8; 2], depth: usize) -> Result<(), Fault> {
        if vr != *b"SQ" {
            return self.element(element.tag, vr, &value::little_endian_of_all(element, vr));
        }
        self.head(element.tag, vr, UNDEFINED);
        each_item(element, |_, item| {
            self.mark(0xE000, UNDEFINED);
            let end = self.data_set(item, depth + 1)?;
            self.mark(0xE00D, 0);
            Ok(end)
        })?;
        self.mark(0xE0DD, 0);
        Ok(())
    }

    fn pixels(&mut self, element: &Element<'_>) -> Result<(), Fault> {
        let Some(pixels) = self.pixels.take() else { return Ok(()) };
        let vr = match element.tag {
            tags::PIXEL_DATA if pixels.wide => *b"OW",
            tags::PIXEL_DATA => *b"OB",
            _ => vr::of(element, false),
        };
        self.element(element.tag, vr, &pixels.bytes)
    }

    fn element(&mut self, tag: Tag, vr: [u8; 2], value: &[u8]) -> Result<(), Fault> {
        let odd = value.len() % 2;
        let length = u32::try_from(value.len() + odd)
            .ok()
            .filter(|length| *length < UNDEFINED)
            .ok_or_else(|| Fault::new(ErrorCode::ObjectTooLarge, "a value is too long for any encoding"))?;
        self.head(tag, vr, length);
        self.written.extend_from_slice(value);
        // Texts end with a space, UIDs and bytes with zero.
        self.written.extend(std::iter::repeat_n(if value::is_padded_by_space(vr) { b' ' } else { 0 }, odd));
        Ok(())
    }

    fn head(&mut self, tag: Tag, vr: [u8; 2], length: u32) {
        // PS3.5 section 6.2.2 note 3: what does not fit the short length goes as UN.
        let is_long = has_long_length(vr);
        let vr = if !is_long && length > u32::from(u16::MAX) { *b"UN" } else { vr };
        self.written.extend_from_slice(&tag.0.to_le_bytes());
        self.written.extend_from_slice(&tag.1.to_le_bytes());
        self.written.extend_from_slice(&vr);
        if has_long_length(vr) {
            self.written.extend_from_slice(&[0, 0]);
            self.written.extend_from_slice(&length.to_le_bytes());
        } else {
            self.written.extend_from_slice(&(length as u16).to_le_bytes());
        }
    }

    fn mark(&mut self, element: u16, length: u32) {
        self.written.extend_from_slice(&0xFFFE_u16.to_le_bytes());
        self.written.extend_from_slice(&element.to_le_bytes());
        self.written.extend_from_slice(&length.to_le_bytes());
    }
}
