//! From what a model says to findings and a picture.

use baize_core::{Fault, Finding, Outcome, PixelBox, Population, Text};
use baize_imaging::overlay::{Mark, annotate};
use baize_imaging::{Image, Placement, UnitRect};
use baize_models::{Manifest, Prediction, hot_spot};
use bytes::Bytes;
use ndarray::{ArrayView2, Axis};

/// How a model's look at an image ended well.
pub(crate) struct Analysis {
    pub(crate) outcome: Outcome,
    /// The annotated picture as PNG.
    pub(crate) overlay: Bytes,
}

/// Makes the findings and draws them. `seen` is what the gate says limits the reading.
///
/// # Errors
/// `Internal` where the picture cannot be encoded.
pub(crate) fn analysis(
    manifest: &Manifest,
    image: &Image,
    placement: &Placement,
    prediction: &Prediction,
    population: Population,
    seen: Vec<Text>,
) -> Result<Analysis, Fault> {
    let maps = prediction.heat.axis_iter(Axis(0));
    let mut findings = Vec::new();
    let mut marks = Vec::new();
    for ((label, probability), heat) in manifest.labels().iter().zip(&prediction.probabilities).zip(maps) {
        let mut finding = Finding {
            code: label.code.clone(),
            probability: *probability,
            threshold: label.threshold,
            region: None,
        };
        if finding.is_positive() {
            finding.region = region(heat, placement);
        }
        marks.push(Mark {
            caption: format!(
                "{} {:.2} ({} {:.2})",
                finding.code.meaning.en,
                finding.probability,
                if finding.is_positive() { "at or above" } else { "below" },
                finding.threshold
            ),
            region: finding.region,
            heat: finding.is_positive().then_some(heat),
        });
        findings.push(finding);
    }
    let mut footer = vec![format!("{}, research use only", manifest.model())];
    if let Population::Outside(why) = &population {
        footer.push(why.en.clone());
    }
    let caveats = caveats(image, seen);
    footer.extend(caveats.iter().map(|caveat| caveat.en.clone()));
    let overlay = Bytes::from(annotate(image, placement, &marks, &footer)?);
    Ok(Analysis { outcome: Outcome::Analysed { findings, population, caveats }, overlay })
}

/// Where the evidence is strongest, in stored pixels.
fn region(heat: ArrayView2<'_, f32>, placement: &Placement) -> Option<PixelBox> {
    let (rows, columns) = heat.dim();
    let spot = hot_spot(heat)?;
    let fraction = |cells: usize, of: usize| cells as f32 / of as f32;
    placement.to_image(UnitRect {
        left: fraction(spot.left, columns),
        top: fraction(spot.top, rows),
        right: fraction(spot.left + spot.width, columns),
        bottom: fraction(spot.top + spot.height, rows),
    })
}

fn caveats(image: &Image, seen: Vec<Text>) -> Vec<Text> {
    let mut caveats = Vec::new();
    if image.header.facts.burned_in_annotation {
        caveats.push(Text {
            zh: "图像中含有叠加文字，可能影响结果".to_owned(),
            en: "The image has burned-in text, which may affect the result".to_owned(),
        });
    }
    caveats.extend(seen);
    caveats
}
