//! The segmentation of a whole series (PS3.3 section A.51): a binary segment for each structure, with a frame for each
//! slice that holds some of it, lying on the voxels of that slice.

use baize_core::{Coded, Fault, Language, ModelRef, Outcome, Population, Report, Text, Timestamp};
use baize_imaging::read_header;
use dicom_core::{PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::content::{Put, code_item, coded_item, data_set, fitted, reference};
use super::envelope::{Envelope, Kind};
use super::frames::with_losses;
use super::segmentation::Bits;
use super::source::Source;
use super::{ResultObject, codes, wording};

/// A structure of the volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// What people call it, with its side.
    pub name: Text,
    /// What it is: Segmented Property Type.
    pub code: Coded,
    /// The patient's left or right side.
    pub side: Option<Side>,
    /// Red, green, blue.
    pub color: [u8; 3],
    /// Its volume, as reported.
    pub millilitres: f64,
}

/// The patient's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// A slice of the series.
#[derive(Clone, Copy, Debug)]
pub struct SourceSlice<'a> {
    /// SOP Class UID.
    pub sop_class: &'a str,
    /// SOP Instance UID.
    pub sop_instance: &'a str,
    /// Image Position (Patient), in millimetres.
    pub position: [f64; 3],
}

/// What a model said of a series.
#[derive(Clone, Copy, Debug)]
pub struct VolumeResult<'a> {
    /// The model.
    pub model: &'a ModelRef,
    /// The structures, from label 1 on.
    pub structures: &'a [Structure],
    /// The slices, in the order of the labels.
    pub slices: &'a [SourceSlice<'a>],
    /// `[slices][rows][columns]`; 0 is none of the structures.
    pub labels: &'a [u8],
    /// From slice to slice, in millimetres.
    pub spacing: f64,
    /// The first slice as received, a Part 10 object: patient, study, orientation and pixel spacing are taken from it.
    pub first: &'a [u8],
}

/// The segmentation in that language. The number of a segment is its label; a structure that the series does not show is
/// a segment without frames. Computes for some seconds.
///
/// # Errors
/// `NotDicom` or another fault of reading where `first` is no image; `Internal` where labels and slices don't fit, or
/// there is nothing to show.
pub fn volume_segmentation(
    result: &VolumeResult<'_>,
    language: Language,
    now: Timestamp,
) -> Result<ResultObject, Fault> {
    let source = Source::read(result.first)?;
    let limits = baize_imaging::Limits { max_object_bytes: u64::MAX, max_pixels: u64::MAX };
    let report = Report {
        instance: read_header(result.first, &limits)?.identity,
        model: Some(result.model.clone()),
        outcome: Outcome::Analysed { findings: vec![], population: Population::Validated, caveats: vec![] },
        finished_at: now,
        gate: None,
    };
    let envelope = Envelope::new(&source, &report, language, now);
    let internal = |message: &str| Fault::new(baize_core::ErrorCode::Internal, message);
    let (rows, columns) = source
        .word(tags::ROWS)
        .zip(source.word(tags::COLUMNS))
        .ok_or_else(|| internal("the first slice has no size"))?;
    let per_slice = usize::from(rows) * usize::from(columns);
    if per_slice == 0 || result.labels.len() != per_slice * result.slices.len() {
        return Err(internal("the labels are not as many as the voxels of the slices"));
    }
    let frames = frames(result, per_slice);
    if frames.is_empty() {
        return Err(internal("no voxel has a label: there is nothing to segment"));
    }
    envelope.seal(Kind::Segmentation, &object(&envelope, result, &frames, (rows, columns)))
}

/// A frame: its segment and its slice, both as numbers from 0 on.
type Frame = (usize, usize);

/// The frames that hold something, segment by segment.
fn frames(result: &VolumeResult<'_>, per_slice: usize) -> Vec<Frame> {
    let mut shown: Vec<Frame> = Vec::new();
    for (slice, labels) in result.labels.chunks_exact(per_slice).enumerate() {
        let mut present = [false; 256];
        labels.iter().for_each(|label| present[usize::from(*label)] = true);
        shown.extend(
            (0..result.structures.len()).filter(|number| present[number + 1]).map(|number| (number, slice)),
        );
    }
    shown.sort_unstable();
    shown
}

