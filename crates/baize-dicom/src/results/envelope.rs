//! What all result objects have in common: identity, patient and study as in the image, equipment, time.

use baize_core::{Fault, Language, MANUFACTURER, ModelRef, Report, Timestamp};
use dicom_core::{PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::entries::EXPLICIT_VR_LITTLE_ENDIAN;
use time::{OffsetDateTime, UtcOffset};

use super::content::{Put, code_item, data_set, internal, reference};
use super::source::Source;
use super::uids::{DEVICE_UID, Uids};
use super::{ResultObject, codes, wording};
use crate::part10::Head;

/// The kinds of result objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Comprehensive 3D SR. The only one that tells of a run that gave no finding.
    Report,
    /// Secondary Capture: the annotated picture.
    KeyImage,
    /// Grayscale Softcopy Presentation State.
    Presentation,
    /// Segmentation: the regions of strongest evidence.
    Segmentation,
    /// Parametric Map: the heat maps.
    ParametricMap,
    /// Key Object Selection: the list of the others.
    Selection,
}

impl Kind {
    /// All kinds, in the order in which objects of a result are made and sent.
    pub const ALL: [Self; 6] = [
        Self::Report,
        Self::KeyImage,
        Self::Presentation,
        Self::Segmentation,
        Self::ParametricMap,
        Self::Selection,
    ];

    /// What every archive takes. Segmentations and maps are for those who ask for them.
    pub const USUAL: [Self; 4] = [Self::Report, Self::KeyImage, Self::Presentation, Self::Selection];

    /// What the field calls it, as in a configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report => "sr",
            Self::KeyImage => "key-image",
            Self::Presentation => "gsps",
            Self::Segmentation => "seg",
            Self::ParametricMap => "parametric-map",
            Self::Selection => "kos",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    pub(crate) fn sop_class(self) -> &'static str {
        match self {
            Self::Report => uids::COMPREHENSIVE3_DSR_STORAGE,
            Self::KeyImage => uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
            Self::Presentation => uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE,
            Self::Segmentation => uids::SEGMENTATION_STORAGE,
            Self::ParametricMap => uids::PARAMETRIC_MAP_STORAGE,
            Self::Selection => uids::KEY_OBJECT_SELECTION_DOCUMENT_STORAGE,
        }
    }

    /// Part of the UIDs: a change would duplicate what archives hold.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::KeyImage => "key-image",
            Self::Presentation => "presentation",
            Self::Segmentation => "segmentation",
            Self::ParametricMap => "parametric-map",
            Self::Selection => "selection",
        }
    }

    fn modality(self) -> &'static str {
        match self {
            Self::Report => "SR",
            // Not the modality of the image, or routing by modality would take it for one.
            Self::KeyImage | Self::ParametricMap => "OT",
            Self::Segmentation => "SEG",
            Self::Presentation => "PR",
            Self::Selection => "KO",
        }
    }

    /// Above the series numbers of modalities, so that results stand behind the images.
    fn series_number(self) -> &'static str {
        match self {
            Self::Report => "9001",
            Self::KeyImage => "9002",
            Self::Presentation => "9003",
            Self::Selection => "9004",
            Self::Segmentation => "9005",
            Self::ParametricMap => "9006",
        }
    }
}

/// Patient and study attributes that are taken over as they are. Those that every object must have (type 2) are
/// empty where the image has none.
const COPIED: [(Tag, VR, Presence); 14] = [
    (tags::STUDY_DATE, VR::DA, Presence::Always),
    (tags::STUDY_TIME, VR::TM, Presence::Always),
    (tags::ACCESSION_NUMBER, VR::SH, Presence::Always),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN, Presence::Always),
    (tags::STUDY_DESCRIPTION, VR::LO, Presence::AsInSource),
    (tags::PATIENT_NAME, VR::PN, Presence::Always),
    (tags::PATIENT_ID, VR::LO, Presence::Always),
    (tags::ISSUER_OF_PATIENT_ID, VR::LO, Presence::AsInSource),
    (tags::PATIENT_BIRTH_DATE, VR::DA, Presence::Always),
    (tags::PATIENT_SEX, VR::CS, Presence::Always),
    (tags::PATIENT_AGE, VR::AS, Presence::AsInSource),
    (tags::PATIENT_SIZE, VR::DS, Presence::AsInSource),
    (tags::PATIENT_WEIGHT, VR::DS, Presence::AsInSource),
    (tags::STUDY_ID, VR::SH, Presence::Always),
];

