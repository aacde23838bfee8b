//! Where in an image the evidence for a finding lies: the heat map as the model made it, and the region of strongest
//! evidence that follows from it by one stated rule.

use std::ops::Range;
use std::sync::Arc;

use crate::PixelBox;

/// Tolerance, in pixels, that keeps a rounding error in an edge from adding a row or column of pixels.
const HAIR: f64 = 1e-3;

/// Where a grid lies on a stored image: its edges in pixels from the image's top left corner. It may reach beyond the
/// image, because a model's canvas holds padding beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Left edge; negative where the grid begins left of the image.
    pub left: f64,
    /// Top edge; negative where the grid begins above the image.
    pub top: f64,
    /// Width, above 0.
    pub width: f64,
    /// Height, above 0.
    pub height: f64,
}

/// How strongly each part of the image speaks for a finding, in the grid of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    rows: usize,
    columns: usize,
    values: Arc<[f32]>,
    extent: Extent,
}

/// Why numbers make no heat map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a heat map needs a value of 0 to 1 for each cell and a place on the image")]
pub struct BadHeatMap;

impl HeatMap {
    /// A map of `rows` by `columns` cells, row by row from the top left, each 0 to 1.
    ///
    /// # Errors
    /// [`BadHeatMap`] where there are no cells, not as many values as cells, a value that is none of 0 to 1, or an
    /// extent that is no rectangle.
    pub fn new(rows: usize, columns: usize, values: Vec<f32>, extent: Extent) -> Result<Self, BadHeatMap> {
        let Extent { left, top, width, height } = extent;
        let sound = !values.is_empty()
            && rows.checked_mul(columns) == Some(values.len())
            && values.iter().all(|value| (0.0..=1.0).contains(value))
            && [left, top, width, height].iter().all(|edge| edge.is_finite())
            && width > 0.0
            && height > 0.0;
        if sound { Ok(Self { rows, columns, values: values.into(), extent }) } else { Err(BadHeatMap) }
    }

    /// Rows of cells, at least 1.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of cells, at least 1.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The cells, row by row from the top left, each 0 to 1.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Where on the stored image the cells lie.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The value at a point of the stored image, in pixels from its top left corner: that of the cell in which the
    /// point lies, nothing interpolated. 0 beside the map.
    pub fn at(&self, x: f64, y: f64) -> f32 {
        let Extent { left, top, width, height } = self.extent;
        let cell = |place: f64, cells: usize| {
            let index = (place * cells as f64).floor();
            (index >= 0.0 && index < cells as f64).then_some(index as usize)
        };
        cell((y - top) / height, self.rows)
            .zip(cell((x - left) / width, self.columns))
            .and_then(|(row, column)| self.values.get(row * self.columns + column))
            .copied()
            .unwrap_or(0.0)
    }

    /// The pixels where the evidence is strongest, on a stored image of that size: the connected cells (those that
    /// share a side) of at least half the maximum that hold the peak; of equal peaks, the first in reading order. Each
    /// cell counts with every pixel that it touches. `None` for a map without any heat on the image.
    pub fn strongest(&self, image_rows: u32, image_columns: u32) -> Option<Mask> {
        let patches = self.hot_patches(image_rows, image_columns);
        let mut mask = (!patches.is_empty()).then(|| Mask::empty(image_rows, image_columns))?;
        for (rows, columns) in patches {
            for row in rows {
                for column in columns.clone() {
                    mask.set(row, column);
                }
            }
        }
        Some(mask)
    }

    /// The rectangle around [`strongest`](Self::strongest).
    pub fn region(&self, image_rows: u32, image_columns: u32) -> Option<PixelBox> {
        let (rows, columns) =
            self.hot_patches(image_rows, image_columns).into_iter().reduce(|all, patch| {
                (
                    all.0.start.min(patch.0.start)..all.0.end.max(patch.0.end),
                    all.1.start.min(patch.1.start)..all.1.end.max(patch.1.end),
                )
            })?;
        Some(PixelBox {
            x: columns.start,
            y: rows.start,
            width: columns.end - columns.start,
            height: rows.end - rows.start,
        })
    }

