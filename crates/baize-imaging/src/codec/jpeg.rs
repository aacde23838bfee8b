//! JPEG (baseline, extended, lossless) and JPEG-LS, which share their marker segments (ISO/IEC 10918-1 annex B
//! and 14495-1 annex C).

use std::borrow::Cow;

use baize_core::Fault;
use charls::CharLS;
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

use super::{be16, check_size, damaged};
use crate::layout::{Layout, Space, corrupt, unsupported};
use crate::samples::Samples;

const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];
/// The frame header's marker of the lossless process.
const LOSSLESS: u8 = 0xC3;

/// The frame header of a stream.
struct FrameHeader {
    /// Second byte of its marker, which names the coding process.
    process: u8,
    precision: u8,
    /// What a JFIF or Adobe segment says of the components: luminance and colour, or red, green and blue.
    is_ybr: Option<bool>,
}

/// Whether frames of this space are red, green and blue once decoded: JPEG's lossy processes turn luminance and colour
/// back themselves.
pub(crate) fn gives_rgb(stream: &[u8], layout: &Layout) -> bool {
    matches!(frame_header(stream, layout), Some(Ok(header)) if header.process != LOSSLESS)
}

/// Decodes JPEG.
pub(crate) fn decode(stream: &[u8], layout: &Layout) -> Result<Samples<'static>, Fault> {
    let header = frame_header(stream, layout).ok_or_else(|| damaged("JPEG"))??;
    match (header.process, header.precision) {
        (0xC0..=0xC2, 8) | (0xC3, 2..=16) => {}
        (0xC1, 12) => {
            return Err(unsupported(
                "JPEG Extended with 12 bits is not decoded: send it lossless or uncompressed",
            ));
        }
        (process, precision) => {
            return Err(unsupported(format!(
                "JPEG process SOF{} with {precision} bits",
                process.wrapping_sub(0xC0)
            )));
        }
    }
    let mut decoder = Decoder::new(stream);
    if layout.space.components() == 3 {
        // What the stream says of itself stands above what the object says of it.
        let is_ybr = header.is_ybr.unwrap_or(layout.space == Space::Ybr) && header.process != LOSSLESS;
        decoder.set_color_transform(if is_ybr { ColorTransform::YCbCr } else { ColorTransform::None });
    }
    decoder.set_max_decoding_buffer_size(layout.samples() * 2);
    let bytes = decoder.decode().map_err(|_| damaged("JPEG"))?;
    match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8 | PixelFormat::RGB24) => Ok(Samples::Bytes(Cow::Owned(bytes))),
        // The decoder writes numbers in the machine's own order.
        Some(PixelFormat::L16) => {
            Ok(Samples::Pairs { bytes: Cow::Owned(bytes), big_endian: cfg!(target_endian = "big") })
        }
        _ => Err(damaged("JPEG")),
    }
}

/// Decodes JPEG-LS.
pub(crate) fn decode_ls(stream: &[u8], layout: &Layout) -> Result<Samples<'static>, Fault> {
    let header = frame_header(stream, layout).ok_or_else(|| damaged("JPEG-LS"))??;
    if header.process != 0xF7 {
        return Err(corrupt("the JPEG-LS stream is none: its frame header is another process'"));
    }
    let mut bytes = CharLS::default().decode(stream).map_err(|_| damaged("JPEG-LS"))?;
    let components = layout.space.components();
    if components > 1 && interleave(stream).ok_or_else(|| damaged("JPEG-LS"))? == 0 {
        if header.precision > 8 {
            return Err(unsupported("JPEG-LS in planes of more than 8 bits"));
        }
        bytes = by_pixel(&bytes, components);
    }
    Ok(match header.precision {
        0..=8 => Samples::Bytes(Cow::Owned(bytes)),
        _ => Samples::Pairs { bytes: Cow::Owned(bytes), big_endian: cfg!(target_endian = "big") },
    })
}

/// Finds the frame header and checks its size; `None` where the stream ends before it, or has no end mark
/// behind it: decoders fill what is missing with grey, and grey is no finding.
fn frame_header(stream: &[u8], layout: &Layout) -> Option<Result<FrameHeader, Fault>> {
    if stream.first_chunk() != Some(&[0xFF, 0xD8]) {
        return None;
    }
    let mut position = 2;
    let mut is_ybr = None;
    loop {
        let [0xFF, marker] = *stream.get(position..)?.first_chunk()? else { return None };
        // Markers may be preceded by fill bytes and some stand alone.
        if marker == 0xFF {
            position += 1;
            continue;
        }
        if matches!(marker, 0x01 | 0xD0..=0xD8) {
            position += 2;
            continue;
        }
        let length = usize::from(be16(stream, position + 2)?);
        let frame = matches!(marker, 0xC0..=0xCF | 0xF7) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
        if frame {
            let precision = *stream.get(position + 4)?;
            let (height, width) = (be16(stream, position + 5)?, be16(stream, position + 7)?);
            let components = *stream.get(position + 9)?;
            if !stream[position..].windows(2).any(|pair| pair == END_OF_IMAGE) {
                return None;
            }
            let size = check_size(layout, height.into(), width.into(), components.into());
            return Some(size.map(|()| FrameHeader { process: marker, precision, is_ybr }));
        }
        if marker == 0xDA || length < 2 {
            return None;
        }
        let segment = stream.get(position + 4..).unwrap_or_default();
        if marker == 0xE0 && segment.starts_with(b"JFIF") {
            is_ybr = is_ybr.or(Some(true));
        }
        if marker == 0xEE && segment.starts_with(b"Adobe") {
            is_ybr = segment.get(11).map(|transform| *transform == 1);
        }
        position += 2 + length;
    }
}

/// The interleave mode of the first scan of a JPEG-LS stream: 0 where each component has a scan of its own.
fn interleave(stream: &[u8]) -> Option<u8> {
    let at = stream.windows(2).position(|pair| pair == [0xFF, 0xDA])?;
    let components = usize::from(*stream.get(at + 4)?);
    stream.get(at + 6 + 2 * components).copied()
}

/// Planes as pixels.
fn by_pixel(planes: &[u8], components: usize) -> Vec<u8> {
    let plane = planes.len() / components;
    (0..plane * components).map(|index| planes[index % components * plane + index / components]).collect()
}
