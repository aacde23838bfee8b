//! The picture that shows a person what a model saw: the image in grey, heat where the evidence is, boxes, and
//! bands of text above and below that name the findings and say what the picture is not.
//!
//! Nothing of the patient is written into it.

mod heat;
mod layer;
mod paint;
mod planes;

use baize_core::{ErrorCode, Fault, PixelBox};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use ndarray::{Array2, ArrayView2};

use crate::fit::resize;
use crate::{Image, Placement};
pub use layer::heat_layer;
use paint::{Canvas, Color, Letters};
pub use planes::{Panel, three_planes};

/// The longer side of the image in the picture, in pixels: at most this.
const LONGEST_SIDE: f64 = 1024.0;
/// A smaller image is enlarged to this, or its captions would not fit.
const SHORTEST_SIDE: f64 = 448.0;
const MARGIN: i32 = 12;

const BAND: Color = [16, 20, 24];
const TEXT: Color = [222, 228, 232];
const QUIET: Color = [150, 160, 168];
/// Told apart by all common kinds of colour vision, and never grey as the image is.
const MARK_COLORS: [Color; 4] = [[86, 204, 242], [242, 201, 76], [235, 130, 170], [120, 220, 150]];

/// One thing to show.
#[derive(Clone, Debug)]
pub struct Mark<'a> {
    /// What it is, in ASCII, such as `Pneumonia 0.87`.
    pub caption: String,
    /// Where it is, in stored pixels.
    pub region: Option<PixelBox>,
    /// Where the evidence is: `[h, w]`, 0 to 1, any size, over the model's canvas.
    pub heat: Option<ArrayView2<'a, f32>>,
}

