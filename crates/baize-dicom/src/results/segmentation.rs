//! The segmentation: sets of pixels over the image itself (PS3.3 section A.51), which viewers show that ignore
//! presentation states.

use baize_core::{Finding, Mask, Outcome};
use dicom_core::{PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::content::{Put, code_item, coded_item, data_set, fitted};
use super::envelope::{Envelope, Kind};
use super::frames::{Dimension, derived_frame, placed, shared_place, with_losses};
use super::report::tracking_identifier;
use super::{codes, wording};

/// What is told apart in the source: one finding's region, or one structure of a volume.
pub(crate) struct Segment {
    /// Its name, for people.
    label: String,
    /// What it is and what it is not, for people.
    description: String,
    /// The same as in the structured report: the segment and its measurement group are one finding.
    tracking: (String, String),
    /// What was looked for there, as an item of a Code Sequence.
    finding: InMemDicomObject,
    /// Its pixels, in each frame of the source that holds some. The number is absent for a source of a single frame.
    frames: Vec<(Option<u32>, Mask)>,
}

/// The regions of strongest evidence as segments; `None` where no finding has one.
pub(crate) fn build(envelope: &Envelope<'_>) -> Option<InMemDicomObject> {
    let Outcome::Analysed { findings, .. } = &envelope.report.outcome else { return None };
    let rows = envelope.source.word(tags::ROWS)?;
    let columns = envelope.source.word(tags::COLUMNS)?;
    let segments: Vec<Segment> =
        findings.iter().filter_map(|finding| evidence(envelope, finding, rows, columns)).collect();
    (!segments.is_empty()).then(|| object(envelope, rows, columns, &segments))
}

/// The region of strongest evidence for a finding, as the record says it.
fn evidence(envelope: &Envelope<'_>, finding: &Finding, rows: u16, columns: u16) -> Option<Segment> {
    let mask = finding.heat.as_ref()?.strongest(u32::from(rows), u32::from(columns))?;
    let code = &finding.code;
    Some(Segment {
        label: fitted(&wording::evidence(finding, envelope.language), 64),
        description: wording::evidence_note(envelope.language).to_owned(),
        tracking: (tracking_identifier(envelope, finding), envelope.uids.tracking(&code.scheme, &code.value)),
        finding: coded_item(code, envelope.language),
        frames: vec![(None, mask)],
    })
}

/// The object of any segments over a source of that size.
fn object(envelope: &Envelope<'_>, rows: u16, columns: u16, segments: &[Segment]) -> InMemDicomObject {
    let language = envelope.language;
    let numbered = || (1_u16..).zip(segments);
    let mut groups = Vec::new();
    let mut bits = Bits::default();
    for (number, segment) in numbered() {
        for (frame, mask) in &segment.frames {
            let identification = data_set().with(tags::REFERENCED_SEGMENT_NUMBER, VR::US, number);
            let dimensions = [u32::from(number), frame.unwrap_or(1)];
            groups.push(
                derived_frame(envelope, codes::SEGMENTATION, *frame, &dimensions)
                    .with_items(tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![identification]),
            );
            bits.extend(mask.pixels());
        }
    }
    let dimensions = [
        Dimension {
            index: tags::REFERENCED_SEGMENT_NUMBER,
            group: tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            label: "Segment Number",
        },
        Dimension {
            index: tags::IN_STACK_POSITION_NUMBER,
            group: tags::FRAME_CONTENT_SEQUENCE,
            label: "In-Stack Position Number",
        },
    ];
    let object = envelope
        .dated(envelope.base(Kind::Segmentation))
        .with(tags::IMAGE_TYPE, VR::CS, r"DERIVED\PRIMARY")
        .with(tags::CONTENT_LABEL, VR::CS, "BAIZE_AI")
        .with(tags::CONTENT_DESCRIPTION, VR::LO, wording::layer(language))
        .with(tags::CONTENT_CREATOR_NAME, VR::PN, PrimitiveValue::Empty)
        .with(tags::SEGMENTATION_TYPE, VR::CS, "BINARY")
        .with(tags::SEGMENTS_OVERLAP, VR::CS, if segments.len() > 1 { "UNDEFINED" } else { "NO" })
        .with_items(
            tags::SEGMENT_SEQUENCE,
            numbered().map(|(number, segment)| item(envelope, number, segment)).collect(),
        )
        .with(tags::SAMPLES_PER_PIXEL, VR::US, 1_u16)
        .with(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
        .with(tags::NUMBER_OF_FRAMES, VR::IS, groups.len().to_string())
        .with(tags::ROWS, VR::US, rows)
        .with(tags::COLUMNS, VR::US, columns)
        .with(tags::BITS_ALLOCATED, VR::US, 1_u16)
        .with(tags::BITS_STORED, VR::US, 1_u16)
        .with(tags::HIGH_BIT, VR::US, 0_u16)
        .with(tags::PIXEL_REPRESENTATION, VR::US, 0_u16)
        .with_items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared_place(envelope)])
        .with_items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups)
        .with(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(bits.into_bytes().into()));
    placed(envelope, Kind::Segmentation, with_losses(envelope, envelope.body_part(object)), &dimensions)
}

/// An item of Segment Sequence (PS3.3 section C.8.20.4).
fn item(envelope: &Envelope<'_>, number: u16, segment: &Segment) -> InMemDicomObject {
    let language = envelope.language;
    let (name, version) =
        envelope.model().map_or(("", ""), |model| (model.id.as_str(), model.version.as_str()));
    let algorithm = data_set()
        .with_items(
            tags::ALGORITHM_FAMILY_CODE_SEQUENCE,
            vec![code_item(codes::ARTIFICIAL_INTELLIGENCE, language)],
        )
        .with(tags::ALGORITHM_NAME, VR::LO, fitted(name, 64))
        .with(tags::ALGORITHM_VERSION, VR::LO, fitted(version, 64));
    data_set()
        .with(tags::SEGMENT_NUMBER, VR::US, number)
        .with(tags::SEGMENT_LABEL, VR::LO, segment.label.as_str())
        .with(tags::SEGMENT_DESCRIPTION, VR::ST, segment.description.as_str())
        .with(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "AUTOMATIC")
        .with(tags::SEGMENT_ALGORITHM_NAME, VR::LO, fitted(&format!("{name}@{version}"), 64))
        .with_items(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, vec![algorithm])
        .with_items(
            tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
            vec![code_item(codes::SPATIAL_CONCEPT, language)],
        )
        .with_items(
            tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE,
            vec![code_item(codes::SELECTED_REGION, language).with_items(
                tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE,
                vec![segment.finding.clone()],
            )],
        )
        .with(tags::TRACKING_ID, VR::UT, segment.tracking.0.as_str())
        .with(tags::TRACKING_UID, VR::UI, segment.tracking.1.as_str())
}

/// Pixels of one bit, eight to a byte from the least significant one on, frames without a gap (PS3.5 section 8.1.1).
#[derive(Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    /// The bytes, padded to an even number.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        if self.bytes.len() % 2 == 1 {
            self.bytes.push(0);
        }
        self.bytes
    }

    pub(super) fn extend(&mut self, pixels: &[bool]) {
        for pixel in pixels {
            let place = self.count % 8;
            if place == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(*pixel) << place;
            }
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_each_other_without_a_gap() {
        let mut bits = Bits::default();
        bits.extend(&[true, false, true]);
        bits.extend(&[true, false, false, false, false, true, true]);
        assert_eq!(bits.bytes, [0b0000_1101, 0b0000_0011]);
    }
}
