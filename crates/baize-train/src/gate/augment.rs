//! What training does to an image before the gate sees it, so that a class is known by its anatomy.
//!
//! The sources differ in resolution, sharpness, windows and borders. Every image of every class goes through the same
//! changes (canvas, blur, exposure, window, borders, letters), so that none of these tells the classes apart.

use baize_models::Normalisation;
use ndarray::{Array2, ArrayView2};
use rand::{Rng, RngExt};

use crate::augment::{add_noise, collimate, filter, mark};
use crate::sampler::{Affine, draw};

/// How often an image is shown exactly as the server will show it: most images that come in are sound, and some
/// classes differ in little else than what every change covers up.
const PLAIN: f64 = 0.4;
/// How often, of the rest, only the framing is changed.
const SOUND: f64 = 0.3;
/// How often light and dark are swapped, as a wrong Photometric Interpretation does.
const SWAPPED: f64 = 0.06;

/// One changed, normalised view of an image, `[size, size]`.
pub(super) fn augment(
    source: ArrayView2<'_, u8>,
    size: usize,
    normalisation: &Normalisation,
    rng: &mut impl Rng,
) -> Array2<f32> {
    if rng.random_bool(PLAIN) {
        return serving(source, size, normalisation);
    }
    let mut image = draw(source, &placement(rng), size);
    if rng.random_bool(SOUND) {
        return normalisation.apply(image.view());
    }
    expose(&mut image, rng);
    if rng.random_bool(0.6) {
        image = filter(&image, rng.random_range(-0.5..1.3));
    }
    if rng.random_bool(0.5) {
        add_noise(&mut image, rng.random_range(0.0..=0.06), rng);
    }
    if rng.random_bool(0.25) {
        collimate(&mut image, rng);
    }
    if rng.random_bool(0.3) {
        mark(&mut image, rng);
    }
    image.mapv_inplace(|value| value.clamp(0.0, 1.0));
    normalisation.apply(image.view())
}

/// An image as the server prepares it.
pub(super) fn serving(source: ArrayView2<'_, u8>, size: usize, normalisation: &Normalisation) -> Array2<f32> {
    let values = source.mapv(|value| f32::from(value) / 255.0);
    normalisation.apply(baize_imaging::fit(values.view(), size, size).pixels.view())
}

/// Framing: zoom, turn, shift, mirror, and the canvas of an image that is not square. Outside is black, as on the
/// canvas of the server.
fn placement(rng: &mut impl Rng) -> Affine {
    let mut signed = |limit: f32| rng.random_range(-limit..=limit);
    let zoom = (signed(0.28) + 0.04).exp();
    let squash = signed(0.3).exp().sqrt();
    let (sin, cos) = signed(14.0).to_radians().sin_cos();
    let (shear, x0, y0) = (signed(0.06), signed(0.08), signed(0.08));
    let flip = if rng.random_bool(0.5) { -1.0 } else { 1.0 };
    let (scale_x, scale_y) = (zoom * squash, zoom / squash);
    Affine {
        xx: flip * scale_x * cos,
        xy: flip * (shear - scale_x * sin),
        yx: scale_y * sin,
        yy: scale_y * cos,
        x0,
        y0,
    }
}

/// Window, look-up table and, rarely, light and dark swapped. Padding stays black.
fn expose(image: &mut Array2<f32>, rng: &mut impl Rng) {
    let gamma = rng.random_range(-0.7..=0.7f32).exp();
    let low = rng.random_range(-0.15..0.25f32);
    let high = rng.random_range(0.7..1.2f32);
    let swapped = rng.random_bool(SWAPPED);
    for value in image.iter_mut().filter(|value| **value > 0.0) {
        let window = ((*value - low) / (high - low)).clamp(0.0, 1.0).powf(gamma);
        *value = if swapped { 1.0 - window } else { window }.max(0.002);
    }
}
