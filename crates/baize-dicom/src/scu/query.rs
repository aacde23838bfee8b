//! What is asked of an archive or a worklist (PS3.4 annexes C and K), and what it answers.

use std::collections::BTreeMap;

use baize_core::Fault;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use serde_json::{Map, Value};

/// What rows an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Studies of an archive.
    Study,
    /// Series of an archive.
    Series,
    /// Composite objects of an archive.
    Image,
    /// Scheduled procedure steps of a worklist.
    Worklist,
}

impl Level {
    pub(super) fn sop_class(self) -> &'static str {
        match self {
            Self::Study | Self::Series | Self::Image => {
                uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND
            }
            Self::Worklist => uids::MODALITY_WORKLIST_INFORMATION_MODEL_FIND,
        }
    }

    /// Query/Retrieve Level (0008,0052); a worklist has none.
    pub(super) fn term(self) -> Option<&'static str> {
        match self {
            Self::Study => Some("STUDY"),
            Self::Series => Some("SERIES"),
            Self::Image => Some("IMAGE"),
            Self::Worklist => None,
        }
    }

    /// What is asked for in any case.
    fn return_keys(self) -> &'static [&'static str] {
        match self {
            Self::Study => &[
                "StudyDate",
                "StudyTime",
                "AccessionNumber",
                "ModalitiesInStudy",
                "StudyDescription",
                "PatientName",
                "PatientID",
                "IssuerOfPatientID",
                "PatientBirthDate",
                "PatientSex",
                "StudyInstanceUID",
                "StudyID",
                "NumberOfStudyRelatedInstances",
            ],
            Self::Series => &[
                "Modality",
                "SeriesDescription",
                "BodyPartExamined",
                "StudyInstanceUID",
                "SeriesInstanceUID",
                "SeriesNumber",
                "NumberOfSeriesRelatedInstances",
            ],
            Self::Image => {
                &["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber"]
            }
            Self::Worklist => &[
                "AccessionNumber",
                "PatientName",
                "PatientID",
                "IssuerOfPatientID",
                "PatientBirthDate",
                "PatientSex",
                "StudyInstanceUID",
                "RequestedProcedureDescription",
                "RequestedProcedureID",
                "RequestedProcedurePriority",
                "ScheduledProcedureStepSequence.Modality",
                "ScheduledProcedureStepSequence.ScheduledStationAETitle",
                "ScheduledProcedureStepSequence.ScheduledProcedureStepStartDate",
                "ScheduledProcedureStepSequence.ScheduledProcedureStepStartTime",
                "ScheduledProcedureStepSequence.ScheduledProcedureStepDescription",
                "ScheduledProcedureStepSequence.ScheduledProcedureStepID",
            ],
        }
    }
}

/// The character set of texts that are not ASCII in what we ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryCharset {
    /// UTF-8.
    #[default]
    IsoIr192,
    /// The Chinese national standard.
    Gb18030,
}

impl QueryCharset {
    fn term(self) -> &'static str {
        match self {
            Self::IsoIr192 => "ISO_IR 192",
            Self::Gb18030 => "GB18030",
        }
    }
}

/// Why a key cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Neither the name of an attribute nor a tag.
    #[error(
        "'{0}' is no attribute of DICOM: write its keyword, such as PatientName, or its tag, such as 00100010"
    )]
    Unknown(String),
    /// Only text can be matched.
    #[error("'{0}' cannot be matched: it is neither a text nor a number")]
    NotMatchable(String),
}

/// Where a key stands: in the identifier, or in the one item of a sequence of it.
type Place = (Option<Tag>, Tag);

/// A question. Holds patient data: never log it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(super) level: Level,
    charset: QueryCharset,
    keys: BTreeMap<Place, (VR, String)>,
}

impl Query {
    /// A question for everything, with the usual attributes in the answers.
    pub fn new(level: Level, charset: QueryCharset) -> Self {
        let mut query = Self { level, charset, keys: BTreeMap::new() };
        for name in level.return_keys() {
            // Names of the standard; a test looks all of them up.
            if let Ok((place, vr)) = place(name) {
                query.keys.insert(place, (vr, String::new()));
            }
        }
        query
    }

