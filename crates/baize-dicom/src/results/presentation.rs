//! The presentation state: boxes and text over the image itself, which the viewer draws and the reader can switch off.
//!
//! A Grayscale Softcopy Presentation State replaces all transformations of the image (PS3.4 annex N), so those of the
//! image are repeated in it: otherwise the image would be shown without its window.

use std::io::Cursor;

use baize_core::{Fault, Finding, Outcome, Population};
use dicom_core::{PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_object::file::OpenFileOptions;

use super::content::{Put, data_set, fitted, internal};
use super::envelope::{Envelope, Kind};
use super::report::tracking_identifier;
use super::source::Source;
use super::{figures, wording};

const LAYER: &str = "BAIZE_AI";
/// The longest short text (PS3.5 section 6.2, ST), in characters.
const ST_LENGTH: usize = 1024;

/// The annotations of one image; `None` for a run that gave no findings, or an image without a size. `source` is the image.
///
/// # Errors
/// `Internal` where a lookup table of the image cannot be read.
pub(crate) fn build(envelope: &Envelope<'_>, source: &[u8]) -> Result<Option<InMemDicomObject>, Fault> {
    let Outcome::Analysed { findings, population, .. } = &envelope.report.outcome else { return Ok(None) };
    let size = envelope.source.word(tags::ROWS).zip(envelope.source.word(tags::COLUMNS));
    let Some((rows, columns)) = size else { return Ok(None) };
    let language = envelope.language;
    let series = data_set()
        .with_items(tags::REFERENCED_IMAGE_SEQUENCE, vec![envelope.source_reference()])
        .with(tags::SERIES_INSTANCE_UID, VR::UI, envelope.report.instance.series.as_str());
    let layer = data_set()
        .with(tags::GRAPHIC_LAYER, VR::CS, LAYER)
        .with(tags::GRAPHIC_LAYER_ORDER, VR::IS, "1")
        .with(tags::GRAPHIC_LAYER_DESCRIPTION, VR::LO, wording::layer(language));
    let object = envelope
        .presented(envelope.examined(envelope.base(Kind::Presentation)))
        .with(tags::CONTENT_LABEL, VR::CS, LAYER)
        .with(tags::CONTENT_DESCRIPTION, VR::LO, wording::layer(language))
        .with(tags::CONTENT_CREATOR_NAME, VR::PN, PrimitiveValue::Empty)
        .with_items(tags::REFERENCED_SERIES_SEQUENCE, vec![series])
        .with_items(tags::GRAPHIC_ANNOTATION_SEQUENCE, vec![annotation(envelope, findings, population)])
        .with_items(tags::GRAPHIC_LAYER_SEQUENCE, vec![layer])
        .with_items(tags::DISPLAYED_AREA_SELECTION_SEQUENCE, vec![displayed_area(envelope, rows, columns)])
        .with(tags::PRESENTATION_LUT_SHAPE, VR::CS, shape(envelope));
    Ok(Some(displayed(envelope, object, source)?))
}

/// The whole image, scaled to fit.
fn displayed_area(envelope: &Envelope<'_>, rows: u16, columns: u16) -> InMemDicomObject {
    let corner = |x: u16, y: u16| PrimitiveValue::I32([i32::from(x), i32::from(y)].as_slice().into());
    let aspect = envelope.source.code(tags::PIXEL_ASPECT_RATIO).unwrap_or(r"1\1");
    data_set()
        .with(tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER, VR::SL, corner(1, 1))
        .with(tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER, VR::SL, corner(columns, rows))
        .with(tags::PRESENTATION_SIZE_MODE, VR::CS, "SCALE TO FIT")
        .with(tags::PRESENTATION_PIXEL_ASPECT_RATIO, VR::IS, aspect)
}

/// All findings in the top left corner, and a box with its name around those that have a region.
fn annotation(envelope: &Envelope<'_>, findings: &[Finding], population: &Population) -> InMemDicomObject {
    let language = envelope.language;
    let mut lines: Vec<String> =
        findings.iter().map(|finding| wording::finding_line(finding, population, language)).collect();
    lines.extend(envelope.model().map(ToString::to_string));
    lines.extend(wording::remarks(envelope.report, language));
    let mut texts = vec![corner_text(&lines)];
    let mut graphics = Vec::new();
    for finding in findings {
        let Some(region) = finding.region else { continue };
        let points = figures::outline(region);
        texts.push(anchored_text(
            &wording::finding_line(finding, population, language),
            points[0],
            points[1],
        ));
        let code = &finding.code;
        graphics.push(
            data_set()
                .with(tags::GRAPHIC_ANNOTATION_UNITS, VR::CS, "PIXEL")
                .with(tags::GRAPHIC_DIMENSIONS, VR::US, 2_u16)
                .with(tags::NUMBER_OF_GRAPHIC_POINTS, VR::US, (points.len() / 2) as u16)
                .with(tags::GRAPHIC_DATA, VR::FL, PrimitiveValue::F32(points.as_slice().into()))
                .with(tags::GRAPHIC_TYPE, VR::CS, "POLYLINE")
                .with(tags::GRAPHIC_FILLED, VR::CS, "N")
                // The same as in the structured report: the box and its measurement group are one finding.
                .with(tags::TRACKING_ID, VR::UT, tracking_identifier(envelope, finding))
                .with(tags::TRACKING_UID, VR::UI, envelope.uids.tracking(&code.scheme, &code.value)),
        );
    }
    let annotation = data_set()
        .with_items(tags::REFERENCED_IMAGE_SEQUENCE, vec![envelope.source_reference()])
        .with(tags::GRAPHIC_LAYER, VR::CS, LAYER)
        .with_items(tags::TEXT_OBJECT_SEQUENCE, texts);
    // Either sequence may be left out, but not be empty.
    if graphics.is_empty() {
        annotation
    } else {
        annotation.with_items(tags::GRAPHIC_OBJECT_SEQUENCE, graphics)
    }
}

/// Lines in the top left corner of the display, whatever part of the image is shown there.
fn corner_text(lines: &[String]) -> InMemDicomObject {
    let corner = |x: f32, y: f32| PrimitiveValue::F32([x, y].as_slice().into());
    data_set()
        .with(tags::BOUNDING_BOX_ANNOTATION_UNITS, VR::CS, "DISPLAY")
        .with(tags::UNFORMATTED_TEXT_VALUE, VR::ST, fitted(&lines.join("\r\n"), ST_LENGTH))
        .with(tags::BOUNDING_BOX_TOP_LEFT_HAND_CORNER, VR::FL, corner(0.01, 0.01))
        .with(tags::BOUNDING_BOX_BOTTOM_RIGHT_HAND_CORNER, VR::FL, corner(0.6, 0.25))
        .with(tags::BOUNDING_BOX_TEXT_HORIZONTAL_JUSTIFICATION, VR::CS, "LEFT")
}

/// A line at a point of the image.
fn anchored_text(line: &str, x: f32, y: f32) -> InMemDicomObject {
    data_set()
        .with(tags::ANCHOR_POINT_ANNOTATION_UNITS, VR::CS, "PIXEL")
        .with(tags::UNFORMATTED_TEXT_VALUE, VR::ST, line)
        .with(tags::ANCHOR_POINT, VR::FL, PrimitiveValue::F32([x, y].as_slice().into()))
        .with(tags::ANCHOR_POINT_VISIBILITY, VR::CS, "N")
}

/// Presentation LUT Shape: a presentation state ignores the image's Photometric Interpretation, so a MONOCHROME1 image
/// is inverted by it.
fn shape(envelope: &Envelope<'_>) -> &'static str {
    let source = envelope.source;
    // One statement made twice, not two inversions (PS3.3 section C.8.11.3.1.2).
    let inverse = source.code(tags::PRESENTATION_LUT_SHAPE) == Some("INVERSE")
        || source.code(tags::PHOTOMETRIC_INTERPRETATION) == Some("MONOCHROME1");
    if inverse { "INVERSE" } else { "IDENTITY" }
}

/// Adds the image's Modality LUT and VOI LUT, as tables or as numbers. Where it has both, the table goes first, as it
/// does where the image is read for the model.
fn displayed(
    envelope: &Envelope<'_>,
    object: InMemDicomObject,
    source: &[u8],
) -> Result<InMemDicomObject, Fault> {
    let header = envelope.source;
    let tables = match [tags::MODALITY_LUT_SEQUENCE, tags::VOILUT_SEQUENCE].iter().any(|tag| header.has(*tag))
    {
        // The image was read for the model already, so its structure is sound.
        true => OpenFileOptions::new()
            .read_until(tags::PIXEL_DATA)
            .from_reader(Cursor::new(source))
            .map_err(internal)?
            .into_inner(),
        false => data_set(),
    };
    let mut object = object;
    if let Some(table) = table(&tables, tags::MODALITY_LUT_SEQUENCE) {
        object = object.with_items(tags::MODALITY_LUT_SEQUENCE, vec![table]);
    } else if let Some((slope, intercept)) =
        first(header, tags::RESCALE_SLOPE).zip(first(header, tags::RESCALE_INTERCEPT))
    {
        object = object
            .with(tags::RESCALE_INTERCEPT, VR::DS, intercept)
            .with(tags::RESCALE_SLOPE, VR::DS, slope)
            .with(tags::RESCALE_TYPE, VR::LO, header.code(tags::RESCALE_TYPE).unwrap_or("US"));
    }
    let voi = data_set().with_items(tags::REFERENCED_IMAGE_SEQUENCE, vec![envelope.source_reference()]);
    let voi = if let Some(table) = table(&tables, tags::VOILUT_SEQUENCE) {
        voi.with_items(tags::VOILUT_SEQUENCE, vec![table])
    } else if let Some(window) = Window::of(header) {
        voi.with(tags::WINDOW_CENTER, VR::DS, window.center)
            .with(tags::WINDOW_WIDTH, VR::DS, window.width)
            .with(tags::VOILUT_FUNCTION, VR::CS, window.function)
    } else {
        return Ok(object);
    };
    Ok(object.with_items(tags::SOFTCOPY_VOILUT_SEQUENCE, vec![voi]))
}

/// The image's first window.
struct Window<'a> {
    center: &'a str,
    width: &'a str,
    function: &'a str,
}

impl<'a> Window<'a> {
    fn of(header: &'a Source) -> Option<Self> {
        let (center, width) = (first(header, tags::WINDOW_CENTER)?, first(header, tags::WINDOW_WIDTH)?);
        // A width of zero or less is met in the field and means that no window was set.
        let breadth: f64 = width.parse().ok().filter(|breadth| *breadth > 0.0)?;
        let function = match header.code(tags::VOILUT_FUNCTION) {
            Some(function @ ("LINEAR_EXACT" | "SIGMOID")) => function,
            // LINEAR is defined from a width of 1 on (PS3.3 section C.11.2.1.2.1).
            _ if breadth < 1.0 => "LINEAR_EXACT",
            _ => "LINEAR",
        };
        Some(Self { center, width, function })
    }
}

/// The first of the values.
fn first(header: &Source, tag: Tag) -> Option<&str> {
    header
        .code(tag)?
        .split('\\')
        .next()
        .map(|value| value.trim_matches(' '))
        .filter(|value| !value.is_empty())
}

/// What a lookup table works by, without its explanation for people, which has no part in it.
fn table(tables: &InMemDicomObject, sequence: Tag) -> Option<InMemDicomObject> {
    let item = tables.get(sequence)?.items()?.first()?;
    let mut kept = data_set();
    for tag in [tags::LUT_DESCRIPTOR, tags::LUT_DATA, tags::MODALITY_LUT_TYPE] {
        if let Some(element) = item.get(tag) {
            kept.put(element.clone());
        }
    }
    (kept.get(tags::LUT_DESCRIPTOR).is_some() && kept.get(tags::LUT_DATA).is_some()).then_some(kept)
}
