//! A resource that may match, held against the search.

use baize_core::Timestamp;
use baize_fhir::{Period, Resource};
use serde_json::Value;

use super::query::{Filter, Search};
use super::token::Token;

/// A resource with what its JSON does not say.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) resource: Resource,
    /// The span that searches by date look at; `None` where it has no date.
    pub(super) date: Option<Period>,
    pub(super) changed_at: Timestamp,
    /// Further identifiers of the patient, as the images have them.
    pub(super) patient_ids: Vec<(Option<String>, String)>,
}

impl Candidate {
    pub(super) fn fits(&self, search: &Search) -> bool {
        search.filters.iter().all(|filter| self.passes(filter))
    }

    fn passes(&self, filter: &Filter) -> bool {
        let json = &self.resource.json;
        let any = |tokens: &[Token], found: &[(Option<&str>, &str)]| {
            tokens.iter().any(|token| found.iter().any(|(system, value)| token.fits(*system, value)))
        };
        match filter {
            Filter::Ids(ids) => ids.iter().any(|id| id == self.resource.key.id()),
            Filter::Patient(tokens) => {
                let own = self.patient_ids.iter().map(|(system, value)| (system.as_deref(), value.as_str()));
                let found: Vec<_> = identifier(&json["subject"]).into_iter().chain(own).collect();
                any(tokens, &found)
            }
            Filter::Encounter(tokens) => any(tokens, &Vec::from_iter(identifier(&json["encounter"]))),
            Filter::Order(tokens) => {
                let orders = json["basedOn"].as_array().map_or(&[][..], Vec::as_slice);
                any(tokens, &orders.iter().filter_map(identifier).collect::<Vec<_>>())
            }
            // Made from no other studies.
            Filter::Study(_) => true,
            Filter::Date(periods) => {
                self.date.is_some_and(|date| periods.iter().any(|period| period.matches(date)))
            }
            Filter::LastUpdated(periods) => {
                let moment = Period::moment(self.changed_at);
                periods.iter().any(|period| period.matches(moment))
            }
            Filter::Code(name, tokens) => any(tokens, &codes(json, name)),
        }
    }
}

/// System and value of an identifier in a reference.
fn identifier(reference: &Value) -> Option<(Option<&str>, &str)> {
    let known = reference.get("identifier")?;
    Some((known["system"].as_str(), known["value"].as_str()?))
}

/// The codes of a resource that a parameter looks at.
fn codes<'a>(json: &'a Value, parameter: &str) -> Vec<(Option<&'a str>, &'a str)> {
    let plain = |value: &'a Value| value.as_str().map(|text| (None, text)).into_iter().collect();
    match parameter {
        "status" => plain(&json["status"]),
        "action" => plain(&json["action"]),
        "subtype" => each(&json["subtype"]).filter_map(coding).collect(),
        "code" => codings(&json["code"]),
        "value-concept" => codings(&json["valueCodeableConcept"]),
        "category" => concepts(&json["category"]),
        "conclusion-code" => concepts(&json["conclusionCode"]),
        "modality" => each(&json["modality"]).filter_map(coding).collect(),
        "identifier" => each(&json["identifier"])
            .filter_map(|known| Some((known["system"].as_str(), known["value"].as_str()?)))
            .collect(),
        "device-name" => plain(&json["modelNumber"]),
        "device" => {
            let reference = json["device"]["reference"].as_str();
            let id = reference.and_then(|path| path.rsplit('/').next());
            reference.into_iter().chain(id).map(|text| (None, text)).collect()
        }
        _ => Vec::new(),
    }
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(&[][..], Vec::as_slice).iter()
}

fn concepts(value: &Value) -> Vec<(Option<&str>, &str)> {
    each(value).flat_map(codings).collect()
}

fn codings(concept: &Value) -> Vec<(Option<&str>, &str)> {
    each(&concept["coding"]).filter_map(coding).collect()
}

fn coding(coding: &Value) -> Option<(Option<&str>, &str)> {
    Some((coding["system"].as_str(), coding["code"].as_str()?))
}
