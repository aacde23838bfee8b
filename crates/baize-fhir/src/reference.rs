//! References to what is not ours: patients, encounters, orders, physicians, and studies as others know them.

use baize_core::ports::{Encounter, HisPatient, StudyResult};
use baize_core::{ImageFacts, StudyUid};
use serde_json::{Value, json};

use crate::element::{Object, clean, identifier};
use crate::key::{Key, Kind};
use crate::mapper::{Links, Mapper};
use crate::systems::uri;

impl Mapper {
    /// Whom a study shows. The HIS knows better than an image header, where it has told of the order.
    pub(crate) fn patient_of_study(&self, result: &StudyResult) -> Value {
        let context = &result.context;
        let of_order = context.order.as_ref().map(|(order, _)| &order.patient);
        let known = context.encounter.as_ref().map(|encounter| &encounter.patient).or(of_order);
        match known.filter(|patient| !patient.id.trim().is_empty()) {
            Some(patient) => self.his_patient(patient),
            None => self.image_patient(&result.summary.facts),
        }
    }

    /// A patient as the HIS knows them.
    pub(crate) fn his_patient(&self, patient: &HisPatient) -> Value {
        let (family, given) = (patient.family_name.as_deref(), patient.given_name.as_deref());
        self.patient(Some(&patient.id), patient.issuer.as_deref(), person(family, given))
    }

    fn image_patient(&self, facts: &ImageFacts) -> Value {
        let name = facts.patient_name.as_deref().and_then(dicom_name);
        self.patient(facts.patient_id.as_deref(), facts.patient_id_issuer.as_deref(), name)
    }

    fn patient(&self, id: Option<&str>, issuer: Option<&str>, name: Option<String>) -> Value {
        let system = self.systems.of_patient(issuer);
        let mut known = id.and_then(|id| identifier(Some(MEDICAL_RECORD), system.as_deref(), id));
        if let (Some(identifier), Some(issuer)) = (&mut known, issuer.and_then(clean)) {
            identifier["assigner"] = json!({ "display": issuer });
        }
        // A reference must say something: FHIR has no empty objects.
        let nobody = (known.is_none() && name.is_none()).then(|| "unknown patient".to_owned());
        Object::default()
            .with("type", json!("Patient"))
            .maybe("identifier", known)
            .maybe("display", name.or(nobody))
            .done()
    }

    /// A patient of whom nothing but the visit is known.
    pub(crate) fn unknown_patient(&self) -> Value {
        self.patient(None, None, None)
    }

    /// An encounter by its number.
    pub(crate) fn encounter(&self, number: &str) -> Option<Value> {
        let known = identifier(Some(VISIT), self.systems.encounter.as_deref(), number)?;
        Some(json!({ "type": "Encounter", "identifier": known }))
    }

    /// The encounter of a study.
    pub(crate) fn encounter_of_study(&self, result: &StudyResult) -> Option<Value> {
        let context = &result.context;
        let of_order = || context.order.as_ref().and_then(|(order, _)| order.encounter.as_deref());
        let known = context.encounter.as_ref().map(|encounter: &Encounter| encounter.number.as_str());
        self.encounter(known.or_else(of_order)?)
    }

    /// The order of a study by each number that it has.
    pub(crate) fn orders(&self, result: &StudyResult) -> Vec<Value> {
        let order = result.context.order.as_ref().map(|(order, _)| order);
        let accession = order.and_then(|order| order.accession.as_deref());
        let accession = accession.or(result.summary.facts.accession.as_deref());
        let numbers = [
            (ACCESSION, &self.systems.accession, accession),
            (PLACER, &self.systems.placer, order.and_then(|order| order.placer_number.as_deref())),
            (FILLER, &self.systems.filler, order.and_then(|order| order.filler_number.as_deref())),
        ];
        let reference = |(kind, system, number): (_, &Option<String>, Option<&str>)| {
            let known = identifier(Some(kind), system.as_deref(), number?)?;
            Some(json!({ "type": "ServiceRequest", "identifier": known }))
        };
        numbers.into_iter().filter_map(reference).collect()
    }

    /// A physician or nurse, by the name under which they log in.
    pub(crate) fn practitioner(&self, name: &str) -> Value {
        let known = identifier(None, self.systems.practitioner.as_deref(), name);
        Object::default()
            .with("type", json!("Practitioner"))
            .maybe("identifier", known)
            .maybe("display", clean(name))
            .done()
    }
}

/// A study: as an entry of the read side, or as the hospital's own server knows it.
pub(crate) fn imaging_study(links: Links, study: &StudyUid) -> Value {
    let known = json!({ "system": uri::DICOM_UID, "value": format!("urn:oid:{study}") });
    let served = match links {
        Links::Served => Some(Key::of_study(Kind::ImagingStudy, study).path()),
        Links::Urn => None,
    };
    Object::default()
        .maybe("reference", served)
        .with("type", json!("ImagingStudy"))
        .with("identifier", known)
        .done()
}

/// Identifier types of HL7 table 0203 with their names.
type IdentifierType = (&'static str, &'static str);
const MEDICAL_RECORD: IdentifierType = ("MR", "Medical record number");
const VISIT: IdentifierType = ("VN", "Visit number");
pub(crate) const ACCESSION: IdentifierType = ("ACSN", "Accession ID");
const PLACER: IdentifierType = ("PLAC", "Placer Identifier");
const FILLER: IdentifierType = ("FILL", "Filler Identifier");

/// A name for people, out of its first writing (PS3.5 section 6.2.1.2).
pub(crate) fn dicom_name(name: &str) -> Option<String> {
    let mut components =
        name.split('=').find(|writing| !writing.trim_matches('^').trim().is_empty())?.split('^');
    person(components.next(), components.next())
}

/// Chinese names are written without a gap, family name first.
fn person(family: Option<&str>, given: Option<&str>) -> Option<String> {
    let (family, given) = (family.and_then(clean), given.and_then(clean));
    match (family, given) {
        (Some(family), Some(given)) if family.is_ascii() => Some(format!("{given} {family}")),
        (Some(family), Some(given)) => Some(format!("{family}{given}")),
        (family, given) => family.or(given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_people_write_them() {
        for (name, expected) in [
            ("王^小东", Some("王小东")),
            ("Wang^XiaoDong=王^小东", Some("XiaoDong Wang")),
            ("=王^小东", Some("王小东")),
            ("欧阳", Some("欧阳")),
            ("^^", None),
            ("", None),
        ] {
            assert_eq!(dicom_name(name).as_deref(), expected, "{name}");
        }
    }
}
