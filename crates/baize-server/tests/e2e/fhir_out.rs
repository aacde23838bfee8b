//! Results as transaction Bundles, to a FHIR server that keeps what it gets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use baize_testkit::{FhirValidator, ObjectBuilder};
use serde_json::{Value, json};

use crate::harness::Server;
use crate::outbox::deliveries;

#[derive(Default)]
struct Kept {
    /// What is answered next in the place of an answer; then it behaves.
    script: Vec<u16>,
    /// By the address that the conditional update names.
    resources: BTreeMap<String, Value>,
    bundles: Vec<String>,
}

type Shared = Arc<Mutex<Kept>>;

/// Keeps the resources even where it then answers with an error, as a server does that dies before it has answered.
async fn transaction(State(shared): State<Shared>, body: Bytes) -> (StatusCode, Json<Value>) {
    let mut kept = shared.lock().unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let bundle: Value = serde_json::from_str(&text).unwrap();
    kept.bundles.push(text);
    let mut answers = Vec::new();
    for entry in bundle["entry"].as_array().unwrap() {
        let url = entry["request"]["url"].as_str().unwrap().to_owned();
        let known = kept.resources.insert(url, entry["resource"].clone());
        answers.push(
            json!({ "response": { "status": if known.is_some() { "200 OK" } else { "201 Created" } } }),
        );
    }
    match kept.script.pop() {
        Some(status) => (StatusCode::from_u16(status).unwrap(), Json(json!({ "not": "FHIR" }))),
        None => {
            let answer =
                json!({ "resourceType": "Bundle", "type": "transaction-response", "entry": answers });
            (StatusCode::OK, Json(answer))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_sent_until_the_server_has_answered_for_it_and_makes_nothing_twice() {
    let data = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    // Garbage that looks like success, and trouble that passes.
    shared.lock().unwrap().script = vec![503, 200];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/fhir", listener.local_addr().unwrap());
    let router = Router::new().route("/fhir", post(transaction)).with_state(shared.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let destination =
        format!("destinations=[{{name='his', tells=['studies', 'triage'], fhir={{url='{url}'}}}}]");
    let settings = [destination.as_str(), "outbox.retry_cap_seconds=1", "studies.stow_quiet_seconds=1"];
    let server = Server::start(data.path(), &settings).await;
    assert_eq!(server.stow(&[ObjectBuilder::chest(1).build()]).await.unwrap().0, StatusCode::OK);
    let visit = json!({ "chief_complaint": "胸痛", "vitals": { "spo2": 82 } });
    server.post("/v1/triage/assessments", visit.to_string()).await.unwrap();
    server
        .until("acknowledged", async || {
            let told = deliveries(&server).await;
            let done = |one: &Value| matches!(one["state"].as_str(), Some("acknowledged" | "covered"));
            told.len() >= 2 && told.iter().all(done)
        })
        .await;
    {
        let kept = shared.lock().unwrap();
        assert!(
            kept.bundles.len() >= 4,
            "two messages, each of them or one of them again: {}",
            kept.bundles.len()
        );
        let count = |kind: &str| kept.resources.values().filter(|made| made["resourceType"] == kind).count();
        let counts = ["DiagnosticReport", "RiskAssessment", "Provenance"].map(count);
        assert_eq!(counts, [1, 1, 2], "what is sent twice is there once");
        assert!(count("Observation") >= 2 && count("Device") >= 2);
        let report = kept.resources.values().find(|made| made["resourceType"] == "DiagnosticReport").unwrap();
        assert_eq!(report["status"], "preliminary");
        match FhirValidator::find() {
            Err(why) => println!("skipped: {why}"),
            Ok(validator) => assert_eq!(validator.complaints(&kept.bundles).unwrap(), Vec::<String>::new()),
        }
    }
    // What went out is on record.
    let (_, trail) = server.get("/fhir/AuditEvent?subtype=transaction").await;
    assert!(trail["entry"].as_array().is_some_and(|records| records.len() >= 2), "{trail}");
}
