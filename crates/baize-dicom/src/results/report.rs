//! The structured report: Comprehensive 3D SR by TID 1500 "Measurement Report" (PS3.16).
//!
//! One measurement group per finding, by TID 1410 where it has a region and by TID 1501 where it concerns the image as
//! a whole. A run that gave no finding has no measurements at all: it says how it ended (TID 4000's concepts) and why.

use baize_core::{Fault, Finding, MANUFACTURER, Outcome, Population};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::codes::{self, Code};
use super::content::{Content, Put, Relation, coded_item, template_item};
use super::envelope::{Envelope, Kind};
use super::uids::DEVICE_UID;
use super::{figures, wording};

/// The report on one image.
pub(crate) fn build(envelope: &Envelope<'_>) -> InMemDicomObject {
    let content = Content { language: envelope.language };
    let mut children = context(envelope);
    children.push(content.code(Relation::HasConceptMod, codes::PROCEDURE_REPORTED, procedure(envelope)));
    children.push(image_library(envelope));
    let mut evaluations = Vec::new();
    match &envelope.report.outcome {
        Outcome::Analysed { findings, population, .. } => {
            let groups = findings.iter().map(|finding| group(envelope, finding, population)).collect();
            children.push(content.container(codes::IMAGING_MEASUREMENTS, groups));
        }
        Outcome::Refused(fault) => evaluations = ending(envelope, codes::NOT_ATTEMPTED, fault),
        Outcome::Failed(fault) => evaluations = ending(envelope, codes::FAILED, fault),
    }
    let remarks = wording::remarks(envelope.report, envelope.language);
    evaluations.extend(remarks.iter().map(|text| content.text(Relation::Contains, codes::COMMENT, text)));
    children.push(content.container(codes::QUALITATIVE_EVALUATIONS, evaluations));

    let document = envelope
        .dated(envelope.base(Kind::Report))
        .with_items(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, vec![])
        .with_items(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, vec![])
        .with_items(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, envelope.evidence(&[]))
        .with(tags::COMPLETION_FLAG, VR::CS, "COMPLETE")
        .with(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED")
        .with(tags::PRELIMINARY_FLAG, VR::CS, "PRELIMINARY");
    content.root(document, codes::IMAGING_MEASUREMENT_REPORT, "1500", children)
}

/// Language (TID 1204) and the device that observed (TID 1002, 1004).
pub(crate) fn context(envelope: &Envelope<'_>) -> Vec<InMemDicomObject> {
    use Relation::{HasConceptMod, HasObsContext};
    let content = Content { language: envelope.language };
    let language = match envelope.language {
        baize_core::Language::Chinese => codes::CHINESE,
        baize_core::Language::English => codes::ENGLISH,
    };
    vec![
        content.code(HasConceptMod, codes::LANGUAGE, language),
        content.code(HasObsContext, codes::OBSERVER_TYPE, codes::DEVICE),
        content.uid(HasObsContext, codes::DEVICE_OBSERVER_UID, DEVICE_UID),
        content.text(HasObsContext, codes::DEVICE_OBSERVER_NAME, wording::PRODUCT),
        content.text(HasObsContext, codes::DEVICE_OBSERVER_MANUFACTURER, MANUFACTURER),
        content.text(HasObsContext, codes::DEVICE_OBSERVER_MODEL, wording::PRODUCT),
        content.text(HasObsContext, codes::DEVICE_OBSERVER_SERIAL, DEVICE_UID),
    ]
}

fn procedure(envelope: &Envelope<'_>) -> Code {
    let modality = envelope.source.code(tags::MODALITY);
    let body_part = envelope.source.code(tags::BODY_PART_EXAMINED);
    match (modality, body_part) {
        (Some("CR" | "DX"), Some("CHEST")) => codes::PLAIN_CHEST_RADIOGRAPH,
        _ => codes::IMAGING_PROCEDURE,
    }
}

/// TID 1600: the image with what a reader of the report may want to know about it.
fn image_library(envelope: &Envelope<'_>) -> InMemDicomObject {
    use Relation::{Contains, HasAcqContext};
    let content = Content { language: envelope.language };
    let modality = envelope.source.code(tags::MODALITY).and_then(codes::modality);
    let mut described: Vec<_> =
        modality.map(|code| content.code(HasAcqContext, codes::MODALITY, code)).into_iter().collect();
    for (name, tag) in [(codes::PIXEL_DATA_ROWS, tags::ROWS), (codes::PIXEL_DATA_COLUMNS, tags::COLUMNS)] {
        let number = envelope.source.word(tag).map(|pixels| pixels.to_string());
        described.extend(number.map(|text| content.number(HasAcqContext, name, &text, codes::PIXELS)));
    }
    let mut image = content.image(Contains, None, envelope.source_reference());
    if !described.is_empty() {
        image = image.with_items(tags::CONTENT_SEQUENCE, described);
    }
    let group = content.container(codes::IMAGE_LIBRARY_GROUP, vec![image]);
    content.container(codes::IMAGE_LIBRARY, vec![group])
}

/// One finding.
fn group(envelope: &Envelope<'_>, finding: &Finding, population: &Population) -> InMemDicomObject {
    use Relation::{Contains, HasObsContext};
    let content = Content { language: envelope.language };
    let code = &finding.code;
    let tracking_uid = envelope.uids.tracking(&code.scheme, &code.value);
    let tracking = tracking_identifier(envelope, finding);
    let mut children = vec![
        content.text(HasObsContext, codes::TRACKING_IDENTIFIER, &tracking),
        content.uid(HasObsContext, codes::TRACKING_UNIQUE_IDENTIFIER, &tracking_uid),
        content.coded(Contains, codes::FINDING, coded_item(code, envelope.language)),
    ];
    children.extend(algorithm(envelope, finding));
    let percent = figures::percent(finding.probability);
    children.push(
        content
            .number(Contains, codes::CERTAINTY_OF_FINDING, &percent, codes::PERCENT)
            .with_items(tags::CONTENT_SEQUENCE, algorithm(envelope, finding)),
    );
    let verdict = verdict(finding, population);
    children.push(content.code(Contains, codes::HAS_INTERPRETATION, verdict));
    let template = match finding.region {
        Some(region) => {
            let points = figures::outline(region);
            children.push(content.outline(codes::IMAGE_REGION, &points, envelope.source_reference()));
            "1410"
        }
        None => {
            let source = envelope.source_reference();
            children.push(content.image(Contains, Some(codes::SOURCE_OF_MEASUREMENT), source));
            "1501"
        }
    };
    content
        .container(codes::MEASUREMENT_GROUP, children)
        .with_items(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template_item(template)])
}

