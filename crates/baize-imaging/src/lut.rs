//! The transformations of the grey-scale pipeline (PS3.3 sections C.11.1 and C.11.2).

use baize_core::Fault;
use baize_core::ports::{Window, WindowShape};

use crate::attributes::{Attributes, missing, tags};
use crate::element::malformed;

/// From stored values to the modality's own, such as Hounsfield units.
#[derive(Clone, Debug)]
pub(crate) enum ModalityTransform {
    /// `slope * stored + intercept`.
    Rescale {
        slope: f64,
        intercept: f64,
    },
    Lut(Lut),
}

impl ModalityTransform {
    pub(crate) fn apply(&self, stored: i32) -> f64 {
        match self {
            Self::Rescale { slope, intercept } => slope * f64::from(stored) + intercept,
            Self::Lut(lut) => lut.value(f64::from(stored)),
        }
    }
}

/// From the modality's values to brightness, 0 to 1.
#[derive(Clone, Debug)]
pub(crate) enum VoiTransform {
    /// None given.
    None,
    Lut(Lut),
    Window {
        function: WindowFunction,
        center: f64,
        width: f64,
    },
    /// From the lowest to the highest value; an image of one value is black.
    Range {
        low: f64,
        high: f64,
        inverted: bool,
    },
}

/// VOI LUT Function (0028,1056).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowFunction {
    Linear,
    LinearExact,
    Sigmoid,
}

impl From<Window> for VoiTransform {
    fn from(Window { center, width, shape }: Window) -> Self {
        let function = match shape {
            WindowShape::Linear if width >= 1.0 => WindowFunction::Linear,
            WindowShape::Linear | WindowShape::LinearExact => WindowFunction::LinearExact,
            WindowShape::Sigmoid => WindowFunction::Sigmoid,
        };
        Self::Window { function, center, width }
    }
}

impl VoiTransform {
    /// The first window of an image, where it has a usable one.
    pub(crate) fn window(attributes: &Attributes<'_>) -> Result<Self, Fault> {
        let center = attributes.decimal(tags::WINDOW_CENTER)?;
        let width = attributes.decimal(tags::WINDOW_WIDTH)?;
        // A width of zero or less is met in the field and means that no window was set.
        let (Some(center), Some(width)) = (center, width.filter(|width| *width > 0.0)) else {
            return Ok(Self::None);
        };
        let function = match attributes.code(tags::VOI_FUNCTION) {
            Some("LINEAR_EXACT") => WindowFunction::LinearExact,
            Some("SIGMOID") => WindowFunction::Sigmoid,
            // LINEAR is defined from a width of 1 on; narrower ones come with fractional values.
            _ if width < 1.0 => WindowFunction::LinearExact,
            _ => WindowFunction::Linear,
        };
        Ok(Self::Window { function, center, width })
    }

    pub(crate) fn apply(&self, value: f64) -> f64 {
        match self {
            Self::None => value,
            Self::Lut(lut) => lut.fraction(value),
            Self::Window { function: WindowFunction::Linear, center, width } => {
                let (center, width) = (center - 0.5, width - 1.0);
                if value <= center - width / 2.0 {
                    0.0
                } else if value > center + width / 2.0 {
                    1.0
                } else {
                    (value - center) / width + 0.5
                }
            }
            Self::Window { function: WindowFunction::LinearExact, center, width } => {
                ((value - center) / width + 0.5).clamp(0.0, 1.0)
            }
            Self::Window { function: WindowFunction::Sigmoid, center, width } => {
                1.0 / (1.0 + (-4.0 * (value - center) / width).exp())
            }
            Self::Range { low, high, .. } if high > low => (value - low) / (high - low),
            Self::Range { inverted, .. } => f64::from(u8::from(*inverted)),
        }
    }
}

/// A look-up table: an item of the Modality LUT Sequence or the VOI LUT Sequence.
#[derive(Clone, Debug)]
pub(crate) struct Lut {
    first: i32,
    entries: Vec<u16>,
    /// The highest value that an entry may have.
    top: u16,
}

