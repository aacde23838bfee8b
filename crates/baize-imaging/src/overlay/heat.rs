//! Heat as colour.

use ndarray::ArrayView2;

use super::paint::Color;
use crate::Placement;

/// Below this heat the image is shown as it is: faint evidence everywhere is no evidence anywhere.
const FLOOR: f32 = 0.3;
/// The most of the image that colour covers, so that the anatomy stays readable underneath.
const MOST: f32 = 0.55;

/// The heat at a point of the image, given as fractions of its width and height; bilinear between the centres
/// of the cells.
pub(super) fn at(heat: ArrayView2<'_, f32>, placement: &Placement, x: f32, y: f32) -> f32 {
    if heat.is_empty() {
        return 0.0;
    }
    placement.on_canvas(x, y).map_or(0.0, |(x, y)| between(heat, x, y))
}

/// The heat at a point of the map, given as fractions of its width and height; bilinear between the centres of the
/// cells. The map must not be empty.
pub(super) fn between(heat: ArrayView2<'_, f32>, x: f32, y: f32) -> f32 {
    let (rows, columns) = heat.dim();
    let axis = |fraction: f32, cells: usize| {
        let position = (fraction * cells as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
        let first = position.floor() as usize;
        (first, (first + 1).min(cells - 1), position - first as f32)
    };
    let (left, right, across) = axis(x, columns);
    let (top, bottom, down) = axis(y, rows);
    let row = |row: usize| heat[[row, left]] * (1.0 - across) + heat[[row, right]] * across;
    row(top) * (1.0 - down) + row(bottom) * down
}

/// Colours from violet over red and orange to pale yellow, made in the Oklab space so that equal steps of heat
/// look like equal steps and brightness rises with heat: it reads the same without colour vision.
pub(super) struct ColorMap([[f32; 3]; 256]);

impl ColorMap {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|step| {
            let heat = step as f32 / 255.0;
            let lightness = 0.35 + 0.55 * heat;
            let chroma = 0.19 - 0.06 * heat;
            // From violet (310 degrees) through red (20) to yellow (100).
            let hue = (310.0 + 150.0 * heat).to_radians();
            oklab_to_srgb(lightness, chroma * hue.cos(), chroma * hue.sin())
        }))
    }

    /// A pixel of the image under a colour as strong as the heat.
    pub(super) fn blend(&self, brightness: f32, heat: f32) -> Color {
        let (color, cover) = self.color(heat);
        color.map(|channel| byte(brightness * (1.0 - cover) + channel * cover))
    }

    /// The colour alone: red, green, blue and how much it covers.
    pub(super) fn layer(&self, heat: f32) -> [u8; 4] {
        let ([red, green, blue], cover) = self.color(heat);
        [byte(red), byte(green), byte(blue), byte(cover)]
    }

    fn color(&self, heat: f32) -> ([f32; 3], f32) {
        // Heat that is no number is no heat.
        let heat = if heat.is_nan() { 0.0 } else { heat };
        let strength = ((heat - FLOOR) / (1.0 - FLOOR)).clamp(0.0, 1.0);
        (self.0[(strength * 255.0) as usize], MOST * strength * (2.0 - strength))
    }
}

fn byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// B. Ottosson, "A perceptual color space for image processing", 2020.
fn oklab_to_srgb(lightness: f32, a: f32, b: f32) -> [f32; 3] {
    let long = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let medium = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let short = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    let linear = [
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_4 * short,
        -0.004_196_086 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ];
    linear.map(|channel| {
        let channel = channel.clamp(0.0, 1.0);
        if channel <= 0.003_130_8 { 12.92 * channel } else { 1.055 * channel.powf(1.0 / 2.4) - 0.055 }
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::fit;

    #[test]
    fn cold_places_show_the_image_as_it_is() {
        let map = ColorMap::new();
        for heat in [0.0, FLOOR, f32::NAN, -1.0] {
            assert_eq!(map.blend(0.5, heat), [128, 128, 128], "{heat}");
        }
        let hot = map.blend(0.5, 1.0);
        assert!(hot[0] > hot[2] + 40, "{hot:?}");
    }

    #[test]
    fn heat_is_found_where_the_model_saw_it() {
        // The image fills the middle half of the canvas' columns; the hot cell is its right half.
        let placement = fit(ndarray::Array2::zeros((100, 50)).view(), 64, 64).placement;
        let heat = array![[0.0, 0.0, 1.0, 0.0]];
        assert!(at(heat.view(), &placement, 0.75, 0.5) > 0.99);
        assert!(at(heat.view(), &placement, 0.25, 0.5) < 0.01);
        assert_eq!(at(ndarray::Array2::zeros((0, 0)).view(), &placement, 0.5, 0.5), 0.0);
    }
}
