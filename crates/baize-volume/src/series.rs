//! From the slices of a series to the grid of one volume, or to the reason why they make none.
//!
//! Slices are put in order by where they lie, never by their numbers or names. Nothing is invented for what is missing:
//! a gap, a slice that stands twice, or one that lies otherwise than its neighbours refuses the series.

use baize_core::{ErrorCode, Fault};
use baize_imaging::{Header, Place};

use crate::geometry::{Grid, Vector, cross, dot, length, minus, times};

/// How exactly directions agree within a series: the sine of the angle.
const DIRECTION_TOLERANCE: f64 = 1e-3;
/// How exactly distances agree, as a part of the distance from slice to slice. Scanners round positions to a thousandth
/// of a millimetre and some to a hundredth.
const DISTANCE_TOLERANCE: f64 = 0.02;
/// Slices that lie closer than this part of the usual distance stand twice.
const SAME_PLACE: f64 = 0.1;

/// What a model asks of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demands {
    /// At least so many slices.
    pub min_slices: usize,
    /// The largest side of a voxel, in millimetres.
    pub max_spacing: f64,
    /// The smallest extent of the volume along each axis, in millimetres.
    pub min_extent: f64,
    /// At most so many voxels.
    pub max_voxels: u64,
}

/// The slices of a series in their order, and the grid that they make.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// For each slice of the volume, which one of those given it is. The first lies furthest against the direction in
    /// which rows × columns points.
    pub order: Vec<usize>,
    /// Columns, rows, slices.
    pub grid: Grid,
}

impl Plan {
    /// Puts slices in order.
    ///
    /// # Errors
    /// `MultiFrame` for an enhanced object; `UnfitSeries` where the slices make no complete volume, naming the places in
    /// millimetres along the slice direction; `TooSmall` or `DimensionsTooLarge` where it is not what the model demands.
    pub fn new(slices: &[(&Header, &Place)], demands: &Demands) -> Result<Self, Fault> {
        let unfit = |message: String| Fault::new(ErrorCode::UnfitSeries, message);
        let Some((first_header, first)) = slices.first() else {
            return Err(unfit("the series has no slices".to_owned()));
        };
        for (header, place) in slices {
            if header.facts.frames != 1 {
                let frames = header.facts.frames;
                let message = format!("Number of Frames (0028,0008) is {frames}: send single-frame images");
                return Err(Fault::new(ErrorCode::MultiFrame, message));
            }
            if header.identity.series != first_header.identity.series {
                return Err(unfit("the slices are of several series".to_owned()));
            }
            same_kind(first, place).map_err(|what| unfit(format!("the slices differ in {what}")))?;
        }
        if slices.len() < demands.min_slices.max(2) {
            let message = format!(
                "the series has {} slices; the model needs {}",
                slices.len(),
                demands.min_slices.max(2)
            );
            return Err(Fault::new(ErrorCode::TooSmall, message));
        }
        let normal = cross(first.orientation[0], first.orientation[1]);
        let mut order: Vec<usize> = (0..slices.len()).collect();
        let depth = |number: usize| dot(normal, slices[number].1.position);
        order.sort_by(|a, b| depth(*a).total_cmp(&depth(*b)));
        let depths: Vec<f64> = order.iter().map(|number| depth(*number)).collect();
        even(&depths)?;
        let positions: Vec<Vector> = order.iter().map(|number| slices[*number].1.position).collect();
        let step = straight(&positions, normal)?;
        let [row, column] = first.orientation;
        let [between_rows, between_columns] = first.spacing;
        let [rows, columns] = first.size;
        let grid = Grid {
            size: [columns, rows, slices.len()],
            origin: positions[0],
            steps: [times(row, between_columns), times(column, between_rows), step],
        };
        demanded(&grid, demands)?;
        Ok(Self { order, grid })
    }
}