    /// Narrows the question, or with an empty value adds an attribute to the answers. `key` is a keyword
    /// (`PatientName`), a tag (`00100010`), or either within a sequence (`ScheduledProcedureStepSequence.Modality`);
    /// `value` may hold wildcards, ranges and lists as PS3.4 section C.2.2.2 has them.
    ///
    /// # Errors
    /// [`BadKey`] names the key.
    pub fn matching(mut self, key: &str, value: &str) -> Result<Self, BadKey> {
        let (place, vr) = place(key)?;
        self.keys.insert(place, (vr, value.to_owned()));
        Ok(self)
    }

    /// Narrows the question by an attribute that the standard names.
    pub(super) fn with(mut self, tag: Tag, vr: VR, value: &str) -> Self {
        self.keys.insert((None, tag), (vr, value.to_owned()));
        self
    }

    /// The identifier in a transfer syntax.
    ///
    /// # Errors
    /// A text of the writer.
    pub(super) fn encode(&self, transfer_syntax: &str) -> Result<Vec<u8>, String> {
        let mut identifier = InMemDicomObject::new_empty();
        let mut items: BTreeMap<Tag, InMemDicomObject> = BTreeMap::new();
        for ((sequence, tag), (vr, value)) in &self.keys {
            let value = match value.is_empty() {
                true => PrimitiveValue::Empty,
                false => PrimitiveValue::from(value.as_str()),
            };
            let element = DataElement::new(*tag, *vr, value);
            match sequence {
                Some(sequence) => {
                    items.entry(*sequence).or_insert_with(InMemDicomObject::new_empty).put(element)
                }
                None => identifier.put(element),
            };
        }
        for (sequence, item) in items {
            identifier.put(DataElement::new(sequence, VR::SQ, DataSetSequence::from(vec![item])));
        }
        if self.keys.values().any(|(_, value)| !value.is_ascii()) {
            identifier.put(DataElement::new(
                tags::SPECIFIC_CHARACTER_SET,
                VR::CS,
                PrimitiveValue::from(self.charset.term()),
            ));
        }
        if let Some(level) = self.level.term() {
            identifier.put(DataElement::new(tags::QUERY_RETRIEVE_LEVEL, VR::CS, PrimitiveValue::from(level)));
        }
        encoded(&identifier, transfer_syntax)
    }
}

pub(super) fn encoded(identifier: &InMemDicomObject, transfer_syntax: &str) -> Result<Vec<u8>, String> {
    let syntax = TransferSyntaxRegistry.get(transfer_syntax).ok_or("the transfer syntax is unknown")?;
    let mut bytes = Vec::new();
    identifier.write_dataset_with_ts(&mut bytes, syntax).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn place(key: &str) -> Result<(Place, VR), BadKey> {
    let (sequence, name) = match key.split_once('.') {
        Some((sequence, name)) => (Some(attribute(sequence)?), name),
        None => (None, key),
    };
    if sequence.is_some_and(|(_, vr)| vr != VR::SQ) {
        return Err(BadKey::Unknown(key.to_owned()));
    }
    let (tag, vr) = attribute(name)?;
    if matches!(vr, VR::SQ | VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN) {
        return Err(BadKey::NotMatchable(key.to_owned()));
    }
    Ok(((sequence.map(|(tag, _)| tag), tag), vr))
}

fn attribute(name: &str) -> Result<(Tag, VR), BadKey> {
    let unknown = || BadKey::Unknown(name.to_owned());
    let digits: String = name.chars().filter(|c| !matches!(c, '(' | ')' | ',')).collect();
    let tag = match u32::from_str_radix(&digits, 16) {
        Ok(number) if digits.len() == 8 => Some(Tag((number >> 16) as u16, number as u16)),
        _ => StandardDataDictionary.by_name(name).map(|entry| entry.tag()),
    };
    let tag = tag.ok_or_else(unknown)?;
    match StandardDataDictionary.by_tag(tag).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(vr)) => Ok((tag, vr)),
        Some(_) => Err(BadKey::NotMatchable(name.to_owned())),
        None => Err(unknown()),
    }
}

/// One row of an answer, in the DICOM JSON model (PS3.18 annex F), its text decoded from whatever character set it
/// came in. Holds patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer(Map<String, Value>);

impl Answer {
    pub(super) fn decode(identifier: &[u8], transfer_syntax: &str) -> Result<Self, Fault> {
        baize_imaging::describe::data_set(identifier, transfer_syntax).map(Self)
    }

