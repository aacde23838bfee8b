//! Bringing an image onto the canvas of a model, and the canvas back onto the image.

use baize_core::Extent;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use ndarray::{Array2, ArrayView2, Axis, Slice};

/// An image on a model's canvas.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// `[height, width]`; the range of the input, with zero outside the image.
    pub pixels: Array2<f32>,
    /// Where on the canvas the image lies.
    pub placement: Placement,
}

/// Where on an image a model's canvas lies, so that what the model points at can be found in the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    rows: usize,
    columns: usize,
    canvas: Option<Extent>,
}

/// Scales the image to fit the canvas with its aspect ratio kept, centred, with zero around it.
///
/// Shrinking averages over all source pixels under the kernel (triangle filter, as in antialiased bilinear
/// resampling), so that fine structure neither flickers nor rings; values stay in the input's range. An image
/// that has the canvas' size already comes back bit for bit. An empty image or canvas gives zeros.
pub fn fit(pixels: ArrayView2<'_, f32>, height: usize, width: usize) -> Fitted {
    let image = pixels.dim();
    let inner = Inner::centred(image, (height, width));
    let mut canvas = Array2::zeros((height, width));
    if let Some(scaled) = resize(pixels, inner.height, inner.width) {
        let rows = Slice::from(inner.top..inner.top + inner.height);
        let columns = Slice::from(inner.left..inner.left + inner.width);
        canvas.slice_axis_mut(Axis(0), rows).slice_axis_mut(Axis(1), columns).assign(&scaled);
    }
    let placement =
        Placement { rows: image.0, columns: image.1, canvas: inner.canvas(image, (height, width)) };
    Fitted { pixels: canvas, placement }
}

/// The image at another size, without regard to its aspect ratio; `None` where one of the sizes is empty.
pub(crate) fn resize(pixels: ArrayView2<'_, f32>, height: usize, width: usize) -> Option<Array2<f32>> {
    let (rows, columns) = pixels.dim();
    if pixels.is_empty() || height * width == 0 {
        return None;
    }
    if (rows, columns) == (height, width) {
        return Some(pixels.to_owned());
    }
    let source: Vec<F32> = pixels.iter().map(|&value| F32::new(value)).collect();
    let source = TypedImageRef::new(u32::try_from(columns).ok()?, u32::try_from(rows).ok()?, &source).ok()?;
    let mut target = TypedImage::<F32>::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
    Resizer::new().resize_typed(&source, &mut target, &options).ok()?;
    Array2::from_shape_vec((height, width), target.pixels().iter().map(|pixel| pixel.0).collect()).ok()
}

impl Placement {
    /// An image that does not lie on the canvas.
    pub(crate) fn nowhere(rows: usize, columns: usize) -> Self {
        Self { rows, columns, canvas: None }
    }

    /// A canvas that shows the square of `length` pixels at (top, left) of the image.
    pub(crate) fn cut((rows, columns): (usize, usize), (top, left): (usize, usize), length: usize) -> Self {
        let canvas =
            Extent { left: left as f64, top: top as f64, width: length as f64, height: length as f64 };
        Self { rows, columns, canvas: Some(canvas) }
    }

    /// The whole canvas in the stored pixel grid, which it exceeds where it holds padding. `None` where the image does
    /// not lie on it.
    pub fn canvas(&self) -> Option<Extent> {
        self.canvas
    }

    /// A point of the image, as fractions of its width and height, as fractions of the canvas. `None` where the canvas
    /// does not show it.
    pub fn on_canvas(&self, x: f32, y: f32) -> Option<(f32, f32)> {
        let canvas = self.canvas?;
        let across = (f64::from(x) * self.columns as f64 - canvas.left) / canvas.width;
        let down = (f64::from(y) * self.rows as f64 - canvas.top) / canvas.height;
        let shown = (0.0..=1.0).contains(&across) && (0.0..=1.0).contains(&down);
        shown.then_some((across as f32, down as f32))
    }
}

