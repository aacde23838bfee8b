//! The key object selection: the list of what belongs to this result, by TID 2010 (PS3.16).

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::content::{Content, Put, Relation};
use super::envelope::{Envelope, Kind};
use super::{codes, report, wording};

/// The selection of the image and of the other objects of its result.
pub(crate) fn build(envelope: &Envelope<'_>, others: &[Kind]) -> InMemDicomObject {
    let content = Content { language: envelope.language };
    let mut children = report::context(envelope);
    let notice = wording::notice(envelope.language);
    children.push(content.text(Relation::Contains, codes::KEY_OBJECT_DESCRIPTION, notice));
    children.push(content.image(Relation::Contains, None, source(envelope, others)));
    for kind in others {
        let reference = envelope.reference_to(*kind);
        match kind {
            Kind::KeyImage => children.push(content.image(Relation::Contains, None, reference)),
            Kind::Report | Kind::Segmentation | Kind::ParametricMap => {
                children.push(content.composite(reference));
            }
            // Stands with the image that it presents; a selection does not select itself.
            Kind::Presentation | Kind::Selection => {}
        }
    }
    let document = envelope
        .dated(envelope.base(Kind::Selection))
        .with_items(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, vec![])
        .with_items(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, envelope.evidence(others));
    content.root(document, codes::FOR_REPORT_ATTACHMENT, "2010", children)
}

/// The image, to be shown by the presentation state where there is one (PS3.3 section C.18.4).
fn source(envelope: &Envelope<'_>, others: &[Kind]) -> InMemDicomObject {
    let image = envelope.source_reference();
    if others.contains(&Kind::Presentation) {
        image.with_items(tags::REFERENCED_SOP_SEQUENCE, vec![envelope.reference_to(Kind::Presentation)])
    } else {
        image
    }
}
