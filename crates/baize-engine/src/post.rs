//! From what a model says to findings and a picture.

use baize_core::{ErrorCode, Fault, Finding, HeatMap, Outcome, Population, Text};
use baize_imaging::overlay::{Mark, annotate};
use baize_imaging::{Image, Placement};
use baize_models::{Familiarity, Manifest, Prediction};
use bytes::Bytes;
use ndarray::{ArrayView2, Axis};
use tracing::warn;

/// What is on record of a model.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) familiarity: Option<&'a Familiarity>,
}

/// How a model's look at an image ended well.
pub(crate) struct Analysis {
    pub(crate) outcome: Outcome,
    /// The annotated picture as PNG.
    pub(crate) overlay: Bytes,
}

/// Makes the findings and draws them. `seen` is what the gate says limits the reading.
///
/// An image that is far from all that the model knows never gets a calm answer: without a positive finding it is refused.
/// A positive finding stays, with a caveat, because a refusal would hide it.
///
/// # Errors
/// `UnfamiliarImage`, and `Internal` where the picture cannot be encoded.
pub(crate) fn analysis(
    Known { manifest, familiarity }: Known<'_>,
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
            critical: label.critical,
            region: None,
            heat: None,
        };
        if finding.is_positive() {
            let facts = &image.header.facts;
            finding.heat = heat_map(heat, placement);
            finding.region = finding.heat.as_ref().and_then(|map| map.region(facts.rows, facts.columns));
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
    let mut caveats = caveats(image, seen);
    if let Some((known, distance)) =
        familiarity.and_then(|known| Some((known, known.beyond(&prediction.features)?)))
    {
        if !findings.iter().any(Finding::is_positive) {
            return Err(unfamiliar(manifest, known, distance));
        }
        caveats.push(strange(known, distance));
    }
    if manifest.file().preview {
        caveats.push(Text {
            zh: "预览版模型，不用于临床".to_owned(),
            en: "A preview of a model, not for clinical use".to_owned(),
        });
    }
    footer.extend(caveats.iter().map(|caveat| caveat.en.clone()));
    let overlay = Bytes::from(annotate(image, placement, &marks, &footer)?);
    Ok(Analysis { outcome: Outcome::Analysed { findings, population, caveats }, overlay })
}

fn unfamiliar(manifest: &Manifest, known: &Familiarity, distance: f32) -> Fault {
    let message = format!(
        "what {} sees in this image is far from all that it was trained and validated on (distance {distance:.2}, at \
         most {:.2})",
        manifest.model(),
        known.limit
    );
    Fault::new(ErrorCode::UnfamiliarImage, message)
}

fn strange(known: &Familiarity, distance: f32) -> Text {
    let limit = known.limit;
    Text {
        zh: format!(
            "该图像与模型训练和验证所用图像相差过大（距离 {distance:.2}，上限 {limit:.2}），结果须格外谨慎对待"
        ),
        en: format!(
            "The image is far from all that the model was trained and validated on (distance {distance:.2}, at most \
             {limit:.2}): mind that with its result"
        ),
    }
}

/// The model's heat with its place on the image. What is no heat map takes nothing from the finding but its place.
fn heat_map(heat: ArrayView2<'_, f32>, placement: &Placement) -> Option<HeatMap> {
    let (rows, columns) = heat.dim();
    let map = HeatMap::new(rows, columns, heat.iter().copied().collect(), placement.canvas()?);
    map.inspect_err(|error| warn!(%error, "a finding goes without its place")).ok()
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
