//! Subscriptions: what is taken, and who sees it.

use axum::body::Body;
use baize_http::Role;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, App, app, app_with_keys};

fn wish() -> Value {
    json!({
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "signed reports",
        "criteria": "DiagnosticReport?status=final&patient=P1",
        "channel": {
            "type": "rest-hook",
            "endpoint": "https://his.example:8443/hook",
            "payload": "application/fhir+json",
            "header": ["Authorization: Bearer secret"],
        },
    })
}

async fn send(app: &App, method: Method, path: &str, key: Option<&str>, json: Option<&Value>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let body = match json {
        Some(json) => {
            request = request.header("content-type", "application/fhir+json");
            Body::from(json.to_string())
        }
        None => Body::empty(),
    };
    app.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn what_is_not_understood_is_refused_by_name() {
    let app = app();
    for (pointer, value, named) in [
        ("/resourceType", json!("Patient"), "resourceType"),
        ("/status", json!("entered"), "status"),
        ("/reason", json!(null), "reason"),
        ("/end", json!("2030-01-01T00:00:00Z"), "end"),
        ("/criteria", json!("Patient?_id=1"), "criteria"),
        ("/criteria", json!("Device"), "criteria"),
        ("/criteria", json!("DiagnosticReport?nmae=x"), "nmae"),
        ("/criteria", json!("DiagnosticReport?_include=DiagnosticReport:result"), "_include"),
        ("/criteria", json!("DiagnosticReport?_count=1"), "_count"),
        ("/criteria", json!("DiagnosticReport?patient:exact=1"), "patient"),
        ("/criteria", json!("Observation?date=tomorrow"), "date"),
        ("/channel/type", json!("email"), "channel.type"),
        ("/channel/payload", json!("application/fhir+xml"), "channel.payload"),
        ("/channel/endpoint", json!("https://other.example/"), "fhir.subscription_endpoints"),
        ("/channel/endpoint", json!("http://his.example:8443/"), "https"),
        ("/channel/endpoint", json!(7), "channel.endpoint"),
        ("/channel/header", json!(["Host: other.example"]), "channel.header"),
        ("/channel/header", json!(["A: b\r\nC: d"]), "channel.header"),
        ("/channel/header", json!("A: b"), "channel.header"),
    ] {
        let mut asked = wish();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        asked.pointer_mut(parent).unwrap()[name] = value;
        let answer = send(&app, Method::POST, "/fhir/Subscription", None, Some(&asked)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pointer}: {:?}", answer.body);
        let told = answer.json()["issue"][0]["diagnostics"].as_str().unwrap().to_owned();
        assert!(told.contains(named), "{pointer}: {told}");
    }
    let answer = app.post("/fhir/Subscription", "text/plain", "x").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let answer = app.post("/fhir/Subscription", "application/fhir+json", vec![b' '; 70_000]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_subscription_belongs_to_who_made_it() {
    let (app, keys) = app_with_keys();
    let key = |role: Role| keys.iter().find(|(one, _)| *one == role).map(|(_, key)| key.as_str());
    let (owner, admin, nurse) = (key(Role::Integrator), key(Role::Admin), key(Role::Nurse));
    let root = "/fhir/Subscription";
    assert_eq!(send(&app, Method::POST, root, nurse, Some(&wish())).await.status, StatusCode::FORBIDDEN);
    let made = send(&app, Method::POST, root, owner, Some(&wish())).await;
    assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
    let mut kept = made.json();
    assert_eq!(kept["status"], "active");
    assert_eq!(kept["channel"], wish()["channel"]);
    let path = format!("{root}/{}", kept["id"].as_str().unwrap());
    assert_eq!(made.header("location"), format!("https://baize.example{path}"));
    assert_eq!(send(&app, Method::GET, &path, owner, None).await.json(), kept);
    let seen = send(&app, Method::GET, &path, admin, None).await.json();
    assert_eq!(seen["channel"].get("header"), None, "secrets are the owner's");
    let own = send(&app, Method::POST, root, admin, Some(&wish())).await.json();
    let foreign = format!("{root}/{}", own["id"].as_str().unwrap());
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(send(&app, method, &foreign, owner, None).await.status, StatusCode::NOT_FOUND);
    }
    let total = async |key, query: &str| {
        send(&app, Method::GET, &format!("{root}{query}"), key, None).await.json()["total"].clone()
    };
    assert_eq!((total(owner, "").await, total(admin, "").await), (json!(1), json!(2)));
    assert_eq!(total(admin, "?_id=x").await, json!(0));
    assert_eq!(send(&app, Method::PUT, &path, admin, Some(&kept)).await.status, StatusCode::FORBIDDEN);
    kept["status"] = json!("off");
    let put = send(&app, Method::PUT, &path, owner, Some(&kept)).await;
    assert_eq!((put.status, put.json()["status"].clone()), (StatusCode::OK, json!("off")));
    assert_eq!(send(&app, Method::DELETE, &path, admin, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(send(&app, Method::GET, &path, owner, None).await.status, StatusCode::NOT_FOUND);
}
