//! The picture of a volume: three planes side by side with their sides named, a legend, and what the picture is not.

use baize_core::Fault;
use ndarray::Array2;

use super::paint::{Canvas, Letters};
use super::{BAND, MARGIN, QUIET, TEXT, band_height, encode, line_position, wrap};

/// Pixels of the picture for each of a plane.
const SCALE: i32 = 2;

/// One plane.
#[derive(Clone, Debug)]
pub struct Panel {
    /// `[rows, columns]`: red, green, blue.
    pub pixels: Array2<[u8; 3]>,
    /// Letters for its left, right, upper and lower side.
    pub sides: [&'static str; 4],
}

/// Draws the planes with a legend below them, in two columns, and the footer lines, as PNG. Text outside of ASCII and
/// Latin-1 shows as `?`.
///
/// # Errors
/// `Internal` where the picture cannot be encoded.
pub fn three_planes(
    panels: &[Panel],
    legend: &[(String, [u8; 3])],
    footer: &[String],
) -> Result<Vec<u8>, Fault> {
    let size = |panel: &Panel| (panel.pixels.ncols() as i32 * SCALE, panel.pixels.nrows() as i32 * SCALE);
    let width: i32 = panels.iter().map(|panel| size(panel).0).sum();
    let height = panels.iter().map(|panel| size(panel).1).max().unwrap_or(0);
    let letters = Letters::for_width(width);
    let columns = ((width - 2 * MARGIN) / letters.advance()).max(1) as usize;
    let footer: Vec<String> = footer.iter().flat_map(|line| wrap(line, columns)).collect();
    let lines = legend.len().div_ceil(2);
    let legend_height = band_height(lines, letters);
    let mut canvas = Canvas::new(width, height + legend_height + band_height(footer.len(), letters), BAND);
    let mut left = 0;
    for panel in panels {
        draw(&mut canvas, panel, left, letters);
        left += size(panel).0;
    }
    for (number, (text, color)) in legend.iter().enumerate() {
        let x = MARGIN + if number < lines { 0 } else { width / 2 };
        let y = line_position(height, number % lines.max(1), letters);
        let side = letters.height() - 6;
        canvas.fill(x, y + 3, side, side, *color);
        canvas.text(x + 2 * letters.advance(), y, text, letters, TEXT);
    }
    for (line, text) in footer.iter().enumerate() {
        canvas.text(MARGIN, line_position(height + legend_height, line, letters), text, letters, QUIET);
    }
    encode(&canvas)
}

fn draw(canvas: &mut Canvas, panel: &Panel, left: i32, letters: Letters) {
    for ((row, column), color) in panel.pixels.indexed_iter() {
        canvas.fill(left + column as i32 * SCALE, row as i32 * SCALE, SCALE, SCALE, *color);
    }
    let (width, height) = (panel.pixels.ncols() as i32 * SCALE, panel.pixels.nrows() as i32 * SCALE);
    let (across, down) = (letters.advance(), letters.height());
    let places = [
        (4, (height - down) / 2),
        (width - across - 4, (height - down) / 2),
        ((width - across) / 2, 4),
        ((width - across) / 2, height - down - 4),
    ];
    for (side, (x, y)) in panel.sides.iter().zip(places) {
        canvas.text(left + x, y, side, letters.bold(), TEXT);
    }
}