/// The body parts of PS3.16 annex L that models of ours may meet and that have no side.
const UNPAIRED_BODY_PARTS: [&str; 11] =
    ["ABDOMEN", "BRAIN", "CHEST", "CSPINE", "HEAD", "HEART", "LSPINE", "NECK", "PELVIS", "SKULL", "TSPINE"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Always,
    AsInSource,
}

/// A moment in the time zone of the object that it stands in.
struct Moment(OffsetDateTime);

impl Moment {
    /// In the zone that the image states; in UTC where it states none.
    fn new(now: Timestamp, source: &Source) -> Self {
        let nanos = i128::from(now.as_micros()) * 1_000;
        let utc = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let seconds = i32::from(source.utc_offset_minutes().unwrap_or(0)) * 60;
        let offset = UtcOffset::from_whole_seconds(seconds).unwrap_or(UtcOffset::UTC);
        Self(utc.checked_to_offset(offset).unwrap_or(utc))
    }

    fn date(&self) -> String {
        format!("{:04}{:02}{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }

    fn time(&self) -> String {
        let (hour, minute, second, micro) = self.0.to_hms_micro();
        format!("{hour:02}{minute:02}{second:02}.{micro:06}")
    }

    /// With its offset from UTC, so that it needs no other attribute to be understood.
    fn date_time(&self) -> String {
        let minutes = self.0.offset().whole_minutes();
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.unsigned_abs();
        format!("{}{}{sign}{:02}{:02}", self.date(), self.time(), minutes / 60, minutes % 60)
    }
}

/// The text has the same delimiters as characters and as bytes of GB18030.
fn splits_alike(text: &str) -> bool {
    let is_delimiter = |byte: &u8| matches!(byte, b'\\' | b'^' | b'=');
    let encoded = SpecificCharacterSet::from_code("GB18030").and_then(|set| set.encode(text).ok());
    encoded.is_some_and(|bytes| {
        bytes
            .iter()
            .filter(|byte| is_delimiter(byte))
            .eq(text.as_bytes().iter().filter(|byte| is_delimiter(byte)))
    })
}

/// Everything that the objects of one result are made from.
pub(crate) struct Envelope<'a> {
    pub(crate) source: &'a Source,
    pub(crate) report: &'a Report,
    pub(crate) language: Language,
    pub(crate) uids: Uids<'a>,
    moment: Moment,
}

impl<'a> Envelope<'a> {
    pub(crate) fn new(source: &'a Source, report: &'a Report, language: Language, now: Timestamp) -> Self {
        Self { source, report, language, uids: Uids::of(report), moment: Moment::new(now, source) }
    }

    pub(crate) fn model(&self) -> Option<&'a ModelRef> {
        self.report.model.as_ref()
    }

    /// A reference to the image.
    pub(crate) fn source_reference(&self) -> InMemDicomObject {
        reference(&self.report.instance.sop_class, self.report.instance.sop.as_str())
    }

    /// A reference to another object of this result.
    pub(crate) fn reference_to(&self, kind: Kind) -> InMemDicomObject {
        reference(kind.sop_class(), &self.uids.instance(kind.name()))
    }

