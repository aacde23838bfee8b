//! The volume as MeshNet was trained on it: 256³ voxels of 1 mm in FreeSurfer's orientation, and 8 bits.
//!
//! Grid: towards left, feet and front, around the centre of the series, as `mri_convert --conform` (Dale AM et al.,
//! NeuroImage 1999) and brainchop's `conform` have it; trilinear. The centre is voxel n/2 of the axes as they are after
//! turning them, so the result does not depend on the order in which a series stores its slices.
//!
//! Brightness: FreeSurfer leaves volumes of 8 bits as they are and scales others from their minimum to the value that
//! 99.9 % of the voxels above zero stay below. MR images have 16 bits allocated whatever they hold, so it is the values
//! that tell: whole numbers from 0 to 255 are 8 bits.

use baize_core::{ErrorCode, Fault};

use crate::geometry::{Grid, Vector, dot, length, minus, plus, times};
use crate::volume::Volume;

/// Voxels along each axis.
pub const SIDE: usize = 256;
/// Left, feet, front.
const AXES: [Vector; 3] = [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]];
/// Coordinates this close to a voxel's centre are the centre: rounding must not blur a volume that lies on the grid.
const HAIR: f64 = 1e-4;
const BINS: usize = 1000;
const KEPT: f64 = 0.999;

/// A volume of [`SIDE`]³.
#[derive(Clone, Debug, PartialEq)]
pub struct Conformed {
    /// `[front][feet][left]`: the first axis runs fastest.
    pub voxels: Vec<u8>,
    /// Where it lies.
    pub grid: Grid,
    /// The series reaches beyond it.
    pub cut: bool,
}

/// Brings a volume into that form.
///
/// # Errors
/// `PoorQuality` where all voxels are alike; `Internal` for a grid that is none.
pub fn conform(volume: &Volume) -> Result<Conformed, Fault> {
    let scale = Scale::of(&volume.voxels)
        .ok_or_else(|| Fault::new(ErrorCode::PoorQuality, "the volume is empty: all its voxels are alike"))?;
    let flat = || Fault::new(ErrorCode::Internal, "the axes of the volume lie in one plane");
    let finder = volume.grid.finder().ok_or_else(flat)?;
    let grid = target(&volume.grid);
    let start = finder.voxel(grid.origin);
    let [along_x, along_y, along_z] = grid.steps.map(|step| finder.shift(step));
    let mut voxels = Vec::with_capacity(SIDE * SIDE * SIDE);
    for z in 0..SIDE {
        for y in 0..SIDE {
            let row = plus(start, plus(times(along_z, z as f64), times(along_y, y as f64)));
            voxels.extend((0..SIDE).map(|x| {
                let value = linear(volume, plus(row, times(along_x, x as f64)));
                value.map_or(0, |value| scale.apply(value))
            }));
        }
    }
    let side = SIDE as f64;
    let cut = volume
        .grid
        .size
        .iter()
        .zip(volume.grid.steps)
        .any(|(size, step)| *size as f64 * length(step) > side + 1.0);
    Ok(Conformed { voxels, grid, cut })
}

/// The grid around the centre of another one.
fn target(source: &Grid) -> Grid {
    // For each axis of the target, the axis of the source that runs along it most, and whether backwards.
    let mut free = [true; 3];
    let mut centre = [0.0; 3];
    for axis in AXES {
        let along = |number: &usize| dot(axis, source.steps[*number]) / length(source.steps[*number]);
        let best =
            (0..3).filter(|number| free[*number]).max_by(|a, b| along(a).abs().total_cmp(&along(b).abs()));
        let Some(best) = best else { continue };
        free[best] = false;
        let half = source.size[best] / 2;
        let middle =
            if along(&best) < 0.0 { source.size[best] - 1 - half.min(source.size[best] - 1) } else { half };
        centre[best] = middle as f64;
    }
    let half = (SIDE / 2) as f64;
    let corner = AXES.iter().fold([0.0; 3], |corner, axis| plus(corner, times(*axis, half)));
    Grid { size: [SIDE; 3], origin: minus(source.point(centre), corner), steps: AXES }
}

