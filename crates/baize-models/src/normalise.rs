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
    pub const STANDARD: Self = Self { low_percentile: 1.0, high_percentile: 99.0, centre: 0.7, margin: 0.25 };

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
        let variance =
            inner.iter().map(|value| (f64::from(clip(*value)) - mean).powi(2)).sum::<f64>() / count;
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

fn window<'a>(
    image: ArrayView2<'a, f32>,
    rows: &Range<usize>,
    columns: &Range<usize>,
) -> ArrayView2<'a, f32> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A wavy picture with a letterbox above and below.
    fn picture() -> Array2<f32> {
        Array2::from_shape_fn((32, 32), |(row, column)| {
            if (6..26).contains(&row) {
                0.5 + 0.3 * (row as f32 * 0.7).sin() * (column as f32 * 0.4).cos()
            } else {
                0.0
            }
        })
    }

    fn assert_close(a: &Array2<f32>, b: &Array2<f32>, tolerance: f32) {
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() <= tolerance, "{a} is not {b}");
        }
    }

    #[test]
    fn the_centre_has_mean_0_and_deviation_1() {
        let whole = Normalisation { centre: 1.0, margin: 1.0, ..Normalisation::STANDARD };
        let result = whole.apply(picture().view());
        let inside: Vec<f32> = result.rows().into_iter().skip(6).take(20).flatten().copied().collect();
        let mean = inside.iter().sum::<f32>() / inside.len() as f32;
        let variance = inside.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / inside.len() as f32;
        assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-3, "{mean} {variance}");
    }

    #[test]
    fn another_window_gives_the_same_values() {
        let reference = Normalisation::STANDARD.apply(picture().view());
        for (gain, offset) in [(0.3, 0.0), (0.5, 0.3), (2.0, 0.1), (1000.0, 5.0)] {
            let windowed = picture().mapv(|value| if value > 0.0 { value * gain + offset } else { 0.0 });
            assert_close(&Normalisation::STANDARD.apply(windowed.view()), &reference, 2e-3);
        }
    }

    #[test]
    fn the_width_of_the_letterbox_does_not_matter() {
        let small = Normalisation::STANDARD.apply(picture().view());
        let mut framed = Array2::zeros((48, 40));
        for ((row, column), value) in picture().indexed_iter() {
            framed[[row + 8, column + 4]] = *value;
        }
        let framed = Normalisation::STANDARD.apply(framed.view());
        for ((row, column), value) in small.indexed_iter() {
            assert!((framed[[row + 8, column + 4]] - value).abs() < 1e-5);
        }
        assert_eq!(framed[[0, 0]], small[[0, 0]], "padding is as dark as the darkest");
    }

    #[test]
    fn a_marker_at_the_border_does_not_matter() {
        let plain = Normalisation::STANDARD.apply(picture().view());
        let mut marked = picture();
        for row in 7..9 {
            for column in 0..3 {
                marked[[row, column]] = 50.0;
            }
        }
        let marked = Normalisation::STANDARD.apply(marked.view());
        assert_close(
            &marked.slice_axis(Axis(0), (10..26).into()).to_owned(),
            &plain.slice_axis(Axis(0), (10..26).into()).to_owned(),
            1e-5,
        );
        assert!(marked.iter().all(|value| value.abs() < 10.0), "the marker is clipped");
    }

    #[test]
    fn degenerate_images_give_zeros() {
        let flat = [
            Array2::zeros((8, 8)),
            Array2::from_elem((8, 8), 0.7),
            Array2::from_elem((8, 8), f32::NAN),
            Array2::zeros((0, 8)),
        ];
        for image in flat {
            assert!(Normalisation::STANDARD.apply(image.view()).iter().all(|value| *value == 0.0), "{image}");
        }
        let mut broken = picture();
        broken[[16, 16]] = f32::INFINITY;
        broken[[17, 16]] = f32::NAN;
        assert!(Normalisation::STANDARD.apply(broken.view()).iter().all(|value| value.is_finite()));
    }
}
