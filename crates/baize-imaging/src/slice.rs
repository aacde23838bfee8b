//! One slice of a series with its place in the patient (PS3.3 section C.7.6.2), as the modality measured it: what a volume
//! is put together from.

use baize_core::{ErrorCode, Fault};
use ndarray::Array2;

use crate::attributes::{Attributes, missing, tags};
use crate::element::{Tag, malformed};
use crate::{Header, Limits, grey, header, layout, part10, samples};

/// Where a slice lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Image Position (Patient): the centre of the first voxel, in millimetres towards left, back and head.
    pub position: [f64; 3],
    /// Direction of a row, then of a column: unit vectors.
    pub orientation: [[f64; 3]; 2],
    /// Pixel Spacing: from row to row, then from column to column, in millimetres.
    pub spacing: [f64; 2],
    /// Frame of Reference UID.
    pub frame_of_reference: String,
    /// Rows and columns.
    pub size: [usize; 2],
}

/// A slice as measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// What the object says about itself.
    pub header: Header,
    /// Where it lies.
    pub place: Place,
    /// `[rows, columns]`, behind the Modality LUT; no window, no inversion. Padding is 0.
    pub values: Array2<f32>,
}

/// Reads what the object is and where it lies, without decoding pixels.
///
/// # Errors
/// As [`crate::read_header`]; `MissingAttribute` or `MalformedObject` where the place is not stated or none.
pub fn read_place(object: &[u8], limits: &Limits) -> Result<(Header, Place), Fault> {
    let file = part10::open(object, limits)?;
    let attributes = Attributes::collect(&file.data_set, file.encoding)?;
    Ok((header::read(&file, &attributes)?, place(&attributes)?))
}

/// Reads a slice.
///
/// # Errors
/// As [`read_place`] and [`crate::decode`].
pub fn read_slice(object: &[u8], limits: &Limits) -> Result<Slice, Fault> {
    let file = part10::open(object, limits)?;
    let attributes = Attributes::collect(&file.data_set, file.encoding)?;
    let header = header::read(&file, &attributes)?;
    let (layout, pixels) = layout::read(&attributes, &header.facts, limits)?;
    let place = place(&attributes)?;
    let samples = samples::read(&pixels, &file.transfer_syntax, &layout)?;
    let values = grey::measured(&samples, &layout, &attributes)?;
    Ok(Slice { header, place, values })
}

fn place(attributes: &Attributes<'_>) -> Result<Place, Fault> {
    let position = decimals(attributes, tags::POSITION, "Image Position (Patient)")?;
    let [a, b, c, d, e, f] = decimals(attributes, tags::ORIENTATION, "Image Orientation (Patient)")?;
    let spacing: [f64; 2] = decimals(attributes, tags::PIXEL_SPACING, "Pixel Spacing")?;
    if spacing.iter().any(|distance| *distance <= 0.0) {
        return Err(malformed(tags::PIXEL_SPACING, "Pixel Spacing is not above zero"));
    }
    let frame_of_reference = attributes
        .code(tags::FRAME_OF_REFERENCE)
        .ok_or_else(|| missing(tags::FRAME_OF_REFERENCE, "Frame of Reference UID"))?
        .to_owned();
    let side = |tag, name| attributes.required_word(tag, name).map(usize::from);
    Ok(Place {
        position,
        orientation: directions([a, b, c], [d, e, f])?,
        spacing,
        frame_of_reference,
        size: [side(tags::ROWS, "Rows")?, side(tags::COLUMNS, "Columns")?],
    })
}

/// Unit vectors at a right angle, as written to the digits that headers have.
fn directions(row: [f64; 3], column: [f64; 3]) -> Result<[[f64; 3]; 2], Fault> {
    const TOLERANCE: f64 = 1e-3;
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = [dot(row, row).sqrt(), dot(column, column).sqrt()];
    if lengths.iter().any(|length| (length - 1.0).abs() > TOLERANCE) || dot(row, column).abs() > TOLERANCE {
        let what = "Image Orientation (Patient) is no pair of unit vectors at a right angle";
        return Err(malformed(tags::ORIENTATION, what));
    }
    Ok([row.map(|part| part / lengths[0]), column.map(|part| part / lengths[1])])
}

/// All values of a decimal string, which must be as many as asked for.
fn decimals<const N: usize>(attributes: &Attributes<'_>, tag: Tag, name: &str) -> Result<[f64; N], Fault> {
    let text = attributes.all(tag).ok_or_else(|| missing(tag, name))?;
    let numbers: Option<Vec<f64>> = text
        .split('\\')
        .map(|value| value.trim_matches(['\0', ' ']).parse().ok().filter(|number: &f64| number.is_finite()))
        .collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| {
        let (group, element) = tag;
        let message = format!("{name} ({group:04X},{element:04X}) is not {N} numbers");
        Fault::new(ErrorCode::MalformedObject, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_checked() {
        assert!(directions([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).is_ok());
        assert!(directions([0.999_99, 0.004, 0.0], [-0.004, 0.999_99, 0.0]).is_ok());
        assert!(directions([0.0; 3], [0.0, 1.0, 0.0]).is_err());
        assert!(directions([1.0, 0.0, 0.0], [1.0, 0.0, 0.0]).is_err());
        assert!(directions([2.0, 0.0, 0.0], [0.0, 1.0, 0.0]).is_err());
    }
}
