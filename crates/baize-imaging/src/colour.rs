//! Frames in colour, as red, green and blue of 8 bits (PS3.3 section C.7.6.3.1.2).

use baize_core::{ErrorCode, Fault};

use crate::attributes::{Attributes, missing, tags};
use crate::codec::jpeg;
use crate::element::{Element, malformed};
use crate::layout::{Layout, Space, corrupt};
use crate::samples::Samples;
use crate::syntax::{PixelCodec, pixel_codec};

/// Entries of a palette: what its descriptor can say.
const MOST_ENTRIES: usize = 65_536;

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
            let numbers: Vec<u16> = descriptor.words().take(3).collect();
            let &[count, start, bits @ (8 | 16)] = numbers.as_slice() else {
                return Err(malformed(descriptor_tag, "names an impossible table"));
            };
            // 65536 entries do not fit the number and are written as 0.
            let count = if count == 0 { MOST_ENTRIES } else { usize::from(count) };
            first = if signed { i32::from(start as i16) } else { i32::from(start) };
            let entries = match attributes.get(tag) {
                Some(data) => plain_entries(data, bits, count),
                None => {
                    let segmented = attributes
                        .get(tags::SEGMENTED_PALETTES[channel])
                        .ok_or_else(|| missing(tag, "Palette Color Lookup Table Data"))?;
                    segmented_entries(segmented, bits, count)
                        .ok_or_else(|| corrupt("a segmented Palette Color Lookup Table is damaged"))?
                }
            };
            if entries.len() < count {
                return Err(corrupt("a Palette Color Lookup Table is shorter than its descriptor says"));
            }
            // Of entries of 16 bits the high byte is shown, unless a writer scaled to 8 bits only.
            let shift = if bits == 16 && entries.iter().any(|entry| *entry > 0xFF) { 8 } else { 0 };
            *table = entries.iter().map(|entry| (entry >> shift) as u8).collect();
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

fn plain_entries(data: &Element<'_>, bits: u16, count: usize) -> Vec<u16> {
    if bits == 8 && data.value.len() < 2 * count {
        // Packed two to a word, the first in the low byte.
        return data.words().flat_map(u16::to_le_bytes).map(u16::from).take(count).collect();
    }
    data.words().take(count).collect()
}

/// A table of runs and slopes (PS3.3 section C.7.9.2); `None` where it is damaged.
fn segmented_entries(data: &Element<'_>, bits: u16, count: usize) -> Option<Vec<u16>> {
    let numbers: Vec<u16> = match bits {
        8 => data.words().flat_map(u16::to_le_bytes).map(u16::from).collect(),
        _ => data.words().collect(),
    };
    let mut entries = Vec::with_capacity(count);
    let mut at = 0;
    while entries.len() < count {
        at += segment(&numbers, at, &mut entries, true)?;
    }
    Some(entries)
}

/// Adds the entries of the segment there, and says how many numbers it takes.
fn segment(numbers: &[u16], at: usize, entries: &mut Vec<u16>, may_refer: bool) -> Option<usize> {
    // A few numbers could otherwise refer to each other's entries over and over.
    if entries.len() > MOST_ENTRIES {
        return None;
    }
    let (&kind, length) = (numbers.get(at)?, usize::from(*numbers.get(at + 1)?));
    match kind {
        // As they stand.
        0 => {
            entries.extend_from_slice(numbers.get(at + 2..at + 2 + length)?);
            (length > 0).then_some(2 + length)
        }
        // From the last entry in a straight line to the one named.
        1 => {
            let (from, to) = (f64::from(*entries.last()?), f64::from(*numbers.get(at + 2)?));
            let step = (to - from) / length as f64;
            entries.extend((1..=length).map(|index| (from + step * index as f64).round() as u16));
            (length > 0).then_some(3)
        }
        // So many segments again that stand elsewhere, which may not refer on.
        2 if may_refer => {
            let (low, high) = (*numbers.get(at + 2)?, *numbers.get(at + 3)?);
            let mut place = usize::from(high) << 16 | usize::from(low);
            for _ in 0..length {
                place += segment(numbers, place, entries, false)?;
            }
            (length > 0).then_some(4)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luminance_and_colour_become_red_green_and_blue() {
        // The primaries in ITU-R BT.601, full range.
        for (ybr, rgb) in [
            ([0, 128, 128], [0, 0, 0]),
            ([255, 128, 128], [255, 255, 255]),
            ([76, 85, 255], [254, 0, 0]),
            ([150, 44, 21], [0, 255, 1]),
            ([29, 255, 107], [0, 0, 254]),
        ] {
            assert_eq!(from_ybr(ybr[0], ybr[1], ybr[2]), rgb, "{ybr:?}");
        }
    }

    fn entries(numbers: &[u16], count: usize) -> Option<Vec<u16>> {
        let mut entries = Vec::new();
        let mut at = 0;
        while entries.len() < count {
            at += segment(numbers, at, &mut entries, true)?;
        }
        Some(entries)
    }

    #[test]
    fn segments_are_runs_slopes_and_references() {
        assert_eq!(entries(&[0, 2, 7, 9], 2), Some(vec![7, 9]));
        assert_eq!(entries(&[0, 1, 0, 1, 4, 8], 5), Some(vec![0, 2, 4, 6, 8]));
        // The first segment twice more.
        assert_eq!(entries(&[0, 1, 5, 2, 1, 0, 0, 2, 1, 0, 0], 3), Some(vec![5, 5, 5]));
        for damaged in [
            &[0, 3, 1][..],
            &[1, 2, 3],
            &[0, 0],
            &[3, 1, 1],
            &[0, 1, 1, 2, 1, 3, 0],
            &[0, 1, 1, 1, 60_000, 9, 2, 65_535, 3, 0],
        ] {
            assert_eq!(entries(damaged, 65_536), None, "{damaged:?}");
        }
    }
}
