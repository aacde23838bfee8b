//! The canvas of models that were trained on the square centre of an image.

use ndarray::{Array2, ArrayView2, Axis, Slice};

use crate::fit::{Fitted, Placement};

/// How many standard deviations of the Gaussian count.
const TRUNCATE: f64 = 4.0;

/// Cuts the square out of the image's centre and scales it to `side` pixels, as torchxrayvision's `XRayCenterCrop` and
/// `XRayResizer` do: the latter calls scikit-image's `resize` with `mode="constant"`, which smooths with a Gaussian of
/// standard deviation (factor - 1) / 2 before it interpolates, and takes what lies outside of the image as `outside`.
///
/// Sums are made in 64 bits and kept in 32 after each direction, as there, so that the values are the same but for the
/// last bit. An empty image or canvas gives `outside`.
pub fn crop(pixels: ArrayView2<'_, f32>, side: usize, outside: f32) -> Fitted {
    let (rows, columns) = pixels.dim();
    let length = rows.min(columns);
    if length == 0 || side == 0 {
        let placement = Placement::nowhere(rows, columns);
        return Fitted { pixels: Array2::from_elem((side, side), outside), placement };
    }
    let (top, left) = (rows / 2 - length / 2, columns / 2 - length / 2);
    let mut square = pixels;
    square.slice_axis_inplace(Axis(0), Slice::from(top..top + length));
    square.slice_axis_inplace(Axis(1), Slice::from(left..left + length));
    let placement = Placement::cut((rows, columns), (top, left), length);
    Fitted { pixels: resize(square, side, outside), placement }
}

fn resize(square: ArrayView2<'_, f32>, side: usize, outside: f32) -> Array2<f32> {
    let length = square.nrows();
    let factor = length as f64 / side as f64;
    let mut smooth = square.to_owned();
    let deviation = ((factor - 1.0) / 2.0).max(0.0);
    if deviation > 1e-15 {
        let kernel = gaussian(deviation);
        for axis in [Axis(0), Axis(1)] {
            filter(&mut smooth, axis, &kernel, outside);
        }
    }
    let taps: Vec<Tap> = (0..side).map(|position| Tap::at(position, factor, length)).collect();
    let (low, high) = range(square);
    // Where all of the image is above or below what surrounds it, that alone may leave the image's range.
    let surrounds = !(low..=high).contains(&outside);
    Array2::from_shape_fn((side, side), |(row, column)| {
        let value = taps[row]
            .blend(outside, |row| taps[column].blend(outside, |column| f64::from(smooth[[row, column]])))
            as f32;
        if surrounds && value == outside { value } else { value.clamp(low, high) }
    })
}

/// One half of the kernel, its centre first; the whole sums to 1.
fn gaussian(deviation: f64) -> Vec<f64> {
    let radius = (TRUNCATE * deviation + 0.5) as usize;
    let mut half: Vec<f64> =
        (0..=radius).map(|x| (-0.5 / (deviation * deviation) * (x * x) as f64).exp()).collect();
    let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    half.iter_mut().for_each(|weight| *weight /= sum);
    half
}

/// Correlates every line along an axis with a symmetric kernel.
fn filter(image: &mut Array2<f32>, axis: Axis, kernel: &[f64], outside: f32) {
    let margin = kernel.len() - 1;
    let length = image.len_of(axis);
    let mut line = vec![f64::from(outside); length + 2 * margin];
    for mut lane in image.lanes_mut(axis) {
        for (to, from) in line[margin..].iter_mut().zip(&lane) {
            *to = f64::from(*from);
        }
        for (position, value) in lane.iter_mut().enumerate() {
            let centre = position + margin;
            let mut sum = line[centre] * kernel[0];
            for (distance, weight) in kernel.iter().enumerate().skip(1).rev() {
                sum += (line[centre - distance] + line[centre + distance]) * weight;
            }
            *value = sum as f32;
        }
    }
}

/// Between which two lines of the source a line of the target lies; `None` is the one before the first or after the last.
struct Tap {
    first: Option<usize>,
    second: Option<usize>,
    share: f64,
}

impl Tap {
    fn at(position: usize, factor: f64, length: usize) -> Self {
        let centre = factor * (position as f64 + 0.5) - 0.5;
        let floor = centre.floor();
        let line = |at: f64| (at >= 0.0 && at < length as f64).then_some(at as usize);
        Self { first: line(floor), second: line(floor + 1.0), share: centre - floor }
    }

    fn blend(&self, outside: f32, value: impl Fn(usize) -> f64) -> f64 {
        let line = |line: Option<usize>| line.map_or(f64::from(outside), &value);
        // A share of zero must not read beyond the image: what is there may be no number.
        match self.share {
            0.0 => line(self.first),
            share => line(self.first) * (1.0 - share) + line(self.second) * share,
        }
    }
}

fn range(pixels: ArrayView2<'_, f32>) -> (f32, f32) {
    pixels
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scaled as torchxrayvision's `normalize` does: 8 bits to -1024..1024.
    fn picture(rows: usize, columns: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, columns), |(row, column)| {
            let value = (row * 7 + column * 13 + (row * column) % 31) % 256;
            (2.0 * (value as f32 / 255.0) - 1.0) * 1024.0
        })
    }

    /// `benches/parity/golden_crop.py` printed these numbers.
    #[test]
    fn the_canvas_is_that_of_torchxrayvision() {
        for (rows, columns, side, expected, sum) in [
            (53, 37, 8, [-93.420044, -327.1492, -220.71861, 366.67078, 418.64426], 351.65978527),
            (40, 61, 16, [205.62831, 9.960184, 640.6895, 78.99671, -39.907837], 932.20387053),
            (9, 11, 16, [-561.27454, -51.470585, -284.52548, 272.05884, -523.81964], -44812.591248),
            (300, 260, 24, [-59.102905, 128.6086, -7.717_425, -89.85269, 90.82459], 452.196562),
        ] {
            let canvas = crop(picture(rows, columns).view(), side, 0.0).pixels;
            let places = [(0, 0), (0, side - 1), (side / 2, side / 3), (side - 1, side - 1), (3, 5)];
            for (place, expected) in places.into_iter().zip(expected) {
                let value: f32 = canvas[place];
                assert!((value - expected).abs() < 2e-4, "{rows} x {columns}, {place:?}: {value} {expected}");
            }
            let total: f64 = canvas.iter().map(|value| f64::from(*value)).sum();
            assert!((total - sum).abs() < 0.01, "{rows} x {columns}: {total} {sum}");
        }
    }

    #[test]
    fn a_square_of_the_canvas_size_comes_back_as_it_was() {
        let square = picture(16, 16);
        assert_eq!(crop(square.view(), 16, 0.5).pixels, square);
    }

    #[test]
    fn the_canvas_lies_on_the_middle_of_the_image() {
        let placement = crop(Array2::zeros((100, 50)).view(), 10, 0.5).placement;
        let extent = placement.canvas().unwrap();
        assert_eq!((extent.left, extent.top, extent.width, extent.height), (0.0, 25.0, 50.0, 50.0));
        assert_eq!(placement.on_canvas(0.5, 0.1), None);
        assert_eq!(placement.on_canvas(0.5, 0.5), Some((0.5, 0.5)));
    }

    #[test]
    fn what_is_empty_shows_nothing() {
        let empty = crop(Array2::zeros((0, 5)).view(), 4, 0.5);
        assert_eq!((empty.pixels, empty.placement.canvas()), (Array2::from_elem((4, 4), 0.5), None));
    }
}