/// Draws the image with its marks and the footer lines, as PNG. The image's longer side becomes at most
/// 1024 pixels; text outside of ASCII and Latin-1 shows as `?`.
///
/// # Errors
/// `Internal` where the picture cannot be encoded.
pub fn annotate(
    image: &Image,
    placement: &Placement,
    marks: &[Mark<'_>],
    footer: &[String],
) -> Result<Vec<u8>, Fault> {
    let picture = scaled(&image.pixels).ok_or_else(|| internal("an empty image has no picture"))?;
    let (height, width) = (picture.nrows() as i32, picture.ncols() as i32);
    // A narrow image gets room at its sides, so that the bands can hold their text.
    let canvas_width = width.max(SHORTEST_SIDE as i32);
    let letters = Letters::for_width(canvas_width);
    let columns = ((canvas_width - 2 * MARGIN) / letters.advance()) as usize;
    let footer: Vec<String> = footer.iter().flat_map(|line| wrap(line, columns)).collect();
    let captions: Vec<(usize, String)> = marks
        .iter()
        .enumerate()
        .flat_map(|(index, mark)| wrap(&mark.caption, columns - 2).into_iter().map(move |line| (index, line)))
        .collect();
    let header_height = band_height(captions.len(), letters);
    let mut canvas =
        Canvas::new(canvas_width, header_height + height + band_height(footer.len(), letters), BAND);
    let origin = ((canvas_width - width) / 2, header_height);

    let heats: Vec<_> = marks.iter().filter_map(|mark| mark.heat).collect();
    let colors = heat::ColorMap::new();
    for ((row, column), &brightness) in picture.indexed_iter() {
        let x = (column as f32 + 0.5) / width as f32;
        let y = (row as f32 + 0.5) / height as f32;
        let warmth = heats.iter().map(|heat| heat::at(*heat, placement, x, y)).fold(0.0, f32::max);
        canvas.set(origin.0 + column as i32, origin.1 + row as i32, colors.blend(brightness, warmth));
    }

    let scale = f64::from(width) / image.pixels.ncols() as f64;
    for (index, mark) in marks.iter().enumerate() {
        if let Some(region) = mark.region {
            let frame = Frame::of(region, scale, origin, (width, height));
            frame.draw(&mut canvas, mark_color(index), &mark.caption, letters.bold());
        }
    }
    for (line, (index, caption)) in captions.iter().enumerate() {
        let y = line_position(0, line, letters);
        let side = letters.height() - 6;
        canvas.fill(MARGIN, y + 3, side, side, mark_color(*index));
        canvas.text(MARGIN + 2 * letters.advance(), y, caption, letters, TEXT);
    }
    for (line, text) in footer.iter().enumerate() {
        canvas.text(MARGIN, line_position(header_height + height, line, letters), text, letters, QUIET);
    }
    encode(&canvas)
}

fn mark_color(index: usize) -> Color {
    MARK_COLORS[index % MARK_COLORS.len()]
}

fn internal(message: &str) -> Fault {
    Fault::new(ErrorCode::Internal, message)
}

/// The image at the size of the picture; `None` where it is empty.
fn scaled(pixels: &Array2<f32>) -> Option<Array2<f32>> {
    let (rows, columns) = pixels.dim();
    let longest = rows.max(columns) as f64;
    let scale = (LONGEST_SIDE / longest).min((SHORTEST_SIDE / longest).max(1.0));
    let side = |length: usize| ((length as f64 * scale).round() as usize).max(1);
    resize(pixels.view(), side(rows), side(columns))
}

fn band_height(lines: usize, letters: Letters) -> i32 {
    if lines == 0 { 0 } else { line_position(0, lines, letters) + MARGIN - 4 }
}

/// The top of a line of a band that begins at `top`.
fn line_position(top: i32, line: usize, letters: Letters) -> i32 {
    top + MARGIN - 4 + line as i32 * (letters.height() + 6)
}

/// Breaks a line at spaces into lines of at most `columns` characters; a longer word is cut.
fn wrap(line: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in line.split_whitespace() {
        let word: String = word.chars().take(columns).collect();
        let needed = current.chars().count() + 1 + word.chars().count();
        if !current.is_empty() && needed > columns {
            lines.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(&word);
    }
    lines.extend((!current.is_empty()).then_some(current));
    lines
}

/// A box on the canvas.
struct Frame {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
    /// The image on the canvas: left, top, right.
    image: (i32, i32, i32),
}

impl Frame {
    fn of(region: PixelBox, scale: f64, origin: (i32, i32), (width, height): (i32, i32)) -> Self {
        let place = |position: u32, offset: i32, room: i32| {
            offset + ((f64::from(position) * scale).round() as i32).clamp(0, room - 1)
        };
        Self {
            left: place(region.x, origin.0, width),
            top: place(region.y, origin.1, height),
            right: place(region.x.saturating_add(region.width), origin.0, width),
            bottom: place(region.y.saturating_add(region.height), origin.1, height),
            image: (origin.0, origin.1, origin.0 + width),
        }
    }

    fn draw(&self, canvas: &mut Canvas, color: Color, caption: &str, letters: Letters) {
        // A dark line around the coloured one keeps it visible on white bone.
        canvas.outline(self.left - 1, self.top - 1, self.right + 1, self.bottom + 1, 4, BAND);
        canvas.outline(self.left, self.top, self.right, self.bottom, 2, color);
        let width = caption.chars().count() as i32 * letters.advance() + 10;
        let height = letters.height() + 4;
        let above = self.top - height;
        let y = if above < self.image.1 { self.top } else { above };
        let x = self.left.min(self.image.2 - width).max(self.image.0);
        canvas.fill(x, y, width, height, color);
        canvas.text(x + 5, y + 2, caption, letters, BAND);
    }
}

fn encode(canvas: &Canvas) -> Result<Vec<u8>, Fault> {
    let mut png = Vec::new();
    let (width, height) = canvas.size();
    PngEncoder::new(&mut png)
        .write_image(canvas.bytes(), width, height, ExtendedColorType::Rgb8)
        .map_err(|_| internal("the annotated picture could not be encoded"))?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_at_spaces() {
        assert_eq!(
            wrap("AI - RESEARCH USE - NOT FOR DIAGNOSIS", 18),
            ["AI - RESEARCH USE", "- NOT FOR", "DIAGNOSIS"]
        );
        assert_eq!(wrap("abcdefgh", 4), ["abcd"]);
        assert!(wrap("  ", 4).is_empty());
    }

    #[test]
    fn large_images_shrink_and_small_ones_grow() {
        let check = |from: (usize, usize), to: (usize, usize)| {
            assert_eq!(scaled(&Array2::zeros(from)).map(|pixels| pixels.dim()), Some(to));
        };
        check((2048, 1024), (1024, 512));
        check((800, 600), (800, 600));
        check((96, 80), (448, 373));
        assert_eq!(scaled(&Array2::zeros((0, 5))), None);
    }
}
