//! What segmentation and parametric map have in common: images of several frames that lie on the source image
//! (PS3.3 sections C.7.6.16, C.7.6.17, C.12.2).

use dicom_core::{PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::codes::{self, Code};
use super::content::{Put, code_item, data_set};
use super::envelope::{Envelope, Kind};

/// The attributes of the source image that place it in the patient, as far as they stand outside of functional groups.
const PLACES: [Tag; 4] = [
    tags::FRAME_OF_REFERENCE_UID,
    tags::IMAGE_POSITION_PATIENT,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::PIXEL_SPACING,
];

/// One attribute by which the frames are told apart.
pub(crate) struct Dimension {
    /// The attribute.
    pub(crate) index: Tag,
    /// The functional group that holds it.
    pub(crate) group: Tag,
    /// What it is called.
    pub(crate) label: &'static str,
}

/// Adds what concerns the object as a whole: its dimensions, the images that it stands on, and its place.
pub(crate) fn placed(
    envelope: &Envelope<'_>,
    kind: Kind,
    object: InMemDicomObject,
    dimensions: &[Dimension],
) -> InMemDicomObject {
    let organization = envelope.uids.instance(&format!("{} dimensions", kind.name()));
    let indices = dimensions.iter().map(|dimension| {
        data_set()
            .with(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organization.as_str())
            .with(tags::DIMENSION_INDEX_POINTER, VR::AT, dimension.index)
            .with(tags::FUNCTIONAL_GROUP_POINTER, VR::AT, dimension.group)
            .with(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, dimension.label)
    });
    let indices = indices.collect();
    let series = data_set()
        .with_items(tags::REFERENCED_INSTANCE_SEQUENCE, vec![envelope.source_reference()])
        .with(tags::SERIES_INSTANCE_UID, VR::UI, envelope.report.instance.series.as_str());
    let source = envelope.source;
    let object = object
        .with_items(
            tags::DIMENSION_ORGANIZATION_SEQUENCE,
            vec![data_set().with(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organization.as_str())],
        )
        .with_items(tags::DIMENSION_INDEX_SEQUENCE, indices)
        .with_items(tags::REFERENCED_SERIES_SEQUENCE, vec![series])
        .with(
            tags::PATIENT_ORIENTATION,
            VR::CS,
            source.code(tags::PATIENT_ORIENTATION).map_or(PrimitiveValue::Empty, PrimitiveValue::from),
        );
    match source.code(tags::FRAME_OF_REFERENCE_UID).filter(|_| is_in_space(envelope)) {
        Some(uid) => object.with(tags::FRAME_OF_REFERENCE_UID, VR::UI, uid).with(
            tags::POSITION_REFERENCE_INDICATOR,
            VR::LO,
            source.text(tags::POSITION_REFERENCE_INDICATOR).unwrap_or_default(),
        ),
        None => object,
    }
}

/// The source image has a place in the patient. A projection image has none: what is derived from it lies on its
/// pixels, and no other place is invented.
fn is_in_space(envelope: &Envelope<'_>) -> bool {
    PLACES.iter().all(|tag| envelope.source.code(*tag).is_some())
        && envelope.source.code(tags::PIXEL_SPACING).is_some_and(is_spacing)
}

/// A frame of reference of this result's own. The parametric map must have a place in space even where its source, a
/// projection image, has none: it lies in the origin, row along x, column along y, so that the pixels keep their order
/// and, where the image states one, their spacing.
pub(crate) fn own_space(envelope: &Envelope<'_>, kind: Kind, object: InMemDicomObject) -> InMemDicomObject {
    if is_in_space(envelope) {
        return object;
    }
    let uid = envelope.uids.instance(&format!("{} space", kind.name()));
    object.with(tags::FRAME_OF_REFERENCE_UID, VR::UI, uid).with(
        tags::POSITION_REFERENCE_INDICATOR,
        VR::LO,
        PrimitiveValue::Empty,
    )
}

/// [`shared_place`], in the [`own_space`] where the source image has none.
pub(crate) fn shared_place_in_space(envelope: &Envelope<'_>) -> InMemDicomObject {
    if is_in_space(envelope) {
        return shared_place(envelope);
    }
    let spacing = [tags::PIXEL_SPACING, tags::IMAGER_PIXEL_SPACING]
        .into_iter()
        .filter_map(|tag| envelope.source.code(tag))
        .find(|spacing| is_spacing(spacing))
        .unwrap_or(r"1\1");
    data_set()
        .with_items(
            tags::PIXEL_MEASURES_SEQUENCE,
            vec![data_set().with(tags::PIXEL_SPACING, VR::DS, spacing).with(
                tags::SLICE_THICKNESS,
                VR::DS,
                "1",
            )],
        )
        .with_items(
            tags::PLANE_ORIENTATION_SEQUENCE,
            vec![data_set().with(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, r"1\0\0\0\1\0")],
        )
        .with_items(
            tags::PLANE_POSITION_SEQUENCE,
            vec![data_set().with(tags::IMAGE_POSITION_PATIENT, VR::DS, r"0\0\0")],
        )
}

/// Two distances. Zero is met in the field and means that none is known.
fn is_spacing(text: &str) -> bool {
    let distance = |value: &str| value.trim().parse::<f64>().is_ok_and(|distance| distance > 0.0);
    text.split('\\').count() == 2 && text.split('\\').all(distance)
}

/// The functional groups that place all frames, for a grid of the source image's rows and columns.
pub(crate) fn shared_place(envelope: &Envelope<'_>) -> InMemDicomObject {
    let shared = data_set();
    if !is_in_space(envelope) {
        return shared;
    }
    let copied = |item: InMemDicomObject, tag: Tag| match envelope.source.code(tag) {
        Some(text) => item.with(tag, VR::DS, text),
        None => item,
    };
    let measures = copied(copied(data_set(), tags::PIXEL_SPACING), tags::SLICE_THICKNESS);
    shared
        .with_items(tags::PIXEL_MEASURES_SEQUENCE, vec![measures])
        .with_items(
            tags::PLANE_ORIENTATION_SEQUENCE,
            vec![copied(data_set(), tags::IMAGE_ORIENTATION_PATIENT)],
        )
        .with_items(tags::PLANE_POSITION_SEQUENCE, vec![copied(data_set(), tags::IMAGE_POSITION_PATIENT)])
}

/// The functional groups that say where a frame comes from: the source image or one frame of it, pixel by pixel.
pub(crate) fn derived_frame(
    envelope: &Envelope<'_>,
    derivation: Code,
    source_frame: Option<u32>,
    dimension_values: &[u32],
) -> InMemDicomObject {
    let language = envelope.language;
    let mut source = envelope
        .source_reference()
        .with(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES")
        .with_items(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![code_item(codes::SOURCE_IMAGE, language)]);
    if let Some(frame) = source_frame {
        source = source.with(tags::REFERENCED_FRAME_NUMBER, VR::IS, frame.to_string());
    }
    let image = data_set()
        .with_items(tags::SOURCE_IMAGE_SEQUENCE, vec![source])
        .with_items(tags::DERIVATION_CODE_SEQUENCE, vec![code_item(derivation, language)]);
    let content = data_set()
        .with(tags::STACK_ID, VR::SH, "1")
        .with(tags::IN_STACK_POSITION_NUMBER, VR::UL, source_frame.unwrap_or(1))
        .with(tags::DIMENSION_INDEX_VALUES, VR::UL, PrimitiveValue::U32(dimension_values.into()));
    data_set()
        .with_items(tags::DERIVATION_IMAGE_SEQUENCE, vec![image])
        .with_items(tags::FRAME_CONTENT_SEQUENCE, vec![content])
}

/// Adds whether the pixels went through a lossy compression. What is derived from them shares the loss.
pub(crate) fn with_losses(envelope: &Envelope<'_>, mut object: InMemDicomObject) -> InMemDicomObject {
    let source = envelope.source;
    let lossy = source.code(tags::LOSSY_IMAGE_COMPRESSION) == Some("01");
    object = object.with(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, if lossy { "01" } else { "00" });
    let details =
        [(tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS), (tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS)];
    for (tag, vr) in details {
        if let Some(value) = source.code(tag).filter(|_| lossy) {
            object = object.with(tag, vr, value);
        }
    }
    object
}