fn object(
    envelope: &Envelope<'_>,
    result: &VolumeResult<'_>,
    frames: &[Frame],
    (rows, columns): (u16, u16),
) -> InMemDicomObject {
    let language = envelope.language;
    let per_slice = usize::from(rows) * usize::from(columns);
    let mut bits = Bits::default();
    for (segment, slice) in frames {
        let labels = &result.labels[slice * per_slice..(slice + 1) * per_slice];
        let mask: Vec<bool> = labels.iter().map(|label| usize::from(*label) == segment + 1).collect();
        bits.extend(&mask);
    }
    let object = envelope
        .dated(envelope.base(Kind::Segmentation))
        .with(tags::SERIES_DESCRIPTION, VR::LO, wording::structures(language))
        .with(tags::IMAGE_TYPE, VR::CS, r"DERIVED\PRIMARY")
        .with(tags::CONTENT_LABEL, VR::CS, "BAIZE_AI")
        .with(tags::CONTENT_DESCRIPTION, VR::LO, wording::layer(language))
        .with(tags::CONTENT_CREATOR_NAME, VR::PN, PrimitiveValue::Empty)
        .with(tags::SEGMENTATION_TYPE, VR::CS, "BINARY")
        .with(tags::SEGMENTS_OVERLAP, VR::CS, "NO")
        .with_items(
            tags::SEGMENT_SEQUENCE,
            (1_u16..)
                .zip(result.structures)
                .map(|(number, structure)| segment(envelope, result.model, number, structure))
                .collect(),
        )
        .with(tags::SAMPLES_PER_PIXEL, VR::US, 1_u16)
        .with(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
        .with(tags::NUMBER_OF_FRAMES, VR::IS, frames.len().to_string())
        .with(tags::ROWS, VR::US, rows)
        .with(tags::COLUMNS, VR::US, columns)
        .with(tags::BITS_ALLOCATED, VR::US, 1_u16)
        .with(tags::BITS_STORED, VR::US, 1_u16)
        .with(tags::HIGH_BIT, VR::US, 0_u16)
        .with(tags::PIXEL_REPRESENTATION, VR::US, 0_u16)
        .with_items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared(envelope, result.spacing)])
        .with_items(
            tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
            frames.iter().map(|frame| per_frame(envelope, result, *frame)).collect(),
        )
        .with(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(bits.into_bytes().into()));
    let object = referenced(envelope, result, with_losses(envelope, envelope.body_part(object)));
    let source = envelope.source;
    object
        .with(
            tags::FRAME_OF_REFERENCE_UID,
            VR::UI,
            source.code(tags::FRAME_OF_REFERENCE_UID).unwrap_or_default(),
        )
        .with(
            tags::POSITION_REFERENCE_INDICATOR,
            VR::LO,
            source.text(tags::POSITION_REFERENCE_INDICATOR).unwrap_or_default(),
        )
}

/// The slices that the segmentation lies on, and how its frames are told apart: by segment, then by position.
fn referenced(
    envelope: &Envelope<'_>,
    result: &VolumeResult<'_>,
    object: InMemDicomObject,
) -> InMemDicomObject {
    let organization = envelope.uids.instance("segmentation dimensions");
    let index = |pointer, group, label: &str| {
        data_set()
            .with(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organization.as_str())
            .with(tags::DIMENSION_INDEX_POINTER, VR::AT, pointer)
            .with(tags::FUNCTIONAL_GROUP_POINTER, VR::AT, group)
            .with(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label)
    };
    let segment = tags::SEGMENT_IDENTIFICATION_SEQUENCE;
    let slices = result.slices.iter().map(|slice| reference(slice.sop_class, slice.sop_instance)).collect();
    let series = data_set().with_items(tags::REFERENCED_INSTANCE_SEQUENCE, slices).with(
        tags::SERIES_INSTANCE_UID,
        VR::UI,
        envelope.report.instance.series.as_str(),
    );
    object
        .with_items(
            tags::DIMENSION_ORGANIZATION_SEQUENCE,
            vec![data_set().with(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organization.as_str())],
        )
        .with_items(
            tags::DIMENSION_INDEX_SEQUENCE,
            vec![
                index(tags::REFERENCED_SEGMENT_NUMBER, segment, "Segment Number"),
                index(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "Image Position"),
            ],
        )
        .with_items(tags::REFERENCED_SERIES_SEQUENCE, vec![series])
}

