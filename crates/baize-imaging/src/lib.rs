//! From a DICOM object to pixels that a model can read, and from findings to a picture.
//!
//! [`read_header`] says what an object is without touching its pixels; [`decode`] gives a normalised image;
//! [`fit`] brings it onto a model's canvas; [`overlay::annotate`] draws what the model saw. Every input ends
//! in a value or in a typed [`Fault`], within memory that [`Limits`] and [`decoded_bytes`] bound.

mod attributes;
mod codec;
mod colour;
pub mod crop;
pub mod describe;
mod element;
pub mod fit;
mod grey;
mod header;
mod layout;
mod lut;
pub mod overlay;
mod part10;
mod picture;
mod samples;
mod slice;
mod syntax;
mod text;

use baize_core::ports::Digest;
use baize_core::{Fault, ImageFacts, InstanceIdentity};
use ndarray::Array2;

use crate::attributes::Attributes;

pub use picture::picture;

pub use crop::crop;
pub use fit::{Fitted, Placement, fit};
pub use slice::{Place, Slice, read_place, read_slice};

/// Explicit VR Little Endian.
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// How large an object may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one object, as received and also once a deflated data set is inflated.
    pub max_object_bytes: u64,
    /// Rows x columns x frames of one object that is decoded.
    pub max_pixels: u64,
}

/// What an object says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Where the object belongs.
    pub identity: InstanceIdentity,
    /// What it shows. Holds patient data.
    pub facts: ImageFacts,
    /// SHA-256 of the transfer syntax and the data set, the same however the object came in.
    pub digest: Digest,
    /// Baize made it: Manufacturer (0008,0070) is [`MANUFACTURER`](baize_core::MANUFACTURER).
    pub own_result: bool,
}

/// A decoded image.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// What the object says about itself.
    pub header: Header,
    /// `[rows, columns]`, 0 to 1, bright is dense: the image as a display would show it, as MONOCHROME2.
    pub pixels: Array2<f32>,
}

/// Reads what an object says about itself, without decoding pixels.
///
/// # Errors
/// `ObjectTooLarge`, `NotDicom`, `MalformedObject`, `MissingAttribute` or `UnsupportedTransferSyntax`.
pub fn read_header(object: &[u8], limits: &Limits) -> Result<Header, Fault> {
    let file = part10::open(object, limits)?;
    header::read(&file, &Attributes::collect(&file.data_set, file.encoding)?)
}

/// Decodes a single-frame greyscale image.
///
/// # Errors
/// What [`read_header`] refuses, and `NoPixelData`, `MultiFrame`, `NotGrayscale`, `DimensionsTooLarge`,
/// `UnsupportedTransferSyntax`, `UnsupportedPixelFormat` or `CorruptPixelData`.
pub fn decode(object: &[u8], limits: &Limits) -> Result<Image, Fault> {
    let file = part10::open(object, limits)?;
    let attributes = Attributes::collect(&file.data_set, file.encoding)?;
    let header = header::read(&file, &attributes)?;
    let (layout, pixels) = layout::read(&attributes, &header.facts, limits)?;
    let samples = samples::read(&pixels, &file.transfer_syntax, &layout)?;
    let pixels = grey::render(&samples, &layout, &attributes, None)?;
    Ok(Image { header, pixels })
}

/// A text for people, from the bytes of its value and those of Specific Character Set (0008,0005), code extensions
/// included; `None` where it is empty. Decode before splitting at `\`: the trail bytes of GB18030 contain it.
pub fn decode_text(character_set: Option<&[u8]>, value: &[u8]) -> Option<String> {
    text::Charset::declared(character_set).decode(value)
}

/// The bytes that [`decode`] holds at its peak for such an image, beside the object itself. A deflated data
/// set comes on top, with [`Limits::max_object_bytes`] at most.
pub fn decoded_bytes(facts: &ImageFacts) -> u64 {
    // Measured on images of 3 megapixels: 4 to 10 bytes per pixel, and 26 for lossy JPEG XL.
    const PEAK_BYTES_PER_PIXEL: u64 = 32;
    u64::from(facts.rows) * u64::from(facts.columns) * PEAK_BYTES_PER_PIXEL
}