    /// Current Requested Procedure Evidence Sequence: the image and other objects of this result.
    pub(crate) fn evidence(&self, kinds: &[Kind]) -> Vec<InMemDicomObject> {
        let series = |uid: &str, object: InMemDicomObject| {
            data_set().with_items(tags::REFERENCED_SOP_SEQUENCE, vec![object]).with(
                tags::SERIES_INSTANCE_UID,
                VR::UI,
                uid,
            )
        };
        let mut all = vec![series(self.report.instance.series.as_str(), self.source_reference())];
        all.extend(kinds.iter().map(|kind| series(&self.uids.series(kind.name()), self.reference_to(*kind))));
        vec![data_set().with_items(tags::REFERENCED_SERIES_SEQUENCE, all).with(
            tags::STUDY_INSTANCE_UID,
            VR::UI,
            self.report.instance.study.as_str(),
        )]
    }

    /// The modules that every object has: SOP Common, Patient, General Study, Patient Study, series, equipment.
    pub(crate) fn base(&self, kind: Kind) -> InMemDicomObject {
        let mut object = data_set()
            .with(tags::SPECIFIC_CHARACTER_SET, VR::CS, self.character_set())
            .with(tags::INSTANCE_CREATION_DATE, VR::DA, self.moment.date())
            .with(tags::INSTANCE_CREATION_TIME, VR::TM, self.moment.time())
            .with(tags::SOP_CLASS_UID, VR::UI, kind.sop_class())
            .with(tags::SOP_INSTANCE_UID, VR::UI, self.uids.instance(kind.name()))
            .with(tags::MODALITY, VR::CS, kind.modality())
            .with(tags::SERIES_DESCRIPTION, VR::LO, wording::series(kind, self.language))
            .with(tags::STUDY_INSTANCE_UID, VR::UI, self.report.instance.study.as_str())
            .with(tags::SERIES_INSTANCE_UID, VR::UI, self.uids.series(kind.name()))
            .with(tags::SERIES_NUMBER, VR::IS, kind.series_number())
            .with(tags::INSTANCE_NUMBER, VR::IS, self.instance_number());
        for (tag, vr, presence) in COPIED {
            match self.source.text(tag) {
                Some(text) => object = object.with(tag, vr, text),
                None if presence == Presence::Always => object = object.with(tag, vr, PrimitiveValue::Empty),
                None => {}
            }
        }
        // It gives meaning to every date and time of the object, so it is the image's or none.
        if self.source.utc_offset_minutes().is_some()
            && let Some(offset) = self.source.code(tags::TIMEZONE_OFFSET_FROM_UTC)
        {
            object = object.with(tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, offset);
        }
        let contribution = self
            .equipment(data_set())
            .with(tags::CONTRIBUTION_DATE_TIME, VR::DT, self.moment.date_time())
            .with(tags::CONTRIBUTION_DESCRIPTION, VR::ST, wording::contribution(self.model(), self.language))
            .with_items(
                tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
                vec![code_item(codes::PROCESSING_EQUIPMENT, self.language)],
            );
        self.equipment(object)
            .with(tags::DEVICE_UID, VR::UI, DEVICE_UID)
            .with_items(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, vec![contribution])
    }