    /// All of it.
    pub fn json(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The first value of an attribute, given as eight hexadecimal digits; of a name the ideographic writing where
    /// there is one, else the alphabetic. `None` where it is absent or empty.
    pub fn text(&self, tag: &str) -> Option<String> {
        self.texts(tag).into_iter().next()
    }

    /// All values of an attribute.
    pub fn texts(&self, tag: &str) -> Vec<String> {
        texts(&self.0, tag)
    }

    /// All values of an attribute in the items of a sequence.
    pub fn texts_within(&self, sequence: &str, tag: &str) -> Vec<String> {
        let items = values(&self.0, sequence).iter().filter_map(Value::as_object);
        items.flat_map(|item| texts(item, tag)).collect()
    }
}

fn values<'a>(attributes: &'a Map<String, Value>, tag: &str) -> &'a [Value] {
    attributes.get(tag).and_then(|element| element.get("Value")?.as_array()).map_or(&[], Vec::as_slice)
}

fn texts(attributes: &Map<String, Value>, tag: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(name) => {
            let writing = name.get("Ideographic").or_else(|| name.get("Alphabetic"))?;
            writing.as_str().map(str::to_owned)
        }
        _ => None,
    };
    values(attributes, tag).iter().filter_map(text).filter(|text| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_key_exists() {
        for level in [Level::Study, Level::Series, Level::Image, Level::Worklist] {
            for name in level.return_keys() {
                assert!(place(name).is_ok(), "{name}");
            }
            assert_eq!(Query::new(level, QueryCharset::IsoIr192).keys.len(), level.return_keys().len());
        }
    }

    #[test]
    fn keys_are_names_or_tags_and_mistakes_are_named() {
        let study = || Query::new(Level::Study, QueryCharset::IsoIr192);
        for key in ["PatientName", "00100010", "(0010,0010)"] {
            let query = study().matching(key, "X*").unwrap();
            assert_eq!(query.keys[&(None, tags::PATIENT_NAME)], (VR::PN, "X*".to_owned()));
        }
        for bad in [
            "PatientsName",
            "PatientName.Modality",
            "0010",
            "99980011",
            "PixelData",
            "RequestAttributesSequence",
        ] {
            let error = study().matching(bad, "").unwrap_err().to_string();
            assert!(error.contains(bad.split('.').next_back().unwrap()), "{error}");
        }
    }

    #[test]
    fn a_chinese_question_is_written_in_the_chosen_set_and_reads_back() {
        for (charset, bytes) in
            [(QueryCharset::IsoIr192, "王*".as_bytes()), (QueryCharset::Gb18030, &b"\xCD\xF5*"[..])]
        {
            let query = Query::new(Level::Worklist, charset).matching("PatientName", "王*").unwrap();
            let query = query.matching("ScheduledProcedureStepSequence.Modality", "CT").unwrap();
            for syntax in [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN] {
                let encoded = query.encode(syntax).unwrap();
                assert!(encoded.windows(bytes.len()).any(|window| window == bytes), "{charset:?}");
                let read = Answer::decode(&encoded, syntax).unwrap();
                assert_eq!(read.text("00100010").as_deref(), Some("王*"));
                assert_eq!(read.texts_within("00400100", "00080060"), ["CT"]);
                assert_eq!(read.text("00080052"), None);
            }
        }
        let ascii = Query::new(Level::Study, QueryCharset::Gb18030).matching("PatientID", "P1").unwrap();
        let read = Answer::decode(
            &ascii.encode(uids::IMPLICIT_VR_LITTLE_ENDIAN).unwrap(),
            uids::IMPLICIT_VR_LITTLE_ENDIAN,
        );
        let read = read.unwrap();
        assert_eq!((read.text("00080005"), read.text("00080052").as_deref()), (None, Some("STUDY")));
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        let whole =
            Query::new(Level::Worklist, QueryCharset::Gb18030).matching("PatientName", "乗*").unwrap();
        for syntax in [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN] {
            let encoded = whole.encode(syntax).unwrap();
            for position in 0..encoded.len() {
                let mut damaged = encoded.clone();
                damaged[position] ^= 0xff;
                let _decoded =
                    (Answer::decode(&damaged, syntax), Answer::decode(&encoded[..position], syntax));
            }
        }
        assert!(Answer::decode(&[0xff; 11], uids::EXPLICIT_VR_LITTLE_ENDIAN).is_err());
    }
}
