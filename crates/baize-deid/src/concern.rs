//! Why a person should look at an object before it leaves.

use std::fmt;

use crate::dictionary::{BURNED_IN_ANNOTATION, IMAGE_TYPE, MODALITY, PIXEL_TAGS};
use crate::element::DataSet;

/// What no rule over attributes can clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concern {
    /// Burned In Annotation (0028,0301) is YES.
    BurnedInDeclared,
    /// An image of a kind that commonly has text in its pixels: ultrasound, secondary capture, screen captures,
    /// endoscopy, visible light, scanned documents.
    BurnedInUsual,
    /// Pixels near the border look like text ([`suspicious_text`](crate::suspicious_text)).
    TextSuspected,
    /// The pixels could not be looked at.
    PixelsNotChecked,
    /// A document (PDF, CDA, model) inside, which no rule can clean.
    Document,
    /// A recording of sound or speech, or text that is spoken.
    Recording,
}

impl Concern {
    /// All concerns.
    pub const ALL: [Self; 6] = [
        Self::BurnedInDeclared,
        Self::BurnedInUsual,
        Self::TextSuspected,
        Self::PixelsNotChecked,
        Self::Document,
        Self::Recording,
    ];

    /// The stable name used in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BurnedInDeclared => "burned_in_declared",
            Self::BurnedInUsual => "burned_in_usual",
            Self::TextSuspected => "text_suspected",
            Self::PixelsNotChecked => "pixels_not_checked",
            Self::Document => "document",
            Self::Recording => "recording",
        }
    }

    /// A person may accept it after a look at the pixels. A document or a recording stays what it is.
    pub const fn is_acceptable(self) -> bool {
        !matches!(self, Self::Document | Self::Recording)
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Modalities whose images commonly carry text: ultrasound, intravascular ultrasound, other, endoscopy, external camera,
/// general and slide microscopy, document, audio-visual, key images and reports as pictures.
const MODALITIES: [&str; 11] = ["US", "IVUS", "OT", "ES", "XC", "GM", "SM", "DOC", "BI", "HC", "ECG"];
/// Secondary Capture in all its forms begins with this.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
/// Encapsulated PDF, CDA, STL, OBJ, MTL.
const ENCAPSULATED: &str = "1.2.840.10008.5.1.4.1.1.104.";
const ENCAPSULATED_DOCUMENT: (u16, u16) = (0x0042, 0x0011);
/// General and basic voice audio.
const AUDIO: [&str; 2] = ["1.2.840.10008.5.1.4.1.1.9.4.1", "1.2.840.10008.5.1.4.1.1.9.4.2"];

/// What the header of the original gives reason for.
pub(crate) fn of_header(original: &DataSet<'_>, sop_class: &str) -> Vec<Concern> {
    let mut concerns = Vec::new();
    let has_pixels = PIXEL_TAGS.iter().any(|tag| original.0.contains_key(tag));
    if original.code(BURNED_IN_ANNOTATION).as_deref() == Some("YES") {
        concerns.push(Concern::BurnedInDeclared);
    }
    let modality = original.code(MODALITY).unwrap_or_default();
    let image_type = original.code(IMAGE_TYPE).unwrap_or_default();
    let is_capture = image_type.split('\\').any(|value| value.trim().contains("SCREEN"));
    let is_secondary = sop_class.strip_prefix(SECONDARY_CAPTURE).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    // An image whose modality nobody stated may be anything.
    let is_usual = MODALITIES.contains(&modality.as_str()) || modality.is_empty();
    if has_pixels && (is_usual || is_secondary || is_capture) {
        concerns.push(Concern::BurnedInUsual);
    }
    if sop_class.starts_with(ENCAPSULATED) || original.0.contains_key(&ENCAPSULATED_DOCUMENT) {
        concerns.push(Concern::Document);
    }
    if AUDIO.contains(&sop_class) {
        concerns.push(Concern::Recording);
    }
    concerns
}
