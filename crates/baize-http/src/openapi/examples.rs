//! An example for every JSON body that has none of its own, made from the examples of its schema's fields: a new field or
//! route shows itself without a second place to keep up to date.

use baize_core::{ErrorCode, Language};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Array, Content, Object, RefOr, Schema};

use crate::status;

/// Schemas within schemas at most.
const MOST_DEPTH: usize = 16;

/// Gives a body its example, and bytes their schema.
pub(super) fn complete(
    path: &str,
    media: &str,
    answer: Option<(&str, &str)>,
    content: &mut Content,
    schemas: &Value,
) {
    if content.schema.as_ref().is_some_and(is_bytes) {
        let bytes = Object::builder()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
        content.schema = Some(bytes.build().into());
    }
    if content.example.is_some() || !content.examples.is_empty() {
        return;
    }
    content.example = match (media, answer) {
        ("application/problem+json", Some((status, description))) => problem(status, description),
        ("application/dicom+json", Some((status, _))) => data_sets(path, status),
        ("application/fhir+json", Some((status, description))) if status >= "400" => {
            Some(outcome(description))
        }
        ("application/fhir+json", _) => fhir(path),
        ("application/json", _) if path.starts_with("/fhir/") => fhir(path),
        ("application/json", _) => {
            let schema = serde_json::to_value(&content.schema).unwrap_or_default();
            example(&schema, schemas, 0)
        }
        _ => None,
    };
}

/// `Vec<u8>`, which is not meant as a list of numbers.
fn is_bytes(schema: &RefOr<Schema>) -> bool {
    let RefOr::T(Schema::Array(Array { items, .. })) = schema else { return false };
    let items = serde_json::to_value(items).unwrap_or_default();
    items["type"] == "integer" && items["minimum"] == 0 && items.get("maximum").is_none()
}

/// The example of a schema; `None` where a field has none that is needed for it.
fn example(schema: &Value, schemas: &Value, depth: usize) -> Option<Value> {
    if depth > MOST_DEPTH {
        return None;
    }
    let within = |schema: &Value| example(schema, schemas, depth + 1);
    if let Some(target) = schema["$ref"].as_str() {
        return within(&schemas[target.rsplit('/').next().unwrap_or_default()]);
    }
    let given = [&schema["example"], &schema["examples"][0], &schema["const"], &schema["enum"][0]];
    if let Some(given) = given.into_iter().find(|given| !given.is_null()) {
        return Some(given.clone());
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(options) = schema[choice].as_array() {
            return options.iter().filter(|option| option["type"] != "null").find_map(within);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts: Option<Vec<Value>> = parts.iter().map(within).collect();
        let members = parts?.into_iter().filter_map(|part| match part {
            Value::Object(members) => Some(members),
            _ => None,
        });
        return Some(Value::Object(members.flatten().collect()));
    }
    match type_of(schema) {
        Some("object") => object(schema, within),
        Some("array") => Some(json!([within(&schema["items"])?])),
        Some("boolean") => Some(json!(true)),
        _ => None,
    }
}

fn object(schema: &Value, within: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    let properties = schema["properties"].as_object()?;
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let mut members = Map::new();
    for (name, property) in properties {
        match within(property) {
            Some(value) => drop(members.insert(name.clone(), value)),
            None if required(name) => return None,
            // A field that may be absent.
            None => {}
        }
    }
    Some(Value::Object(members))
}

fn type_of(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        one => one.as_str(),
    }
}

/// A problem of this status, as RFC 9457 has it.
fn problem(status: &str, description: &str) -> Option<Value> {
    let number: u16 = status.parse().ok()?;
    // Statuses that no code has alone stand for requests that are not as they should be.
    let code = match number {
        406 => ErrorCode::UnsupportedMediaType,
        500 => ErrorCode::Internal,
        503 => ErrorCode::Saturated,
        422 => ErrorCode::CorruptPixelData,
        _ => {
            let codes = ErrorCode::ALL.iter().copied();
            codes.into_iter().find(|code| status::of(*code) == number).unwrap_or(ErrorCode::InvalidRequest)
        }
    };
    let mut problem = json!({
        "type": format!("urn:baize:error:{code}"),
        "title": code.title(Language::English),
        "status": number,
        "detail": description,
        "code": code.as_str(),
        "instance": "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11",
    });
    if matches!(number, 429 | 503) {
        problem["retry_after"] = json!(5);
    }
    Some(problem)
}

/// An error as HL7 FHIR R4 has it.
fn outcome(description: &str) -> Value {
    json!({
        "resourceType": "OperationOutcome",
        "issue": [{ "severity": "error", "code": "processing", "diagnostics": description }],
    })
}

/// A resource, or a page of one.
fn fhir(path: &str) -> Option<Value> {
    let all: Value = serde_json::from_str(include_str!("fhir.json")).ok()?;
    let mut parts = path.strip_prefix("/fhir/")?.split('/');
    let (first, second) = (parts.next()?, parts.next());
    let Some(resource) = all.get(first) else { return all.get(second?).cloned() };
    if first == "metadata" || second.is_some_and(|part| part.starts_with('{')) {
        return Some(resource.clone());
    }
    let url = format!("https://baize.hospital.example/fhir/{first}");
    let full = format!("{url}/{}", resource["id"].as_str().unwrap_or_default());
    Some(json!({
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 1,
        "link": [{ "relation": "self", "url": url }],
        "entry": [{ "fullUrl": full, "resource": resource, "search": { "mode": "match" } }],
    }))
}

/// What a chest radiograph looks like in a search, in its metadata, and to whom stores it.
fn data_sets(path: &str, status: &str) -> Option<Value> {
    let all: Value = serde_json::from_str(include_str!("dicom.json")).ok()?;
    let name = match (path.rsplit('/').next()?, status) {
        ("studies", "200") => "studies",
        ("series", "200") => "series",
        ("instances", "200") => "instances",
        ("metadata", "200") => "metadata",
        (_, "202") => "partly",
        (_, "409") => "refused",
        _ => return None,
    };
    all.get(name).cloned()
}
