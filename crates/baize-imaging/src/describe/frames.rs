//! The frames of an image as they are stored (PS3.5 sections 8 and A.4).

use std::borrow::Cow;

use baize_core::ports::Bulk;
use baize_core::{ErrorCode, Fault};
use bytes::{Bytes, BytesMut};

use super::bulk::share;
use super::value::little_endian;
use crate::attributes::{Attributes, tags};
use crate::element::{Element, Walk};
use crate::layout::{corrupt, unsupported};
use crate::part10::{self, Part10};
use crate::syntax::{PixelCodec, pixel_codec};
use crate::{EXPLICIT_LITTLE, Limits, header};

/// The frames of an image: native ones in little endian, compressed ones as they are.
///
/// # Errors
/// `NoPixelData`, `CorruptPixelData`, `UnsupportedPixelFormat` where it cannot be told where a frame begins, and
/// what [`read_header`](crate::read_header) refuses.
pub fn frames(object: &Bytes, limits: &Limits) -> Result<Bulk, Fault> {
    let file = part10::open(object, limits)?;
    let attributes = Attributes::collect(&file.data_set, file.encoding)?;
    let Some(pixels) = attributes.pixels else {
        return Err(Fault::new(
            ErrorCode::NoPixelData,
            "Pixel Data (7FE0,0010) is absent: the object holds no image",
        ));
    };
    let count = header::read(&file, &attributes)?.facts.frames.max(1) as usize;
    if pixels.undefined_length {
        let parts = encapsulated(object, &file, &pixels, count)?;
        return Ok(Bulk {
            media_type: media_type(&file.transfer_syntax).into(),
            transfer_syntax: file.transfer_syntax,
            parts,
        });
    }
    let parts = native(object, &file, &attributes, &pixels, count)?;
    Ok(Bulk { media_type: OCTETS.into(), transfer_syntax: EXPLICIT_LITTLE.into(), parts })
}

pub(super) const OCTETS: &str = "application/octet-stream";

/// PS3.18 tables 8.7.3-2 and 8.7.3-5.
fn media_type(transfer_syntax: &str) -> &'static str {
    match pixel_codec(transfer_syntax) {
        PixelCodec::Rle => "image/dicom-rle",
        PixelCodec::Jpeg => "image/jpeg",
        PixelCodec::JpegLs => "image/jls",
        PixelCodec::Jpeg2000 if transfer_syntax.contains(".4.20") => "image/jphc",
        PixelCodec::Jpeg2000 => "image/jp2",
        PixelCodec::JpegXl => "image/jxl",
        PixelCodec::Native
        | PixelCodec::NativeFragments
        | PixelCodec::DeflatedFrames
        | PixelCodec::Unknown => OCTETS,
    }
}

fn native(
    object: &Bytes,
    file: &Part10<'_>,
    attributes: &Attributes<'_>,
    pixels: &Element<'_>,
    count: usize,
) -> Result<Vec<Bytes>, Fault> {
    let word = |tag, name| attributes.required_word(tag, name).map(u64::from);
    // Float pixel data has no Bits Allocated of its own choice, but states 32 or 64 all the same.
    let bits = word(tags::BITS_ALLOCATED, "Bits Allocated")?;
    let samples = word(tags::SAMPLES_PER_PIXEL, "Samples per Pixel")?;
    // Chrominance at every second pixel only.
    let halved = attributes.code(tags::PHOTOMETRIC).is_some_and(|space| space.ends_with("_422"));
    let samples = if halved { 2 } else { samples };
    let frame_bits = word(tags::ROWS, "Rows")? * word(tags::COLUMNS, "Columns")? * samples * bits;
    if frame_bits % 8 != 0 && count > 1 {
        return Err(unsupported("a frame does not end with a byte, so the next one cannot be given out"));
    }
    let length = frame_bits.div_ceil(8) as usize;
    let vr = match pixels.vr {
        // Words of 16 bits are swapped as words whatever a sample has.
        Some(vr) if bits <= 16 => vr,
        Some(_) | None if bits == 32 => *b"OF",
        Some(_) | None if bits == 64 => *b"OD",
        Some(_) | None => *b"OW",
    };
    let needed = length.checked_mul(count).filter(|needed| length > 0 && *needed <= pixels.value.len());
    let Some(needed) = needed else {
        return Err(corrupt("Pixel Data (7FE0,0010) is shorter than Rows, Columns and Number of Frames say"));
    };
    let mut all = share(object, file, little_endian(pixels, vr));
    all.truncate(needed);
    Ok((0..count).map(|number| all.slice(number * length..(number + 1) * length)).collect())
}

fn encapsulated(
    object: &Bytes,
    file: &Part10<'_>,
    pixels: &Element<'_>,
    count: usize,
) -> Result<Vec<Bytes>, Fault> {
    let cut = |_| corrupt("Pixel Data (7FE0,0010) ends within a fragment");
    let mut walk = Walk::new(pixels.value, pixels.encoding);
    let table = walk.next_item().map_err(cut)?.unwrap_or_default();
    let first = walk.position();
    let mut fragments = Vec::new();
    loop {
        let offset = walk.position() - first;
        let Some(fragment) = walk.next_item().map_err(cut)? else { break };
        fragments.push((offset, share(object, file, Cow::Borrowed(fragment))));
    }
    if fragments.len() < count {
        return Err(corrupt(format!(
            "Pixel Data (7FE0,0010) holds {} fragments for {count} frames",
            fragments.len()
        )));
    }
    if fragments.len() == count {
        return Ok(fragments.into_iter().map(|(_, fragment)| fragment).collect());
    }
    if count == 1 {
        return Ok(vec![joined(fragments.iter().map(|(_, fragment)| fragment))]);
    }
    let starts: Vec<usize> = table
        .chunks_exact(4)
        .map(|entry| u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]) as usize)
        .collect();
    if starts.len() != count || !starts.is_sorted() {
        return Err(unsupported(
            "the Basic Offset Table does not tell which fragments belong to which frame",
        ));
    }
    let ends = starts[1..].iter().copied().chain([usize::MAX]);
    Ok(starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            joined(fragments.iter().filter(|(at, _)| (*start..end).contains(at)).map(|(_, part)| part))
        })
        .collect())
}

fn joined<'a>(mut parts: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let first = parts.next().cloned().unwrap_or_default();
    let mut rest = parts.peekable();
    if rest.peek().is_none() {
        return first;
    }
    let mut all = BytesMut::from(first.as_ref());
    rest.for_each(|part| all.extend_from_slice(part));
    all.freeze()
}
