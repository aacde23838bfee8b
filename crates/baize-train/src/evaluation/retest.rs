//! Test and retest: the same image, changed as its way to the server may change it, and how far the score moves.

use anyhow::{Result, ensure};
use baize_imaging::describe::transcode;
use baize_models::Manifest;
use baize_triage::Words;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use super::images::{LIMITS, Picture};

/// JPEG qualities, of 100.
const QUALITIES: [u8; 3] = [90, 70, 50];
/// How far the window's centre moves, and how much its width changes, as a part of the width.
const WINDOW: f32 = 0.1;
/// One pixel to each side, as rows and columns.
const SHIFTS: [(isize, isize); 4] = [(-1, 0), (1, 0), (0, -1), (0, 1)];

/// What is done to an image. Changes of the same kind, such as the four shifts, are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Compressed as JPEG of this quality, 8 bits.
    Jpeg(u8),
    /// Moved by one pixel; the border is repeated.
    Shift,
    /// The window's centre is a tenth of its width higher or lower.
    Centre,
    /// The window is a tenth wider or narrower.
    Width,
    /// The DICOM object written anew in Explicit VR Little Endian.
    Syntax,
}

/// How far one kind of change moves the scores of one label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Movement {
    /// `jpeg-90`, `jpeg-70`, `jpeg-50`, `shift`, `window-centre`, `window-width` or `transfer-syntax`.
    pub change: String,
    /// Changed images.
    pub images: usize,
    /// Mean of the absolute differences of the probabilities.
    pub mean: f64,
    /// The 95th percentile of the absolute differences.
    pub p95: f64,
    /// The largest one.
    pub max: f64,
    /// The part of the images that fall on the other side of the threshold.
    pub flipped: f64,
}

impl Change {
    /// As JSON and tables write it.
    pub(super) fn id(self) -> String {
        match self {
            Self::Jpeg(quality) => format!("jpeg-{quality}"),
            Self::Shift => "shift".to_owned(),
            Self::Centre => "window-centre".to_owned(),
            Self::Width => "window-width".to_owned(),
            Self::Syntax => "transfer-syntax".to_owned(),
        }
    }
}

/// The name of a change for people.
pub(crate) fn name(id: &str) -> Words {
    match (id, id.strip_prefix("jpeg-")) {
        (_, Some(quality)) => Words::new(format!("JPEG 质量 {quality}"), format!("JPEG quality {quality}")),
        ("shift", _) => Words::new("平移 1 像素", "shift by 1 pixel"),
        ("window-centre", _) => Words::new("窗位 ±10 %", "window centre ±10 %"),
        ("window-width", _) => Words::new("窗宽 ±10 %", "window width ±10 %"),
        _ => Words::new("传输语法", "transfer syntax"),
    }
}

/// The image under every change, prepared for the model.
///
/// # Errors
/// Where an object can't be written anew or read again.
pub(super) fn changed(picture: &Picture, manifest: &Manifest) -> Result<Vec<(Change, Array2<f32>)>> {
    let pixels = picture.pixels.view();
    let mut images = Vec::new();
    for quality in QUALITIES {
        images.push((Change::Jpeg(quality), jpeg(pixels, quality)?));
    }
    images.extend(SHIFTS.map(|by| (Change::Shift, shifted(pixels, by))));
    images.extend([-WINDOW, WINDOW].map(|by| (Change::Centre, windowed(pixels, 0.5 + by, 1.0))));
    images.extend([-WINDOW, WINDOW].map(|by| (Change::Width, windowed(pixels, 0.5, 1.0 + by))));
    if let Some(object) = &picture.object {
        let again = transcode(object, &LIMITS)?;
        images.push((Change::Syntax, baize_imaging::decode(&again, &LIMITS)?.pixels));
    }
    let prepare = |pixels: Array2<f32>| manifest.prepare(manifest.fit(pixels.view()).pixels.view());
    Ok(images.into_iter().map(|(change, pixels)| (change, prepare(pixels))).collect())
}

