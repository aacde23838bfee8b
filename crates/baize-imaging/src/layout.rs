//! How the header says the pixels are laid out, checked before anything is allocated.

use baize_core::{ErrorCode, Fault, ImageFacts};

use crate::Limits;
use crate::attributes::{Attributes, missing, tags};
use crate::element::{Element, malformed};

/// What the samples of a pixel are (PS3.3 section C.7.6.3.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// One of grey.
    Grey,
    /// One that a palette makes a colour of.
    Palette,
    /// Red, green, blue.
    Rgb,
    /// Luminance and two of colour.
    Ybr,
    /// The same, in two pixels with one pair of colour, native only: Y Y Cb Cr.
    Ybr422,
}

impl Space {
    /// Samples of a pixel; of two pixels in [`Self::Ybr422`], halved.
    pub(crate) fn components(self) -> usize {
        match self {
            Self::Grey | Self::Palette => 1,
            Self::Ybr422 => 2,
            Self::Rgb | Self::Ybr => 3,
        }
    }
}

/// Samples of one frame (PS3.3 section C.7.6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) space: Space,
    /// 8 or 16.
    pub(crate) bits_allocated: u16,
    /// 1 to `bits_allocated`.
    pub(crate) bits_stored: u16,
    /// Bits below the lowest stored one; only native pixel data has any.
    pub(crate) low_bits: u16,
    pub(crate) signed: bool,
    /// The lowest value is white.
    pub(crate) monochrome1: bool,
}

impl Layout {
    pub(crate) fn samples(&self) -> usize {
        self.rows * self.columns * self.space.components()
    }

    /// A decoded sample as stored. A lossy stream of more bits than are stored may overshoot the top, which
    /// would wrap from white to black if only the stored bits were taken.
    pub(crate) fn stored(&self, sample: i32) -> u16 {
        if self.signed { sample as u16 } else { sample.clamp(0, (1 << self.bits_stored) - 1) as u16 }
    }
}

/// The layout of an image that can be decoded within the limits, and its pixel data element.
pub(crate) fn read<'a>(
    attributes: &Attributes<'a>,
    facts: &ImageFacts,
    limits: &Limits,
) -> Result<(Layout, Element<'a>), Fault> {
    let Some(pixels) = attributes.pixels else {
        let message = "Pixel Data (7FE0,0010) is absent: the object holds no image";
        return Err(Fault::new(ErrorCode::NoPixelData, message));
    };
    match facts.frames {
        1 => {}
        0 => return Err(malformed(tags::FRAMES, "Number of Frames is zero")),
        frames => {
            let message = format!("Number of Frames (0028,0008) is {frames}: send single-frame images");
            return Err(Fault::new(ErrorCode::MultiFrame, message));
        }
    }
    let monochrome1 = check_grey(attributes)?;
    let layout = frame(attributes, &pixels, Space::Grey, limits)?;
    Ok((Layout { monochrome1, ..layout }, pixels))
}

/// The layout of each frame of an image for people, grey or in colour, and its pixel data element.
pub(crate) fn of_frames<'a>(
    attributes: &Attributes<'a>,
    limits: &Limits,
) -> Result<(Layout, Element<'a>), Fault> {
    let Some(pixels) = attributes.pixels else {
        let message = "Pixel Data (7FE0,0010) is absent: the object holds no image";
        return Err(Fault::new(ErrorCode::NoPixelData, message));
    };
    let photometric = attributes
        .code(tags::PHOTOMETRIC)
        .ok_or_else(|| missing(tags::PHOTOMETRIC, "Photometric Interpretation"))?;
    let samples = attributes.required_word(tags::SAMPLES_PER_PIXEL, "Samples per Pixel")?;
    let space = match (samples, photometric) {
        (1, "MONOCHROME1" | "MONOCHROME2") => Space::Grey,
        (1, "PALETTE COLOR") => Space::Palette,
        (3, "RGB") => Space::Rgb,
        (3, "YBR_FULL_422") if !pixels.undefined_length => Space::Ybr422,
        (3, "YBR_FULL" | "YBR_FULL_422" | "YBR_ICT" | "YBR_RCT") => Space::Ybr,
        _ => {
            return Err(unsupported(format!(
                "Photometric Interpretation (0028,0004) is {photometric} with {samples} samples per pixel"
            )));
        }
    };
    let layout = frame(attributes, &pixels, space, limits)?;
    Ok((Layout { monochrome1: photometric == "MONOCHROME1", ..layout }, pixels))
}

