//! Drawing an image under an affine map.

use ndarray::{Array2, ArrayView2};

/// From output to input coordinates, both measured from the image centre in units of the image side:
/// `(x, y) -> (xx * x + xy * y + x0, yx * x + yy * y + y0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub(crate) xx: f32,
    pub(crate) xy: f32,
    pub(crate) yx: f32,
    pub(crate) yy: f32,
    pub(crate) x0: f32,
    pub(crate) y0: f32,
}

/// Draws `source` into a square of `size` pixels; outside is 0. Four bilinear samples per output pixel stand
/// in for an area filter, which is enough for reductions to about a quarter.
pub(crate) fn draw(source: ArrayView2<'_, u8>, map: &Affine, size: usize) -> Array2<f32> {
    let (height, width) = (source.nrows() as f32, source.ncols() as f32);
    Array2::from_shape_fn((size, size), |(row, column)| {
        let mut sum = 0.0;
        for (dy, dx) in [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)] {
            let x = (column as f32 + dx) / size as f32 - 0.5;
            let y = (row as f32 + dy) / size as f32 - 0.5;
            let from_x = (map.xx * x + map.xy * y + map.x0 + 0.5) * width - 0.5;
            let from_y = (map.yx * x + map.yy * y + map.y0 + 0.5) * height - 0.5;
            sum += bilinear(source, from_y, from_x);
        }
        sum / (4.0 * 255.0)
    })
}

fn bilinear(source: ArrayView2<'_, u8>, y: f32, x: f32) -> f32 {
    let (rows, columns) = source.dim();
    if y < -0.5 || x < -0.5 || y > rows as f32 - 0.5 || x > columns as f32 - 0.5 {
        return 0.0;
    }
    let (y, x) = (y.clamp(0.0, (rows - 1) as f32), x.clamp(0.0, (columns - 1) as f32));
    let (top, left) = (y as usize, x as usize);
    let (bottom, right) = ((top + 1).min(rows - 1), (left + 1).min(columns - 1));
    let (fy, fx) = (y - top as f32, x - left as f32);
    let at = |row: usize, column: usize| f32::from(source[[row, column]]);
    let upper = at(top, left) * (1.0 - fx) + at(top, right) * fx;
    let lower = at(bottom, left) * (1.0 - fx) + at(bottom, right) * fx;
    upper * (1.0 - fy) + lower * fy
}
