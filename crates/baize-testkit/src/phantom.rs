//! A picture that looks like a chest radiograph from afar.

use crate::noise::Noise;

/// Brightness of a frontal chest phantom, row by row, 0 to 1, bright is dense. The seed moves an opacity
/// about the lungs and changes the grain.
pub fn chest_phantom(rows: usize, columns: usize, seed: u64) -> Vec<f64> {
    let mut noise = Noise::new(seed);
    let lesion = (0.25 + 0.3 * noise.unit(), -0.5 + noise.unit());
    let mut pixels = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for column in 0..columns {
            // Both axes run from -1 to 1.
            let x = (2.0 * column as f64 + 1.0) / columns as f64 - 1.0;
            let y = (2.0 * row as f64 + 1.0) / rows as f64 - 1.0;
            let brightness = tissue(x, y, lesion) + 0.03 * (noise.unit() - 0.5);
            pixels.push(brightness.clamp(0.0, 1.0));
        }
    }
    pixels
}

/// 1 within the ellipse, falling to 0 across its edge.
fn blob(x: f64, y: f64, centre: (f64, f64), radius: (f64, f64)) -> f64 {
    let distance = ((x - centre.0) / radius.0).hypot((y - centre.1) / radius.1);
    1.0 / (1.0 + ((distance - 1.0) * 14.0).exp())
}

fn tissue(x: f64, y: f64, lesion: (f64, f64)) -> f64 {
    let trunk = blob(x, y, (0.0, 0.25), (0.92, 1.25));
    let lungs = blob(x.abs(), y, (0.42, -0.05), (0.30, 0.62));
    let ribs = 0.5 + 0.5 * ((y + 0.25 * x * x) * 24.0).cos();
    let heart = blob(x, y, (0.14, 0.35), (0.30, 0.30));
    let spine = blob(x, 0.0, (0.0, 0.0), (0.09, 1.0));
    let diaphragm = blob(x.abs(), y, (0.45, 0.95), (0.55, 0.36));
    let opacity = blob(x, y, lesion, (0.12, 0.12));
    trunk
        * (0.55 - 0.42 * lungs
            + 0.06 * lungs * ribs
            + 0.22 * heart
            + 0.18 * spine
            + 0.12 * diaphragm
            + 0.25 * opacity)
}
