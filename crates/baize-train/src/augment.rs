//! What training does to an image, so that the network learns lungs and not one department's habits.
//!
//! Every change imitates a difference between sites: framing and collimation, aspect (squashed copies and
//! letterboxed originals), exposure and look-up tables, beam heel, blur and noise, lead markers.

use baize_models::Normalisation;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::sampler::{Affine, draw};

/// How far the changes go.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Strength {
    /// Largest zoom as a natural logarithm, either way.
    pub(crate) zoom: f32,
    /// Largest rotation in degrees.
    pub(crate) rotation: f32,
    /// Largest shift as a fraction of the side.
    pub(crate) shift: f32,
    /// How often the image is drawn wider than the square copies are.
    pub(crate) widen: f32,
    /// Largest gamma as a natural logarithm, either way.
    pub(crate) gamma: f32,
    /// Largest blur, standard deviation in output pixels.
    pub(crate) blur: f32,
    /// Largest noise, standard deviation as a fraction of full range.
    pub(crate) noise: f32,
    /// Smallest and largest gain of fine structure as a natural logarithm: how vendors' processing differs.
    pub(crate) detail: [f32; 2],
    /// Largest brightness, as a fraction of full range, of a veil that comes and goes slowly over the image.
    pub(crate) veil: f32,
    /// How often each of blur, noise and change of detail happens.
    pub(crate) fine: f32,
    /// How often each of the coarse disturbances (collimation, marker, hole, heel) happens.
    pub(crate) coarse: f32,
}

impl Strength {
    /// For training.
    pub(crate) const TRAINING: Self = Self {
        zoom: 0.30,
        rotation: 12.0,
        shift: 0.09,
        widen: 0.3,
        gamma: 0.55,
        blur: 1.1,
        noise: 0.02,
        detail: [-0.5, 0.4],
        veil: 0.1,
        fine: 0.5,
        coarse: 0.4,
    };

    /// For the validation that imitates another site.
    pub(crate) const SHIFTED: Self = Self {
        zoom: 0.25,
        rotation: 6.0,
        shift: 0.06,
        widen: 0.2,
        gamma: 0.5,
        blur: 0.9,
        noise: 0.02,
        detail: [-0.3, 0.3],
        veil: 0.0,
        fine: 0.5,
        coarse: 0.2,
    };

    /// For the validation that imitates a site whose healthy children look ill: flat, veiled, blurred. Networks that were
    /// trained on the paediatric images see such ones in the official test split.
    pub(crate) const HARSH: Self = Self {
        zoom: 0.25,
        rotation: 6.0,
        shift: 0.06,
        widen: 0.3,
        gamma: 0.6,
        blur: 2.2,
        noise: 0.03,
        detail: [-1.2, -0.4],
        veil: 0.2,
        fine: 1.0,
        coarse: 0.3,
    };

    /// For training on 64-pixel images of adults.
    pub(crate) const SMALL: Self = Self {
        zoom: 0.2,
        rotation: 10.0,
        shift: 0.07,
        widen: 0.0,
        gamma: 0.45,
        blur: 0.8,
        noise: 0.02,
        detail: [-0.4, 0.4],
        veil: 0.05,
        fine: 0.5,
        coarse: 0.2,
    };
}

/// One changed, normalised view of an image, `[size, size]`.
pub(crate) fn augment(
    source: ArrayView2<'_, u8>,
    size: usize,
    normalisation: &Normalisation,
    strength: &Strength,
    rng: &mut impl Rng,
) -> Array2<f32> {
    let mut image = draw(source, &random_affine(strength, rng), size);
    if rng.random::<f32>() < strength.fine {
        change_detail(&mut image, rng.random_range(strength.detail[0]..=strength.detail[1]).exp());
    }
    if strength.veil > 0.0 {
        veil(&mut image, strength.veil, rng);
    }
    expose(&mut image, strength, rng);
    if rng.random::<f32>() < strength.fine {
        image = filter(&image, rng.random_range(-0.6..strength.blur.max(0.1)));
    }
    if rng.random::<f32>() < strength.fine {
        add_noise(&mut image, rng.random_range(0.0..=strength.noise), rng);
    }
    if rng.random::<f32>() < strength.coarse {
        collimate(&mut image, rng);
    }
    if rng.random::<f32>() < strength.coarse {
        mark(&mut image, rng);
    }
    image.mapv_inplace(|value| value.clamp(0.0, 1.0));
    let mut image = normalisation.apply(image.view());
    if rng.random::<f32>() < strength.coarse {
        cut_hole(&mut image, rng);
    }
    image
}

