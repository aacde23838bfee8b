//! What the profile lets stay, as flags; the same for every verb that de-identifies.

use std::path::PathBuf;

use anyhow::Context as _;
use baize_deid::{Dates, Key, Options};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::object::Cleaned;

/// What becomes of dates and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DatesFlag {
    /// Removed, or replaced by 1900-01-01 where an object must have one.
    Remove,
    /// Moved back by 1 to 3650 days, the same for all objects of a patient; times of day stay.
    Shift,
    /// Kept, except the date of birth.
    Keep,
}

/// What becomes of objects whose pixels may show a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum BurnedIn {
    /// They are not written; the manifest lists them.
    Hold,
    /// They are written: somebody has looked at the pixels of every one of them.
    Accept,
}

/// An attribute group that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Retain {
    /// All UIDs.
    Uids,
    /// Serial numbers, station names and other device identifiers.
    Device,
    /// Name, address and department of the institution.
    Institution,
    /// Sex, age, size, weight, ethnic group, smoking and pregnancy status.
    PatientCharacteristics,
}

/// The flags of the profile.
#[derive(Debug, Args)]
pub(in crate::cli) struct ProfileFlags {
    /// The key that new UIDs, pseudonyms and date shifts come from; `baize key deid FILE` makes one.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Keeps a group of attributes that the Basic Profile removes; may be given several times.
    #[arg(long, value_enum, value_name = "GROUP")]
    retain: Vec<Retain>,
    /// What becomes of dates and times.
    #[arg(long, value_enum, default_value = "remove")]
    dates: DatesFlag,
    /// What becomes of objects whose pixels may show a name: those that say so, ultrasound, secondary capture and their
    /// like, those in which text is suspected, and those whose pixels cannot be looked at. Objects with a document or a
    /// recording inside are held back in any case.
    #[arg(long, value_enum, default_value = "hold")]
    burned_in: BurnedIn,
}

impl ProfileFlags {
    /// Reads the key.
    ///
    /// # Errors
    /// A file that is missing or holds no key.
    pub(in crate::cli) fn key(&self) -> anyhow::Result<Key> {
        let file = self.key.display();
        let text = std::fs::read_to_string(&self.key)
            .with_context(|| format!("--key: cannot read {file}; `baize key deid {file}` makes a new one"))?;
        Key::parse(&text).with_context(|| format!("--key: {file} holds none"))
    }

    pub(in crate::cli) fn options(&self) -> Options {
        let retains = |group| self.retain.contains(&group);
        Options {
            retain_uids: retains(Retain::Uids),
            retain_device: retains(Retain::Device),
            retain_institution: retains(Retain::Institution),
            retain_patient_characteristics: retains(Retain::PatientCharacteristics),
            dates: match self.dates {
                DatesFlag::Remove => Dates::Remove,
                DatesFlag::Shift => Dates::Shift,
                DatesFlag::Keep => Dates::Keep,
            },
        }
    }

    /// The object must not be written.
    pub(in crate::cli) fn holds(&self, cleaned: &Cleaned) -> bool {
        let accepts = self.burned_in == BurnedIn::Accept;
        cleaned.concerns.iter().any(|concern| !(accepts && concern.is_acceptable()))
    }

    /// For manifests.
    pub(in crate::cli) fn as_json(&self) -> Value {
        let name = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
            value().map(|value| value.get_name().to_owned())
        };
        json!({
            "profile": "DICOM PS3.15 Basic Application Level Confidentiality Profile",
            "edition": baize_deid::EDITION,
            "retain": self.retain.iter().filter_map(|group| name(&|| group.to_possible_value())).collect::<Vec<_>>(),
            "dates": name(&|| self.dates.to_possible_value()),
            "burned_in": name(&|| self.burned_in.to_possible_value()),
        })
    }
}
