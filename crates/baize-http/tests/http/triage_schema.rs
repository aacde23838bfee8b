//! What triage answers is what its description says.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::harness::app;
use crate::openapi::document;

/// A schema without references and `allOf`.
fn resolved(document: &Value, schema: &Value) -> Value {
    if let Some(target) = schema["$ref"].as_str() {
        return resolved(document, document.pointer(&target[1..]).unwrap());
    }
    let Some(parts) = schema["allOf"].as_array() else { return schema.clone() };
    let mut properties = Map::new();
    for part in parts {
        properties.extend(resolved(document, part)["properties"].as_object().unwrap().clone());
    }
    json!({ "type": "object", "properties": properties })
}

/// Panics where a value is not what the schema says, or has a member that the schema lacks, or lacks one that it has.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = resolved(document, schema);
    for choices in [&schema["oneOf"], &schema["anyOf"]] {
        let Some(choices) = choices.as_array() else { continue };
        let fitting: Vec<Value> = choices.iter().map(|choice| resolved(document, choice)).collect();
        let fits = fitting.iter().find(|choice| has_type(choice, value));
        let fits = fits.unwrap_or_else(|| panic!("{at}: {value} is none of {choices:?}"));
        return check(document, fits, value, at);
    }
    assert!(has_type(&schema, value), "{at}: {value} does not fit {schema}");
    if let (Some(properties), Some(members)) = (schema["properties"].as_object(), value.as_object()) {
        let described: BTreeSet<&String> = properties.keys().collect();
        let there: BTreeSet<&String> = members.keys().collect();
        assert_eq!(described, there, "{at}");
        for (name, member) in members {
            check(document, &properties[name], member, &format!("{at}.{name}"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{at}[{index}]"));
    }
    if let (Some(values), false) = (schema["enum"].as_array(), value.is_null()) {
        assert!(values.contains(value), "{at}: {value}");
    }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |kind: &Value| *kind == name || (name == "integer" && kind == "number");
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(fits),
        Value::Null => true,
        kind => fits(kind),
    }
}

fn response_schema<'d>(document: &'d Value, path: &str, method: &str, status: &str) -> &'d Value {
    let response = &document["paths"][path][method]["responses"][status];
    &response["content"]["application/json"]["schema"]
}

#[tokio::test]
async fn answers_have_exactly_the_fields_that_are_described() {
    let (document, app) = (document(), app());
    let schema = response_schema(&document, "/v1/triage/assessments", "post", "201");
    for request in [
        r#"{"encounter": "E-1", "age_years": 58, "chief_complaint": "胸痛2小时伴大汗，左肩放射，无发热，吃了xyzzy",
            "complaint_codes": ["cc_chestpain"], "vitals": {"heart_rate": 186, "spo2": 91}, "nurse_level": 4}"#,
        r#"{"age_years": 3, "chief_complaint": "fever"}"#,
        r#"{"vitals": {"heart_rate": 80, "respiratory_rate": 16, "temperature_c": 37, "spo2": 98, "systolic_bp": 120,
            "avpu": "A", "on_oxygen": false}, "age_years": 40, "pregnant": true}"#,
    ] {
        let answer = app.triage(request).await;
        check(&document, schema, &answer.json(), "visit");
        let location = answer.header("location").to_owned();
        let level = json!({ "level": 5, "reason": "复查" }).to_string();
        let level = app.post(&format!("{location}/level"), "application/json", level).await;
        let path = "/v1/triage/assessments/{id}/level";
        check(&document, response_schema(&document, path, "post", "200"), &level.json(), "level");
        let read = app.get(&location).await.json();
        check(
            &document,
            response_schema(&document, "/v1/triage/assessments/{id}", "get", "200"),
            &read,
            "read",
        );
    }
    let problem = app.triage("{\"spo2\": 98}").await.json();
    let described = &document["components"]["schemas"]["FieldError"];
    check(&document, described, &problem["errors"][0], "errors[0]");
}

#[tokio::test]
async fn the_wire_has_every_field_of_an_assessment() {
    let app = app();
    let request =
        json!({ "age_years": 58, "chief_complaint": "胸痛, 无发热", "vitals": { "heart_rate": 186 } });
    let mut answer = app.triage(request.to_string()).await.json();
    let recorded: Value = serde_json::from_str(&app.world.triage.lock().unwrap()[0].assessment).unwrap();
    let members = answer.as_object_mut().unwrap();
    for added in
        ["id", "sequence", "created_at", "summary", "decision", "imaging", "to_acknowledge", "history"]
    {
        assert!(members.remove(added).is_some(), "{added}");
    }
    assert_eq!(answer, recorded);
}

#[tokio::test]
async fn the_described_request_has_the_fields_that_are_read() {
    let (document, app) = (document(), app());
    // Whoever sends an unknown field is told all that there are.
    for (schema, body) in
        [("TriageRequest", json!({ "%": 1 })), ("TriageVitals", json!({ "vitals": { "%": 1 } }))]
    {
        let problem = app.triage(body.to_string()).await.json();
        let text = problem["errors"][0]["text"]["en"].as_str().unwrap();
        let read: BTreeSet<&str> = text.rsplit_once("the fields are ").unwrap().1.split(", ").collect();
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let described: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(described, read, "{schema}");
    }
}

#[tokio::test]
async fn the_examples_are_taken() {
    let (document, app) = (document(), app());
    let content =
        |path: &str| document["paths"][path]["post"]["requestBody"]["content"]["application/json"].clone();
    let examples = content("/v1/triage/assessments")["examples"].clone();
    let mut location = String::new();
    for (name, example) in examples.as_object().unwrap() {
        let answer = app.triage(example["value"].to_string()).await;
        assert_eq!(answer.status, 201, "{name}: {:?}", answer.body);
        location = answer.header("location").to_owned();
    }
    assert_eq!(examples.as_object().unwrap().len(), 2, "one in each language");
    for step in ["vitals", "level"] {
        let example = content(&format!("/v1/triage/assessments/{{id}}/{step}"))["example"].to_string();
        let answer = app.post(&format!("{location}/{step}"), "application/json", example).await;
        assert_eq!(answer.status, 200, "{step}: {:?}", answer.body);
    }
}
