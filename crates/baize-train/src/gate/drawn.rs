//! Pictures that show no patient: what phantoms, test patterns, scanned paper and broken devices send.

use std::f32::consts::{PI, TAU};

use ndarray::Array2;
use rand::{Rng, RngExt};

/// Side of a drawn picture in pixels.
const SIDE: usize = 64;

/// What the network learns to turn away.
type Family = fn(&mut dyn Rng) -> Array2<f32>;
const TRAINING: [Family; 8] = [flat, clouds, ramp, stripes, letters, discs, leaves, limb];
/// What it has never seen: tells how it does with the unknown.
const UNSEEN: [Family; 4] = [fan, star, column, outline];

/// One of the families that are trained on.
pub(super) fn for_training(rng: &mut dyn Rng) -> Array2<u8> {
    let family = TRAINING[rng.random_range(0..TRAINING.len())];
    to_grey(&family(rng))
}

/// One of the families that are kept for validation.
pub(super) fn unseen(rng: &mut dyn Rng) -> Array2<u8> {
    let family = UNSEEN[rng.random_range(0..UNSEEN.len())];
    to_grey(&family(rng))
}

fn to_grey(picture: &Array2<f32>) -> Array2<u8> {
    picture.mapv(|value| (value.clamp(0.0, 1.0) * 255.0) as u8)
}

/// A picture from coordinates in -1..1, x to the right, y downwards.
fn paint(value: impl Fn(f32, f32) -> f32) -> Array2<f32> {
    let unit = |at: usize| (at as f32 + 0.5) / SIDE as f32 * 2.0 - 1.0;
    Array2::from_shape_fn((SIDE, SIDE), |(row, column)| value(unit(column), unit(row)))
}

/// Nothing but a level and a little noise.
fn flat(rng: &mut dyn Rng) -> Array2<f32> {
    let (level, noise) = (rng.random::<f32>(), rng.random_range(0.0..0.1f32));
    Array2::from_shape_simple_fn((SIDE, SIDE), || level + noise * (rng.random::<f32>() - 0.5))
}

/// Noise of several sizes, from snow to clouds.
fn clouds(rng: &mut dyn Rng) -> Array2<f32> {
    let fall = rng.random_range(0.3..1.4f32);
    let mut picture = Array2::zeros((SIDE, SIDE));
    for octave in 1..=6u32 {
        let cells = 1usize << octave;
        let grid = Array2::from_shape_simple_fn((cells + 1, cells + 1), || rng.random::<f32>() - 0.5);
        let weight = fall.powi(octave as i32);
        picture += &paint(|x, y| {
            let at = |value: f32| ((value + 1.0) / 2.0 * cells as f32).min(cells as f32 - 1e-3);
            let (gx, gy) = (at(x), at(y));
            let (column, row) = (gx as usize, gy as usize);
            let (fx, fy) = (gx.fract(), gy.fract());
            let upper = grid[[row, column]] * (1.0 - fx) + grid[[row, column + 1]] * fx;
            let lower = grid[[row + 1, column]] * (1.0 - fx) + grid[[row + 1, column + 1]] * fx;
            weight * (upper * (1.0 - fy) + lower * fy)
        });
    }
    let (low, high) = picture.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    picture.mapv(|value| (value - low) / (high - low).max(1e-6))
}

/// A straight or round ramp, smooth or in steps.
fn ramp(rng: &mut dyn Rng) -> Array2<f32> {
    let angle = rng.random_range(0.0..TAU);
    let (sin, cos) = angle.sin_cos();
    let round = rng.random_bool(0.4);
    let steps = rng.random_bool(0.5).then(|| rng.random_range(3..12) as f32);
    let power = rng.random_range(0.5..2.0f32);
    paint(|x, y| {
        let along = if round { (x * x + y * y).sqrt() / 1.42 } else { (x * cos + y * sin) / 2.83 + 0.5 };
        let value = along.clamp(0.0, 1.0).powf(power);
        steps.map_or(value, |steps| (value * steps).floor() / steps)
    })
}

/// Stripes, or a chess board.
fn stripes(rng: &mut dyn Rng) -> Array2<f32> {
    let (sin, cos) = rng.random_range(0.0..TAU).sin_cos();
    let (period, dark) = (rng.random_range(0.08..0.8f32), rng.random_range(0.0..0.4f32));
    let (board, soft) = (rng.random_bool(0.5), rng.random_bool(0.3));
    paint(|x, y| {
        let (along, across) = ((x * cos + y * sin) / period, (y * cos - x * sin) / period);
        let wave = (along * PI).sin() * if board { (across * PI).sin() } else { 1.0 };
        let value = if soft { 0.5 + wave / 2.0 } else { f32::from(u8::from(wave > 0.0)) };
        dark + value * (1.0 - dark)
    })
}

