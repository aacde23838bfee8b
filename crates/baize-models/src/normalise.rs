//! Intensity normalisation that training and serving share.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// Robust standardisation of one image, named `robust_standard` in manifests.
///
/// The padding of the letterbox is cut away, percentiles are taken over the centre of what remains (so that
/// collimator edges, bright borders and burned-in markers don't count), the range between them is widened by
/// `margin` on both sides and clipped, and the result is shifted and scaled to mean 0 and standard deviation 1
/// over the same centre. A window of any centre and width that doesn't cut into that range gives the same
/// values, because such a window is a linear map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Lower percentile, 0 to 100.
    pub low_percentile: f32,
    /// Upper percentile, 0 to 100, above the lower one.
    pub high_percentile: f32,
    /// What part of each side of the image the centre takes, above 0 and up to 1.
    pub centre: f32,
    /// How far the range is widened on both sides, as a fraction of it.
    pub margin: f32,
}

impl Normalisation {
    /// The values that our own models are trained with.
    pub const STANDARD: Self =
        Self { low_percentile: 1.0, high_percentile: 99.0, centre: 0.7, margin: 0.25 };

    /// What is wrong with the values, if anything, as a sentence.
    pub fn problem(&self) -> Option<String> {
        let percentiles = [self.low_percentile, self.high_percentile];
        if percentiles.iter().any(|p| !(0.0..=100.0).contains(p)) || percentiles[0] >= percentiles[1] {
            return Some("low_percentile and high_percentile must rise within 0 to 100".to_owned());
        }
        if !(self.centre > 0.0 && self.centre <= 1.0) {
            return Some("centre must be above 0 and at most 1".to_owned());
        }
        if !(0.0..=10.0).contains(&self.margin) {
            return Some("margin must be within 0 to 10".to_owned());
        }
        None
    }

    /// Normalises a letterboxed image `[height, width]`, zero-padded, any value range. An image without any
    /// contrast in its centre becomes all zeros.
    pub fn apply(&self, fitted: ArrayView2<'_, f32>) -> Array2<f32> {
        let Some((rows, columns)) = content(fitted) else {
            return Array2::zeros(fitted.dim());
        };
        let inner = window(fitted, &self.shrink(&rows), &self.shrink(&columns));
        let mut sorted: Vec<f32> = inner.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let (low, high) = (quantile(&sorted, self.low_percentile), quantile(&sorted, self.high_percentile));
        let range = high - low;
        if !(range.is_finite() && range > 1e-6) {
            return Array2::zeros(fitted.dim());
        }
        let (floor, ceiling) = (low - self.margin * range, high + self.margin * range);
        let clip = |value: f32| if value.is_finite() { value.clamp(floor, ceiling) } else { floor };

        let count = inner.len() as f64;
        let mean = inner.iter().map(|value| f64::from(clip(*value))).sum::<f64>() / count;
        let variance = inner.iter().map(|value| (f64::from(clip(*value)) - mean).powi(2)).sum::<f64>() / count;
        let scale = 1.0 / variance.sqrt().max(f64::from(range) * 1e-3);
        let standard = |value: f32| ((f64::from(clip(value)) - mean) * scale) as f32;

        let mut result = Array2::from_elem(fitted.dim(), standard(floor));
        let mut target = result.view_mut();
        target.slice_axis_inplace(Axis(0), rows.clone().into());
        target.slice_axis_inplace(Axis(1), columns.clone().into());
        target.zip_mut_with(&window(fitted, &rows, &columns), |to, value| *to = standard(*value));
        result
    }

    /// The centre part of a range of rows or columns; never empty.
    fn shrink(&self, range: &Range<usize>) -> Range<usize> {
        let length = range.len();
        let kept = ((length as f32 * self.centre).round() as usize).clamp(1, length);
        let start = range.start + (length - kept) / 2;
        start..start + kept
    }
}

fn window<'a>(image: ArrayView2<'a, f32>, rows: &Range<usize>, columns: &Range<usize>) -> ArrayView2<'a, f32> {
    let mut part = image;
    part.slice_axis_inplace(Axis(0), rows.clone().into());
    part.slice_axis_inplace(Axis(1), columns.clone().into());
    part
}

/// Rows and columns of the smallest rectangle that holds every non-zero pixel; `None` for an empty image.
fn content(image: ArrayView2<'_, f32>) -> Option<(Range<usize>, Range<usize>)> {
    let filled = |line: ndarray::ArrayView1<'_, f32>| line.iter().any(|value| *value > 0.0);
    let top = image.rows().into_iter().position(filled)?;
    let bottom = image.nrows() - image.rows().into_iter().rev().position(filled)?;
    let left = image.columns().into_iter().position(filled)?;
    let right = image.ncols() - image.columns().into_iter().rev().position(filled)?;
    Some((top..bottom, left..right))
}

/// The value at a percentile of sorted values, linear between neighbours; 0 of none.
fn quantile(sorted: &[f32], percentile: f32) -> f32 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let position = percentile / 100.0 * last as f32;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let fraction = position - below as f32;
    sorted[below] * (1.0 - fraction) + sorted[above] * fraction
}
