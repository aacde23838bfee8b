//! Convolution by im2col and GEMM, one image at a time, images spread over the threads.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

/// The weight gradient is summed in this many parts, always the same, so that it doesn't depend on the
/// number of threads.
const PARTS: usize = 4;

/// Sizes of one convolution: square kernel, same stride and padding on both axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) batch: usize,
    pub(super) channels_in: usize,
    pub(super) channels_out: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl Geometry {
    pub(super) fn height_out(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel) / self.stride + 1
    }

    pub(super) fn width_out(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel) / self.stride + 1
    }

    fn pixels_out(&self) -> usize {
        self.height_out() * self.width_out()
    }

    /// Rows of the column matrix: one for each weight of an output channel.
    fn taps(&self) -> usize {
        self.channels_in * self.kernel * self.kernel
    }

    fn image_in(&self) -> usize {
        self.channels_in * self.height * self.width
    }

    fn image_out(&self) -> usize {
        self.channels_out * self.pixels_out()
    }

    /// Output columns whose input column for kernel offset `k` lies inside the image, and the first input column.
    fn inside(&self, k: usize, size: usize, size_out: usize) -> (usize, usize) {
        let first = self.padding.saturating_sub(k).div_ceil(self.stride);
        let last = (size + self.padding).saturating_sub(k).div_ceil(self.stride).min(size_out);
        (first.min(last), last)
    }
}

/// Calls `visit(row of the column matrix, first output pixel, first input pixel, count)` for every run of pixels
/// inside the image; input pixels of a run are `stride` apart.
fn runs(g: &Geometry, mut visit: impl FnMut(usize, usize, usize, usize)) {
    let (height_out, width_out) = (g.height_out(), g.width_out());
    for channel in 0..g.channels_in {
        for ky in 0..g.kernel {
            let (y_first, y_last) = g.inside(ky, g.height, height_out);
            for kx in 0..g.kernel {
                let (x_first, x_last) = g.inside(kx, g.width, width_out);
                if x_first >= x_last {
                    continue;
                }
                let row = (channel * g.kernel + ky) * g.kernel + kx;
                let x_in = x_first * g.stride + kx - g.padding;
                for y in y_first..y_last {
                    let y_in = y * g.stride + ky - g.padding;
                    let input = (channel * g.height + y_in) * g.width + x_in;
                    visit(row, y * width_out + x_first, input, x_last - x_first);
                }
            }
        }
    }
}

fn im2col(g: &Geometry, image: &[f32], columns: &mut [f32]) {
    let pixels = g.pixels_out();
    if g.padding > 0 {
        columns.fill(0.0);
    }
    runs(g, |row, output, input, count| {
        let to = &mut columns[row * pixels + output..][..count];
        if g.stride == 1 {
            to.copy_from_slice(&image[input..input + count]);
        } else {
            for (value, from) in to.iter_mut().zip(image[input..].iter().step_by(g.stride)) {
                *value = *from;
            }
        }
    });
}

fn col2im(g: &Geometry, columns: &[f32], image: &mut [f32]) {
    let pixels = g.pixels_out();
    runs(g, |row, output, input, count| {
        let from = &columns[row * pixels + output..][..count];
        if g.stride == 1 {
            for (to, value) in image[input..input + count].iter_mut().zip(from) {
                *to += *value;
            }
        } else {
            for (to, value) in image[input..].iter_mut().step_by(g.stride).zip(from) {
                *to += *value;
            }
        }
    });
}

#[expect(clippy::expect_used, reason = "the sizes come from the tensors' own shapes")]
fn matrix(rows: usize, columns: usize, data: &[f32]) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns), data).expect("slice length equals rows * columns")
}

#[expect(clippy::expect_used, reason = "the sizes come from the tensors' own shapes")]
fn matrix_mut(rows: usize, columns: usize, data: &mut [f32]) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, columns), data).expect("slice length equals rows * columns")
}

/// `[n, in, h, w]` and `[out, in, k, k]` to `[n, out, h', w']`.
pub(super) fn forward(g: &Geometry, input: &[f32], weight: &[f32]) -> Vec<f32> {
    let (taps, pixels) = (g.taps(), g.pixels_out());
    let mut output = vec![0.0; g.batch * g.image_out()];
    output.par_chunks_mut(g.image_out()).zip(input.par_chunks(g.image_in())).for_each_init(
        || vec![0.0; taps * pixels],
        |columns, (to, image)| {
            im2col(g, image, columns);
            let mut product = matrix_mut(g.channels_out, pixels, to);
            let weights = matrix(g.channels_out, taps, weight);
            general_mat_mul(1.0, &weights, &matrix(taps, pixels, columns), 0.0, &mut product);
        },
    );
    output
}

/// The gradient for the input.
pub(super) fn input_gradient(g: &Geometry, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (taps, pixels) = (g.taps(), g.pixels_out());
    let mut result = vec![0.0; g.batch * g.image_in()];
    result.par_chunks_mut(g.image_in()).zip(gradient.par_chunks(g.image_out())).for_each_init(
        || vec![0.0; taps * pixels],
        |columns, (to, above)| {
            let weights = matrix(g.channels_out, taps, weight);
            let above = matrix(g.channels_out, pixels, above);
            general_mat_mul(1.0, &weights.t(), &above, 0.0, &mut matrix_mut(taps, pixels, columns));
            col2im(g, columns, to);
        },
    );
    result
}

/// The gradient for the weight.
pub(super) fn weight_gradient(g: &Geometry, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (taps, pixels) = (g.taps(), g.pixels_out());
    let per_part = g.batch.div_ceil(PARTS).max(1);
    let parts: Vec<Vec<f32>> = input
        .par_chunks(per_part * g.image_in())
        .zip(gradient.par_chunks(per_part * g.image_out()))
        .map(|(images, above)| {
            let mut columns = vec![0.0; taps * pixels];
            let mut sum = vec![0.0; g.channels_out * taps];
            for (image, above) in images.chunks(g.image_in()).zip(above.chunks(g.image_out())) {
                im2col(g, image, &mut columns);
                let above = matrix(g.channels_out, pixels, above);
                let columns = matrix(taps, pixels, &columns);
                general_mat_mul(
                    1.0,
                    &above,
                    &columns.t(),
                    1.0,
                    &mut matrix_mut(g.channels_out, taps, &mut sum),
                );
            }
            sum
        })
        .collect();
    let mut total = vec![0.0; g.channels_out * taps];
    for part in parts {
        for (to, value) in total.iter_mut().zip(part) {
            *to += value;
        }
    }
    total
}