/// Lines of small marks, bright on dark or the other way round.
fn letters(rng: &mut dyn Rng) -> Array2<f32> {
    let (ground, ink) = if rng.random_bool(0.5) { (0.05, 0.95) } else { (0.9, 0.1) };
    let mut picture = Array2::from_elem((SIDE, SIDE), ground);
    let (height, gap) = (rng.random_range(2..7), rng.random_range(1..5));
    let mut row = rng.random_range(0..6);
    while row + height < SIDE {
        let mut column = rng.random_range(1..10);
        let end = rng.random_range(SIDE / 3..SIDE);
        while column + height < end {
            for y in 0..height {
                for x in 0..height.div_ceil(2) {
                    if rng.random_bool(0.6) {
                        picture[[row + y, column + x]] = ink;
                    }
                }
            }
            column += height.div_ceil(2) + if rng.random_bool(0.2) { height } else { 1 };
        }
        row += height + gap;
    }
    picture
}

struct Ellipse {
    x: f32,
    y: f32,
    wide: f32,
    tall: f32,
    turn: (f32, f32),
    level: f32,
    /// A ring has its width here.
    ring: Option<f32>,
}

impl Ellipse {
    fn random(rng: &mut dyn Rng, least: f32, most: f32) -> Self {
        Self {
            x: rng.random_range(-0.9..0.9),
            y: rng.random_range(-0.9..0.9),
            wide: rng.random_range(least..most),
            tall: rng.random_range(least..most),
            turn: rng.random_range(0.0..TAU).sin_cos(),
            level: rng.random(),
            ring: rng.random_bool(0.3).then(|| rng.random_range(0.05..0.4)),
        }
    }

    fn covers(&self, x: f32, y: f32) -> bool {
        let (dx, dy) = (x - self.x, y - self.y);
        let (sin, cos) = self.turn;
        let (u, v) = ((dx * cos + dy * sin) / self.wide, (dy * cos - dx * sin) / self.tall);
        let radius = (u * u + v * v).sqrt();
        radius < 1.0 && self.ring.is_none_or(|ring| radius > 1.0 - ring)
    }
}

fn cover(ground: f32, shapes: &[Ellipse]) -> Array2<f32> {
    paint(|x, y| shapes.iter().rev().find(|shape| shape.covers(x, y)).map_or(ground, |shape| shape.level))
}

/// A phantom: a few discs and rings on a plain ground.
fn discs(rng: &mut dyn Rng) -> Array2<f32> {
    let mut shapes: Vec<Ellipse> = Vec::new();
    if rng.random_bool(0.7) {
        let side = rng.random_range(0.5..0.95);
        let body = Ellipse { x: 0.0, y: 0.0, wide: side, ..Ellipse::random(rng, 0.5, 0.95) };
        shapes.push(body);
    }
    for _ in 0..rng.random_range(1..14) {
        shapes.push(Ellipse::random(rng, 0.04, 0.35));
    }
    cover(if rng.random_bool(0.7) { 0.0 } else { rng.random() }, &shapes)
}

/// Many shapes that cover each other: edges at every size, as photographs have (Lee, Mumford and Huang 2001).
fn leaves(rng: &mut dyn Rng) -> Array2<f32> {
    let shapes: Vec<Ellipse> = (0..rng.random_range(30..150))
        .map(|_| {
            let size = rng.random_range(0.05..0.6f32).powf(1.5);
            Ellipse { ring: None, ..Ellipse::random(rng, size * 0.5, size * 1.5 + 0.02) }
        })
        .collect();
    cover(rng.random(), &shapes)
}

