//! Whether there is anything to read in an image: rules on its grey values, not a network.

use baize_core::Text;
use ndarray::{ArrayView2, Axis, Slice};

use super::format::QualityFile;

/// Grey values that count as different.
const LEVELS: usize = 4096;
/// What part of each side counts as the centre.
const CENTRE: f32 = 0.6;
/// From here on a pixel is white; below one minus this it is black.
const WHITE: f32 = 0.99;
/// Neighbours that differ this much are the edge of a letter rather than of a bone.
const EDGE: f32 = 0.5;
/// Text in an image with a shorter side is too small to tell from anatomy.
const LEGIBLE_SIDE: usize = 256;

/// What the rules look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Different grey values, of 4,096.
    pub levels: usize,
    /// From the 1st to the 99th percentile, 0 to 1.
    pub contrast: f32,
    /// Share of the centre that is white.
    pub white: f32,
    /// Share of the centre that is black.
    pub black: f32,
    /// Share of the picture inside the smallest rectangle that holds everything that varies.
    pub field: f32,
    /// Thin bright lines that a row of pixels crosses, in ten thousand pixels.
    pub strokes: f32,
}

impl Quality {
    /// Measures an image `[rows, columns]`, 0 to 1.
    pub fn of(pixels: ArrayView2<'_, f32>) -> Self {
        let mut histogram = vec![0u32; LEVELS];
        for value in pixels {
            histogram[level(*value)] += 1;
        }
        let (levels, contrast) = spread(&histogram, pixels.len());
        let (white, black) = clipped(pixels);
        Self { levels, contrast, white, black, field: field(pixels), strokes: strokes(pixels) }
    }

    /// Why nothing can be read, in English; `None` where something can.
    pub(super) fn unreadable(&self, limits: &QualityFile) -> Option<String> {
        if self.levels < limits.fewest_levels {
            return Some(format!(
                "the image has {} different grey values; at least {} are needed",
                self.levels, limits.fewest_levels
            ));
        }
        (self.contrast < limits.least_contrast)
            .then(|| "the image has no contrast: it is blank or nearly so".to_owned())
    }

    /// What limits the reading.
    pub(super) fn caveats(&self, limits: &QualityFile) -> Vec<Text> {
        let rules = [
            (
                self.levels < limits.few_levels,
                "图像灰阶过少，可能影响结果",
                "The image has few grey levels, which may affect the result",
            ),
            (
                self.white >= limits.white,
                "图像中心大面积饱和（过亮），可能影响结果",
                "Much of the image's centre is saturated white, which may affect the result",
            ),
            (
                self.black >= limits.black,
                "图像中心大面积全黑（过暗），可能影响结果",
                "Much of the image's centre is black, which may affect the result",
            ),
            (
                self.field < limits.field,
                "有效视野过小，可能影响结果",
                "The exposed field is small, which may affect the result",
            ),
            (
                self.strokes >= limits.strokes,
                "图像中疑有叠加文字，可能影响结果",
                "The image seems to have burned-in text, which may affect the result",
            ),
        ];
        let text = |(_, zh, en): (bool, &str, &str)| Text { zh: zh.to_owned(), en: en.to_owned() };
        rules.into_iter().filter(|(holds, ..)| *holds).map(text).collect()
    }
}

fn level(value: f32) -> usize {
    // A value that is no number is cast to 0.
    ((value * (LEVELS - 1) as f32).round() as usize).min(LEVELS - 1)
}

/// How many levels occur, and how far apart the 1st and the 99th percentile are.
fn spread(histogram: &[u32], pixels: usize) -> (usize, f32) {
    let at = |fraction: f32| {
        let mut left = (pixels as f32 * fraction) as u64;
        histogram.iter().position(|count| {
            let found = u64::from(*count) > left;
            left = left.saturating_sub(u64::from(*count));
            found
        })
    };
    let contrast = match (at(0.01), at(0.99)) {
        (Some(low), Some(high)) => (high - low) as f32 / (LEVELS - 1) as f32,
        _ => 0.0,
    };
    (histogram.iter().filter(|count| **count > 0).count(), contrast)
}

/// The shares of white and black pixels in the centre.
fn clipped(pixels: ArrayView2<'_, f32>) -> (f32, f32) {
    let middle = |length: usize| {
        let kept = (length as f32 * CENTRE) as usize;
        let start = (length - kept) / 2;
        Slice::from(start..start + kept)
    };
    let (rows, columns) = pixels.dim();
    let mut centre = pixels;
    centre.slice_axis_inplace(Axis(0), middle(rows));
    centre.slice_axis_inplace(Axis(1), middle(columns));
    let share = |is: fn(f32) -> bool| {
        let count = centre.iter().filter(|value| is(**value)).count();
        count as f32 / centre.len().max(1) as f32
    };
    (share(|value| value >= WHITE), share(|value| value <= 1.0 - WHITE))
}

/// How much of the picture the rows and columns span along which anything varies.
fn field(pixels: ArrayView2<'_, f32>) -> f32 {
    let span = |axis: Axis| {
        let varies = |line: ndarray::ArrayView1<'_, f32>| {
            let (low, high) =
                line.iter().fold((1.0f32, 0.0f32), |(low, high), value| (low.min(*value), high.max(*value)));
            high - low > 0.05
        };
        let lines: Vec<bool> = pixels.axis_iter(axis).map(varies).collect();
        let first = lines.iter().position(|varies| *varies);
        let last = lines.iter().rposition(|varies| *varies);
        match (first, last) {
            (Some(first), Some(last)) => (last + 1 - first) as f32 / lines.len() as f32,
            _ => 0.0,
        }
    };
    span(Axis(0)) * span(Axis(1))
}

/// Rows of pixels that jump up and soon down again, in ten thousand pixels.
fn strokes(pixels: ArrayView2<'_, f32>) -> f32 {
    let side = pixels.nrows().min(pixels.ncols());
    if side < LEGIBLE_SIDE {
        return 0.0;
    }
    let widest = (side / 80).max(3);
    let mut count = 0u32;
    for row in pixels.rows() {
        let mut rose = None;
        for (column, (before, after)) in row.iter().zip(row.iter().skip(1)).enumerate() {
            if after - before >= EDGE {
                rose = Some(column);
            } else if before - after >= EDGE
                && let Some(start) = rose.take()
                && column - start <= widest
            {
                count += 1;
            }
        }
    }
    count as f32 * 10_000.0 / pixels.len() as f32
}

#[cfg(test)]
#[path = "quality_tests.rs"]
mod tests;