/// The part of a canvas that the image takes, in its pixels.
struct Inner {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Inner {
    fn centred((rows, columns): (usize, usize), (canvas_height, canvas_width): (usize, usize)) -> Self {
        let empty = rows * columns * canvas_height * canvas_width == 0;
        let (height, width) = if empty {
            (0, 0)
        } else {
            // The tighter side fills the canvas; the other rounds to the nearest pixel, at least one.
            let scale = (canvas_height as f64 / rows as f64).min(canvas_width as f64 / columns as f64);
            let side = |length: usize, room: usize| ((length as f64 * scale).round() as usize).clamp(1, room);
            (side(rows, canvas_height), side(columns, canvas_width))
        };
        Self { top: (canvas_height - height) / 2, left: (canvas_width - width) / 2, height, width }
    }

    fn canvas(
        &self,
        (rows, columns): (usize, usize),
        (canvas_height, canvas_width): (usize, usize),
    ) -> Option<Extent> {
        let covers = self.width * self.height * rows * columns > 0;
        // Stored pixels per pixel of the canvas; rounding a side to whole pixels may make the two differ.
        let across = columns as f64 / self.width as f64;
        let down = rows as f64 / self.height as f64;
        covers.then(|| Extent {
            left: -(self.left as f64) * across,
            top: -(self.top as f64) * down,
            width: canvas_width as f64 * across,
            height: canvas_height as f64 * down,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_is_the_same_image() {
        let pixels = Array2::from_shape_fn((7, 5), |(row, column)| (row * 5 + column) as f32 / 35.0);
        assert_eq!(fit(pixels.view(), 7, 5).pixels, pixels);
    }

    #[test]
    fn the_aspect_ratio_is_kept_and_the_rest_is_zero() {
        let fitted = fit(Array2::from_elem((400, 200), 0.5).view(), 100, 100);
        assert_eq!(fitted.pixels.dim(), (100, 100));
        for ((row, column), &value) in fitted.pixels.indexed_iter() {
            let inside = (25..75).contains(&column);
            let expected = if inside { 0.5 } else { 0.0 };
            assert!((value - expected).abs() < 1e-6, "row {row}, column {column}: {value}");
        }
        assert_eq!(fitted.placement.on_canvas(0.0, 1.0), Some((0.25, 1.0)));
        assert_eq!(fitted.placement.on_canvas(1.0, 0.0), Some((0.75, 0.0)));
    }

    #[test]
    fn shrinking_averages_instead_of_picking() {
        // Single-pixel stripes: picking pixels would give all black or all white.
        let stripes = Array2::from_shape_fn((256, 256), |(_, column)| (column % 2) as f32);
        let fitted = fit(stripes.view(), 32, 32);
        for &value in fitted.pixels.slice_axis(Axis(1), Slice::from(2..30)) {
            assert!((value - 0.5).abs() < 0.02, "{value}");
        }
        assert!(fitted.pixels.iter().all(|value| (0.0..=1.0).contains(value)));
    }

    #[test]
    fn the_canvas_lies_on_the_image_where_the_image_lies_on_it() {
        let check = |image, canvas, expected: Option<(f64, f64, f64, f64)>| {
            let expected = expected.map(|(left, top, width, height)| Extent { left, top, width, height });
            assert_eq!(
                Inner::centred(image, canvas).canvas(image, canvas),
                expected,
                "{image:?} on {canvas:?}"
            );
        };
        // Scale 1/4, the image spans columns 25..75.
        check((400, 200), (100, 100), Some((-100.0, 0.0, 400.0, 400.0)));
        check((100, 100), (100, 100), Some((0.0, 0.0, 100.0, 100.0)));
        check((4, 3), (8, 8), Some((-0.5, 0.0, 4.0, 4.0)));
        check((0, 10), (4, 4), None);
        check((3, 3), (0, 4), None);
    }

    #[test]
    fn extreme_shapes_neither_fail_nor_vanish() {
        for (rows, columns) in [(1, 1), (1, 5000), (5000, 1), (3, 65_535)] {
            let fitted = fit(Array2::from_elem((rows, columns), 1.0).view(), 224, 224);
            assert!(fitted.pixels.iter().any(|&value| value > 0.9), "{rows} x {columns}");
            assert!(fitted.placement.canvas().is_some());
        }
        let empty = fit(Array2::zeros((0, 10)).view(), 4, 4);
        assert_eq!(empty.pixels, Array2::<f32>::zeros((4, 4)));
        assert_eq!(empty.placement.canvas(), None);
        assert_eq!(fit(Array2::zeros((3, 3)).view(), 0, 4).pixels.dim(), (0, 4));
    }
}