/// One or two long bones in soft tissue, in a lit field of any shape.
fn limb(rng: &mut dyn Rng) -> Array2<f32> {
    let (sin, cos) = (rng.random_range(-0.6..0.6f32) + if rng.random_bool(0.3) { PI / 2.0 } else { 0.0 }).sin_cos();
    let (flesh, bone) = (rng.random_range(0.2..0.55f32), rng.random_range(0.6..1.0f32));
    let (wide, taper) = (rng.random_range(0.15..0.55f32), rng.random_range(-0.15..0.15f32));
    let bones: Vec<(f32, f32)> = (0..rng.random_range(1..=2))
        .map(|_| (rng.random_range(-0.5..0.5f32) * wide, rng.random_range(0.15..0.4f32) * wide))
        .collect();
    let joint = rng.random_bool(0.5).then(|| rng.random_range(-0.8..0.8f32));
    let hollow = rng.random_range(0.6..1.0f32);
    let frame = rng.random_bool(0.5).then(|| (rng.random_range(0.3..1.0f32), rng.random_range(0.6..1.0f32)));
    let outside = if rng.random_bool(0.5) { 1.0 } else { 0.0 };
    paint(|x, y| {
        if let Some((half_width, half_height)) = frame
            && (x.abs() > half_width || y.abs() > half_height)
        {
            return outside;
        }
        let (along, across) = (y * cos + x * sin, x * cos - y * sin);
        let swollen = joint.map_or(0.0, |at| 0.5 * (-((along - at) / 0.15).powi(2)).exp());
        let here = (wide + taper * along) * (1.0 + swollen / 3.0);
        if across.abs() > here {
            return 0.03;
        }
        let depth = (1.0 - (across / here).powi(2)).sqrt();
        let in_bone = bones.iter().any(|(centre, half)| (across - centre).abs() < half * (1.0 + swollen));
        let cortex = bones.iter().any(|(centre, half)| {
            let edge = (across - centre).abs() / (half * (1.0 + swollen));
            (0.7..1.0).contains(&edge)
        });
        let gap = joint.is_some_and(|at| (along - at).abs() < 0.03);
        match (in_bone && !gap, cortex) {
            (true, true) => bone,
            (true, false) => bone * hollow,
            (false, _) => flesh * depth,
        }
    })
}

/// The sector of an ultrasound probe, with speckle and a few dark holes.
fn fan(rng: &mut dyn Rng) -> Array2<f32> {
    let (half_angle, top) = (rng.random_range(0.4..0.9f32), rng.random_range(-1.0..-0.7f32));
    let holes: Vec<Ellipse> = (0..rng.random_range(1..5)).map(|_| Ellipse::random(rng, 0.05, 0.35)).collect();
    let speckle = Array2::from_shape_simple_fn((SIDE, SIDE), || rng.random::<f32>());
    let mut picture = paint(|x, y| {
        let (dx, dy) = (x, y - top);
        let radius = (dx * dx + dy * dy).sqrt();
        let inside = dy > 0.0 && (dx / dy).abs() < half_angle.tan() && (0.1..1.75).contains(&radius);
        let hole = holes.iter().any(|hole| hole.covers(x, y));
        if inside { if hole { 0.05 } else { 0.65 - radius * 0.2 } } else { 0.0 }
    });
    picture.zip_mut_with(&speckle, |value, noise| *value *= 0.4 + noise);
    picture
}

/// The star of a resolution test.
fn star(rng: &mut dyn Rng) -> Array2<f32> {
    let (spokes, size) = (rng.random_range(4..24) as f32, rng.random_range(0.4..1.0f32));
    paint(|x, y| {
        let inside = (x * x + y * y).sqrt() < size;
        f32::from(u8::from(inside && (y.atan2(x) * spokes).sin() > 0.0))
    })
}

/// A column of blocks in a soft band, as a spine from the side is.
fn column(rng: &mut dyn Rng) -> Array2<f32> {
    let (blocks, bend) = (rng.random_range(4..9) as f32, rng.random_range(-0.4..0.4f32));
    let (half, shift) = (rng.random_range(0.12..0.3f32), rng.random_range(-0.3..0.3f32));
    paint(|x, y| {
        let across = x - shift - bend * y * y;
        let in_block = ((y + 1.0) * blocks / 2.0).fract() < 0.78;
        match across.abs() {
            far if far > half * 3.0 => 0.05,
            far if far > half => 0.35 * (1.0 - far / (half * 3.2)),
            _ if in_block => 0.85,
            _ => 0.45,
        }
    })
}

/// A bright shell around a mottled inside, as a skull is.
fn outline(rng: &mut dyn Rng) -> Array2<f32> {
    let shell = Ellipse { x: 0.0, y: -0.1, ring: None, ..Ellipse::random(rng, 0.5, 0.85) };
    let inner = Ellipse { wide: shell.wide * 0.88, tall: shell.tall * 0.88, ..shell };
    let inside = clouds(rng);
    let mut picture =
        paint(|x, y| if inner.covers(x, y) { -1.0 } else if shell.covers(x, y) { 0.95 } else { 0.02 });
    picture.zip_mut_with(&inside, |value, cloud| {
        if *value < 0.0 {
            *value = 0.35 + 0.35 * cloud;
        }
    });
    picture
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn every_family_draws_and_the_same_seed_draws_the_same() {
        for family in TRAINING.iter().chain(&UNSEEN) {
            let draw = |seed| family(&mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!(draw(5), draw(5));
            assert_ne!(draw(5), draw(6));
            assert!(draw(7).iter().all(|value| value.is_finite()));
        }
    }
}
