//! Real images made into what no model reads: cut up, put together, turned, or reduced to a detail.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::sampler::{Affine, draw};

/// Side of an enlarged detail in pixels.
const SIDE: usize = 64;

fn part(image: ArrayView2<'_, u8>, rows: Range<usize>, columns: Range<usize>) -> ArrayView2<'_, u8> {
    let mut part = image;
    part.slice_axis_inplace(Axis(0), rows.into());
    part.slice_axis_inplace(Axis(1), columns.into());
    part
}

fn part_mut(image: &mut Array2<u8>, rows: Range<usize>, columns: Range<usize>) -> ArrayViewMut2<'_, u8> {
    let mut part = image.view_mut();
    part.slice_axis_inplace(Axis(0), rows.into());
    part.slice_axis_inplace(Axis(1), columns.into());
    part
}

/// The tiles of an image in another order: every texture is there, and nothing is in its place.
pub(super) fn jigsaw(image: ArrayView2<'_, u8>, rng: &mut impl Rng) -> Array2<u8> {
    let tiles = rng.random_range(2..=5);
    let (height, width) = (image.nrows() / tiles, image.ncols() / tiles);
    let mut order: Vec<usize> = (0..tiles * tiles).collect();
    order.shuffle(rng);
    // Every tile goes where the next one in the order was, so that none stays in its place.
    let mut result = Array2::zeros((height * tiles, width * tiles));
    for (at, to) in order.iter().enumerate() {
        let from = order[(at + 1) % order.len()];
        let place = |tile: usize| (tile / tiles * height, tile % tiles * width);
        let ((to_row, to_column), (row, column)) = (place(*to), place(from));
        part_mut(&mut result, to_row..to_row + height, to_column..to_column + width)
            .assign(&part(image, row..row + height, column..column + width));
    }
    result
}

/// Two images side by side or one above the other.
pub(super) fn collage(one: ArrayView2<'_, u8>, other: ArrayView2<'_, u8>, rng: &mut impl Rng) -> Array2<u8> {
    let (rows, columns) = (one.nrows().min(other.nrows()), one.ncols().min(other.ncols()));
    let mut result = one.to_owned();
    let (rows, columns) =
        if rng.random_bool(0.5) { (0..rows, columns / 2..columns) } else { (rows / 2..rows, 0..columns) };
    part_mut(&mut result, rows.clone(), columns.clone()).assign(&part(other, rows, columns));
    result
}

/// Lying on its side, or upside down.
pub(super) fn turned(image: ArrayView2<'_, u8>, rng: &mut impl Rng) -> Array2<u8> {
    let mut turned = image;
    let upside_down = rng.random_range(0..3) == 0;
    if !upside_down {
        turned.swap_axes(0, 1);
    }
    turned.invert_axis(Axis(usize::from(!upside_down && rng.random_bool(0.5))));
    turned.to_owned()
}

/// A small part, as large as the whole was.
pub(super) fn detail(image: ArrayView2<'_, u8>, rng: &mut impl Rng) -> Array2<u8> {
    let mut some = |length: usize| {
        let kept = (length * rng.random_range(20..34) / 100).max(1);
        let start = rng.random_range(0..=length - kept);
        start..start + kept
    };
    let (rows, columns) = (some(image.nrows()), some(image.ncols()));
    let whole = Affine { xx: 1.0, xy: 0.0, yx: 0.0, yy: 1.0, x0: 0.0, y0: 0.0 };
    draw(part(image, rows, columns), &whole, SIDE).mapv(|value| (value * 255.0) as u8)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn image() -> Array2<u8> {
        Array2::from_shape_fn((60, 60), |(row, column)| (row * 3 + column) as u8)
    }

    #[test]
    fn what_is_spoilt_is_no_longer_the_image() {
        for seed in 0..30 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let white = Array2::from_elem((60, 60), 255);
            assert_ne!(jigsaw(image().view(), &mut rng), image());
            assert_ne!(turned(image().view(), &mut rng), image());
            let both = collage(image().view(), white.view(), &mut rng);
            assert!(both[[0, 0]] == 0 && both[[59, 59]] == 255);
            assert_eq!(detail(image().view(), &mut rng).dim(), (64, 64));
        }
    }
}