    /// The rows and columns of pixels of every cell of the region, without those beside the image.
    fn hot_patches(&self, image_rows: u32, image_columns: u32) -> Vec<(Range<u32>, Range<u32>)> {
        let Extent { left, top, width, height } = self.extent;
        let hot = self.hot_cells().unwrap_or_default();
        let cells = hot.iter().enumerate().filter(|(_, hot)| **hot);
        let patch = |(index, _)| {
            let (row, column) = (index / self.columns, index % self.columns);
            let rows = touched(top, height / self.rows as f64, row, image_rows);
            let columns = touched(left, width / self.columns as f64, column, image_columns);
            (!rows.is_empty() && !columns.is_empty()).then_some((rows, columns))
        };
        cells.filter_map(patch).collect()
    }

    /// The cells of the region around the peak.
    fn hot_cells(&self) -> Option<Vec<bool>> {
        let mut peak: Option<(usize, f32)> = None;
        for (index, value) in self.values.iter().enumerate() {
            if *value > peak.map_or(0.0, |(_, highest)| highest) {
                peak = Some((index, *value));
            }
        }
        let (start, highest) = peak?;
        let mut hot = vec![false; self.values.len()];
        let mut open = vec![start];
        while let Some(index) = open.pop() {
            let is_hot = self.values.get(index).is_some_and(|value| *value >= 0.5 * highest);
            let Some(seen) = hot.get_mut(index).filter(|seen| is_hot && !**seen) else { continue };
            *seen = true;
            let column = index % self.columns;
            open.extend(index.checked_sub(self.columns));
            open.push(index + self.columns);
            open.extend((column > 0).then(|| index - 1));
            open.extend((column + 1 < self.columns).then_some(index + 1));
        }
        Some(hot)
    }
}

/// The pixels of one axis that a cell touches, cut at the edges of the image.
fn touched(edge: f64, side: f64, cell: usize, length: u32) -> Range<u32> {
    let from = edge + side * cell as f64;
    let first = (from + HAIR).floor().clamp(0.0, f64::from(length));
    let end = (from + side - HAIR).ceil().clamp(0.0, f64::from(length));
    first as u32..end as u32
}

/// A set of pixels of one stored image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    rows: u32,
    columns: u32,
    pixels: Vec<bool>,
}

impl Mask {
    /// No pixel of an image of that size.
    pub fn empty(rows: u32, columns: u32) -> Self {
        Self { rows, columns, pixels: vec![false; rows as usize * columns as usize] }
    }

    /// Rows of the image.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Columns of the image.
    pub fn columns(&self) -> u32 {
        self.columns
    }

    /// All pixels, row by row from the top left.
    pub fn pixels(&self) -> &[bool] {
        &self.pixels
    }