fn random_affine(strength: &Strength, rng: &mut impl Rng) -> Affine {
    let mut signed = |limit: f32| if limit > 0.0 { rng.random_range(-limit..=limit) } else { 0.0 };
    let zoom = signed(strength.zoom).exp();
    let aspect = signed(0.12).exp();
    let angle = signed(strength.rotation).to_radians();
    let shear = signed(0.06);
    let (x0, y0) = (signed(strength.shift), signed(strength.shift));
    // A wide original fitted into the square keeps its width and loses height.
    let widen = if rng.random::<f32>() < strength.widen { rng.random_range(1.1..1.5) } else { 1.0 };
    let flip = if rng.random_bool(0.5) { -1.0 } else { 1.0 };
    let (sin, cos) = angle.sin_cos();
    let (scale_x, scale_y) = (zoom * aspect, zoom / aspect * widen);
    Affine {
        xx: flip * scale_x * cos,
        xy: flip * (shear - scale_x * sin),
        yx: scale_y * sin,
        yy: scale_y * cos,
        x0,
        y0,
    }
}

/// Cells per side of the grid that stands for what is not fine structure.
const GRID: usize = 16;

/// Multiplies what stands out from its surroundings by `gain`; padding stays.
fn change_detail(image: &mut Array2<f32>, gain: f32) {
    let (height, width) = image.dim();
    let (tall, wide) = (height.div_ceil(GRID), width.div_ceil(GRID));
    let grid = Array2::from_shape_fn((GRID, GRID), |(row, column)| {
        let (row, column) = ((row * tall).min(height - 1), (column * wide).min(width - 1));
        let mut cell = image.view();
        cell.slice_axis_inplace(Axis(0), (row..(row + tall).min(height)).into());
        cell.slice_axis_inplace(Axis(1), (column..(column + wide).min(width)).into());
        cell.mean().unwrap_or(0.0)
    });
    let smooth = stretch(&grid, image.dim());
    for (value, around) in image.iter_mut().zip(&smooth).filter(|(value, _)| **value > 0.0) {
        *value = (around + (*value - around) * gain).clamp(0.002, 1.0);
    }
}

/// Brightens slowly changing parts of the image; padding stays.
fn veil(image: &mut Array2<f32>, strength: f32, rng: &mut impl Rng) {
    let grid = Array2::from_shape_fn((4, 4), |_| rng.random_range(0.0..=strength));
    let field = stretch(&grid, image.dim());
    for (value, veil) in image.iter_mut().zip(&field).filter(|(value, _)| **value > 0.0) {
        *value += veil * (1.0 - *value);
    }
}

/// A grid drawn out to the size of an image, linear between the centres of its cells.
fn stretch(grid: &Array2<f32>, (height, width): (usize, usize)) -> Array2<f32> {
    let places = |size: usize, cells: usize| -> Vec<(usize, usize, f32)> {
        (0..size)
            .map(|place| {
                let at = (place as f32 + 0.5) / size as f32 * cells as f32 - 0.5;
                let at = at.clamp(0.0, (cells - 1) as f32);
                let before = at as usize;
                (before, (before + 1).min(cells - 1), at - before as f32)
            })
            .collect()
    };
    let (rows, columns) = (places(height, grid.nrows()), places(width, grid.ncols()));
    Array2::from_shape_fn((height, width), |(row, column)| {
        let ((top, bottom, down), (left, right, along)) = (rows[row], columns[column]);
        let mix = |row: usize| grid[[row, left]] * (1.0 - along) + grid[[row, right]] * along;
        mix(top) * (1.0 - down) + mix(bottom) * down
    })
}

/// Exposure, look-up table, windowing that clips, and a heel-like gradient.
fn expose(image: &mut Array2<f32>, strength: &Strength, rng: &mut impl Rng) {
    let gamma = rng.random_range(-strength.gamma..=strength.gamma).exp();
    let low = rng.random_range(-0.1..0.08f32);
    let high = rng.random_range(0.85..1.15f32);
    let heel = rng.random::<f32>() < strength.coarse;
    let (gx, gy) =
        if heel { (rng.random_range(-0.35..0.35f32), rng.random_range(-0.35..0.35f32)) } else { (0.0, 0.0) };
    let curve = if rng.random_bool(0.3) { rng.random_range(0.0..1.0f32) } else { 0.0 };
    let size = image.nrows() as f32;
    for ((row, column), value) in image.indexed_iter_mut() {
        if *value <= 0.0 {
            continue;
        }
        let window = ((*value - low) / (high - low)).clamp(0.0, 1.0);
        let toned = window.powf(gamma);
        let sigmoid = toned * toned * (3.0 - 2.0 * toned);
        let toned = toned + curve * (sigmoid - toned);
        let gain = 1.0 + gx * (column as f32 / size - 0.5) + gy * (row as f32 / size - 0.5);
        *value = (toned * gain).clamp(0.002, 1.0);
    }
}