/// Attributes in which slices of one volume agree.
fn same_kind(first: &Place, other: &Place) -> Result<(), &'static str> {
    if first.size != other.size {
        return Err("Rows (0028,0010) or Columns (0028,0011)");
    }
    if first.frame_of_reference != other.frame_of_reference {
        return Err("Frame of Reference UID (0020,0052)");
    }
    let turned = first
        .orientation
        .iter()
        .zip(other.orientation)
        .any(|(first, other)| length(minus(*first, other)) > DIRECTION_TOLERANCE);
    if turned {
        return Err("Image Orientation (Patient) (0020,0037)");
    }
    let other_spacing = first.spacing.iter().zip(other.spacing).any(|(a, b)| (a - b).abs() > 1e-3 * a);
    if other_spacing { Err("Pixel Spacing (0028,0030)") } else { Ok(()) }
}

/// The distances between neighbours are all the same.
fn even(depths: &[f64]) -> Result<(), Fault> {
    let unfit = |message: String| Err(Fault::new(ErrorCode::UnfitSeries, message));
    let distances: Vec<f64> = depths.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut sorted = distances.clone();
    sorted.sort_by(f64::total_cmp);
    // The median: a few gaps or repeated slices don't move it.
    let usual = sorted[sorted.len() / 2];
    if usual < 1e-3 {
        return unfit("the slices lie at one place: the series is no stack".to_owned());
    }
    for (pair, distance) in depths.windows(2).zip(distances) {
        let [before, behind] = [pair[0], pair[1]];
        if distance < SAME_PLACE * usual {
            return unfit(format!("two slices stand at {before:.2} mm along the slice direction"));
        }
        let steps = distance / usual;
        let whole = steps.round();
        if (steps - whole).abs() > DISTANCE_TOLERANCE * whole.max(1.0) {
            return unfit(format!(
                "the slices at {before:.2} mm and {behind:.2} mm lie {distance:.3} mm apart, where {usual:.3} mm is usual"
            ));
        }
        if whole > 1.5 {
            return unfit(format!(
                "between the slices at {before:.2} mm and {behind:.2} mm, {} of the series are missing",
                whole - 1.0
            ));
        }
    }
    Ok(())
}

/// The step from slice to slice, where all lie on one line at a right angle to themselves.
fn straight(positions: &[Vector], normal: Vector) -> Result<Vector, Fault> {
    let steps = (positions.len() - 1) as f64;
    let whole = minus(positions[positions.len() - 1], positions[0]);
    let step = times(whole, 1.0 / steps);
    let distance = dot(step, normal);
    let line = |number: usize| minus(positions[number], positions[0]);
    let aside = |number: usize| {
        let off = minus(line(number), times(normal, dot(line(number), normal)));
        length(off)
    };
    let worst = (0..positions.len()).map(aside).fold(0.0, f64::max);
    if worst > DISTANCE_TOLERANCE * distance + DIRECTION_TOLERANCE * length(whole) {
        let message =
            format!("the slices are displaced sideways by up to {worst:.2} mm, as with a tilted gantry");
        return Err(Fault::new(ErrorCode::UnfitSeries, message));
    }
    Ok(times(normal, distance))
}

/// What the model demands of the grid.
fn demanded(grid: &Grid, demands: &Demands) -> Result<(), Fault> {
    let voxels = grid.size.iter().fold(1_u64, |product, side| product.saturating_mul(*side as u64));
    if voxels > demands.max_voxels {
        let message =
            format!("the volume has {voxels} voxels, more than the limit of {}", demands.max_voxels);
        return Err(Fault::new(ErrorCode::DimensionsTooLarge, message));
    }
    for (size, step) in grid.size.iter().zip(grid.steps) {
        let side = length(step);
        if side > demands.max_spacing + 1e-6 {
            let message =
                format!("the voxels are {side:.2} mm long; the model reads up to {} mm", demands.max_spacing);
            return Err(Fault::new(ErrorCode::UnfitSeries, message));
        }
        let extent = side * *size as f64;
        if extent < demands.min_extent {
            let message =
                format!("the volume is {extent:.0} mm wide; the model needs {} mm", demands.min_extent);
            return Err(Fault::new(ErrorCode::TooSmall, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
