//! A Subscription is told every change, in order, however often either side goes away.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use baize_testkit::ObjectBuilder;
use serde_json::{Value, json};

use crate::harness::Server;

type Told = Arc<Mutex<Vec<(String, String, Value)>>>;

async fn notified(
    State(told): State<Told>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    if headers.get("authorization").is_none_or(|line| line != "Bearer secret") {
        return StatusCode::UNAUTHORIZED;
    }
    let json = serde_json::from_slice(&body).unwrap_or_default();
    told.lock().unwrap().push((method.to_string(), uri.path().to_owned(), json));
    StatusCode::OK
}

fn wish(endpoint: &str, criteria: &str, payload: Option<&str>) -> Value {
    let mut channel =
        json!({ "type": "rest-hook", "endpoint": endpoint, "header": ["Authorization: Bearer secret"] });
    if let Some(payload) = payload {
        channel["payload"] = json!(payload);
    }
    json!({ "resourceType": "Subscription", "status": "requested", "reason": "test", "criteria": criteria,
            "channel": channel })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_told_in_order_though_the_receiver_and_then_the_server_were_down() {
    let data = tempfile::tempdir().unwrap();
    // A port at which nobody listens yet.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listed = format!("fhir.subscription_endpoints=['{address}']");
    let settings = [listed.as_str(), "studies.stow_quiet_seconds=1"];
    let server = Server::start(data.path(), &settings).await;
    let endpoint = format!("http://{address}/hook");
    for (criteria, payload) in [
        ("DiagnosticReport?status=preliminary", Some("application/fhir+json")),
        ("RiskAssessment?encounter=E-1", None),
    ] {
        let wish = wish(&endpoint, criteria, payload).to_string();
        let (status, kept) = server.post("/fhir/Subscription", wish).await.unwrap();
        assert_eq!((status, &kept["status"]), (StatusCode::CREATED, &json!("active")), "{kept}");
    }
    let other = wish("http://127.0.0.1:1/hook", "DiagnosticReport?", None).to_string();
    let (status, refused) = server.post("/fhir/Subscription", other).await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        refused["issue"][0]["diagnostics"].as_str().unwrap().contains("subscription_endpoints"),
        "{refused}"
    );

    let mut studies = Vec::new();
    for number in 1..=3 {
        let object = ObjectBuilder::chest(number);
        assert_eq!(server.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
        server.results(&object.study_uid()).await;
        studies.push(object.study_uid());
    }
    for encounter in ["E-1", "E-2"] {
        let visit = json!({ "encounter": encounter, "chief_complaint": "胸痛", "vitals": { "spo2": 82 } });
        let (status, _) = server.post("/v1/triage/assessments", visit.to_string()).await.unwrap();
        assert_eq!(status, StatusCode::CREATED);
    }
    let failed = async |server: &Server| {
        let (_, all) = server.get("/fhir/Subscription").await;
        let all = all["entry"].as_array().cloned().unwrap_or_default();
        all.len() == 2 && all.iter().all(|one| one["resource"]["error"].is_string())
    };
    server.until("tried in vain", async || failed(&server).await).await;
    server.kill_now();
    drop(server);

    let server = Server::start(data.path(), &settings).await;
    let told = Told::default();
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let router = Router::new().fallback(notified).with_state(told.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    server.until("told", async || told.lock().unwrap().len() >= 4).await;
    let told = told.lock().unwrap().clone();
    let mut reports: Vec<&str> = Vec::new();
    for (method, path, resource) in &told {
        match method.as_str() {
            "PUT" => {
                let id = resource["id"].as_str().unwrap();
                assert_eq!(*path, format!("/hook/DiagnosticReport/{id}"));
                assert_eq!(resource["status"], "preliminary");
                reports.push(id);
            }
            _ => assert_eq!((method.as_str(), path.as_str(), resource), ("POST", "/hook", &Value::Null)),
        }
    }
    // At least once.
    reports.dedup();
    assert_eq!(reports, studies);
    assert_eq!(
        told.iter().filter(|(method, ..)| method == "POST").count(),
        1,
        "the other visit does not match"
    );
    server
        .until("active again", async || {
            let (_, all) = server.get("/fhir/Subscription").await;
            let all = all["entry"].as_array().cloned().unwrap_or_default();
            all.len() == 2 && all.iter().all(|one| one["resource"].get("error").is_none())
        })
        .await;
    let (_, trail) = server.get("/fhir/AuditEvent?subtype=transaction").await;
    assert!(trail["entry"].as_array().is_some_and(|records| records.len() >= 3), "{trail}");
}
