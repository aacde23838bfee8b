//! The description agrees with what is served.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use axum::body::Body;
use http::Request;
use serde_json::Value;

use crate::harness::app;

pub(crate) fn document() -> Value {
    serde_json::to_value(baize_http::openapi()).unwrap()
}

fn operations(document: &Value) -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.insert((method.to_uppercase(), path.clone()), operation.clone());
        }
    }
    found
}

#[test]
fn the_routes_are_these() {
    let documented: Vec<_> = operations(&document()).into_keys().collect();
    let expected = [
        ("DELETE", "/fhir/Subscription/{subscription}"),
        ("GET", "/dicomweb/instances"),
        ("GET", "/dicomweb/series"),
        ("GET", "/dicomweb/studies"),
        ("GET", "/dicomweb/studies/{study}"),
        ("GET", "/dicomweb/studies/{study}/instances"),
        ("GET", "/dicomweb/studies/{study}/metadata"),
        ("GET", "/dicomweb/studies/{study}/series"),
        ("GET", "/dicomweb/studies/{study}/series/{series}"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/instances"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/instances/{sop}"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/instances/{sop}/bulkdata/{value}"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/instances/{sop}/frames/{frames}"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/instances/{sop}/frames/{frames}/rendered"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/instances/{sop}/frames/{frames}/thumbnail"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/instances/{sop}/metadata"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/instances/{sop}/rendered"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/instances/{sop}/thumbnail"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/metadata"),
        ("GET", "/dicomweb/studies/{study}/series/{series}/thumbnail"),
        ("GET", "/dicomweb/studies/{study}/thumbnail"),
        ("GET", "/fhir/.well-known/smart-configuration"),
        ("GET", "/fhir/AuditEvent"),
        ("GET", "/fhir/AuditEvent/{record}"),
        ("GET", "/fhir/Device"),
        ("GET", "/fhir/Device/{device}"),
        ("GET", "/fhir/DiagnosticReport"),
        ("GET", "/fhir/DiagnosticReport/{report}"),
        ("GET", "/fhir/ImagingStudy"),
        ("GET", "/fhir/ImagingStudy/{study}"),
        ("GET", "/fhir/Observation"),
        ("GET", "/fhir/Observation/{observation}"),
        ("GET", "/fhir/Provenance"),
        ("GET", "/fhir/Provenance/{provenance}"),
        ("GET", "/fhir/RiskAssessment"),
        ("GET", "/fhir/RiskAssessment/{step}"),
        ("GET", "/fhir/Subscription"),
        ("GET", "/fhir/Subscription/{subscription}"),
        ("GET", "/fhir/metadata"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/openapi.json"),
        ("GET", "/v1/encounters/{number}"),
        ("GET", "/v1/events"),
        ("GET", "/v1/orders"),
        ("GET", "/v1/outbox"),
        ("GET", "/v1/reconciliation"),
        ("GET", "/v1/studies"),
        ("GET", "/v1/studies/{study}"),
        ("GET", "/v1/studies/{study}/findings"),
        ("GET", "/v1/studies/{study}/instances/{sop}/heat.json"),
        ("GET", "/v1/studies/{study}/instances/{sop}/heat.png"),
        ("GET", "/v1/studies/{study}/instances/{sop}/overlay.png"),
        ("GET", "/v1/studies/{study}/instances/{sop}/reviews"),
        ("GET", "/v1/triage/assessments/{id}"),
        ("GET", "/v1/triage/unacknowledged"),
        ("GET", "/version"),
        ("POST", "/dicomweb/studies"),
        ("POST", "/dicomweb/studies/{study}"),
        ("POST", "/fhir/AuditEvent/_search"),
        ("POST", "/fhir/Device/_search"),
        ("POST", "/fhir/DiagnosticReport/_search"),
        ("POST", "/fhir/ImagingStudy/_search"),
        ("POST", "/fhir/Observation/_search"),
        ("POST", "/fhir/Provenance/_search"),
        ("POST", "/fhir/RiskAssessment/_search"),
        ("POST", "/fhir/Subscription"),
        ("POST", "/v1/infer"),
        ("POST", "/v1/outbox/{id}/retry"),
        ("POST", "/v1/reconciliation/dismiss"),
        ("POST", "/v1/reconciliation/match"),
        ("POST", "/v1/reconciliation/unmatch"),
        ("POST", "/v1/studies/{study}/instances/{sop}/reviews"),
        ("POST", "/v1/triage/assessments"),
        ("POST", "/v1/triage/assessments/{id}/acknowledgement"),
        ("POST", "/v1/triage/assessments/{id}/level"),
        ("POST", "/v1/triage/assessments/{id}/vitals"),
        ("PUT", "/fhir/Subscription/{subscription}"),
        ("PUT", "/v1/studies/{study}/expected"),
    ];
    assert_eq!(documented, expected.map(|(method, path)| (method.to_owned(), path.to_owned())));
}

#[tokio::test]
async fn every_documented_route_is_served_with_a_documented_status() {
    let app = app();
    app.shutdown.cancel();
    let visit = app.triage(r#"{"chief_complaint": "胸痛"}"#).await.json()["id"].as_str().unwrap().to_owned();
    let step = format!("{visit}.1");
    // So that there is a record in the audit trail.
    app.get("/fhir/Device").await;
    for ((method, path), operation) in operations(&document()) {
        let concrete = [
            ("{study}", "1.2"),
            ("{series}", "1.5"),
            ("{sop}", "1.2.1"),
            ("{frames}", "1"),
            ("{value}", "7FE00010"),
            ("{id}", visit.as_str()),
            ("{record}", "1"),
            ("{device}", "baize-software-0.1.0"),
            ("{report}", "1.2"),
            ("{provenance}", "1.2"),
            ("{observation}", step.as_str()),
            ("{step}", step.as_str()),
            ("{number}", "V1"),
        ]
        .into_iter()
        .fold(path.clone(), |path, (part, value)| path.replace(part, value));
        let request = Request::builder().method(method.as_str()).uri(concrete).body(Body::empty()).unwrap();
        let status = app.send(request).await.status.as_u16();
        // Nobody has subscribed.
        let unknown = path == "/fhir/Subscription/{subscription}" && status == 404;
        assert!(unknown || !matches!(status, 404 | 405), "{method} {path} is not served");
        assert!(
            operation["responses"].get(status.to_string()).is_some(),
            "{method} {path}: {status} is not documented"
        );
    }
}

#[test]
fn errors_and_credentials_are_described_everywhere() {
    for ((method, path), operation) in operations(&document()) {
        let name = format!("{method} {path}");
        assert!(operation["summary"].is_string(), "{name} has no summary");
        let open = path.starts_with("/health")
            || path == "/version"
            || path == "/fhir/metadata"
            || path.starts_with("/fhir/.well-known");
        assert_eq!(operation.get("security").is_none(), open, "{name}");
        let statuses: BTreeSet<&str> =
            operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        for status in ["401", "403", "503"] {
            let ready = path == "/health/ready" && status == "503";
            assert_eq!(statuses.contains(status), !open || ready, "{name}: {status}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let is_dataset = status == "409" || path == "/health/ready";
            if status.as_str() >= "400" && path.starts_with("/fhir") {
                let outcome = &response["content"]["application/fhir+json"]["schema"];
                assert!(
                    outcome["$ref"] == "#/components/schemas/OperationOutcome" || open,
                    "{name}: {status}"
                );
            } else if status.as_str() >= "400" && !is_dataset {
                let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(problem, "#/components/schemas/Problem", "{name}: {status}");
            }
        }
        if !open {
            assert!(operation["description"].as_str().unwrap().contains("Roles: "), "{name}");
        }
    }
}

#[test]
fn every_operation_has_its_examples() {
    let document = document();
    for ((method, path), operation) in operations(&document) {
        let name = format!("{method} {path}");
        let tags = operation["tags"].as_array().unwrap();
        assert!(!tags.is_empty() && tags.iter().all(|tag| tag != "crate"), "{name} has no tag");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name} has no summary");
        let request = operation.get("requestBody").map(|body| ("request", body));
        let answers = operation["responses"].as_object().unwrap().iter();
        for (of, body) in request.into_iter().chain(answers.map(|(status, answer)| (status.as_str(), answer)))
        {
            for (media, content) in body.get("content").and_then(Value::as_object).into_iter().flatten() {
                let has = content.get("example").or(content.get("examples")).is_some_and(|example| {
                    !matches!(example, Value::Null) && *example != Value::Array(vec![])
                });
                let is_text = media.ends_with("json") || media.starts_with("text/");
                assert!(
                    has || !is_text,
                    "{name}: {of} ({media}) has no example: give one, or to each field of it"
                );
                if media == "application/problem+json" {
                    assert_eq!(content["example"]["status"].to_string(), of, "{name}");
                }
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "path" {
                let example = parameter.get("example").or(parameter["schema"].get("example"));
                assert!(example.is_some(), "{name}: {} has no example", parameter["name"]);
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_its_own_name() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.insert(target.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 10, "{found:?}");
    for target in found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    }
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let ids: Vec<_> =
        operations(&document).into_values().map(|operation| operation["operationId"].clone()).collect();
    assert_eq!(ids.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

#[tokio::test]
async fn the_document_is_served_as_it_is() {
    let answer = app().get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json(), document());
}

#[test]
fn an_independent_validator_accepts_the_document() {
    let python = |script: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn()
    };
    let script = "import json, sys, openapi_spec_validator as v; v.validate(json.load(sys.stdin))";
    let is_there = python("import openapi_spec_validator").and_then(|child| child.wait_with_output());
    if !is_there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: python3 with openapi-spec-validator is not installed");
        return;
    }
    let mut validator = python(script).unwrap();
    validator.stdin.take().unwrap().write_all(document().to_string().as_bytes()).unwrap();
    let output = validator.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
