//! From the pixel data element to stored samples, whatever the transfer syntax.

use std::borrow::Cow;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use baize_core::{ErrorCode, Fault};
use flate2::read::DeflateDecoder;

use crate::codec;
use crate::element::{Element, Walk};
use crate::layout::{Layout, corrupt};
use crate::syntax::{PixelCodec, pixel_codec};

/// Samples row by row, at least as many as the layout has. Bits above those stored mean nothing yet.
pub(crate) enum Samples<'a> {
    /// One byte each.
    Bytes(Cow<'a, [u8]>),
    /// One byte each, every two of them swapped: 8-bit samples in 16-bit words of big endian.
    SwappedBytes(&'a [u8]),
    /// Two bytes each.
    Pairs {
        /// The bytes.
        bytes: Cow<'a, [u8]>,
        /// The first byte of two is the higher one.
        big_endian: bool,
    },
    /// Numbers.
    Words(Vec<u16>),
}

impl Samples<'_> {
    /// How many there are.
    fn count(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::SwappedBytes(bytes) => bytes.len() & !1,
            Self::Pairs { bytes, .. } => bytes.len() / 2,
            Self::Words(words) => words.len(),
        }
    }

    /// Calls `each` with the first `count` samples.
    pub(crate) fn for_each(&self, count: usize, mut each: impl FnMut(u16)) {
        match self {
            Self::Bytes(bytes) => bytes.iter().take(count).for_each(|byte| each(u16::from(*byte))),
            Self::SwappedBytes(bytes) => {
                (0..count).filter_map(|index| bytes.get(index ^ 1)).for_each(|byte| each(u16::from(*byte)));
            }
            Self::Pairs { bytes, big_endian: false } => {
                bytes
                    .chunks_exact(2)
                    .take(count)
                    .for_each(|pair| each(u16::from_le_bytes([pair[0], pair[1]])));
            }
            Self::Pairs { bytes, big_endian: true } => {
                bytes
                    .chunks_exact(2)
                    .take(count)
                    .for_each(|pair| each(u16::from_be_bytes([pair[0], pair[1]])));
            }
            Self::Words(words) => words.iter().take(count).for_each(|word| each(*word)),
        }
    }
}

/// Reads the samples of one frame.
pub(crate) fn read<'a>(
    pixels: &Element<'a>,
    transfer_syntax: &str,
    layout: &Layout,
) -> Result<Samples<'a>, Fault> {
    let codec = pixel_codec(transfer_syntax);
    if codec == PixelCodec::Unknown {
        let message =
            format!("no decoder for transfer syntax {transfer_syntax}: send Explicit VR Little Endian");
        return Err(Fault::new(ErrorCode::UnsupportedTransferSyntax, message));
    }
    if pixels.undefined_length != (codec != PixelCodec::Native) {
        let message = "Pixel Data (7FE0,0010) is encapsulated or not, contrary to the transfer syntax";
        return Err(Fault::new(ErrorCode::MalformedObject, message));
    }
    let samples = match codec {
        PixelCodec::Native => native(pixels, layout),
        _ => encapsulated(pixels, codec, layout)?,
    };
    let (found, needed) = (samples.count(), layout.samples());
    if found < needed {
        return Err(corrupt(format!(
            "Pixel Data (7FE0,0010) holds {found} samples where Rows and Columns need {needed}"
        )));
    }
    Ok(samples)
}

fn native<'a>(pixels: &Element<'a>, layout: &Layout) -> Samples<'a> {
    let big_endian = pixels.encoding.big_endian;
    match layout.bits_allocated {
        8 if big_endian && pixels.vr == Some(*b"OW") => Samples::SwappedBytes(pixels.value),
        8 => Samples::Bytes(Cow::Borrowed(pixels.value)),
        _ => Samples::Pairs { bytes: Cow::Borrowed(pixels.value), big_endian },
    }
}

fn plain<'a>(bytes: Cow<'a, [u8]>, layout: &Layout) -> Samples<'a> {
    match layout.bits_allocated {
        8 => Samples::Bytes(bytes),
        _ => Samples::Pairs { bytes, big_endian: false },
    }
}

fn encapsulated<'a>(pixels: &Element<'a>, codec: PixelCodec, layout: &Layout) -> Result<Samples<'a>, Fault> {
    let stream = frame_stream(pixels)?;
    // The decoders are other people's code and meet hostile bytes. Their panics (an index, an arithmetic
    // overflow) must not take a worker down with them: one damaged image is one fault.
    let decoded = catch_unwind(AssertUnwindSafe(|| match codec {
        PixelCodec::DeflatedFrames => inflate(&stream, layout),
        PixelCodec::Rle => codec::rle::decode(&stream, layout).map(Samples::Words),
        PixelCodec::Jpeg => codec::jpeg::decode(&stream, layout),
        PixelCodec::JpegLs => codec::jpeg::decode_ls(&stream, layout),
        PixelCodec::Jpeg2000 => codec::jpeg2000::decode(&stream, layout).map(Samples::Words),
        PixelCodec::JpegXl => codec::jpegxl::decode(&stream, layout).map(Samples::Words),
        PixelCodec::Native | PixelCodec::NativeFragments | PixelCodec::Unknown => {
            Ok(Samples::Words(Vec::new()))
        }
    }));
    match (codec, decoded) {
        (PixelCodec::NativeFragments, _) => Ok(plain(stream, layout)),
        (_, Ok(samples)) => samples,
        (_, Err(_)) => Err(corrupt("the decoder failed on the compressed stream")),
    }
}

/// The fragments of the only frame, joined (PS3.5 section A.4).
fn frame_stream<'a>(pixels: &Element<'a>) -> Result<Cow<'a, [u8]>, Fault> {
    let cut = |_| corrupt("Pixel Data (7FE0,0010) ends within a fragment");
    let mut walk = Walk::new(pixels.value, pixels.encoding);
    // The first item is the offset table; with one frame it says nothing.
    walk.next_item().map_err(cut)?;
    let Some(first) = walk.next_item().map_err(cut)? else {
        return Err(corrupt("Pixel Data (7FE0,0010) holds no fragment"));
    };
    let mut joined = Cow::Borrowed(first);
    while let Some(fragment) = walk.next_item().map_err(cut)? {
        joined.to_mut().extend_from_slice(fragment);
    }
    Ok(joined)
}

fn inflate(stream: &[u8], layout: &Layout) -> Result<Samples<'static>, Fault> {
    let needed = layout.samples() * usize::from(layout.bits_allocated / 8);
    let mut bytes = Vec::with_capacity(needed);
    DeflateDecoder::new(stream)
        .take(needed as u64)
        .read_to_end(&mut bytes)
        .map_err(|_| corrupt("the deflated frame is damaged"))?;
    Ok(plain(Cow::Owned(bytes), layout))
}
