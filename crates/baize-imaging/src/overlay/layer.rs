//! A heat map as a picture of its own, to lie over the image.

use baize_core::{ErrorCode, Fault, HeatMap};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use ndarray::ArrayView2;

use super::heat::{ColorMap, between};

/// The longer side of the picture, in pixels: at most this.
const LONGEST_SIDE: f64 = 1024.0;

/// Draws a heat map in the colours of [`annotate`](super::annotate), as PNG with transparency: it covers exactly the
/// stored image of that size, whose longer side becomes at most 1024 pixels. Where there is no evidence it is clear.
///
/// # Errors
/// `Internal` where the picture cannot be encoded.
pub fn heat_layer(map: &HeatMap, image_rows: u32, image_columns: u32) -> Result<Vec<u8>, Fault> {
    let internal = |_| Fault::new(ErrorCode::Internal, "the heat map cannot be drawn");
    let (tall, wide) = (f64::from(image_rows.max(1)), f64::from(image_columns.max(1)));
    let scale = (LONGEST_SIDE / tall.max(wide)).min(1.0);
    let side = |length: f64| (length * scale).round().max(1.0) as u32;
    let (rows, columns) = (side(tall), side(wide));
    let cells = ArrayView2::from_shape((map.rows(), map.columns()), map.values())
        .map_err(|_| Fault::new(ErrorCode::Internal, "the heat map cannot be drawn"))?;
    let extent = map.extent();
    let colors = ColorMap::new();
    let mut pixels = Vec::with_capacity(rows as usize * columns as usize * 4);
    for row in 0..rows {
        let y = ((f64::from(row) + 0.5) / f64::from(rows) * tall - extent.top) / extent.height;
        for column in 0..columns {
            let x = ((f64::from(column) + 0.5) / f64::from(columns) * wide - extent.left) / extent.width;
            let on_map = (0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y);
            let heat = if on_map { between(cells, x as f32, y as f32) } else { 0.0 };
            pixels.extend(colors.layer(heat));
        }
    }
    let mut written = Vec::new();
    PngEncoder::new(&mut written)
        .write_image(&pixels, columns, rows, ExtendedColorType::Rgba8)
        .map_err(internal)?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use baize_core::Extent;

    use super::*;

    fn drawn(map: &HeatMap, rows: u32, columns: u32) -> image::RgbaImage {
        image::load_from_memory(&heat_layer(map, rows, columns).unwrap()).unwrap().to_rgba8()
    }

    #[test]
    fn the_layer_covers_the_image_and_is_clear_without_evidence() {
        // The image is 100 by 50 on a square canvas with padding at both sides; the hot cell is its right half.
        let extent = Extent { left: -25.0, top: 0.0, width: 100.0, height: 100.0 };
        let map = HeatMap::new(1, 4, vec![0.0, 0.0, 1.0, 0.0], extent).unwrap();
        let picture = drawn(&map, 100, 50);
        assert_eq!(picture.dimensions(), (50, 100), "a small image keeps its size");
        assert!(picture.get_pixel(37, 50)[3] > 100, "{:?}", picture.get_pixel(37, 50));
        assert_eq!(picture.get_pixel(5, 50)[3], 0);
        assert_eq!(heat_layer(&map, 100, 50), heat_layer(&map, 100, 50));
        assert_eq!(drawn(&map, 4096, 2048).dimensions(), (512, 1024), "a large one is reduced");
        // Beside the map there is nothing.
        let aside = HeatMap::new(1, 1, vec![1.0], Extent { left: 200.0, ..extent }).unwrap();
        assert!(drawn(&aside, 100, 50).pixels().all(|pixel| pixel[3] == 0));
    }
}