/// The value at a point given in voxels; `None` outside of the centres of the outermost voxels.
fn linear(volume: &Volume, point: Vector) -> Option<f32> {
    let mut low = [0; 3];
    let mut part = [0.0; 3];
    for axis in 0..3 {
        let nearest = point[axis].round();
        let place = if (point[axis] - nearest).abs() < HAIR { nearest } else { point[axis] };
        let floor = place.floor();
        if floor < 0.0 || place > (volume.grid.size[axis] - 1) as f64 {
            return None;
        }
        (low[axis], part[axis]) = (floor as usize, (place - floor) as f32);
    }
    let [columns, rows, _] = volume.grid.size;
    let strides = [1, columns, columns * rows];
    let start = low.iter().zip(strides).map(|(place, stride)| place * stride).sum::<usize>();
    let mut sum = 0.0;
    for corner in 0..8_usize {
        let mut weight = 1.0;
        let mut at = start;
        for axis in 0..3 {
            let upper = corner >> axis & 1 == 1;
            weight *= if upper { part[axis] } else { 1.0 - part[axis] };
            at += if upper { strides[axis] } else { 0 };
        }
        // A corner without weight may lie outside.
        if weight > 0.0 {
            sum += weight * volume.voxels.get(at)?;
        }
    }
    Some(sum)
}

/// From measured values to 8 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    low: f32,
    factor: f32,
}

impl Scale {
    /// `None` where all values are alike.
    fn of(values: &[f32]) -> Option<Self> {
        let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
        if high <= low || !low.is_finite() || !high.is_finite() {
            return None;
        }
        if low >= 0.0 && high <= 255.0 && values.iter().all(|value| value.fract() == 0.0) {
            return Some(Self { low: 0.0, factor: 1.0 });
        }
        let width = (high - low) / BINS as f32;
        let mut histogram = [0_usize; BINS];
        let mut present = 0_usize;
        for value in values {
            let bin = ((value - low) / width) as usize;
            histogram[bin.min(BINS - 1)] += 1;
            present += usize::from(value.abs() >= 1e-15);
        }
        let beyond = ((1.0 - KEPT) * present as f64).floor() as usize;
        let wanted = values.len() - beyond;
        let mut sum = histogram[0];
        let mut bin = 0;
        while bin < BINS - 1 && sum + histogram[bin + 1] < wanted {
            bin += 1;
            sum += histogram[bin];
        }
        let top = bin as f32 * width;
        Some(Self { low, factor: if top > 0.0 { 255.0 / top } else { 1.0 } })
    }

    fn apply(self, value: f32) -> u8 {
        ((value - self.low) * self.factor).round().clamp(0.0, 255.0) as u8
    }
}

/// The labels of a conformed volume on the grid of its series: that of the nearest voxel, 0 beyond.
pub fn back(labels: &[u8], conformed: &Grid, series: &Grid) -> Vec<u8> {
    let [columns, rows, slices] = series.size;
    let Some(finder) = conformed.finder() else { return vec![0; columns * rows * slices] };
    let start = finder.voxel(series.origin);
    let [along_i, along_j, along_k] = series.steps.map(|step| finder.shift(step));
    let mut found = Vec::with_capacity(columns * rows * slices);
    for k in 0..slices {
        for j in 0..rows {
            let row = plus(start, plus(times(along_k, k as f64), times(along_j, j as f64)));
            found.extend((0..columns).map(|i| {
                let place = plus(row, times(along_i, i as f64)).map(f64::round);
                let inside = place.iter().all(|part| (0.0..SIDE as f64).contains(part));
                let [x, y, z] = place.map(|part| part as usize);
                if inside { labels.get((z * SIDE + y) * SIDE + x).copied().unwrap_or(0) } else { 0 }
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests;
