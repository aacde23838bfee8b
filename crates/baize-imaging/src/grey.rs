//! From stored samples to what a display would show (PS3.4 section N.2): Modality LUT, VOI LUT, polarity.
//!
//! A sample has 16 bits at most, so the whole chain is worked out once per possible sample and the image is
//! one look-up per pixel.

use baize_core::Fault;
use baize_core::ports::Window;
use ndarray::Array2;

use crate::attributes::{Attributes, tags};
use crate::layout::{Layout, corrupt};
use crate::lut::{Lut, ModalityTransform, VoiTransform};
use crate::samples::Samples;

/// The image, `[rows, columns]`, 0 to 1, bright is dense. Padding is 0.
pub(crate) fn render(
    samples: &Samples<'_>,
    layout: &Layout,
    attributes: &Attributes<'_>,
    window: Option<Window>,
) -> Result<Array2<f32>, Fault> {
    let mut chain = Chain::read(layout, attributes)?;
    if let Some(window) = window {
        chain.voi = VoiTransform::from(window);
    }
    let table = chain.table(samples);
    let mut pixels = Vec::with_capacity(layout.samples());
    let mask = chain.mask;
    samples.for_each(layout.samples(), |raw| {
        pixels.push(table[usize::from(raw >> layout.low_bits) & mask]);
    });
    Array2::from_shape_vec((layout.rows, layout.columns), pixels)
        .map_err(|_| corrupt("the number of samples does not match Rows and Columns"))
}

/// The values behind the Modality LUT, `[rows, columns]`, as the modality measured them. Padding is 0.
pub(crate) fn measured(
    samples: &Samples<'_>,
    layout: &Layout,
    attributes: &Attributes<'_>,
) -> Result<Array2<f32>, Fault> {
    let chain = Chain::read(layout, attributes)?;
    let value = |raw: usize| {
        let stored = chain.stored_value(raw);
        if chain.is_padding(stored) { 0.0 } else { chain.modality.apply(stored) as f32 }
    };
    let table: Vec<f32> = (0..=chain.mask).map(value).collect();
    let mut values = Vec::with_capacity(layout.samples());
    samples.for_each(layout.samples(), |raw| {
        values.push(table[usize::from(raw >> layout.low_bits) & chain.mask]);
    });
    Array2::from_shape_vec((layout.rows, layout.columns), values)
        .map_err(|_| corrupt("the number of samples does not match Rows and Columns"))
}

/// The grey-scale pipeline of one image.
struct Chain {
    layout: Layout,
    /// The stored bits of a sample.
    mask: usize,
    modality: ModalityTransform,
    voi: VoiTransform,
    padding: Option<(i32, i32)>,
    inverted: bool,
}

impl Chain {
    fn read(layout: &Layout, attributes: &Attributes<'_>) -> Result<Self, Fault> {
        let modality = match attributes.first_item(tags::MODALITY_LUT)? {
            Some(item) => ModalityTransform::Lut(Lut::read(&item, layout.signed)?),
            None => ModalityTransform::Rescale {
                slope: attributes.decimal(tags::RESCALE_SLOPE)?.unwrap_or(1.0),
                intercept: attributes.decimal(tags::RESCALE_INTERCEPT)?.unwrap_or(0.0),
            },
        };
        let mask = (1_usize << layout.bits_stored) - 1;
        let lowest = if layout.signed { -(1_i32 << (layout.bits_stored - 1)) } else { 0 };
        let negative = modality.apply(lowest) < 0.0 || modality.apply(lowest + mask as i32) < 0.0;
        let voi = match attributes.first_item(tags::VOI_LUT)? {
            Some(item) => VoiTransform::Lut(Lut::read(&item, negative)?),
            None => VoiTransform::window(attributes)?,
        };
        // MONOCHROME1 says that low is white, and so does an INVERSE shape, which objects that have one give
        // along with MONOCHROME1 (PS3.3 section C.8.11.3.1.2): one statement made twice, not two inversions.
        let shape = attributes.code(tags::PRESENTATION_SHAPE);
        let inverted = layout.monochrome1 || shape == Some("INVERSE");
        Ok(Self { layout: *layout, mask, modality, voi, padding: padding(layout, attributes), inverted })
    }

    /// What is shown for every possible sample.
    fn table(&self, samples: &Samples<'_>) -> Vec<f32> {
        let voi = match &self.voi {
            VoiTransform::None => self.full_range(samples),
            given => given.clone(),
        };
        let shown = |raw: usize| {
            let stored = self.stored_value(raw);
            if self.is_padding(stored) {
                return 0.0;
            }
            let brightness = voi.apply(self.modality.apply(stored)).clamp(0.0, 1.0);
            (if self.inverted { 1.0 - brightness } else { brightness }) as f32
        };
        (0..=self.mask).map(shown).collect()
    }

    /// Without a window, from the lowest to the highest value that occurs outside of padding.
    fn full_range(&self, samples: &Samples<'_>) -> VoiTransform {
        let mut occurs = vec![false; self.mask + 1];
        samples.for_each(self.layout.samples(), |raw| {
            occurs[usize::from(raw >> self.layout.low_bits) & self.mask] = true;
        });
        let values = occurs
            .iter()
            .enumerate()
            .filter(|(_, occurs)| **occurs)
            .map(|(raw, _)| self.stored_value(raw))
            .filter(|stored| !self.is_padding(*stored))
            .map(|stored| self.modality.apply(stored));
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        VoiTransform::Range { low, high, inverted: self.inverted }
    }

    fn stored_value(&self, raw: usize) -> i32 {
        let value = raw as i32;
        let sign = 1_i32 << (self.layout.bits_stored - 1);
        if self.layout.signed && value & sign != 0 { value - 2 * sign } else { value }
    }

    fn is_padding(&self, stored: i32) -> bool {
        self.padding.is_some_and(|(low, high)| (low..=high).contains(&stored))
    }
}

/// The padding values (PS3.3 section C.7.5.1.1.2), which are stored values: one, or from one to another.
fn padding(layout: &Layout, attributes: &Attributes<'_>) -> Option<(i32, i32)> {
    let number = |word: u16| if layout.signed { i32::from(word as i16) } else { i32::from(word) };
    let value = number(attributes.word(tags::PADDING)?);
    let limit = attributes.word(tags::PADDING_LIMIT).map_or(value, number);
    Some((value.min(limit), value.max(limit)))
}
