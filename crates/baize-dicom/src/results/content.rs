//! Data sets and content items: the few shapes that the result objects are built from (PS3.3 section C.17.3).

use baize_core::{Coded, Fault, Language};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::codes::Code;

/// Puts elements into a data set.
pub(crate) trait Put {
    /// An element with a value.
    fn with(self, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) -> Self;
    /// A sequence; empty where there are no items.
    fn with_items(self, tag: Tag, items: Vec<InMemDicomObject>) -> Self;
}

impl Put for InMemDicomObject {
    fn with(mut self, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) -> Self {
        self.put(DataElement::new(tag, vr, value.into()));
        self
    }

    fn with_items(mut self, tag: Tag, items: Vec<InMemDicomObject>) -> Self {
        self.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
        self
    }
}

/// An empty data set.
pub(crate) fn data_set() -> InMemDicomObject {
    InMemDicomObject::new_empty()
}

/// An item of a Code Sequence.
pub(crate) fn code_item(code: Code, language: Language) -> InMemDicomObject {
    code_of(code.scheme, code.value, code.meaning(language))
}

/// The concept of a finding as an item of a Code Sequence.
pub(crate) fn coded_item(coded: &Coded, language: Language) -> InMemDicomObject {
    code_of(&coded.scheme, &coded.value, coded.meaning.get(language))
}

fn code_of(scheme: &str, value: &str, meaning: &str) -> InMemDicomObject {
    data_set()
        .with(tags::CODE_VALUE, VR::SH, value)
        .with(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme)
        .with(tags::CODE_MEANING, VR::LO, fitted(meaning, 64))
}

/// A reference to an object, as Referenced SOP Sequence and its relatives hold.
pub(crate) fn reference(sop_class: &str, sop_instance: &str) -> InMemDicomObject {
    data_set().with(tags::REFERENCED_SOP_CLASS_UID, VR::UI, sop_class).with(
        tags::REFERENCED_SOP_INSTANCE_UID,
        VR::UI,
        sop_instance,
    )
}

/// The first `characters` of a text whose value representation takes no more.
pub(crate) fn fitted(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// How a content item relates to the one that holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Relation {
    Contains,
    HasObsContext,
    HasConceptMod,
    HasAcqContext,
    SelectedFrom,
}

impl Relation {
    fn term(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::HasObsContext => "HAS OBS CONTEXT",
            Self::HasConceptMod => "HAS CONCEPT MOD",
            Self::HasAcqContext => "HAS ACQ CONTEXT",
            Self::SelectedFrom => "SELECTED FROM",
        }
    }
}

/// Makes content items in one language.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    pub(crate) language: Language,
}

