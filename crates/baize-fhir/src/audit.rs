//! AuditEvent, as IHE Basic Audit Log Patterns has it for RESTful reads, searches and exports.

use baize_core::{MANUFACTURER, Timestamp};
use serde_json::{Value, json};

use crate::element::{Object, Resource, clean, instant, plain_coding, plain_concept};
use crate::key::{Key, Kind};
use crate::mapper::Links;
use crate::systems::uri;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditAction {
    /// One resource was read.
    Read,
    /// A search was run.
    Search,
    /// Results were sent to another system.
    Export,
}

/// One thing that was done with patient data. Holds patient data: never log it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFacts<'a> {
    /// Its place in the audit trail.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: AuditAction,
    /// Who did: the client or user; for an export, the destination.
    pub who: &'a str,
    /// The network address of the other side, where it is known.
    pub address: Option<&'a str>,
    /// The X-Request-Id of the request, or the id of the message.
    pub request_id: Option<&'a str>,
    /// `Type/id` of what was read or sent; for a search, its type.
    pub what: &'a str,
    /// The query of a search.
    pub query: Option<&'a str>,
    /// The patients whose data it showed, as `system|value`.
    pub patients: Vec<String>,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// Our own version.
    pub software: &'a str,
}

const DICOM_AUDIT: (&str, &str) = ("110153", "Source Role ID");
const DESTINATION: (&str, &str) = ("110152", "Destination Role ID");

/// The AuditEvent of an entry of the audit trail.
pub fn audit_event(facts: &AuditFacts<'_>) -> Resource {
    let key = Key::of_audit(facts.sequence);
    let rest =
        plain_coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation");
    let (kind, subtype, action) = match facts.action {
        AuditAction::Read => (rest, interaction("read"), "R"),
        AuditAction::Search => (rest, interaction("search-type"), "E"),
        AuditAction::Export => {
            (plain_coding(uri::DICOM, "110106", "Export"), interaction("transaction"), "R")
        }
    };
    let outcome = if facts.succeeded { "0" } else { "4" };
    let here = Links::Served.to(&Key::of_software(facts.software), Some(MANUFACTURER));
    let other = Object::default()
        .with("who", json!({ "display": clean(facts.who).unwrap_or_else(|| "anonymous".to_owned()) }))
        .maybe("network", facts.address.map(|address| json!({ "address": address, "type": "2" })))
        .done();
    let here_agent = json!({ "who": here });
    // Data goes from the source to the destination; who asked, or sent, is the requestor.
    let agents = match facts.action {
        AuditAction::Export => [acting(here_agent, DICOM_AUDIT, true), acting(other, DESTINATION, false)],
        AuditAction::Read | AuditAction::Search => {
            [acting(here_agent, DICOM_AUDIT, false), acting(other, DESTINATION, true)]
        }
    };
    let json = Object::resource(Kind::AuditEvent.as_str())
        .with("type", kind)
        .with("subtype", json!([subtype]))
        .with("action", json!(action))
        .with("recorded", json!(instant(facts.at)))
        .with("outcome", json!(outcome))
        .with("agent", json!(agents))
        .with("source", json!({ "observer": here }))
        .with("entity", entities(facts))
        .done();
    Resource { key, json }
}

fn interaction(code: &str) -> Value {
    plain_coding("http://hl7.org/fhir/restful-interaction", code, code)
}

fn acting(mut agent: Value, (code, display): (&str, &str), requestor: bool) -> Value {
    agent["type"] = plain_concept(uri::DICOM, code, display);
    agent["requestor"] = json!(requestor);
    agent
}

fn entities(facts: &AuditFacts<'_>) -> Value {
    let kind = |code: &str, display: &str| {
        plain_coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", code, display)
    };
    let role = |code: &str, display: &str| {
        plain_coding("http://terminology.hl7.org/CodeSystem/object-role", code, display)
    };
    let patient = |known: &String| {
        let (system, value) = known.split_once('|').unwrap_or(("", known));
        let identifier = Object::default().with("system", json!(system)).with("value", json!(value)).done();
        json!({
            "what": { "type": "Patient", "identifier": identifier },
            "type": kind("1", "Person"),
            "role": role("1", "Patient"),
        })
    };
    let data = match facts.query {
        // BALP keeps the query as it was asked, in base64.
        Some(query) => {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(query);
            Object::default()
                .with("type", kind("2", "System Object"))
                .with("role", role("24", "Query"))
                .with("query", json!(if encoded.is_empty() { "Lw==".to_owned() } else { encoded }))
        }
        None => Object::default()
            .with("what", json!({ "reference": facts.what }))
            .with("type", kind("2", "System Object"))
            .with("role", role("4", "Domain Resource")),
    };
    let request = facts.request_id.and_then(clean).map(|id| {
        json!({
            "what": { "identifier": { "value": id } },
            "type": plain_coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId", "X-Request-Id"),
        })
    });
    let patients = facts.patients.iter().map(patient);
    patients.chain(std::iter::once(data.done())).chain(request).collect()
}
