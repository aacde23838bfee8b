//! A picture of a stored image, for people who look at it in a browser.

use std::borrow::Cow;
use std::io::Cursor;

use baize_core::ports::{PictureFormat, Rendering};
use baize_core::{ErrorCode, Fault};
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};

use crate::attributes::Attributes;
use crate::element::Element;
use crate::layout::Space;
use crate::syntax::Encoding;
use crate::{Limits, colour, describe, grey, header, layout, part10, samples};

/// The larger side of a viewport.
const MAX_VIEWPORT: u32 = 8192;

/// Draws one frame of an image, grey or in colour.
///
/// # Errors
/// What [`decode`](crate::decode) refuses, except `MultiFrame` and `NotGrayscale`; `NotFound` for a frame that is not
/// there and `InvalidRequest` for a viewport of no use, or a window of a colour image.
pub fn picture(object: &Bytes, limits: &Limits, rendering: &Rendering) -> Result<Vec<u8>, Fault> {
    let mut image = shown(object, limits, rendering)?;
    if let Some((width, height)) = rendering.viewport {
        if !(1..=MAX_VIEWPORT).contains(&width) || !(1..=MAX_VIEWPORT).contains(&height) {
            let message = format!("viewport: width and height must be 1 to {MAX_VIEWPORT}");
            return Err(Fault::new(ErrorCode::InvalidRequest, message));
        }
        image = image.resize(width, height, FilterType::Triangle);
    }
    let mut written = Cursor::new(Vec::new());
    let encoded = match rendering.format {
        PictureFormat::Png => image.write_to(&mut written, ImageFormat::Png),
        PictureFormat::Jpeg(quality) => {
            image.write_with_encoder(JpegEncoder::new_with_quality(&mut written, quality))
        }
    };
    encoded.map_err(|_| Fault::new(ErrorCode::Internal, "the picture could not be encoded"))?;
    Ok(written.into_inner())
}

/// The frame as a display would show it.
fn shown(object: &Bytes, limits: &Limits, rendering: &Rendering) -> Result<DynamicImage, Fault> {
    let file = part10::open(object, limits)?;
    let attributes = Attributes::collect(&file.data_set, file.encoding)?;
    let count = header::read(&file, &attributes)?.facts.frames.max(1);
    if rendering.frame == 0 || rendering.frame > count {
        let message = format!("frames: the image has frames 1 to {count}");
        return Err(Fault::new(ErrorCode::NotFound, message));
    }
    let (layout, pixels) = layout::of_frames(&attributes, limits)?;
    let all = describe::frames(object, limits)?;
    let frame = all.parts.get(rendering.frame as usize - 1).map_or(&[][..], AsRef::as_ref);
    let single = single_frame(&pixels, frame);
    let pixels = Element { value: &single, encoding: little(pixels.encoding), ..pixels };
    let samples = samples::read(&pixels, &file.transfer_syntax, &layout)?;
    let (rows, columns) = (layout.rows as u32, layout.columns as u32);
    let wrong_size = || layout::corrupt("the number of samples does not match Rows and Columns");
    if layout.space == Space::Grey {
        let shown = grey::render(&samples, &layout, &attributes, rendering.window)?;
        let grey: Vec<u8> = shown.iter().map(|brightness| (brightness * 255.0).round() as u8).collect();
        return GrayImage::from_raw(columns, rows, grey).map(DynamicImage::ImageLuma8).ok_or_else(wrong_size);
    }
    if rendering.window.is_some() {
        return Err(Fault::new(ErrorCode::InvalidRequest, "window: an image in colour is shown without one"));
    }
    let space = colour::once_decoded(&layout, &file.transfer_syntax, frame);
    let by_pixel = colour::by_pixel(&samples, &layout, &attributes, !pixels.undefined_length);
    let rgb = colour::rgb(&by_pixel, space, &layout, &attributes)?;
    RgbImage::from_raw(columns, rows, rgb).map(DynamicImage::ImageRgb8).ok_or_else(wrong_size)
}

/// Pixel data that holds one frame alone.
pub(crate) fn single_frame<'f>(pixels: &Element<'_>, frame: &'f [u8]) -> Cow<'f, [u8]> {
    if pixels.undefined_length { Cow::Owned(fragment(frame)) } else { Cow::Borrowed(frame) }
}

/// Frames are handed out in little endian.
pub(crate) fn little(encoding: Encoding) -> Encoding {
    Encoding { big_endian: false, ..encoding }
}

/// Pixel data of one frame in one fragment: an empty offset table and the stream.
fn fragment(frame: &[u8]) -> Vec<u8> {
    const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
    let length = (frame.len() as u32).to_le_bytes();
    [&ITEM, &[0; 4], &ITEM, &length, frame].concat()
}
