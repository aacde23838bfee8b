//! De-identification of DICOM objects: the Basic Application Level Confidentiality Profile of PS3.15 Annex E, with
//! some of its options.
//!
//! One object in, one object out; no file, no clock, no network. What stands for a UID, for Patient ID and how far
//! dates are moved comes from a [`Key`] alone, so that objects which refer to one another still do so afterwards, in
//! this run and in the next.
//!
//! ```
//! use baize_deid::{Key, Options, deidentify};
//!
//! let key = Key::from_bytes([7; 32]);
//! let object = baize_testkit::ObjectBuilder::chest(1).patient_name("Doe^Jane").build();
//! let out = deidentify(&object, &key, &Options::default(), 64 << 20)?;
//! assert!(!out.bytes.windows(8).any(|bytes| bytes == b"Doe^Jane"));
//! # Ok::<(), baize_core::Fault>(())
//! ```
//!
//! Where the profile leaves a choice, the choice is the cautious one: what the dictionary does not know is removed, as
//! are dates that no row of the table names; a text that was identifying is also looked for in the texts that stay.
//! Pixel data are carried over byte for byte, compressed or not; [`suspicious_text`] and [`Concern`] tell when pixels
//! may name somebody.
//!
//! Architecture Invariant: pure functions over bytes; no I/O, and of ours only `baize-core`.

mod actions;
mod burned_in;
mod concern;
mod content;
mod dictionary;
mod dummy;
mod element;
mod key;
mod marks;
mod options;
mod part10;
mod profile;
mod read;
mod residue;
mod shift;
mod write;

use baize_core::{ErrorCode, Fault};

pub use burned_in::suspicious_text;
pub use concern::Concern;
pub use key::{Key, KeyTextError};
pub use options::{Dates, Options};
pub use profile::EDITION;

use element::DataSet;

/// A de-identified object, and what happened to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Deidentified {
    /// The new DICOM Part 10 object, in the transfer syntax of the old one.
    pub bytes: Vec<u8>,
    /// Who and what it was, and is now.
    pub names: Names,
    /// SOP Class UID (0008,0016).
    pub sop_class: String,
    /// Why a person should look at it before it goes anywhere; empty where the header gives no reason.
    pub concerns: Vec<Concern>,
    /// How many elements were removed.
    pub removed: usize,
    /// How many elements got another value.
    pub replaced: usize,
}

/// The identifiers of an object, old and new. The old ones are patient data: never log them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Study Instance UID (0020,000D).
    pub study: Renamed,
    /// Series Instance UID (0020,000E).
    pub series: Renamed,
    /// SOP Instance UID (0008,0018).
    pub sop: Renamed,
    /// Patient ID (0010,0020).
    pub patient: Renamed,
}

/// One identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renamed {
    /// As it was.
    pub old: String,
    /// As it is now.
    pub new: String,
}

/// De-identifies one DICOM Part 10 object. `most_bytes` bounds an inflated data set.
///
/// # Errors
/// `NotDicom`, `MalformedObject`, `MissingAttribute` or `ObjectTooLarge`: an object that is not understood to its last
/// byte is not passed on. `UnsupportedTransferSyntax` for one whose data set is written in a way that is not known.
pub fn deidentify(object: &[u8], key: &Key, options: &Options, most_bytes: u64) -> Result<Deidentified, Fault> {
    let file = part10::open(object, most_bytes)?;
    let original = read::data_set(&file.data_set, file.encoding)?;
    let names = names(&original, key, options)?;
    let sop_class = original
        .text(dictionary::SOP_CLASS_UID)
        .ok_or_else(|| Fault::new(ErrorCode::MissingAttribute, "SOP Class UID (0008,0016) is missing"))?;
    let concerns = concern::of_header(&original, &sop_class);
    let identifying = residue::Identifying::of(&original, options);
    let mut scrub = actions::Scrub::new(key, options, &names);
    let mut data_set = scrub.data_set(original)?;
    scrub.replaced += identifying.clear_from(&mut data_set, file.encoding);
    marks::set(&mut data_set, options);
    let body = write::data_set(&data_set, file.encoding)?;
    let bytes = part10::close(&file, &sop_class, &names.sop.new, body)?;
    let (removed, replaced) = (scrub.removed, scrub.replaced);
    Ok(Deidentified { bytes, names, sop_class, concerns, removed, replaced })
}

fn names(data_set: &DataSet<'_>, key: &Key, options: &Options) -> Result<Names, Fault> {
    let uid = |tag, name: &str| -> Result<Renamed, Fault> {
        let missing = || {
            let (group, element) = tag;
            Fault::new(ErrorCode::MissingAttribute, format!("{name} ({group:04X},{element:04X}) is missing"))
        };
        let old = data_set.text(tag).ok_or_else(missing)?;
        let new = if options.retain_uids { old.clone() } else { key.uid(&old) };
        Ok(Renamed { old, new })
    };
    let study = uid(dictionary::STUDY_INSTANCE_UID, "Study Instance UID")?;
    let old = data_set.text(dictionary::PATIENT_ID).unwrap_or_default();
    // Without an ID two patients must not become one: such a study is a patient of its own.
    let new = key.pseudonym(if old.is_empty() { &study.old } else { &old });
    Ok(Names {
        series: uid(dictionary::SERIES_INSTANCE_UID, "Series Instance UID")?,
        sop: uid(dictionary::SOP_INSTANCE_UID, "SOP Instance UID")?,
        study,
        patient: Renamed { old, new },
    })
}