fn frame(
    attributes: &Attributes<'_>,
    pixels: &Element<'_>,
    space: Space,
    limits: &Limits,
) -> Result<Layout, Fault> {
    let word = |tag, name| attributes.required_word(tag, name);
    let rows = word(tags::ROWS, "Rows")?;
    let columns = word(tags::COLUMNS, "Columns")?;
    if rows == 0 || columns == 0 {
        return Err(malformed(tags::ROWS, "Rows or Columns is zero"));
    }
    let count = u64::from(rows) * u64::from(columns);
    if count > limits.max_pixels {
        let message = format!(
            "Rows x Columns is {rows} x {columns}, more than the limit of {} pixels",
            limits.max_pixels
        );
        return Err(Fault::new(ErrorCode::DimensionsTooLarge, message));
    }
    if pixels.tag != tags::PIXEL_DATA {
        return Err(unsupported(
            "Float Pixel Data (7FE0,0008) or (7FE0,0009) is not read: send integer Pixel Data",
        ));
    }
    let bits_allocated = word(tags::BITS_ALLOCATED, "Bits Allocated")?;
    if !matches!(bits_allocated, 8 | 16) {
        return Err(unsupported(format!("Bits Allocated (0028,0100) is {bits_allocated}: send 8 or 16")));
    }
    let bits_stored = word(tags::BITS_STORED, "Bits Stored")?;
    if bits_stored == 0 || bits_stored > bits_allocated {
        return Err(malformed(tags::BITS_STORED, "Bits Stored is zero or more than Bits Allocated"));
    }
    let high_bit = attributes.word(tags::HIGH_BIT).unwrap_or(bits_stored - 1);
    if high_bit >= bits_allocated || high_bit + 1 < bits_stored {
        return Err(malformed(tags::HIGH_BIT, "High Bit does not fit Bits Stored and Bits Allocated"));
    }
    let signed = match word(tags::PIXEL_REPRESENTATION, "Pixel Representation")? {
        0 => false,
        1 => true,
        _ => return Err(malformed(tags::PIXEL_REPRESENTATION, "Pixel Representation is neither 0 nor 1")),
    };
    let low_bits = high_bit + 1 - bits_stored;
    let (rows, columns) = (usize::from(rows), usize::from(columns));
    Ok(Layout { rows, columns, space, bits_allocated, bits_stored, low_bits, signed, monochrome1: false })
}

/// Refuses all but one sample of grey per pixel; says whether it is MONOCHROME1.
fn check_grey(attributes: &Attributes<'_>) -> Result<bool, Fault> {
    let samples = attributes.required_word(tags::SAMPLES_PER_PIXEL, "Samples per Pixel")?;
    let interpretation = attributes
        .code(tags::PHOTOMETRIC)
        .ok_or_else(|| missing(tags::PHOTOMETRIC, "Photometric Interpretation"))?;
    match (samples, interpretation) {
        (1, "MONOCHROME1") => Ok(true),
        (1, "MONOCHROME2") => Ok(false),
        _ => {
            let message = "Photometric Interpretation (0028,0004) is neither MONOCHROME1 nor MONOCHROME2 with one \
                           sample per pixel";
            Err(Fault::new(ErrorCode::NotGrayscale, message))
        }
    }
}

/// The fault for a pixel layout that would be mis-decoded.
pub(crate) fn unsupported(message: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::UnsupportedPixelFormat, message)
}

/// The fault for a damaged stream.
pub(crate) fn corrupt(message: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::CorruptPixelData, message)
}
