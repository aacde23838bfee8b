//! The frames of an image as samples that need no decoder, for clients that have none.

use baize_core::ports::Bulk;
use baize_core::{ErrorCode, Fault};
use bytes::Bytes;

use super::frames::{OCTETS, frames};
use crate::attributes::Attributes;
use crate::colour;
use crate::element::Element;
use crate::layout::{self, Layout, Space};
use crate::part10;
use crate::picture::{little, single_frame};
use crate::samples;
use crate::{EXPLICIT_LITTLE, Limits};

/// The frames of those numbers, from 1 on: little endian, samples of colour pixel by pixel, and red, green and blue where
/// a lossy codec has luminance and colour.
///
/// # Errors
/// What [`frames`] refuses, `NotFound` for a frame that is not there, `UnsupportedTransferSyntax` and
/// `UnsupportedPixelFormat` for what cannot be decoded, `DimensionsTooLarge` for more than the limit of pixels at once.
pub fn native_frames(object: &Bytes, limits: &Limits, numbers: &[usize]) -> Result<Bulk, Fault> {
    let file = part10::open(object, limits)?;
    let mut stored = frames(object, limits)?;
    let count = stored.parts.len();
    let missing = || Fault::new(ErrorCode::NotFound, format!("frames: the image has frames 1 to {count}"));
    let chosen: Option<Vec<Bytes>> = numbers
        .iter()
        .map(|number| number.checked_sub(1).and_then(|index| stored.parts.get(index).cloned()))
        .collect();
    stored.parts = chosen.ok_or_else(missing)?;
    if !file.is_encapsulated() {
        return Ok(stored);
    }
    let attributes = Attributes::collect(&file.data_set, file.encoding)?;
    let (layout, pixels) = layout::of_frames(&attributes, limits)?;
    let all = (layout.rows * layout.columns) as u64 * stored.parts.len() as u64;
    if all > limits.max_pixels {
        let message =
            format!("frames: they hold more than the limit of {} pixels, ask for fewer", limits.max_pixels);
        return Err(Fault::new(ErrorCode::DimensionsTooLarge, message));
    }
    let decoded =
        |frame: &Bytes| decoded(frame, &pixels, &file.transfer_syntax, &layout).map(|(bytes, _)| bytes);
    let parts = stored.parts.iter().map(decoded).collect::<Result<_, _>>()?;
    Ok(Bulk { media_type: OCTETS.into(), transfer_syntax: EXPLICIT_LITTLE.into(), parts })
}

/// One compressed frame as samples, and what they are.
pub(super) fn decoded(
    frame: &[u8],
    pixels: &Element<'_>,
    transfer_syntax: &str,
    layout: &Layout,
) -> Result<(Bytes, Space), Fault> {
    let single = single_frame(pixels, frame);
    let pixels = Element { value: &single, encoding: little(pixels.encoding), ..*pixels };
    let samples = samples::read(&pixels, transfer_syntax, layout)?;
    let mut bytes = Vec::with_capacity(layout.samples() * usize::from(layout.bits_allocated / 8));
    let unused = 16 - u32::from(layout.bits_stored);
    samples.for_each(layout.samples(), |sample| {
        // Decoders leave what is above the stored bits empty; readers take it for the sign.
        let number = if layout.signed { ((sample << unused) as i16 >> unused) as u16 } else { sample };
        match layout.bits_allocated {
            8 => bytes.push(number as u8),
            _ => bytes.extend_from_slice(&number.to_le_bytes()),
        }
    });
    Ok((bytes.into(), colour::once_decoded(layout, transfer_syntax, frame)))
}
