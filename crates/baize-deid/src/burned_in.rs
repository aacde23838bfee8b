//! Does an image have text near its border?
//!
//! Text is many strokes side by side: along a row of a line of text, brightness jumps up and down at every stroke, and
//! it does so in several rows one above the other. Anatomy seldom jumps by a third of the display's range from one pixel
//! to the next, a collimator's edge does so once, a side marker (one letter) a few times. The outer fifth of the image is
//! looked at in three sizes, so that letters of 8 to 60 pixels are seen. The detector is a safety net with known holes
//! (faint, huge or vertical text, text in the middle): it can hold an object back, never clear one that its header or its
//! kind speaks against.

/// A jump between neighbours: a third of the display's range.
const JUMP: f32 = 0.33;
/// A window of this many rows and columns, in each size.
const WINDOW: (usize, usize) = (10, 40);
/// Jumps in one row of a window: two for each of four strokes.
const JUMPS_IN_ROW: usize = 8;
/// Rows of a window that jump so.
const ROWS: usize = 5;
/// The outer part of the image, as a fraction of each side.
const BORDER: f32 = 0.2;
/// How often the image is halved.
const SIZES: usize = 3;

/// Whether text is suspected near the border of a greyscale image of `rows` × `columns` pixels, 0 to 1, row by row.
/// `None` where `pixels` has another length: nothing was looked at.
pub fn suspicious_text(pixels: &[f32], rows: usize, columns: usize) -> Option<bool> {
    if pixels.is_empty() || rows.checked_mul(columns) != Some(pixels.len()) {
        return None;
    }
    let mut picture = Picture { pixels: pixels.to_vec(), rows, columns };
    for size in 0..SIZES {
        if size > 0 {
            picture = picture.halved();
        }
        if picture.has_text() {
            return Some(true);
        }
    }
    Some(false)
}

struct Picture {
    pixels: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Picture {
    fn at(&self, row: usize, column: usize) -> f32 {
        self.pixels.get(row * self.columns + column).copied().unwrap_or(0.0)
    }

    /// Each pixel the mean of four.
    fn halved(&self) -> Self {
        let (rows, columns) = (self.rows / 2, self.columns / 2);
        let mean = |row: usize, column: usize| {
            let (row, column) = (2 * row, 2 * column);
            (self.at(row, column) + self.at(row, column + 1) + self.at(row + 1, column) + self.at(row + 1, column + 1)) / 4.0
        };
        let pixels = (0..rows).flat_map(|row| (0..columns).map(move |column| mean(row, column))).collect();
        Self { pixels, rows, columns }
    }

    fn has_text(&self) -> bool {
        let (window_rows, window_columns) = WINDOW;
        let (rows, columns) = (self.rows, self.columns);
        if rows < window_rows || columns < window_columns {
            return false;
        }
        let border = |side: usize| (side as f32 * BORDER) as usize;
        let (top, left) = (border(rows), border(columns));
        let jumps = self.jumps();
        let starts = |count: usize, window: usize| (0..=count - window).step_by(window / 2);
        starts(rows, window_rows).any(|row| {
            starts(columns, window_columns).any(|column| {
                let outside = row < top
                    || row + window_rows > rows - top
                    || column < left
                    || column + window_columns > columns - left;
                outside && is_text(&jumps, columns, row, column)
            })
        })
    }

    /// For each row, how many jumps stand before each column.
    fn jumps(&self) -> Vec<u32> {
        let mut counts = Vec::with_capacity(self.pixels.len());
        for row in self.pixels.chunks_exact(self.columns) {
            let mut count = 0;
            let mut before = row.first().copied().unwrap_or(0.0);
            for pixel in row {
                if (pixel - before).abs() >= JUMP {
                    count += 1;
                }
                before = *pixel;
                counts.push(count);
            }
        }
        counts
    }
}

fn is_text(jumps: &[u32], columns: usize, row: usize, column: usize) -> bool {
    let (window_rows, window_columns) = WINDOW;
    let jumping = (row..row + window_rows).filter(|row| {
        let first = row * columns + column;
        let last = first + window_columns - 1;
        let count = |at: usize| jumps.get(at).copied().unwrap_or(0);
        count(last).saturating_sub(count(first)) as usize >= JUMPS_IN_ROW
    });
    jumping.count() >= ROWS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters of 5 × 7: H, E, N, W and so on are alike enough for a detector of strokes.
    const GLYPHS: [[u8; 7]; 4] = [
        [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        [0b10001, 0b11001, 0b10101, 0b10101, 0b10011, 0b10001, 0b10001],
        [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
    ];

    fn phantom(rows: usize, columns: usize) -> Vec<f32> {
        baize_testkit::chest_phantom(rows, columns, 1).into_iter().map(|value| value as f32).collect()
    }

    fn write(pixels: &mut [f32], columns: usize, at: (usize, usize), letters: usize, scale: usize) {
        for letter in 0..letters {
            for (row, bits) in GLYPHS[letter % GLYPHS.len()].iter().enumerate() {
                for column in 0..5 {
                    if bits & (0b10000 >> column) != 0 {
                        for dy in 0..scale {
                            for dx in 0..scale {
                                let x = at.1 + (letter * 6 + column) * scale + dx;
                                pixels[(at.0 + row * scale + dy) * columns + x] = 1.0;
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_name_in_a_corner_is_seen_in_several_sizes() {
        for scale in [1, 2, 4] {
            let mut pixels: Vec<f32> = phantom(512, 512).iter().map(|value| value * 0.5).collect();
            write(&mut pixels, 512, (8, 10), 12, scale);
            assert_eq!(suspicious_text(&pixels, 512, 512), Some(true), "scale {scale}");
        }
    }

    #[test]
    fn anatomy_a_collimator_and_a_side_marker_are_no_text() {
        let mut pixels = phantom(512, 512);
        assert_eq!(suspicious_text(&pixels, 512, 512), Some(false), "phantom");
        for (at, pixel) in pixels.iter_mut().enumerate() {
            if at % 512 < 40 || at / 512 < 30 {
                *pixel = 0.0;
            }
        }
        assert_eq!(suspicious_text(&pixels, 512, 512), Some(false), "collimator");
        write(&mut pixels, 512, (60, 60), 1, 4);
        assert_eq!(suspicious_text(&pixels, 512, 512), Some(false), "marker");
    }

    #[test]
    fn what_is_no_image_is_not_looked_at() {
        assert_eq!(suspicious_text(&[], 0, 0), None);
        assert_eq!(suspicious_text(&[0.0; 5], 2, 3), None);
        assert_eq!(suspicious_text(&[0.0; 6], 2, 3), Some(false));
    }
}