    /// GB18030 for an image that is written in it, so that names keep their bytes; Unicode for all others. Unicode too
    /// where the second byte of a character is a delimiter: many readers split before they decode, and would see
    /// several names where there is one.
    fn character_set(&self) -> &'static str {
        let copied = COPIED.iter().filter_map(|(tag, ..)| self.source.text(*tag));
        let own = wording::variable(self.report, self.language);
        let keeps = self.source.is_gb18030() && copied.chain(own).all(|text| splits_alike(&text));
        if keeps { "GB18030" } else { "ISO_IR 192" }
    }

    fn equipment(&self, object: InMemDicomObject) -> InMemDicomObject {
        let mut versions = vec![env!("CARGO_PKG_VERSION").to_owned()];
        versions.extend(self.model().map(ToString::to_string));
        object
            .with(tags::MANUFACTURER, VR::LO, MANUFACTURER)
            .with(tags::MANUFACTURER_MODEL_NAME, VR::LO, wording::PRODUCT)
            // Enhanced General Equipment asks for one; software has no other than what identifies it.
            .with(tags::DEVICE_SERIAL_NUMBER, VR::LO, DEVICE_UID)
            .with(tags::SOFTWARE_VERSIONS, VR::LO, PrimitiveValue::Strs(versions.into()))
    }

    /// Body Part Examined alone: the sides of a segmentation are its segments' matter.
    pub(crate) fn body_part(&self, object: InMemDicomObject) -> InMemDicomObject {
        match self.source.code(tags::BODY_PART_EXAMINED) {
            Some(part) => object.with(tags::BODY_PART_EXAMINED, VR::CS, part),
            None => object,
        }
    }

    /// Body Part Examined and Laterality, as the General Series module of images, maps and presentation states has them.
    /// Laterality must be there, be it empty, unless the part is known to be unpaired (PS3.3 section C.7.3.1.1.2).
    pub(crate) fn examined(&self, object: InMemDicomObject) -> InMemDicomObject {
        let body_part = self.source.code(tags::BODY_PART_EXAMINED);
        let object = self.body_part(object);
        if body_part.is_some_and(|part| UNPAIRED_BODY_PARTS.contains(&part)) {
            return object;
        }
        let side = [tags::LATERALITY, tags::IMAGE_LATERALITY]
            .into_iter()
            .filter_map(|tag| self.source.code(tag))
            .find(|side| matches!(*side, "L" | "R"));
        object.with(tags::LATERALITY, VR::CS, side.map_or(PrimitiveValue::Empty, PrimitiveValue::from))
    }

    /// Content Date and Content Time.
    pub(crate) fn dated(&self, object: InMemDicomObject) -> InMemDicomObject {
        object.with(tags::CONTENT_DATE, VR::DA, self.moment.date()).with(
            tags::CONTENT_TIME,
            VR::TM,
            self.moment.time(),
        )
    }

    /// Presentation Creation Date and Time.
    pub(crate) fn presented(&self, object: InMemDicomObject) -> InMemDicomObject {
        object.with(tags::PRESENTATION_CREATION_DATE, VR::DA, self.moment.date()).with(
            tags::PRESENTATION_CREATION_TIME,
            VR::TM,
            self.moment.time(),
        )
    }

    /// That of the image, so that the results of a series stand in the order of its images.
    fn instance_number(&self) -> &str {
        let number = self.source.code(tags::INSTANCE_NUMBER).unwrap_or_default();
        match number.parse::<u32>() {
            Ok(positive) if positive > 0 && i32::try_from(positive).is_ok() => number,
            _ => "1",
        }
    }

    /// Writes the object as a Part 10 file, Explicit VR Little Endian.
    pub(crate) fn seal(&self, kind: Kind, object: &InMemDicomObject) -> Result<ResultObject, Fault> {
        let sop_instance = self.uids.instance(kind.name());
        let syntax = EXPLICIT_VR_LITTLE_ENDIAN.erased();
        let head = Head {
            sop_class: kind.sop_class(),
            sop_instance: &sop_instance,
            transfer_syntax: syntax.uid(),
            source_ae: "",
        };
        let mut bytes = head.to_bytes().map_err(internal)?;
        object.write_dataset_with_ts(&mut bytes, &syntax).map_err(internal)?;
        Ok(ResultObject { sop_class: kind.sop_class().to_owned(), sop_instance, bytes: bytes.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_within_a_character_is_seen() {
        for plain in ["", "Wang^XiaoDong=王^小东", "人工智能初步结果，未经核实", r"a\b"] {
            assert!(splits_alike(plain), "{plain}");
        }
        for hidden in ["乗", "张^誠", "俓=a"] {
            assert!(!splits_alike(hidden), "{hidden}");
        }
    }

    /// What every object of ours says in Chinese must not force Unicode upon a GB18030 archive.
    #[test]
    fn our_own_wording_hides_no_delimiter() {
        let table = include_str!("codes.reviewed.txt");
        assert!(splits_alike(table));
        assert!(splits_alike(include_str!("wording.rs")));
    }
}
