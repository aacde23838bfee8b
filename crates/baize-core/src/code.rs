//! Coded concepts and text in the two languages of the product.

/// The languages a person may read Baize in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Simplified Chinese, `zh-CN`.
    Chinese,
    /// English, `en`.
    English,
}

/// The same sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Text {
    /// The sentence in the language asked for.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Chinese => &self.zh,
            Language::English => &self.en,
        }
    }
}

/// A concept of a coding scheme, as DICOM's Code Sequence, FHIR's Coding and HL7's CWE write it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coded {
    /// Coding Scheme Designator of DICOM PS3.16 section 8, such as `SCT` or `DCM`.
    pub scheme: String,
    /// Code Value, such as `233604007`.
    pub value: String,
    /// Code Meaning.
    pub meaning: Text,
}
