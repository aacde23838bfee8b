//! Frames in colour, as red, green and blue of 8 bits (PS3.3 section C.7.6.3.1.2).

use baize_core::{ErrorCode, Fault};

use crate::attributes::{Attributes, missing, tags};
use crate::codec::jpeg;
use crate::element::malformed;
use crate::layout::{Layout, Space, corrupt};
use crate::samples::Samples;
use crate::syntax::{PixelCodec, pixel_codec};

/// What the samples of a frame are once its stream is decoded: some decoders give red, green and blue whatever went in.
pub(crate) fn once_decoded(layout: &Layout, transfer_syntax: &str, stream: &[u8]) -> Space {
    match (pixel_codec(transfer_syntax), layout.space) {
        (PixelCodec::Jpeg, Space::Ybr) if jpeg::gives_rgb(stream, layout) => Space::Rgb,
        // YBR_ICT and YBR_RCT are the codec's own transformations, which it takes back.
        (PixelCodec::Jpeg2000 | PixelCodec::JpegXl, Space::Ybr) => Space::Rgb,
        (_, space) => space,
    }
}

/// The samples pixel by pixel: native ones may come plane by plane.
pub(crate) fn by_pixel(
    samples: &Samples<'_>,
    layout: &Layout,
    attributes: &Attributes<'_>,
    native: bool,
) -> Vec<u16> {
    let mut numbers = Vec::with_capacity(layout.samples());
    samples.for_each(layout.samples(), |sample| numbers.push(sample));
    let in_planes = native && layout.space.components() == 3 && attributes.word(tags::PLANAR) == Some(1);
    if !in_planes {
        return numbers;
    }
    let plane = layout.rows * layout.columns;
    (0..numbers.len()).map(|index| numbers[index % 3 * plane + index / 3]).collect()
}

/// Red, green and blue of every pixel. `space` says what the samples are, which come pixel by pixel.
pub(crate) fn rgb(
    samples: &[u16],
    space: Space,
    layout: &Layout,
    attributes: &Attributes<'_>,
) -> Result<Vec<u8>, Fault> {
    let mask = (1_u32 << layout.bits_stored) - 1;
    let stored = |sample: u16| u32::from(sample >> layout.low_bits) & mask;
    if space == Space::Palette {
        let palette = Palette::read(attributes, layout.signed)?;
        return Ok(samples.iter().flat_map(|&sample| palette.colour(stored(sample))).collect());
    }
    // To 8 bits, the top staying the top.
    let byte = |sample: u16| (stored(sample) * 255 / mask) as u8;
    let bytes = samples.iter().map(|&sample| byte(sample));
    match space {
        Space::Rgb => Ok(bytes.collect()),
        Space::Ybr => {
            let bytes: Vec<u8> = bytes.collect();
            Ok(bytes.as_chunks::<3>().0.iter().flat_map(|&[y, b, r]| from_ybr(y, b, r)).collect())
        }
        Space::Ybr422 => {
            let bytes: Vec<u8> = bytes.collect();
            let pair = |&[first, second, b, r]: &[u8; 4]| [from_ybr(first, b, r), from_ybr(second, b, r)];
            Ok(bytes.as_chunks::<4>().0.iter().flat_map(pair).flatten().collect())
        }
        Space::Grey | Space::Palette => {
            Err(Fault::new(ErrorCode::Internal, "a frame of one sample per pixel holds no colours"))
        }
    }
}

/// The inverse of the transformation of PS3.3 section C.7.6.3.1.2 (ITU-R BT.601, full range).
fn from_ybr(y: u8, b: u8, r: u8) -> [u8; 3] {
    let (y, b, r) = (f64::from(y), f64::from(b) - 128.0, f64::from(r) - 128.0);
    [y + 1.402 * r, y - 0.344_136 * b - 0.714_136 * r, y + 1.772 * b]
        .map(|value| value.round().clamp(0.0, 255.0) as u8)
}

/// The three tables of a palette (PS3.3 section C.7.9).
struct Palette {
    first: i32,
    signed: bool,
    tables: [Vec<u8>; 3],
}

impl Palette {
    fn read(attributes: &Attributes<'_>, signed: bool) -> Result<Self, Fault> {
        let mut first = 0;
        let mut tables = [const { Vec::new() }; 3];
        for (channel, table) in tables.iter_mut().enumerate() {
            let (descriptor_tag, tag) = (tags::PALETTE_DESCRIPTORS[channel], tags::PALETTES[channel]);
            let descriptor = attributes
                .get(descriptor_tag)
                .ok_or_else(|| missing(descriptor_tag, "Palette Color Lookup Table Descriptor"))?;
            let data = attributes.get(tag).ok_or_else(|| {
                missing(tag, "Palette Color Lookup Table Data (segmented ones are not read)")
            })?;
            let numbers: Vec<u16> = descriptor.words().take(3).collect();
            let &[count, start, bits @ (8 | 16)] = numbers.as_slice() else {
                return Err(malformed(descriptor_tag, "names an impossible table"));
            };
            // 65536 entries do not fit the number and are written as 0.
            let count = if count == 0 { 65_536 } else { usize::from(count) };
            first = if signed { i32::from(start as i16) } else { i32::from(start) };
            *table = if bits == 8 && data.value.len() < 2 * count {
                // Packed two to a word, the first in the low byte.
                let words = data.words().flat_map(|word| word.to_le_bytes());
                words.take(count).collect()
            } else {
                // Of entries of 16 bits the high byte is shown, unless a writer scaled to 8 bits only.
                let entries: Vec<u16> = data.words().take(count).collect();
                let shift = if bits == 16 && entries.iter().any(|entry| *entry > 0xFF) { 8 } else { 0 };
                entries.iter().map(|entry| (entry >> shift) as u8).collect()
            };
            if table.len() < count {
                return Err(corrupt("a Palette Color Lookup Table is shorter than its descriptor says"));
            }
        }
        Ok(Self { first, signed, tables })
    }

    /// The colour of a stored value; the first or last one outside of the table.
    fn colour(&self, stored: u32) -> [u8; 3] {
        let stored = if self.signed { i32::from(stored as u16 as i16) } else { stored as i32 };
        let index = usize::try_from(stored - self.first).unwrap_or(0);
        let entry =
            |table: &Vec<u8>| table.get(index.min(table.len().saturating_sub(1))).copied().unwrap_or(0);
        [entry(&self.tables[0]), entry(&self.tables[1]), entry(&self.tables[2])]
    }
}
