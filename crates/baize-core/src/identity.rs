//! What an image is and whom it shows: UIDs and the facts that decide whether a model applies.

use std::fmt;

/// Why a text is not a DICOM UID (PS3.5 section 9.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a DICOM UID: {0}")]
pub struct BadUid(&'static str);

fn check_uid(text: &str) -> Result<(), BadUid> {
    if text.is_empty() {
        return Err(BadUid("it is empty"));
    }
    if text.len() > 64 {
        return Err(BadUid("it is longer than 64 characters"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(BadUid("it has a character other than digits and dots"));
    }
    // Leading zeros in a component are forbidden too, but real archives hold such UIDs and a UID is
    // only ever compared here: refusing the study would lose it.
    if text.split('.').any(str::is_empty) {
        return Err(BadUid("it has an empty component"));
    }
    Ok(())
}

macro_rules! uid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the text (trailing NUL or space padding is dropped) and keeps it. Safe to use as
            /// a file name: digits and dots only, never `.` or `..`.
            ///
            /// # Errors
            /// [`BadUid`] says what is wrong with the text.
            pub fn parse(text: &str) -> Result<Self, BadUid> {
                let trimmed = text.trim_end_matches(['\0', ' ']);
                check_uid(trimmed)?;
                Ok(Self(trimmed.to_owned()))
            }

            /// The UID as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

uid! {
    /// Study Instance UID (0020,000D).
    StudyUid
}
uid! {
    /// Series Instance UID (0020,000E).
    SeriesUid
}
uid! {
    /// SOP Instance UID (0008,0018): one image.
    SopUid
}

/// Where an image belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstanceIdentity {
    /// The study.
    pub study: StudyUid,
    /// The series within the study.
    pub series: SeriesUid,
    /// The image itself.
    pub sop: SopUid,
    /// SOP Class UID (0008,0016).
    pub sop_class: String,
    /// Transfer Syntax UID (0002,0010) of the object as received.
    pub transfer_syntax: String,
}

/// Manufacturer (0008,0070) of every object that Baize makes. By it our own results are known when a peer sends them
/// back: they are kept, but neither analysed nor exported again.
pub const MANUFACTURER: &str = "Baize";

/// Patient's Sex (0010,0040).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sex {
    /// `F`
    Female,
    /// `M`
    Male,
    /// `O`
    Other,
}

/// Age in years with fraction, as Patient's Age (0010,1010) gives it or, where that is absent, as Patient's
/// Birth Date and Study Date do.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct AgeYears(pub f32);

/// What the header says about an image, as far as it decides where the image goes, whether a model
/// applies, and what a work list shows. Holds patient data: never log it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageFacts {
    /// Modality (0008,0060), upper case, such as `CR`.
    pub modality: Option<String>,
    /// Body Part Examined (0018,0015), upper case, such as `CHEST`; `CHEST` too where it is missing and Anatomic
    /// Region Sequence (0008,2218) says thorax or chest.
    pub body_part: Option<String>,
    /// View Position (0018,5101), upper case, such as `PA`; where it is missing, what View Code Sequence (0054,0220)
    /// says.
    pub view: Option<String>,
    /// Number of Frames (0028,0008); 1 where absent.
    pub frames: u32,
    /// Rows (0028,0010); 0 where the object has no pixels.
    pub rows: u32,
    /// Columns (0028,0011); 0 where the object has no pixels.
    pub columns: u32,
    /// The patient's age at the study.
    pub age: Option<AgeYears>,
    /// The patient's sex.
    pub sex: Option<Sex>,
    /// Patient ID (0010,0020).
    pub patient_id: Option<String>,
    /// Patient's Name (0010,0010), decoded from its character set.
    pub patient_name: Option<String>,
    /// Accession Number (0008,0050).
    pub accession: Option<String>,
    /// Study Date (0008,0020) as `YYYYMMDD`.
    pub study_date: Option<String>,
    /// Study Description (0008,1030).
    pub study_description: Option<String>,
    /// Series Description (0008,103E).
    pub series_description: Option<String>,
    /// Protocol Name (0018,1030).
    pub protocol: Option<String>,
    /// The name of the anatomic region: Code Meaning of Anatomic Region Sequence (0008,2218).
    pub anatomic_region: Option<String>,
    /// Station Name (0008,1010).
    pub station: Option<String>,
    /// Burned In Annotation (0028,0301) is `YES`.
    pub burned_in_annotation: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_checked_and_unpadded() {
        assert_eq!(SopUid::parse("1.2.840.10008\0").unwrap().as_str(), "1.2.840.10008");
        for bad in ["", "..", "1..2", "1.2.", "1.2/../3", "1.2a", &"1".repeat(65)] {
            assert!(SopUid::parse(bad).is_err(), "{bad:?} must be refused");
        }
        assert!(StudyUid::parse(&"1".repeat(64)).is_ok());
    }
}
