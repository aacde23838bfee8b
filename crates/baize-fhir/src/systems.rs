//! Where identifiers and codes come from, as URIs.

use std::collections::BTreeMap;

/// URIs of code systems and of identifier systems that are the same everywhere.
pub mod uri {
    /// SNOMED CT.
    pub const SNOMED: &str = "http://snomed.info/sct";
    /// LOINC.
    pub const LOINC: &str = "http://loinc.org";
    /// The controlled terminology of DICOM, PS3.16 annex D.
    pub const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
    /// UIDs of DICOM as identifiers; the value is `urn:oid:` and the UID.
    pub const DICOM_UID: &str = "urn:dicom:uid";
    /// Identifiers that are URIs themselves, such as `urn:uuid:…`.
    pub const RFC3986: &str = "urn:ietf:rfc:3986";
    /// Units.
    pub const UCUM: &str = "http://unitsofmeasure.org";
    /// Kinds of identifiers, HL7 table 0203.
    pub const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
    /// What a model asserted (`AIAST`).
    pub const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    /// Our own codes for the parts of an imaging finding.
    pub const IMAGING: &str = "urn:baize:codes:imaging";
    /// Our own codes for what triage says.
    pub const TRIAGE: &str = "urn:baize:codes:triage";
    /// The four-level category of the 2018 Chinese consensus, `1` to `4`.
    pub const LEVEL_CN: &str = "urn:baize:codes:triage-level-cn";
    /// The five-level acuity (ESI, KTAS), `1` to `5`.
    pub const ACUITY: &str = "urn:baize:codes:triage-acuity";
}

/// The hospital's identifier systems. What is `None` goes without a system, which FHIR allows: the hospital's own server
/// knows what is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Systems {
    /// Patient identifiers without an issuer, or of an issuer that is not named below.
    pub patient: Option<String>,
    /// Patient identifiers by Issuer of Patient ID (0010,0021).
    pub patient_issuers: BTreeMap<String, String>,
    /// Accession Numbers.
    pub accession: Option<String>,
    /// Placer order numbers (ORC-2).
    pub placer: Option<String>,
    /// Filler order numbers (ORC-3).
    pub filler: Option<String>,
    /// Encounter numbers.
    pub encounter: Option<String>,
    /// The names under which physicians and nurses log in.
    pub practitioner: Option<String>,
}

/// Why a text is no system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no absolute URI: write a URL, or an OID as urn:oid:1.2.3")]
pub struct BadSystem(pub String);

impl Systems {
    /// Checks that each is an absolute URI.
    ///
    /// # Errors
    /// The first that is none.
    pub fn check(&self) -> Result<(), BadSystem> {
        let single =
            [&self.patient, &self.accession, &self.placer, &self.filler, &self.encounter, &self.practitioner];
        let all = single.into_iter().flatten().chain(self.patient_issuers.values());
        match all.into_iter().find(|system| !is_absolute(system)) {
            Some(bad) => Err(BadSystem(bad.clone())),
            None => Ok(()),
        }
    }

    /// The system of a patient's identifier. An issuer that is itself an OID or a URI stands for itself.
    pub fn of_patient(&self, issuer: Option<&str>) -> Option<String> {
        let Some(issuer) = issuer.map(str::trim).filter(|issuer| !issuer.is_empty()) else {
            return self.patient.clone();
        };
        if let Some(system) = self.patient_issuers.get(issuer) {
            return Some(system.clone());
        }
        if is_oid(issuer) {
            return Some(format!("urn:oid:{issuer}"));
        }
        if is_absolute(issuer) { Some(issuer.to_owned()) } else { self.patient.clone() }
    }
}

fn is_oid(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_absolute(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(plain)
        && !rest.is_empty()
        && !rest.contains(|character: char| character.is_whitespace() || character == '|')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_that_names_itself_needs_no_configuration() {
        let systems = Systems {
            patient: Some("urn:oid:1.2.3".into()),
            patient_issuers: [("HIS".to_owned(), "https://his.example/mrn".to_owned())].into(),
            ..Systems::default()
        };
        for (issuer, system) in [
            (None, "urn:oid:1.2.3"),
            (Some(" "), "urn:oid:1.2.3"),
            (Some("HIS"), "https://his.example/mrn"),
            (Some("2.16.840.1.113883.2.23"), "urn:oid:2.16.840.1.113883.2.23"),
            (Some("https://other.example/id"), "https://other.example/id"),
            (Some("Other Hospital"), "urn:oid:1.2.3"),
        ] {
            assert_eq!(systems.of_patient(issuer).as_deref(), Some(system), "{issuer:?}");
        }
        assert_eq!(Systems::default().of_patient(Some("Other Hospital")), None);
    }

    #[test]
    fn systems_are_absolute_uris() {
        for bad in ["", "1.2.3", "his", "http:", "urn:a b", "urn:a|b", ":x"] {
            let systems = Systems { accession: Some(bad.into()), ..Systems::default() };
            assert_eq!(systems.check(), Err(BadSystem(bad.into())));
        }
        let good = Systems { encounter: Some("urn:oid:1.2".into()), ..Systems::default() };
        good.check().unwrap();
    }
}
