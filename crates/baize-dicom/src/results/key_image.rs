//! The key image: the annotated picture as a Secondary Capture, for viewers that show neither reports nor
//! presentation states.

use std::io::Cursor;

use baize_core::{ErrorCode, Fault};
use dicom_core::{PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use image::{ImageFormat, ImageReader};

use super::content::{Put, code_item};
use super::envelope::{Envelope, Kind};
use super::{codes, wording};

/// The largest side of the picture, in pixels; ours are about a thousand.
const MAX_SIDE: u32 = 8192;

/// The picture as an image of the study.
///
/// # Errors
/// `Internal` where the picture is no PNG of ours.
pub(crate) fn build(envelope: &Envelope<'_>, png: &[u8]) -> Result<InMemDicomObject, Fault> {
    let language = envelope.language;
    let (rows, columns, samples) = decode(png)?;
    let source_image = envelope
        .source_reference()
        .with_items(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![code_item(codes::SOURCE_IMAGE, language)]);
    let orientation = envelope.source.code(tags::PATIENT_ORIENTATION);
    let mut object = envelope
        .dated(envelope.base(Kind::KeyImage))
        .with(tags::IMAGE_TYPE, VR::CS, r"DERIVED\SECONDARY")
        .with(tags::CONVERSION_TYPE, VR::CS, "SYN")
        .with(tags::DERIVATION_DESCRIPTION, VR::ST, wording::derivation(envelope.model(), language))
        .with_items(tags::SOURCE_IMAGE_SEQUENCE, vec![source_image])
        .with(
            tags::PATIENT_ORIENTATION,
            VR::CS,
            orientation.map_or(PrimitiveValue::Empty, PrimitiveValue::from),
        )
        .with(tags::IMAGE_COMMENTS, VR::LT, wording::notice(language))
        .with(tags::BURNED_IN_ANNOTATION, VR::CS, burned_in(envelope))
        .with(tags::SAMPLES_PER_PIXEL, VR::US, 3_u16)
        .with(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB")
        .with(tags::PLANAR_CONFIGURATION, VR::US, 0_u16)
        .with(tags::ROWS, VR::US, rows)
        .with(tags::COLUMNS, VR::US, columns)
        .with(tags::BITS_ALLOCATED, VR::US, 8_u16)
        .with(tags::BITS_STORED, VR::US, 8_u16)
        .with(tags::HIGH_BIT, VR::US, 7_u16)
        .with(tags::PIXEL_REPRESENTATION, VR::US, 0_u16)
        .with(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(samples.into()));
    // Losses stay in what is derived from a lossy image (PS3.3 section C.7.6.1.1.5).
    if envelope.source.code(tags::LOSSY_IMAGE_COMPRESSION) == Some("01") {
        object = object.with(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "01");
        let details =
            [(tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS), (tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS)];
        for (tag, vr) in details {
            if let Some(value) = envelope.source.code(tag) {
                object = object.with(tag, vr, value);
            }
        }
    }
    Ok(envelope.examined(object))
}

/// `NO` only where the image says so. What Baize draws names no patient, but the image below may.
fn burned_in(envelope: &Envelope<'_>) -> &'static str {
    match envelope.source.code(tags::BURNED_IN_ANNOTATION) {
        Some("NO") => "NO",
        _ => "YES",
    }
}

/// Rows, columns, and red, green and blue of every pixel.
fn decode(png: &[u8]) -> Result<(u16, u16, Vec<u8>), Fault> {
    let unusable = |what: String| Fault::new(ErrorCode::Internal, format!("the annotated picture: {what}"));
    let mut reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| unusable(error.to_string()))?.into_rgb8();
    let side = |length: u32| u16::try_from(length).map_err(|error| unusable(error.to_string()));
    Ok((side(picture.height())?, side(picture.width())?, picture.into_raw()))
}