/// Blurs with a Gaussian of `sigma` pixels, or sharpens by unsharp masking where `sigma` is negative.
pub(crate) fn filter(image: &Array2<f32>, sigma: f32) -> Array2<f32> {
    let width = if sigma < 0.0 { 1.0 } else { sigma };
    if width < 0.15 {
        return image.clone();
    }
    let radius = (2.5 * width).ceil() as isize;
    let mut kernel: Vec<f32> =
        (-radius..=radius).map(|i| (-((i * i) as f32) / (2.0 * width * width)).exp()).collect();
    let total: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|weight| *weight /= total);
    let across = convolve_rows(image, &kernel, radius);
    let blurred = convolve_rows(&across.t().as_standard_layout().to_owned(), &kernel, radius);
    let blurred = blurred.t().as_standard_layout().to_owned();
    if sigma < 0.0 { image + &((image - &blurred) * (-2.0 * sigma)) } else { blurred }
}

fn convolve_rows(image: &Array2<f32>, kernel: &[f32], radius: isize) -> Array2<f32> {
    let last = image.ncols() as isize - 1;
    let mut result = Array2::zeros(image.dim());
    for (from, mut to) in image.rows().into_iter().zip(result.rows_mut()) {
        for (column, value) in to.iter_mut().enumerate() {
            *value = kernel
                .iter()
                .enumerate()
                .map(|(tap, weight)| {
                    weight * from[(column as isize + tap as isize - radius).clamp(0, last) as usize]
                })
                .sum();
        }
    }
    result
}

/// Adds nearly Gaussian noise (the sum of four uniform values) to what is not padding.
pub(crate) fn add_noise(image: &mut Array2<f32>, deviation: f32, rng: &mut impl Rng) {
    let scale = deviation * 3f32.sqrt();
    for value in image.iter_mut().filter(|value| **value > 0.0) {
        let bits: u32 = rng.random();
        let sum: f32 = bits.to_le_bytes().iter().map(|byte| f32::from(*byte) / 127.5 - 1.0).sum();
        *value += scale * sum / 2.0;
    }
}

/// Blackens or whitens strips along the sides.
pub(crate) fn collimate(image: &mut Array2<f32>, rng: &mut impl Rng) {
    let size = image.nrows();
    let value = if rng.random_bool(0.8) { 0.002 } else { 0.95 };
    for side in 0..4 {
        if rng.random_bool(0.4) {
            let depth = rng.random_range(1..=size / 9);
            let (rows, columns) = match side {
                0 => (0..depth, 0..size),
                1 => (size - depth..size, 0..size),
                2 => (0..size, 0..depth),
                _ => (0..size, size - depth..size),
            };
            fill(image, rows, columns, value);
        }
    }
}

/// Draws one to three bright marks near the border, as lead letters are.
pub(crate) fn mark(image: &mut Array2<f32>, rng: &mut impl Rng) {
    let size = image.nrows();
    for _ in 0..rng.random_range(1..=3) {
        let along = rng.random_range(0..size - 8);
        let inwards = rng.random_range(0..size / 6);
        let (row, column) = match rng.random_range(0..4) {
            0 => (inwards, along),
            1 => (size - 8 - inwards, along),
            2 => (along, inwards),
            _ => (along, size - 8 - inwards),
        };
        let (tall, wide) = (rng.random_range(2..=7), rng.random_range(1..=6));
        let value = rng.random_range(0.75..1.0);
        fill(image, row..row + tall, column..column + wide, value);
    }
}

/// Replaces a rectangle by the mean, so that no single spot decides.
fn cut_hole(image: &mut Array2<f32>, rng: &mut impl Rng) {
    let size = image.nrows();
    let (tall, wide) = (rng.random_range(size / 8..=size / 3), rng.random_range(size / 8..=size / 3));
    let (row, column) = (rng.random_range(0..=size - tall), rng.random_range(0..=size - wide));
    fill(image, row..row + tall, column..column + wide, 0.0);
}

fn fill(image: &mut Array2<f32>, rows: Range<usize>, columns: Range<usize>, value: f32) {
    let mut part = image.view_mut();
    part.slice_axis_inplace(Axis(0), rows.into());
    part.slice_axis_inplace(Axis(1), columns.into());
    part.fill(value);
}
