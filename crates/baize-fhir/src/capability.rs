//! CapabilityStatement: what the read side can do.

use serde_json::{Value, json};

use crate::element::{Object, instant};
use crate::key::Kind;
use baize_core::{MANUFACTURER, Timestamp};

/// A parameter that a search takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchParameter {
    /// Its name.
    pub name: &'static str,
    /// `token`, `reference`, `date`, `number` or `string`.
    pub kind: &'static str,
    /// What it looks at.
    pub about: &'static str,
}

/// What can be done with one type of resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The type.
    pub kind: Kind,
    /// `read`, `search-type`, `create`, `update`, `delete`.
    pub interactions: Vec<&'static str>,
    /// Search parameters.
    pub search: Vec<SearchParameter>,
    /// Values of `_include`.
    pub include: Vec<&'static str>,
}

/// The statement of this server: at `base`, of this version, since `since`.
pub fn capability_statement(base: &str, version: &str, since: Timestamp, all: &[Capability]) -> Value {
    let security = json!({
        "cors": false,
        "service": [{
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "SMART-on-FHIR",
                "display": "SMART-on-FHIR",
            }],
            "text": "Bearer token with SMART Backend Services scopes, or an API key",
        }],
    });
    let rest = json!({
        "mode": "server",
        "documentation": "Results of imaging models and of triage. For research use only; not a medical device.",
        "security": security,
        "resource": all.iter().map(resource).collect::<Vec<_>>(),
    });
    Object::resource("CapabilityStatement")
        .with("url", json!(format!("{base}/metadata")))
        .with("version", json!(version))
        .with("name", json!(MANUFACTURER))
        .with("title", json!("白泽 Baize: FHIR R4 read side"))
        .with("status", json!("active"))
        .with("date", json!(instant(since)))
        .with("kind", json!("instance"))
        .with("software", json!({ "name": MANUFACTURER, "version": version }))
        .with("implementation", json!({ "description": "Baize inference server", "url": base }))
        .with("fhirVersion", json!("4.0.1"))
        .with("format", json!(["application/fhir+json", "json"]))
        .with("rest", json!([rest]))
        .done()
}

fn resource(capability: &Capability) -> Value {
    let interactions: Vec<Value> =
        capability.interactions.iter().map(|interaction| json!({ "code": interaction })).collect();
    let parameter = |parameter: &SearchParameter| json!({ "name": parameter.name, "type": parameter.kind, "documentation": parameter.about });
    let base = "http://hl7.org/fhir/StructureDefinition/";
    Object::default()
        .with("type", json!(capability.kind.as_str()))
        .with("profile", json!(format!("{base}{}", capability.kind)))
        .with("interaction", interactions.into())
        .with("versioning", json!("no-version"))
        .with("readHistory", json!(false))
        .with("searchInclude", json!(capability.include))
        .with("searchParam", capability.search.iter().map(parameter).collect())
        .done()
}
