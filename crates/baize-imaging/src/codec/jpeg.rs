//! JPEG (baseline, extended, lossless) and JPEG-LS, which share their marker segments (ISO/IEC 10918-1 annex B
//! and 14495-1 annex C).

use std::borrow::Cow;

use baize_core::Fault;
use charls::CharLS;
use jpeg_decoder::{Decoder, PixelFormat};

use super::{be16, check_size, damaged};
use crate::layout::{Layout, corrupt, unsupported};
use crate::samples::Samples;

const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// The frame header of a stream.
struct FrameHeader {
    /// Second byte of its marker, which names the coding process.
    process: u8,
    precision: u8,
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
    decoder.set_max_decoding_buffer_size(layout.samples() * 2);
    let bytes = decoder.decode().map_err(|_| damaged("JPEG"))?;
    match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => Ok(Samples::Bytes(Cow::Owned(bytes))),
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
    let bytes = CharLS::default().decode(stream).map_err(|_| damaged("JPEG-LS"))?;
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
            return Some(size.map(|()| FrameHeader { process: marker, precision }));
        }
        if marker == 0xDA || length < 2 {
            return None;
        }
        position += 2 + length;
    }
}
