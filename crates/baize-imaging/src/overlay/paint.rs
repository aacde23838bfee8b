//! Pixels, boxes and letters.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Red, green, blue.
pub(super) type Color = [u8; 3];

/// How letters look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letters {
    weight: FontWeight,
    height: RasterHeight,
}

impl Letters {
    /// Letters that can be read at the size of a picture of this width.
    pub(super) fn for_width(width: i32) -> Self {
        let height = if width < 720 { RasterHeight::Size16 } else { RasterHeight::Size20 };
        Self { weight: FontWeight::Regular, height }
    }

    pub(super) fn bold(self) -> Self {
        Self { weight: FontWeight::Bold, ..self }
    }

    /// Width of a letter in pixels.
    pub(super) fn advance(self) -> i32 {
        get_raster_width(self.weight, self.height) as i32
    }

    /// Height of a line in pixels.
    pub(super) fn height(self) -> i32 {
        self.height.val() as i32
    }
}

/// A picture; what is drawn outside of it is not drawn.
pub(super) struct Canvas {
    width: i32,
    height: i32,
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: i32, height: i32, background: Color) -> Self {
        let count = width.max(0) as usize * height.max(0) as usize;
        Self { width, height, pixels: background.repeat(count) }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width.max(0) as u32, self.height.max(0) as u32)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.pixels
    }

    pub(super) fn set(&mut self, x: i32, y: i32, color: Color) {
        self.mix(x, y, color, 255);
    }

    pub(super) fn fill(&mut self, x: i32, y: i32, width: i32, height: i32, color: Color) {
        for row in y..y + height {
            for column in x..x + width {
                self.set(column, row, color);
            }
        }
    }

    /// A rectangle's lines, drawn inwards; its corners are part of it.
    pub(super) fn outline(
        &mut self,
        left: i32,
        top: i32,
        right: i32,
        bottom: i32,
        thickness: i32,
        color: Color,
    ) {
        let (width, height) = (right - left + 1, bottom - top + 1);
        self.fill(left, top, width, thickness.min(height), color);
        self.fill(left, bottom + 1 - thickness.min(height), width, thickness.min(height), color);
        self.fill(left, top, thickness.min(width), height, color);
        self.fill(right + 1 - thickness.min(width), top, thickness.min(width), height, color);
    }

    /// One line of text, its upper left corner given.
    pub(super) fn text(&mut self, x: i32, y: i32, text: &str, letters: Letters, color: Color) {
        let raster_of = |letter| get_raster(letter, letters.weight, letters.height);
        for (index, letter) in text.chars().enumerate() {
            let Some(raster) = raster_of(letter).or_else(|| raster_of('?')) else { continue };
            let left = x + index as i32 * letters.advance();
            for (row, line) in raster.rows().enumerate() {
                for (column, coverage) in line.iter().enumerate() {
                    self.mix(left + column as i32, y + row as i32, color, *coverage);
                }
            }
        }
    }

    fn mix(&mut self, x: i32, y: i32, color: Color, coverage: u8) {
        if !(0..self.width).contains(&x) || !(0..self.height).contains(&y) {
            return;
        }
        let start = 3 * (y as usize * self.width as usize + x as usize);
        let Some(pixel) = self.pixels.get_mut(start..start + 3) else { return };
        for (old, new) in pixel.iter_mut().zip(color) {
            let mixed = u32::from(*old) * u32::from(255 - coverage) + u32::from(new) * u32::from(coverage);
            *old = (mixed / 255) as u8;
        }
    }
}
