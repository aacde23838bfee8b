//! JPEG XL (ISO/IEC 18181).

use baize_core::Fault;
use jxl_oxide::{AllocTracker, JxlImage};

use super::{check_size, damaged};
use crate::layout::{Layout, unsupported};

/// What the decoder may allocate: a few planes of 32-bit numbers, and the tables of its entropy coder.
fn allocation_limit(layout: &Layout) -> usize {
    layout.samples() * 24 + (64 << 20)
}

/// Decodes the only frame.
pub(crate) fn decode(stream: &[u8], layout: &Layout) -> Result<Vec<u16>, Fault> {
    let tracker = AllocTracker::with_limit(allocation_limit(layout));
    let image = JxlImage::builder().alloc_tracker(tracker).read(stream).map_err(|_| damaged("JPEG XL"))?;
    let grey = image.pixel_format().is_grayscale() && !image.pixel_format().has_alpha();
    check_size(layout, image.height().into(), image.width().into(), if grey { 1 } else { 3 })?;
    let bits = image.image_header().metadata.bit_depth.bits_per_sample();
    if bits > 16 {
        return Err(unsupported(format!("JPEG XL with {bits} bits per sample")));
    }
    if !image.is_loading_done() {
        return Err(damaged("JPEG XL"));
    }
    let frame = image.render_frame(0).map_err(|_| damaged("JPEG XL"))?;
    // The decoder's samples run from 0 to 1; stored ones to the top of the stream's own depth.
    let top = f64::from((1_u32 << bits) - 1);
    let samples = frame.image_all_channels();
    Ok(samples.buf().iter().map(|&sample| layout.stored((f64::from(sample) * top).round() as i32)).collect())
}
