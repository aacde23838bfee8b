//! Batch normalisation with an optional rectifier, in two passes each way.

use rayon::prelude::*;

/// Sizes of one normalisation over `[batch, channels, pixels]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) batch: usize,
    pub(super) channels: usize,
    pub(super) pixels: usize,
    pub(super) epsilon: f32,
    pub(super) rectify: bool,
}

/// What the forward pass leaves: the output, and mean and (biased) variance per channel.
pub(super) struct Normalised {
    pub(super) output: Vec<f32>,
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
}

/// What the backward pass needs of the forward pass.
pub(super) struct State<'a> {
    pub(super) output: &'a [f32],
    pub(super) mean: &'a [f32],
    pub(super) variance: &'a [f32],
}

/// The gradients of the three inputs.
pub(super) struct Gradients {
    pub(super) input: Vec<f32>,
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
}

/// The values of one channel, image by image.
fn channel<'a>(g: &Geometry, data: &'a [f32], channel: usize) -> impl Iterator<Item = &'a [f32]> {
    let Geometry { channels, pixels, .. } = *g;
    data.chunks(channels * pixels).map(move |image| &image[channel * pixels..(channel + 1) * pixels])
}

/// Adds `term(x, y, z)` over three slices of the same length in eight lanes, which the compiler vectorises.
fn sum(x: &[f32], y: &[f32], z: &[f32], term: impl Fn(f32, f32, f32) -> f32) -> f64 {
    let ((x, x_rest), (y, y_rest), (z, z_rest)) =
        (x.as_chunks::<8>(), y.as_chunks::<8>(), z.as_chunks::<8>());
    let mut lanes = [0f32; 8];
    for ((x, y), z) in x.iter().zip(y).zip(z) {
        for lane in 0..8 {
            lanes[lane] += term(x[lane], y[lane], z[lane]);
        }
    }
    for ((x, y), z) in x_rest.iter().zip(y_rest).zip(z_rest) {
        lanes[0] += term(*x, *y, *z);
    }
    lanes.iter().map(|lane| f64::from(*lane)).sum()
}

pub(super) fn forward(g: &Geometry, input: &[f32], gamma: &[f32], beta: &[f32]) -> Normalised {
    let count = (g.batch * g.pixels) as f64;
    let (mean, variance): (Vec<f32>, Vec<f32>) = (0..g.channels)
        .into_par_iter()
        .map(|index| {
            let total: f64 = channel(g, input, index).map(|v| sum(v, v, v, |v, _, _| v)).sum();
            let mean = (total / count) as f32;
            let squares: f64 =
                channel(g, input, index).map(|v| sum(v, v, v, |v, _, _| (v - mean) * (v - mean))).sum();
            (mean, (squares / count) as f32)
        })
        .unzip();

    let mut output = vec![0.0; input.len()];
    let image = g.channels * g.pixels;
    output.par_chunks_mut(image).zip(input.par_chunks(image)).for_each(|(to, from)| {
        let rows = to.chunks_mut(g.pixels).zip(from.chunks(g.pixels)).enumerate();
        for (index, (to, from)) in rows {
            let scale = gamma[index] / (variance[index] + g.epsilon).sqrt();
            let shift = beta[index] - mean[index] * scale;
            let floor = if g.rectify { 0.0 } else { f32::NEG_INFINITY };
            for (to, value) in to.iter_mut().zip(from) {
                *to = (value * scale + shift).max(floor);
            }
        }
    });
    Normalised { output, mean, variance }
}

/// `gradient` is that of the output; `output` tells where the rectifier was closed.
pub(super) fn backward(
    g: &Geometry,
    input: &[f32],
    gamma: &[f32],
    state: &State<'_>,
    gradient: &[f32],
) -> Gradients {
    let count = (g.batch * g.pixels) as f64;
    let open = |output: f32, gradient: f32| if g.rectify && output <= 0.0 { 0.0 } else { gradient };
    let inverse: Vec<f32> = state.variance.iter().map(|v| 1.0 / (v + g.epsilon).sqrt()).collect();

    let (beta_gradient, gamma_gradient): (Vec<f64>, Vec<f64>) = (0..g.channels)
        .into_par_iter()
        .map(|index| {
            let (mean, inverse) = (state.mean[index], inverse[index]);
            let rows = channel(g, gradient, index)
                .zip(channel(g, state.output, index))
                .zip(channel(g, input, index));
            let (mut beta, mut gamma) = (0.0, 0.0);
            for ((gradient, output), input) in rows {
                beta += sum(gradient, output, input, |d, o, _| open(o, d));
                gamma += sum(gradient, output, input, |d, o, v| open(o, d) * (v - mean) * inverse);
            }
            (beta, gamma)
        })
        .unzip();

    let mut result = vec![0.0; input.len()];
    let image = g.channels * g.pixels;
    result
        .par_chunks_mut(image)
        .zip(gradient.par_chunks(image))
        .zip(state.output.par_chunks(image).zip(input.par_chunks(image)))
        .for_each(|((to, gradient), (output, input))| {
            for index in 0..g.channels {
                let row = index * g.pixels..(index + 1) * g.pixels;
                let scale = gamma[index] * inverse[index];
                let offset = (beta_gradient[index] / count) as f32;
                let slope = (gamma_gradient[index] / count) as f32 * inverse[index];
                let mean = state.mean[index];
                let values = gradient[row.clone()].iter().zip(&output[row.clone()]).zip(&input[row.clone()]);
                for (to, ((d, o), v)) in to[row].iter_mut().zip(values) {
                    *to = scale * (open(*o, *d) - offset - (v - mean) * slope);
                }
            }
        });
    let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
    Gradients { input: result, gamma: narrow(gamma_gradient), beta: narrow(beta_gradient) }
}
