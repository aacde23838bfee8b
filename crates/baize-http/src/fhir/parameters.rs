//! Which parameters a search takes: the one table, for searches and for the CapabilityStatement.

use baize_fhir::{Kind, SearchParameter};

/// How the values of a parameter are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As ids of the resource.
    Id,
    /// As the patient.
    Patient,
    /// As the encounter.
    Encounter,
    /// As a number of the order.
    Order,
    /// As the study, by its UID or as a reference to its ImagingStudy.
    Study,
    /// As a date.
    Date,
    /// As the moment of the last change.
    LastUpdated,
    /// As a code, held against the resource.
    Code,
}

type Row = (&'static str, &'static str, Reading, &'static str);

const COMMON: &[Row] = &[
    ("_id", "token", Reading::Id, "The id"),
    ("_lastUpdated", "date", Reading::LastUpdated, "When the resource last changed"),
];
const OF_PATIENTS: &[Row] = &[
    (
        "patient",
        "reference",
        Reading::Patient,
        "The patient by the hospital's identifier: patient=123, patient:identifier=system|123",
    ),
    ("subject", "reference", Reading::Patient, "As patient"),
    ("encounter", "reference", Reading::Encounter, "The encounter by its number"),
];
const OF_STUDIES: &[Row] = &[
    ("accession", "token", Reading::Order, "The Accession Number (0008,0050)"),
    ("based-on", "reference", Reading::Order, "The order by accession, placer or filler number"),
    ("study", "token", Reading::Study, "The Study Instance UID (0020,000D)"),
];
const STATUS: Row = ("status", "token", Reading::Code, "The status");
const CODE: Row = ("code", "token", Reading::Code, "The code");
const CATEGORY: Row = ("category", "token", Reading::Code, "The category");
const DATE: Row =
    ("date", "date", Reading::Date, "The day of the study, or the moment of a triage step or audit record");

const DIAGNOSTIC_REPORT: &[Row] = &[
    STATUS,
    CODE,
    CATEGORY,
    DATE,
    ("conclusion-code", "token", Reading::Code, "The code of a finding that is present"),
];
const OBSERVATION: &[Row] = &[
    STATUS,
    CODE,
    CATEGORY,
    DATE,
    ("derived-from", "reference", Reading::Study, "The ImagingStudy"),
    ("device", "reference", Reading::Code, "The model"),
    ("value-concept", "token", Reading::Code, "Present, absent or undetermined; the triage level"),
];
const IMAGING_STUDY: &[Row] = &[
    STATUS,
    DATE,
    ("started", "date", Reading::Date, "The day of the study"),
    ("modality", "token", Reading::Code, "A modality of the study"),
    ("identifier", "token", Reading::Study, "The Study Instance UID as urn:dicom:uid|urn:oid:1.2.3"),
];
const RISK_ASSESSMENT: &[Row] = &[STATUS, DATE];
const PROVENANCE: &[Row] = &[
    ("study", "token", Reading::Study, "The Study Instance UID (0020,000D)"),
    ("recorded", "date", Reading::LastUpdated, "When it was recorded"),
];
const DEVICE: &[Row] = &[
    ("device-name", "string", Reading::Code, "The name of the model"),
    ("identifier", "token", Reading::Code, "The identifier"),
];
const AUDIT_EVENT: &[Row] = &[
    ("patient", "reference", Reading::Patient, "The patient whose data was shown or sent"),
    DATE,
    ("action", "token", Reading::Code, "R: read or exported, E: searched"),
    ("subtype", "token", Reading::Code, "read, search-type or transaction"),
];

fn groups(kind: Kind) -> [&'static [Row]; 4] {
    match kind {
        Kind::DiagnosticReport => [COMMON, OF_PATIENTS, OF_STUDIES, DIAGNOSTIC_REPORT],
        Kind::Observation => [COMMON, OF_PATIENTS, OF_STUDIES, OBSERVATION],
        Kind::ImagingStudy => [COMMON, OF_PATIENTS, OF_STUDIES, IMAGING_STUDY],
        Kind::RiskAssessment => [COMMON, OF_PATIENTS, RISK_ASSESSMENT, &[]],
        Kind::Provenance => [COMMON, PROVENANCE, &[], &[]],
        Kind::Device => [COMMON, DEVICE, &[], &[]],
        Kind::AuditEvent => [COMMON, AUDIT_EVENT, &[], &[]],
        Kind::Subscription => [COMMON, &[], &[], &[]],
    }
}

/// How a parameter of that type is read; `None` where it is not known.
pub(super) fn reading(kind: Kind, name: &str) -> Option<Reading> {
    groups(kind).into_iter().flatten().find(|row| row.0 == name).map(|row| row.2)
}

/// All parameters of a type.
pub(super) fn all(kind: Kind) -> Vec<SearchParameter> {
    let rows = groups(kind).into_iter().flatten();
    rows.map(|(name, kind, _, about)| SearchParameter { name, kind, about }).collect()
}

/// What `_include` may ask for.
pub(super) fn includes(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::DiagnosticReport => vec![INCLUDE_RESULT],
        _ => Vec::new(),
    }
}

/// The results of a report with it.
pub(super) const INCLUDE_RESULT: &str = "DiagnosticReport:result";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_parameter_stands_there_twice() {
        for kind in Kind::ALL {
            let names: Vec<&str> = all(kind).iter().map(|parameter| parameter.name).collect();
            let distinct: std::collections::BTreeSet<&str> = names.iter().copied().collect();
            assert_eq!(distinct.len(), names.len(), "{kind}");
        }
    }
}
