//! The parametric map: the heat maps of the findings as numbers on the pixels of the image (PS3.3 section A.75).

use baize_core::{Finding, HeatMap, Outcome};
use dicom_core::{PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::content::{Content, Put, code_item, coded_item, data_set, fitted};
use super::envelope::{Envelope, Kind};
use super::frames::{Dimension, derived_frame, own_space, placed, shared_place_in_space, with_losses};
use super::{codes, wording};

/// The largest map that is made, in bytes. Beyond it the map is left out, and the heat map is still in the record.
const LARGEST: usize = 256 << 20;

/// A frame for each finding that has a heat map; `None` where there is none, or where the frames would be too large.
pub(crate) fn build(envelope: &Envelope<'_>) -> Option<InMemDicomObject> {
    let Outcome::Analysed { findings, .. } = &envelope.report.outcome else { return None };
    let maps: Vec<(&Finding, &HeatMap)> =
        findings.iter().filter_map(|finding| Some((finding, finding.heat.as_ref()?))).collect();
    let rows = envelope.source.word(tags::ROWS)?;
    let columns = envelope.source.word(tags::COLUMNS)?;
    let pixels = usize::from(rows) * usize::from(columns) * maps.len();
    if pixels == 0 {
        return None;
    }
    if pixels > LARGEST / size_of::<f32>() {
        tracing::warn!(pixels, "the parametric map of a result would be too large, left out");
        return None;
    }
    let mut values = Vec::with_capacity(pixels);
    let mut groups = Vec::with_capacity(maps.len());
    for (number, (finding, map)) in (1_u32..).zip(&maps) {
        for row in 0..rows {
            let y = f64::from(row) + 0.5;
            values.extend((0..columns).map(|column| map.at(f64::from(column) + 0.5, y)));
        }
        groups.push(
            derived_frame(envelope, codes::UNSPECIFIED_CALCULATION, None, &[number]).with_items(
                tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE,
                vec![mapping(envelope, number, finding)],
            ),
        );
    }
    let dimension = Dimension {
        index: tags::LUT_LABEL,
        group: tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE,
        label: "Finding",
    };
    let frame_type = data_set().with(tags::FRAME_TYPE, VR::CS, IMAGE_TYPE);
    let window = data_set()
        .with(tags::WINDOW_CENTER, VR::DS, "0.5")
        .with(tags::WINDOW_WIDTH, VR::DS, "1")
        .with(tags::VOILUT_FUNCTION, VR::CS, "LINEAR_EXACT");
    let identity = data_set()
        .with(tags::RESCALE_INTERCEPT, VR::DS, "0")
        .with(tags::RESCALE_SLOPE, VR::DS, "1")
        .with(tags::RESCALE_TYPE, VR::LO, "US");
    let shared = shared_place_in_space(envelope)
        .with_items(tags::PARAMETRIC_MAP_FRAME_TYPE_SEQUENCE, vec![frame_type])
        .with_items(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, vec![identity])
        .with_items(tags::FRAME_VOILUT_SEQUENCE, vec![window]);
    let language = envelope.language;
    let object = envelope
        .dated(envelope.base(Kind::ParametricMap))
        .with(tags::IMAGE_TYPE, VR::CS, IMAGE_TYPE)
        .with(tags::CONTENT_QUALIFICATION, VR::CS, "RESEARCH")
        .with(tags::CONTENT_LABEL, VR::CS, "BAIZE_AI")
        .with(tags::CONTENT_DESCRIPTION, VR::LO, wording::heat(language))
        .with(tags::CONTENT_CREATOR_NAME, VR::PN, PrimitiveValue::Empty)
        .with(tags::IMAGE_COMMENTS, VR::LT, wording::notice(language))
        .with(tags::BURNED_IN_ANNOTATION, VR::CS, "NO")
        .with(tags::RECOGNIZABLE_VISUAL_FEATURES, VR::CS, "NO")
        .with(tags::PIXEL_PRESENTATION, VR::CS, "MONOCHROME")
        .with(tags::PRESENTATION_LUT_SHAPE, VR::CS, "IDENTITY")
        .with_items(tags::ACQUISITION_CONTEXT_SEQUENCE, vec![])
        .with(tags::SAMPLES_PER_PIXEL, VR::US, 1_u16)
        .with(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
        .with(tags::NUMBER_OF_FRAMES, VR::IS, groups.len().to_string())
        .with(tags::ROWS, VR::US, rows)
        .with(tags::COLUMNS, VR::US, columns)
        .with(tags::BITS_ALLOCATED, VR::US, 32_u16)
        .with_items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared])
        .with_items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups)
        .with(tags::FLOAT_PIXEL_DATA, VR::OF, PrimitiveValue::F32(values.into()));
    let object = own_space(envelope, Kind::ParametricMap, object);
    Some(placed(
        envelope,
        Kind::ParametricMap,
        with_losses(envelope, envelope.examined(object)),
        &[dimension],
    ))
}

/// Image Type and Frame Type (PS3.3 section C.8.16.1).
const IMAGE_TYPE: &str = r"DERIVED\PRIMARY\STATIC\NONE";

/// What the numbers of a frame mean: how strongly the pixel speaks for the finding, 0 to 1, by which algorithm.
fn mapping(envelope: &Envelope<'_>, number: u32, finding: &Finding) -> InMemDicomObject {
    let language = envelope.language;
    let content = Content { language };
    let mut definition = vec![
        content.quantity(codes::QUANTITY, code_item(codes::CLASS_ACTIVATION, language)),
        content.quantity(codes::FINDING, coded_item(&finding.code, language)),
    ];
    if let Some(model) = envelope.model() {
        definition.push(content.quantity_text(codes::ALGORITHM_NAME, &model.id));
        definition.push(content.quantity_text(codes::ALGORITHM_VERSION, &model.version));
    }
    data_set()
        .with(tags::LUT_LABEL, VR::SH, number.to_string())
        .with(tags::LUT_EXPLANATION, VR::LO, fitted(&wording::evidence(finding, language), 64))
        .with_items(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, vec![code_item(codes::NO_UNITS, language)])
        .with(tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_FIRST_VALUE_MAPPED, VR::FD, 0.0_f64)
        .with(tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_LAST_VALUE_MAPPED, VR::FD, 1.0_f64)
        .with(tags::REAL_WORLD_VALUE_INTERCEPT, VR::FD, 0.0_f64)
        .with(tags::REAL_WORLD_VALUE_SLOPE, VR::FD, 1.0_f64)
        .with_items(tags::QUANTITY_DEFINITION_SEQUENCE, definition)
}