    /// Adds a pixel; none outside of the image.
    pub fn set(&mut self, row: u32, column: u32) {
        let index = row as usize * self.columns as usize + column as usize;
        if let Some(pixel) = self.pixels.get_mut(index).filter(|_| column < self.columns) {
            *pixel = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map whose cells are pixels.
    fn map<const COLUMNS: usize>(rows: &[[f32; COLUMNS]]) -> HeatMap {
        let extent = Extent { left: 0.0, top: 0.0, width: COLUMNS as f64, height: rows.len() as f64 };
        HeatMap::new(rows.len(), COLUMNS, rows.concat(), extent).unwrap()
    }

    /// The smallest rectangle that holds the pixels.
    fn bounds(mask: &Mask) -> Option<PixelBox> {
        let pixel = |(index, _): (usize, &bool)| (index as u32 / mask.columns, index as u32 % mask.columns);
        let set: Vec<(u32, u32)> =
            mask.pixels.iter().enumerate().filter(|(_, set)| **set).map(pixel).collect();
        let (top, bottom) = (set.iter().map(|p| p.0).min()?, set.iter().map(|p| p.0).max()?);
        let (left, right) = (set.iter().map(|p| p.1).min()?, set.iter().map(|p| p.1).max()?);
        Some(PixelBox { x: left, y: top, width: right - left + 1, height: bottom - top + 1 })
    }

    #[test]
    fn the_strongest_region_holds_the_peak_and_is_connected() {
        let region = |x, y, width, height| Some(PixelBox { x, y, width, height });
        let cases = [
            (map(&[[0.0, 0.0], [0.0, 0.0]]), None, 0),
            (map(&[[0.0, 1.0], [0.0, 0.4]]), region(1, 0, 1, 1), 1),
            (map(&[[0.5, 1.0], [0.0, 0.6]]), region(0, 0, 2, 2), 3),
            // A second hot region that touches only at a corner does not belong to it.
            (map(&[[1.0, 0.0, 0.0], [0.0, 0.9, 0.9], [0.0, 0.0, 0.0]]), region(0, 0, 1, 1), 1),
            // Nor does one that lies apart, even a larger one.
            (map(&[[0.7, 0.0, 0.8], [0.7, 0.0, 1.0], [0.7, 0.0, 0.1]]), region(2, 0, 1, 2), 2),
            // The end of a row does not touch the beginning of the next one.
            (map(&[[0.0, 1.0], [1.0, 0.0]]), region(1, 0, 1, 1), 1),
        ];
        for (heat, expected, count) in cases {
            let (rows, columns) = (heat.rows() as u32, heat.columns() as u32);
            let mask = heat.strongest(rows, columns);
            assert_eq!(mask.as_ref().and_then(bounds), expected, "{heat:?}");
            assert_eq!(heat.region(rows, columns), expected, "{heat:?}");
            let pixels = mask.map_or(0, |mask| mask.pixels().iter().filter(|pixel| **pixel).count());
            assert_eq!(pixels, count, "{heat:?}");
        }
    }

    #[test]
    fn cells_come_back_to_stored_pixels() {
        // 400 by 200 pixels on a square canvas: a quarter of the canvas on each side is padding.
        let extent = Extent { left: -100.0, top: 0.0, width: 400.0, height: 400.0 };
        let cases = [
            // One cell of 10 by 10, inside, half outside, and outside.
            ((10, 10), (4, 5), Some((100, 160, 40, 40))),
            ((10, 10), (0, 2), Some((0, 0, 20, 40))),
            ((10, 10), (3, 1), None),
            // A cell of 7 by 7 ends within pixels and takes them whole.
            ((7, 7), (0, 2), Some((14, 0, 58, 58))),
            ((1, 1), (0, 0), Some((0, 0, 200, 400))),
        ];
        for ((rows, columns), (row, column), expected) in cases {
            let mut values = vec![0.0; rows * columns];
            values[row * columns + column] = 0.5;
            let heat = HeatMap::new(rows, columns, values, extent).unwrap();
            let found = heat.strongest(400, 200).as_ref().and_then(bounds);
            assert_eq!(heat.region(400, 200), found, "{row} {column} of {rows} by {columns}");
            let expected = expected.map(|(x, y, width, height)| PixelBox { x, y, width, height });
            assert_eq!(found, expected, "{row} {column} of {rows} by {columns}");
        }
    }

    #[test]
    fn a_point_has_the_value_of_its_cell() {
        let extent = Extent { left: -1.0, top: 0.0, width: 4.0, height: 2.0 };
        let heat = HeatMap::new(1, 2, vec![0.25, 0.75], extent).unwrap();
        let cases = [(0.5, 0.5, 0.25), (1.5, 1.5, 0.75), (-1.5, 0.5, 0.0), (3.0, 0.5, 0.0), (0.5, 2.0, 0.0)];
        for (x, y, expected) in cases {
            assert_eq!(heat.at(x, y), expected, "{x} {y}");
        }
    }

    #[test]
    fn what_is_no_heat_map_is_refused() {
        let extent = Extent { left: 0.0, top: 0.0, width: 1.0, height: 1.0 };
        let flat = Extent { width: 0.0, ..extent };
        let lost = Extent { left: f64::NAN, ..extent };
        assert!(HeatMap::new(1, 1, vec![1.0], extent).is_ok());
        for (rows, columns, values, extent) in [
            (0, 0, vec![], extent),
            (1, 2, vec![0.5], extent),
            (usize::MAX, 2, vec![0.5], extent),
            (1, 1, vec![f32::NAN], extent),
            (1, 1, vec![1.5], extent),
            (1, 1, vec![-0.1], extent),
            (1, 1, vec![0.5], flat),
            (1, 1, vec![0.5], lost),
        ] {
            assert_eq!(HeatMap::new(rows, columns, values, extent), Err(BadHeatMap));
        }
    }
}
