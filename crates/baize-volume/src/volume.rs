//! A volume: the values of a series on its grid.

use baize_core::{ErrorCode, Fault};
use baize_imaging::Slice;

use crate::Plan;
use crate::geometry::Grid;

/// Measured values on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Where it lies: columns, rows, slices.
    pub grid: Grid,
    /// `[slices][rows][columns]`
    pub voxels: Vec<f32>,
}

impl Volume {
    /// Puts slices together. `read` gives the slice of that number among those that the plan was made from; one after
    /// the other, so that no more than one is decoded at a time.
    ///
    /// # Errors
    /// What `read` says; `Internal` for a slice of another size than the plan has.
    pub fn assemble(plan: &Plan, mut read: impl FnMut(usize) -> Result<Slice, Fault>) -> Result<Self, Fault> {
        let [columns, rows, slices] = plan.grid.size;
        let mut voxels = Vec::with_capacity(columns * rows * slices);
        for number in &plan.order {
            let slice = read(*number)?;
            if slice.values.dim() != (rows, columns) {
                return Err(Fault::new(ErrorCode::Internal, "a slice changed its size while it was read"));
            }
            voxels.extend(slice.values.iter());
        }
        Ok(Self { grid: plan.grid, voxels })
    }
}
