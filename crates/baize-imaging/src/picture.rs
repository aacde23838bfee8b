//! A picture of a stored image, for people who look at it in a browser.

use std::io::Cursor;

use baize_core::ports::{PictureFormat, Rendering};
use baize_core::{ErrorCode, Fault};
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, ImageFormat};
use ndarray::Array2;

use crate::attributes::Attributes;
use crate::element::Element;
use crate::syntax::Encoding;
use crate::{Limits, decode_through, describe, grey, header, layout, part10, samples};

/// The larger side of a viewport.
const MAX_VIEWPORT: u32 = 8192;

/// Draws one frame of a greyscale image.
///
/// # Errors
/// What [`decode`](crate::decode) refuses, except `MultiFrame`; `NotFound` for a frame that is not there and
/// `InvalidRequest` for a viewport of no use.
pub fn picture(object: &Bytes, limits: &Limits, rendering: &Rendering) -> Result<Vec<u8>, Fault> {
    let pixels = shown(object, limits, rendering)?;
    let (rows, columns) = pixels.dim();
    let grey: Vec<u8> = pixels.iter().map(|brightness| (brightness * 255.0).round() as u8).collect();
    let image = GrayImage::from_raw(columns as u32, rows as u32, grey)
        .ok_or_else(|| layout::corrupt("the number of samples does not match Rows and Columns"))?;
    let mut image = DynamicImage::ImageLuma8(image);
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

/// The frame as a display would show it, 0 to 1.
fn shown(object: &Bytes, limits: &Limits, rendering: &Rendering) -> Result<Array2<f32>, Fault> {
    let file = part10::open(object, limits)?;
    let attributes = Attributes::collect(&file.data_set, file.encoding)?;
    let mut facts = header::read(&file, &attributes)?.facts;
    let count = facts.frames.max(1);
    if rendering.frame == 0 || rendering.frame > count {
        let message = format!("frames: the image has frames 1 to {count}");
        return Err(Fault::new(ErrorCode::NotFound, message));
    }
    if count == 1 {
        return Ok(decode_through(object, limits, rendering.window)?.pixels);
    }
    facts.frames = 1;
    let (layout, pixels) = layout::read(&attributes, &facts, limits)?;
    let all = describe::frames(object, limits)?;
    let frame = all.parts.get(rendering.frame as usize - 1).map_or(&[][..], AsRef::as_ref);
    let single = if pixels.undefined_length { fragment(frame) } else { frame.to_vec() };
    // Frames are handed out in little endian.
    let encoding = Encoding { big_endian: false, ..pixels.encoding };
    let pixels = Element { value: &single, encoding, ..pixels };
    let samples = samples::read(&pixels, &file.transfer_syntax, &layout)?;
    grey::render(&samples, &layout, &attributes, rendering.window)
}

/// Pixel data of one frame in one fragment: an empty offset table and the stream.
fn fragment(frame: &[u8]) -> Vec<u8> {
    const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
    let length = (frame.len() as u32).to_le_bytes();
    [&ITEM, &[0; 4], &ITEM, &length, frame].concat()
}
