//! Bringing an image onto the canvas of a model, and rectangles back from there.

use baize_core::PixelBox;
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

/// Where on a model's canvas an image lies, so that what the model points at can be found in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    image_rows: usize,
    image_columns: usize,
    canvas_height: usize,
    canvas_width: usize,
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

/// A rectangle as fractions of a canvas: 0 is the left or top edge, 1 the right or bottom edge. A cell
/// `(row, column)` of a `[h, w]` heat map is `column / w .. (column + 1) / w` by `row / h .. (row + 1) / h`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitRect {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Right edge, beyond the last column.
    pub right: f32,
    /// Bottom edge, beyond the last row.
    pub bottom: f32,
}

/// Scales the image to fit the canvas with its aspect ratio kept, centred, with zero around it.
///
/// Shrinking averages over all source pixels under the kernel (triangle filter, as in antialiased bilinear
/// resampling), so that fine structure neither flickers nor rings; values stay in the input's range. An image
/// that has the canvas' size already comes back bit for bit. An empty image or canvas gives zeros.
pub fn fit(pixels: ArrayView2<'_, f32>, height: usize, width: usize) -> Fitted {
    let (image_rows, image_columns) = pixels.dim();
    let placement = Placement::centred((image_rows, image_columns), (height, width));
    let mut canvas = Array2::zeros((height, width));
    if let Some(scaled) = resize(pixels, placement.height, placement.width) {
        let rows = Slice::from(placement.top..placement.top + placement.height);
        let columns = Slice::from(placement.left..placement.left + placement.width);
        canvas.slice_axis_mut(Axis(0), rows).slice_axis_mut(Axis(1), columns).assign(&scaled);
    }
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
    fn centred(
        (image_rows, image_columns): (usize, usize),
        (canvas_height, canvas_width): (usize, usize),
    ) -> Self {
        let empty = image_rows * image_columns * canvas_height * canvas_width == 0;
        let (height, width) = if empty {
            (0, 0)
        } else {
            // The tighter side fills the canvas; the other rounds to the nearest pixel, at least one.
            let scale =
                (canvas_height as f64 / image_rows as f64).min(canvas_width as f64 / image_columns as f64);
            let side = |length: usize, room: usize| ((length as f64 * scale).round() as usize).clamp(1, room);
            (side(image_rows, canvas_height), side(image_columns, canvas_width))
        };
        Self {
            image_rows,
            image_columns,
            canvas_height,
            canvas_width,
            top: (canvas_height - height) / 2,
            left: (canvas_width - width) / 2,
            height,
            width,
        }
    }

    /// The rectangle of the canvas in the stored pixel grid, grown to whole pixels and cut at the image's edge.
    /// `None` where it does not touch the image (it lies in the padding, or is not a rectangle).
    pub fn to_image(&self, rect: UnitRect) -> Option<PixelBox> {
        let x = span(rect.left, rect.right, self.canvas_width, self.left, self.width, self.image_columns)?;
        let y = span(rect.top, rect.bottom, self.canvas_height, self.top, self.height, self.image_rows)?;
        Some(PixelBox { x: x.0, y: y.0, width: x.1, height: y.1 })
    }

    /// The part of the canvas that the image covers.
    pub fn covered(&self) -> UnitRect {
        let fraction = |length: usize, whole: usize| length as f32 / whole.max(1) as f32;
        UnitRect {
            left: fraction(self.left, self.canvas_width),
            top: fraction(self.top, self.canvas_height),
            right: fraction(self.left + self.width, self.canvas_width),
            bottom: fraction(self.top + self.height, self.canvas_height),
        }
    }
}

/// One axis of [`Placement::to_image`]: first pixel and count.
fn span(
    from: f32,
    to: f32,
    canvas: usize,
    offset: usize,
    covered: usize,
    length: usize,
) -> Option<(u32, u32)> {
    let to_stored = |fraction: f32| {
        (f64::from(fraction) * canvas as f64 - offset as f64) / covered as f64 * length as f64
    };
    // A hair of tolerance keeps a rounding error in a fraction from adding a pixel to the box.
    let first = (to_stored(from) + 1e-3).floor().clamp(0.0, length as f64);
    let end = (to_stored(to) - 1e-3).ceil().clamp(0.0, length as f64);
    // False for NaN as well: a fraction or a placement that is no number has no box.
    (first < end).then_some((first as u32, (end - first) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> UnitRect {
        UnitRect { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 }
    }

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
        assert_eq!(fitted.placement.covered(), UnitRect { left: 0.25, top: 0.0, right: 0.75, bottom: 1.0 });
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
    fn rectangles_come_back_to_stored_pixels() {
        // 400 x 200 stored, canvas 100 x 100: scale 1/4, the image spans columns 25..75.
        let placement = Placement::centred((400, 200), (100, 100));
        let check = |left, top, right, bottom, expected: Option<(u32, u32, u32, u32)>| {
            let found = placement.to_image(UnitRect { left, top, right, bottom });
            let expected = expected.map(|(x, y, width, height)| PixelBox { x, y, width, height });
            assert_eq!(found, expected, "{left} {top} {right} {bottom}");
        };
        check(0.25, 0.0, 0.75, 1.0, Some((0, 0, 200, 400)));
        check(0.0, 0.0, 1.0, 1.0, Some((0, 0, 200, 400)));
        check(0.50, 0.10, 0.60, 0.20, Some((100, 40, 40, 40)));
        check(0.20, 0.10, 0.30, 0.20, Some((0, 40, 20, 40)));
        check(0.0, 0.0, 0.2, 1.0, None);
        check(0.6, 0.5, 0.6, 0.5, None);
        check(f32::NAN, 0.0, 1.0, 1.0, None);
    }

    #[test]
    fn extreme_shapes_neither_fail_nor_vanish() {
        for (rows, columns) in [(1, 1), (1, 5000), (5000, 1), (3, 65_535)] {
            let fitted = fit(Array2::from_elem((rows, columns), 1.0).view(), 224, 224);
            assert!(fitted.pixels.iter().any(|&value| value > 0.9), "{rows} x {columns}");
            let found = fitted.placement.to_image(whole()).unwrap();
            assert_eq!((found.width as usize, found.height as usize), (columns, rows));
        }
        let empty = fit(Array2::zeros((0, 10)).view(), 4, 4);
        assert_eq!(empty.pixels, Array2::<f32>::zeros((4, 4)));
        assert_eq!(empty.placement.to_image(whole()), None);
        assert_eq!(fit(Array2::zeros((3, 3)).view(), 0, 4).pixels.dim(), (0, 4));
    }
}
