//! The picture that shows a person what a model saw.

use baize_core::{ErrorCode, Fault, PixelBox};
use ndarray::ArrayView2;

use crate::{Image, Placement};

/// One thing to show.
#[derive(Clone, Debug)]
pub struct Mark<'a> {
    /// What it is, in ASCII, such as `Pneumonia 0.87`.
    pub caption: String,
    /// Where it is, in stored pixels.
    pub region: Option<PixelBox>,
    /// Where the evidence is: `[h, w]`, 0 to 1, any size, over the model's canvas.
    pub heat: Option<ArrayView2<'a, f32>>,
}

/// Draws the image with its marks and the footer lines, as PNG.
///
/// # Errors
/// `Internal` where the picture cannot be encoded.
pub fn annotate(
    _image: &Image,
    _placement: &Placement,
    _marks: &[Mark<'_>],
    _footer: &[String],
) -> Result<Vec<u8>, Fault> {
    Err(Fault::new(ErrorCode::Internal, "not yet implemented"))
}
