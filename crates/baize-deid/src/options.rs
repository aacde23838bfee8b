//! What may stay (PS3.15 sections E.3.3 to E.3.9).

/// What becomes of dates and times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dates {
    /// Removed, or replaced where an object must have one: the Basic Profile.
    #[default]
    Remove,
    /// Moved back by a number of days that is the same for all objects of a patient: intervals and times of day stay
    /// (Retain Longitudinal Temporal Information With Modified Dates, section E.3.6).
    Shift,
    /// Kept (Retain Longitudinal Temporal Information With Full Dates, section E.3.6). Never the date of birth.
    Keep,
}

/// Options of the profile; none of them by default.
///
/// The options that clean texts are not among them: to clean a text needs somebody who reads it, so every description
/// is removed as the Basic Profile asks. Graphics and content trees are cleaned always: overlays and curves are removed,
/// texts and persons replaced, geometry, codes and numbers kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Retain UIDs (section E.3.9).
    pub retain_uids: bool,
    /// Retain Device Identity (section E.3.8).
    pub retain_device: bool,
    /// Retain Institution Identity (section E.3.11).
    pub retain_institution: bool,
    /// Retain Patient Characteristics (section E.3.7): sex, age, size, weight and such.
    pub retain_patient_characteristics: bool,
    /// Dates and times.
    pub dates: Dates,
}