/// What all frames share: spacing and orientation.
fn shared(envelope: &Envelope<'_>, spacing: f64) -> InMemDicomObject {
    let source = envelope.source;
    let distance = decimal(spacing);
    let measures = data_set()
        .with(tags::PIXEL_SPACING, VR::DS, source.code(tags::PIXEL_SPACING).unwrap_or_default())
        // Slices are reported as thick as they lie apart, so that thickness times area is the volume.
        .with(tags::SLICE_THICKNESS, VR::DS, distance.as_str())
        .with(tags::SPACING_BETWEEN_SLICES, VR::DS, distance.as_str());
    let orientation = source.code(tags::IMAGE_ORIENTATION_PATIENT).unwrap_or_default();
    data_set().with_items(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]).with_items(
        tags::PLANE_ORIENTATION_SEQUENCE,
        vec![data_set().with(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, orientation)],
    )
}

fn per_frame(
    envelope: &Envelope<'_>,
    result: &VolumeResult<'_>,
    (segment, slice): Frame,
) -> InMemDicomObject {
    let language = envelope.language;
    let number = segment as u16 + 1;
    let place = slice as u32 + 1;
    let of = &result.slices[slice];
    let source = reference(of.sop_class, of.sop_instance)
        .with(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES")
        .with_items(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![code_item(codes::SOURCE_IMAGE, language)]);
    let derivation = data_set()
        .with_items(tags::SOURCE_IMAGE_SEQUENCE, vec![source])
        .with_items(tags::DERIVATION_CODE_SEQUENCE, vec![code_item(codes::SEGMENTATION, language)]);
    let dimensions = PrimitiveValue::U32([u32::from(number), place].as_slice().into());
    let content = data_set()
        .with(tags::STACK_ID, VR::SH, "1")
        .with(tags::IN_STACK_POSITION_NUMBER, VR::UL, place)
        .with(tags::DIMENSION_INDEX_VALUES, VR::UL, dimensions);
    let position = of.position.map(decimal);
    let position =
        data_set().with(tags::IMAGE_POSITION_PATIENT, VR::DS, PrimitiveValue::Strs(position.to_vec().into()));
    data_set()
        .with_items(tags::DERIVATION_IMAGE_SEQUENCE, vec![derivation])
        .with_items(tags::FRAME_CONTENT_SEQUENCE, vec![content])
        .with_items(tags::PLANE_POSITION_SEQUENCE, vec![position])
        .with_items(
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            vec![data_set().with(tags::REFERENCED_SEGMENT_NUMBER, VR::US, number)],
        )
}

/// An item of Segment Sequence (PS3.3 section C.8.20.4).
fn segment(
    envelope: &Envelope<'_>,
    model: &ModelRef,
    number: u16,
    structure: &Structure,
) -> InMemDicomObject {
    let language = envelope.language;
    let algorithm = data_set()
        .with_items(
            tags::ALGORITHM_FAMILY_CODE_SEQUENCE,
            vec![code_item(codes::ARTIFICIAL_INTELLIGENCE, language)],
        )
        .with(tags::ALGORITHM_NAME, VR::LO, fitted(&model.id, 64))
        .with(tags::ALGORITHM_VERSION, VR::LO, fitted(&model.version, 64));
    let mut kind = coded_item(&structure.code, language);
    if let Some(side) = structure.side {
        let code = match side {
            Side::Left => codes::LEFT,
            Side::Right => codes::RIGHT,
        };
        kind = kind.with_items(
            tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE,
            vec![code_item(code, language)],
        );
    }
    data_set()
        .with(tags::SEGMENT_NUMBER, VR::US, number)
        .with(tags::SEGMENT_LABEL, VR::LO, fitted(structure.name.get(language), 64))
        .with(tags::SEGMENT_DESCRIPTION, VR::ST, wording::structure_note(structure.millilitres, language))
        .with(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "AUTOMATIC")
        .with(tags::SEGMENT_ALGORITHM_NAME, VR::LO, fitted(&model.to_string(), 64))
        .with_items(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, vec![algorithm])
        .with_items(
            tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
            vec![code_item(codes::ANATOMICAL_STRUCTURE, language)],
        )
        .with_items(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, vec![kind])
        .with(
            tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE,
            VR::US,
            PrimitiveValue::U16(lab(structure.color).as_slice().into()),
        )
        .with(tags::TRACKING_ID, VR::UT, format!("{model}#{number}"))
        .with(tags::TRACKING_UID, VR::UI, envelope.uids.tracking("volume segment", &number.to_string()))
}

/// A decimal string of at most 16 characters, as exact as that allows (PS3.5 section 6.2).
fn decimal(number: f64) -> String {
    let plain = number.to_string();
    if plain.len() <= 16 {
        return plain;
    }
    (0..=12)
        .rev()
        .map(|digits| format!("{number:.digits$}"))
        .find(|text| text.len() <= 16)
        .unwrap_or_default()
}

/// A colour of sRGB as PCS-values of CIELab with white D50 (PS3.3 section C.10.7.1.1).
fn lab(color: [u8; 3]) -> [u16; 3] {
    let linear = color.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    // sRGB to XYZ, adapted to D50 by Bradford (ICC.1), each divided by that of white.
    const ROWS: [[f64; 3]; 3] = [
        [0.436_074_7, 0.385_064_9, 0.143_080_4],
        [0.222_504_5, 0.716_878_6, 0.060_616_9],
        [0.013_932_2, 0.097_104_5, 0.714_173_3],
    ];
    let part = |row: [f64; 3]| {
        let white: f64 = row.iter().sum();
        let ratio = row.iter().zip(linear).map(|(weight, part)| weight * part).sum::<f64>() / white;
        if ratio > 216.0 / 24389.0 { ratio.cbrt() } else { (24389.0 / 27.0 * ratio + 16.0) / 116.0 }
    };
    let [x, y, z] = ROWS.map(part);
    let scaled = |value: f64, low: f64, high: f64| ((value - low) / (high - low) * 65535.0).round() as u16;
    [
        scaled(116.0 * y - 16.0, 0.0, 100.0),
        scaled(500.0 * (x - y), -128.0, 127.0),
        scaled(200.0 * (y - z), -128.0, 127.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_fit_sixteen_characters() {
        for number in [0.0, -127.599_998_474_121_1, 1e-9, 0.1 + 0.2, -123_456.789_012_345, 134.48] {
            let text = decimal(number);
            assert!(text.len() <= 16, "{text}");
            assert!((text.parse::<f64>().unwrap() - number).abs() < 1e-6, "{text}");
        }
    }

    #[test]
    fn colours_are_those_of_the_icc_profile() {
        // White and black are exact; red is L 54.29, a 80.81, b 69.89 under D50.
        assert_eq!(lab([255, 255, 255]), [65535, 32896, 32896]);
        assert_eq!(lab([0, 0, 0]), [0, 32896, 32896]);
        let [l, a, b] = lab([255, 0, 0]).map(f64::from);
        assert!((l / 655.35 - 54.29).abs() < 0.05);
        assert!((a / 257.0 - 128.0 - 80.81).abs() < 0.1);
        assert!((b / 257.0 - 128.0 - 69.89).abs() < 0.1);
    }
}