fn jpeg(pixels: ArrayView2<'_, f32>, quality: u8) -> Result<Array2<f32>> {
    let (rows, columns) = pixels.dim();
    let bytes: Vec<u8> = pixels.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let mut written = Vec::new();
    JpegEncoder::new_with_quality(&mut written, quality).write_image(
        &bytes,
        u32::try_from(columns)?,
        u32::try_from(rows)?,
        ExtendedColorType::L8,
    )?;
    let read = image::load_from_memory(&written)?.to_luma8();
    let values = read.into_raw().iter().map(|value| f32::from(*value) / 255.0).collect();
    Ok(Array2::from_shape_vec((rows, columns), values)?)
}

fn shifted(pixels: ArrayView2<'_, f32>, (down, right): (isize, isize)) -> Array2<f32> {
    let (rows, columns) = pixels.dim();
    let from = |at: usize, by: isize, length: usize| at.saturating_add_signed(-by).min(length - 1);
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        pixels[[from(row, down, rows), from(column, right, columns)]]
    })
}

/// The image as a display shows it whose window has this centre and width, where it had 0.5 and 1.
fn windowed(pixels: ArrayView2<'_, f32>, centre: f32, width: f32) -> Array2<f32> {
    pixels.mapv(|value| ((value - centre) / width + 0.5).clamp(0.0, 1.0))
}

/// Summarises, for one label, pairs of scores before and after a change.
///
/// # Errors
/// Where there are none.
pub(super) fn movement(change: Change, pairs: &[(f64, f64)], threshold: f64) -> Result<Movement> {
    ensure!(!pairs.is_empty(), "no image was changed");
    let mut moved: Vec<f64> = pairs.iter().map(|(before, after)| (before - after).abs()).collect();
    moved.sort_by(f64::total_cmp);
    let at = |fraction: f64| moved[(fraction * (moved.len() - 1) as f64).round() as usize];
    let flips = pairs.iter().filter(|(before, after)| (*before >= threshold) != (*after >= threshold));
    Ok(Movement {
        change: change.id(),
        images: pairs.len(),
        mean: moved.iter().sum::<f64>() / moved.len() as f64,
        p95: at(0.95),
        max: at(1.0),
        flipped: flips.count() as f64 / pairs.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_shift_repeats_the_border() {
        let image = array![[1.0, 2.0], [3.0, 4.0]];
        assert_eq!(shifted(image.view(), (1, 0)), array![[1.0, 2.0], [1.0, 2.0]]);
        assert_eq!(shifted(image.view(), (-1, 0)), array![[3.0, 4.0], [3.0, 4.0]]);
        assert_eq!(shifted(image.view(), (0, 1)), array![[1.0, 1.0], [3.0, 3.0]]);
        assert_eq!(shifted(image.view(), (0, -1)), array![[2.0, 2.0], [4.0, 4.0]]);
    }

    #[test]
    fn a_window_moves_and_stretches_brightness_and_cuts_it_off() {
        let image = array![[0.0, 0.5, 1.0]];
        let close = |found: Array2<f32>, expected: [f32; 3]| {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
            }
        };
        close(windowed(image.view(), 0.5, 1.0), [0.0, 0.5, 1.0]);
        close(windowed(image.view(), 0.6, 1.0), [0.0, 0.4, 0.9]);
        close(windowed(image.view(), 0.5, 1.25), [0.1, 0.5, 0.9]);
        close(windowed(image.view(), 0.5, 0.5), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn jpeg_changes_little_and_less_quality_changes_more() {
        let image = Array2::from_shape_fn((32, 40), |(row, column)| {
            0.5 + 0.4 * (row as f32 * 0.9).sin() * (column as f32 * 0.7).cos()
        });
        let error = |quality| (jpeg(image.view(), quality).unwrap() - &image).mapv(f32::abs).mean().unwrap();
        assert!(error(90) > 0.0 && error(90) < error(50) && error(50) < 0.1);
    }

    #[test]
    fn the_figures_are_of_the_differences() {
        let mut pairs = vec![(0.5, 0.5); 99];
        pairs.push((0.4, 0.6));
        let found = movement(Change::Shift, &pairs, 0.5).unwrap();
        assert!((found.mean - 0.002).abs() < 1e-9 && (found.max - 0.2).abs() < 1e-9 && found.p95 == 0.0);
        assert_eq!((found.images, found.flipped), (100, 0.01));
        assert!(movement(Change::Shift, &[], 0.5).is_err());
    }
}
