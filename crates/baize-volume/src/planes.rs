//! The picture of a result: three planes through the middle of what was found, and the volumes.

use baize_core::{Fault, Language};
use baize_imaging::overlay::{Panel, three_planes};
use ndarray::Array2;

use crate::analysis::Analysis;
use crate::conform::SIDE;
use crate::model::Model;

/// Structures that are named in the picture; the others are in the table and the segmentation.
const NAMED: usize = 18;
/// How strongly a label colours the image.
const OPACITY: f32 = 0.45;

/// Draws the planes as PNG. The patient's right is on the left of axial and coronal planes. Text is English: the
/// picture's letters are Latin.
///
/// # Errors
/// `Internal` where the picture cannot be encoded.
pub fn preview(model: &Model, analysis: &Analysis) -> Result<Vec<u8>, Fault> {
    let [x, y, z] = middle(&analysis.conformed_labels);
    let last = SIDE - 1;
    // Rows and columns of the picture as places in the volume: left, feet, front.
    let axial = plane(model, analysis, |row, column| [column, y, last - row]);
    let coronal = plane(model, analysis, |row, column| [column, row, z]);
    let sagittal = plane(model, analysis, |row, column| [x, row, last - column]);
    let panels = [
        Panel { pixels: axial, sides: ["R", "L", "A", "P"] },
        Panel { pixels: coronal, sides: ["R", "L", "S", "I"] },
        Panel { pixels: sagittal, sides: ["A", "P", "S", "I"] },
    ];
    let mut found: Vec<_> = analysis.measured.iter().zip(&model.manifest.labels).collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.0.voxels));
    found.retain(|(measured, _)| measured.voxels > 0);
    let mut legend: Vec<(String, [u8; 3])> = found
        .iter()
        .take(NAMED)
        .map(|(measured, label)| (format!("{} {:.1} mL", label.name.en, measured.millilitres), label.color))
        .collect();
    if found.len() > NAMED {
        legend.push((format!("and {} more", found.len() - NAMED), [110, 110, 110]));
    }
    let mut footer = vec![
        format!("AI {} - RESEARCH USE - NOT FOR DIAGNOSIS", model.model()),
        "Accuracy not measured. Resampled to 1 mm; a physician must review this.".to_owned(),
    ];
    footer.extend(analysis.caveats.iter().skip(1).map(|caveat| caveat.get(Language::English).to_owned()));
    three_planes(&panels, &legend, &footer)
}

/// The voxel in the middle of all that has a label; of the volume where nothing has.
fn middle(labels: &[u8]) -> [usize; 3] {
    let mut sums = [0_usize; 3];
    let mut count = 0;
    for (number, _) in labels.iter().enumerate().filter(|(_, label)| **label > 0) {
        let place = [number % SIDE, number / SIDE % SIDE, number / (SIDE * SIDE)];
        sums.iter_mut().zip(place).for_each(|(sum, place)| *sum += place);
        count += 1;
    }
    sums.map(|sum| sum.checked_div(count).unwrap_or(SIDE / 2))
}

fn plane(model: &Model, analysis: &Analysis, place: impl Fn(usize, usize) -> [usize; 3]) -> Array2<[u8; 3]> {
    Array2::from_shape_fn((SIDE, SIDE), |(row, column)| {
        let [x, y, z] = place(row, column);
        let at = (z * SIDE + y) * SIDE + x;
        let grey = analysis.conformed.voxels.get(at).copied().unwrap_or(0);
        let label = analysis.conformed_labels.get(at).copied().unwrap_or(0);
        let color = usize::from(label).checked_sub(1).and_then(|number| model.manifest.labels.get(number));
        match color {
            None => [grey; 3],
            Some(label) => label
                .color
                .map(|part| (f32::from(grey) * (1.0 - OPACITY) + f32::from(part) * OPACITY).round() as u8),
        }
    })
}