impl Content {
    fn item(self, relation: Relation, value_type: &str, name: Code) -> InMemDicomObject {
        data_set()
            .with(tags::RELATIONSHIP_TYPE, VR::CS, relation.term())
            .with(tags::VALUE_TYPE, VR::CS, value_type)
            .with_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![code_item(name, self.language)])
    }

    pub(crate) fn text(self, relation: Relation, name: Code, text: &str) -> InMemDicomObject {
        self.item(relation, "TEXT", name).with(tags::TEXT_VALUE, VR::UT, text)
    }

    pub(crate) fn uid(self, relation: Relation, name: Code, uid: &str) -> InMemDicomObject {
        self.item(relation, "UIDREF", name).with(tags::UID, VR::UI, uid)
    }

    pub(crate) fn code(self, relation: Relation, name: Code, value: Code) -> InMemDicomObject {
        self.coded(relation, name, code_item(value, self.language))
    }

    pub(crate) fn coded(self, relation: Relation, name: Code, value: InMemDicomObject) -> InMemDicomObject {
        self.item(relation, "CODE", name).with_items(tags::CONCEPT_CODE_SEQUENCE, vec![value])
    }

    /// A coded item outside of a content tree (PS3.3 section 10.2).
    pub(crate) fn quantity(self, name: Code, value: InMemDicomObject) -> InMemDicomObject {
        data_set()
            .with(tags::VALUE_TYPE, VR::CS, "CODE")
            .with_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![code_item(name, self.language)])
            .with_items(tags::CONCEPT_CODE_SEQUENCE, vec![value])
    }

    /// A text outside of a content tree (PS3.3 section 10.2).
    pub(crate) fn quantity_text(self, name: Code, text: &str) -> InMemDicomObject {
        data_set()
            .with(tags::VALUE_TYPE, VR::CS, "TEXT")
            .with_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![code_item(name, self.language)])
            .with(tags::TEXT_VALUE, VR::UT, text)
    }

    /// A number: a decimal string of at most 16 characters.
    pub(crate) fn number(self, relation: Relation, name: Code, value: &str, unit: Code) -> InMemDicomObject {
        let measured = data_set()
            .with(tags::NUMERIC_VALUE, VR::DS, value)
            .with_items(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, vec![code_item(unit, self.language)]);
        self.item(relation, "NUM", name).with_items(tags::MEASURED_VALUE_SEQUENCE, vec![measured])
    }

    /// An image; inside of a region it has no concept name.
    pub(crate) fn image(
        self,
        relation: Relation,
        name: Option<Code>,
        reference: InMemDicomObject,
    ) -> InMemDicomObject {
        let item = match name {
            Some(name) => self.item(relation, "IMAGE", name),
            None => data_set().with(tags::RELATIONSHIP_TYPE, VR::CS, relation.term()).with(
                tags::VALUE_TYPE,
                VR::CS,
                "IMAGE",
            ),
        };
        item.with_items(tags::REFERENCED_SOP_SEQUENCE, vec![reference])
    }

    /// An object that is no image, within a key object selection: it has no concept name.
    pub(crate) fn composite(self, reference: InMemDicomObject) -> InMemDicomObject {
        data_set()
            .with(tags::RELATIONSHIP_TYPE, VR::CS, Relation::Contains.term())
            .with(tags::VALUE_TYPE, VR::CS, "COMPOSITE")
            .with_items(tags::REFERENCED_SOP_SEQUENCE, vec![reference])
    }

    /// A closed outline, in pixels from the top left corner of the top left pixel, on the image of `source`.
    pub(crate) fn outline(self, name: Code, points: &[f32], source: InMemDicomObject) -> InMemDicomObject {
        let image = self.image(Relation::SelectedFrom, None, source);
        self.item(Relation::Contains, "SCOORD", name)
            .with(tags::GRAPHIC_TYPE, VR::CS, "POLYLINE")
            .with(tags::GRAPHIC_DATA, VR::FL, PrimitiveValue::F32(points.into()))
            .with_items(tags::CONTENT_SEQUENCE, vec![image])
    }

    pub(crate) fn container(self, name: Code, children: Vec<InMemDicomObject>) -> InMemDicomObject {
        self.item(Relation::Contains, "CONTAINER", name)
            .with(tags::CONTINUITY_OF_CONTENT, VR::CS, "CONTINUOUS")
            .with_items(tags::CONTENT_SEQUENCE, children)
    }

    /// The root of a document.
    pub(crate) fn root(
        self,
        document: InMemDicomObject,
        title: Code,
        template: &str,
        children: Vec<InMemDicomObject>,
    ) -> InMemDicomObject {
        document
            .with(tags::VALUE_TYPE, VR::CS, "CONTAINER")
            .with_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![code_item(title, self.language)])
            .with(tags::CONTINUITY_OF_CONTENT, VR::CS, "CONTINUOUS")
            .with_items(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template_item(template)])
            .with_items(tags::CONTENT_SEQUENCE, children)
    }
}

/// An item of Content Template Sequence.
pub(crate) fn template_item(identifier: &str) -> InMemDicomObject {
    data_set().with(tags::MAPPING_RESOURCE, VR::CS, "DCMR").with(
        tags::TEMPLATE_IDENTIFIER,
        VR::CS,
        identifier,
    )
}

/// What the writer of a data set has to say, as a fault. Nothing here is known to fail.
pub(crate) fn internal(error: impl std::fmt::Display) -> Fault {
    Fault::new(baize_core::ErrorCode::Internal, format!("a result object cannot be written: {error}"))
}