impl Lut {
    /// Reads an item. `signed_input` says how the first input value is to be taken where the encoding does not
    /// say so itself.
    pub(crate) fn read(item: &Attributes<'_>, signed_input: bool) -> Result<Self, Fault> {
        let descriptor =
            item.get(tags::LUT_DESCRIPTOR).ok_or_else(|| missing(tags::LUT_DESCRIPTOR, "LUT Descriptor"))?;
        let data = item.get(tags::LUT_DATA).ok_or_else(|| missing(tags::LUT_DATA, "LUT Data"))?;
        let numbers: Vec<u16> = descriptor.words().take(3).collect();
        let &[count, first, bits] = numbers.as_slice() else {
            return Err(malformed(tags::LUT_DESCRIPTOR, "LUT Descriptor has less than three values"));
        };
        if !(1..=16).contains(&bits) {
            return Err(malformed(tags::LUT_DESCRIPTOR, "LUT Descriptor names an impossible number of bits"));
        }
        // 65536 entries do not fit the number and are written as 0.
        let count = if count == 0 { 65_536 } else { usize::from(count) };
        let signed = match descriptor.vr {
            Some(vr) if &vr == b"SS" => true,
            Some(vr) if &vr == b"US" => false,
            _ => signed_input,
        };
        let first = if signed { i32::from(first as i16) } else { i32::from(first) };
        // Entries of 8 bits may be packed two to a word.
        let entries: Vec<u16> = if bits <= 8 && data.value.len() / 2 < count {
            data.value.iter().take(count).map(|byte| u16::from(*byte)).collect()
        } else {
            data.words().take(count).collect()
        };
        if entries.len() < count {
            return Err(malformed(tags::LUT_DATA, "LUT Data has less entries than LUT Descriptor says"));
        }
        Ok(Self { first, entries, top: ((1_u32 << bits) - 1) as u16 })
    }

    /// The entry for an input; the first or last one outside of the table.
    fn value(&self, input: f64) -> f64 {
        let last = self.entries.len() - 1;
        // Saturates at both ends.
        let index = (input.round() - f64::from(self.first)) as usize;
        self.entries.get(index.min(last)).copied().map_or(0.0, f64::from)
    }

    /// The entry as a fraction of the range that the table is declared for.
    fn fraction(&self, input: f64) -> f64 {
        self.value(input) / f64::from(self.top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_the_standard() {
        let check = |function, center, width, value: f64, expected: f64| {
            let found = VoiTransform::Window { function, center, width }.apply(value);
            assert!((found - expected).abs() < 1e-9, "{function:?} {center} {width} at {value}: {found}");
        };
        // The note of PS3.3 section C.11.2.1.2.1: centre 2048, width 4096 is the identity of 12 bits.
        check(WindowFunction::Linear, 2048.0, 4096.0, 0.0, 0.0);
        check(WindowFunction::Linear, 2048.0, 4096.0, 4095.0, 1.0);
        check(WindowFunction::Linear, 2048.0, 4096.0, 1365.0, 1365.0 / 4095.0);
        // Centre 2048, width 1 is a threshold.
        check(WindowFunction::Linear, 2048.0, 1.0, 2047.0, 0.0);
        check(WindowFunction::Linear, 2048.0, 1.0, 2048.0, 1.0);
        check(WindowFunction::LinearExact, 0.0, 100.0, -50.0, 0.0);
        check(WindowFunction::LinearExact, 0.0, 100.0, 25.0, 0.75);
        check(WindowFunction::LinearExact, 0.0, 100.0, 60.0, 1.0);
        check(WindowFunction::Sigmoid, 40.0, 400.0, 40.0, 0.5);
        check(WindowFunction::Sigmoid, 40.0, 400.0, 140.0, 1.0 / (1.0 + (-1.0_f64).exp()));
    }

    #[test]
    fn a_table_clamps_at_both_ends() {
        let lut = Lut { first: -2, entries: vec![5, 6, 7], top: 7 };
        for (input, expected) in [(-100.0, 5.0), (-2.0, 5.0), (-1.0, 6.0), (0.0, 7.0), (1e9, 7.0)] {
            assert_eq!(lut.value(input), expected, "{input}");
        }
    }
}
