//! Points and directions in the patient: millimetres towards left, back and head (LPS), as DICOM has them
//! (PS3.3 section C.7.6.2.1.1).

/// A point or a direction.
pub type Vector = [f64; 3];

pub(crate) fn dot(a: Vector, b: Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(crate) fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn plus(a: Vector, b: Vector) -> Vector {
    std::array::from_fn(|axis| a[axis] + b[axis])
}

pub(crate) fn minus(a: Vector, b: Vector) -> Vector {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

pub(crate) fn times(a: Vector, factor: f64) -> Vector {
    a.map(|part| part * factor)
}

pub(crate) fn length(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// A grid of voxels in the patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Voxels along each axis.
    pub size: [usize; 3],
    /// The centre of the first voxel.
    pub origin: Vector,
    /// From one voxel to the next along each axis.
    pub steps: [Vector; 3],
}

impl Grid {
    /// The point with these coordinates, in voxels; the centre of a voxel has whole ones.
    pub fn point(&self, voxel: Vector) -> Vector {
        (0..3).fold(self.origin, |point, axis| plus(point, times(self.steps[axis], voxel[axis])))
    }

    /// Cubic millimetres of a voxel.
    pub fn voxel_volume(&self) -> f64 {
        dot(self.steps[0], cross(self.steps[1], self.steps[2])).abs()
    }

    /// How to find the voxel of a point; `None` where the axes lie in one plane.
    pub(crate) fn finder(&self) -> Option<Finder> {
        let [a, b, c] = self.steps;
        let volume = dot(a, cross(b, c));
        (volume.abs() > 1e-9).then(|| Finder {
            origin: self.origin,
            rows: [cross(b, c), cross(c, a), cross(a, b)].map(|row| times(row, 1.0 / volume)),
        })
    }
}

/// Coordinates in voxels of points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finder {
    origin: Vector,
    rows: [Vector; 3],
}

impl Finder {
    pub(crate) fn voxel(&self, point: Vector) -> Vector {
        let offset = minus(point, self.origin);
        self.rows.map(|row| dot(row, offset))
    }

    /// By how many voxels a direction moves.
    pub(crate) fn shift(&self, direction: Vector) -> Vector {
        self.rows.map(|row| dot(row, direction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voxel_is_found_at_its_point() {
        let grid = Grid {
            size: [10, 20, 30],
            origin: [-5.0, 12.0, 3.5],
            steps: [[0.0, 0.9, 0.1], [0.0, -0.1, 0.9], [1.2, 0.0, 0.0]],
        };
        let finder = grid.finder().unwrap();
        for voxel in [[0.0, 0.0, 0.0], [9.0, 19.0, 29.0], [3.25, 4.5, 7.0]] {
            let found = finder.voxel(grid.point(voxel));
            assert!(length(minus(found, voxel)) < 1e-9, "{found:?}");
        }
        assert!((grid.voxel_volume() - 1.2 * 0.82).abs() < 1e-9);
        let flat = Grid { steps: [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]], ..grid };
        assert!(flat.finder().is_none());
    }
}