/// What the finding is called across the objects of this result.
pub(crate) fn tracking_identifier(envelope: &Envelope<'_>, finding: &Finding) -> String {
    let model = envelope.model().map(ToString::to_string).unwrap_or_default();
    format!("{model} {}:{}", finding.code.scheme, finding.code.value)
}

/// Absent only where the threshold means something: for a patient whom the model was not validated on, a low score is
/// no reassurance.
fn verdict(finding: &Finding, population: &Population) -> Code {
    match (finding.is_positive(), population) {
        (true, _) => codes::PRESENT,
        (false, Population::Validated) => codes::ABSENT,
        (false, Population::Outside(_)) => codes::UNDETERMINED,
    }
}

/// TID 4019: the model, its version, and the threshold that belongs to them.
fn algorithm(envelope: &Envelope<'_>, finding: &Finding) -> Vec<InMemDicomObject> {
    let content = Content { language: envelope.language };
    let mut items = model(envelope, Relation::HasConceptMod);
    let threshold = format!("threshold={}", finding.threshold);
    items.push(content.text(Relation::HasConceptMod, codes::ALGORITHM_PARAMETERS, &threshold));
    items
}

fn model(envelope: &Envelope<'_>, relation: Relation) -> Vec<InMemDicomObject> {
    let content = Content { language: envelope.language };
    let Some(model) = envelope.model() else { return Vec::new() };
    vec![
        content.text(relation, codes::ALGORITHM_NAME, &model.id),
        content.text(relation, codes::ALGORITHM_VERSION, &model.version),
    ]
}

/// How a run ended that gave no finding, and why.
fn ending(envelope: &Envelope<'_>, status: Code, fault: &Fault) -> Vec<InMemDicomObject> {
    let content = Content { language: envelope.language };
    let mut items = vec![
        content.code(Relation::Contains, codes::SUMMARY_OF_DETECTIONS, status),
        content.code(Relation::Contains, codes::PROCESSING_SUMMARY, codes::NO_ALGORITHM_SUCCEEDED),
    ];
    items.extend(model(envelope, Relation::Contains));
    let reason = wording::not_analysed(envelope.report, fault, envelope.language);
    items.push(content.text(Relation::Contains, codes::COMMENT, &reason));
    items
}
