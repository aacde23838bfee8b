//! Encounters, orders and what people say of them.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::harness::{App, app};

async fn post(app: &App, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder()
        .method("POST")
        .uri(format!("/v1/reconciliation/{path}"))
        .header("Content-Type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = app.send(request).await;
    let detail = if answer.status == 204 { String::new() } else { answer.json()["detail"].to_string() };
    (answer.status.as_u16(), detail)
}

#[tokio::test]
async fn an_encounter_names_its_studies() {
    let app = app();
    let encounter = app.get("/v1/encounters/V1").await.json();
    assert_eq!((&encounter["patient"]["id"], &encounter["state"]), (&json!("W1"), &json!("open")));
    assert_eq!(encounter["studies"], json!(["1.2"]));
    let unknown = app.get("/v1/encounters/V2").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["detail"].as_str().unwrap().contains("number"));
}

#[tokio::test]
async fn a_study_shows_its_order() {
    let app = app();
    let study = app.get("/v1/studies/1.2").await.json();
    let order = &study["order"];
    assert_eq!(
        (&order["lane"], &order["reason"], &order["location"]),
        (&json!("stat"), &json!("气胸？"), &json!("急诊"))
    );
    assert_eq!(order["matched_by"], "accession");
    let listed = app.get("/v1/studies").await.json();
    let of = |uid: &str| {
        let studies = listed["studies"].as_array().unwrap().iter();
        studies.filter(|study| study["study"] == uid).map(|study| study["order"].clone()).next()
    };
    assert_eq!(of("1.2").unwrap()["id"], 1);
}

#[tokio::test]
async fn orders_are_listed_page_by_page() {
    let app = app();
    for (query, expected) in [
        ("", vec![2, 1]),
        ("?state=waiting", vec![2]),
        ("?state=matched", vec![1]),
        ("?accession=A1", vec![1]),
        ("?limit=1", vec![2]),
        ("?limit=1&before=2", vec![1]),
    ] {
        let answer = app.get(&format!("/v1/orders{query}")).await.json();
        let orders = answer["orders"].as_array().unwrap();
        let ids: Vec<_> = orders.iter().map(|one| one["order"]["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, expected, "{query}");
    }
    assert_eq!(app.get("/v1/orders?limit=1").await.json()["next_before"], 2);
    assert_eq!(app.get("/v1/orders").await.json()["orders"][1]["matched"]["study"], "1.2");
    for (query, named) in
        [("?state=lost", "state"), ("?limit=0", "limit"), ("?study=x", "study"), ("?stat=waiting", "stat")]
    {
        let answer = app.get(&format!("/v1/orders{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(named), "{query}");
    }
}

#[tokio::test]
async fn what_waits_says_why_in_both_languages() {
    let app = app();
    let page = app.get("/v1/reconciliation?limit=1").await.json();
    let entry = &page["entries"][0];
    assert_eq!((&entry["kind"], &entry["reason"]["code"]), (&json!("study"), &json!("sex_differs")));
    assert!(entry["reason"]["text"]["zh"].as_str().unwrap().contains("性别"));
    assert!(entry["reason"]["text"]["en"].as_str().unwrap().contains("sex"));
    assert_eq!(entry["candidates"][0]["order"]["id"], 2);
    assert_eq!(entry["order"], Value::Null);
    assert_eq!(page["next_before"], 8);
    let rest = app.get("/v1/reconciliation?before=8").await.json();
    assert_eq!((&rest["entries"][0]["kind"], &rest["next_before"]), (&json!("order"), &Value::Null));
    assert_eq!(
        rest["entries"][0]["candidates"][0],
        json!({ "order": null, "study": "1.9", "against": null })
    );
}

#[tokio::test]
async fn a_person_decides_and_is_recorded() {
    let app = app();
    for (path, body, status, named) in [
        ("match", r#"{"study": "1.9", "order": 2}"#, 409, "sex"),
        ("match", r#"{"study": "1.9", "order": 2, "confirm": true}"#, 400, "reason"),
        ("match", r#"{"study": "1.9", "order": 1}"#, 409, "unmatch"),
        ("match", r#"{"study": "1.9", "order": 5}"#, 404, "order"),
        ("match", r#"{"study": "1.8", "order": 2}"#, 404, "study"),
        ("match", r#"{"study": "x", "order": 2}"#, 400, "study"),
        ("match", r#"{"study": "1.9"}"#, 400, "MatchRequest"),
        ("match", "{", 400, "no JSON"),
        ("unmatch", r#"{"order": 5}"#, 404, "order"),
        ("dismiss", r#"{"entry": 5}"#, 404, "entry"),
    ] {
        let (found, detail) = post(&app, path, body).await;
        assert_eq!(found, status, "{path} {body}: {detail}");
        assert!(detail.contains(named), "{path} {body}: {detail}");
    }
    app.world.said.lock().unwrap().clear();
    let long = format!(r#"{{"entry": 8, "reason": "{}"}}"#, "x".repeat(1001));
    assert_eq!(post(&app, "dismiss", &long).await.0, 400);
    let confirmed = r#"{"study": "1.9", "order": 2, "confirm": true, "reason": " 性别登记有误 "}"#;
    assert_eq!(post(&app, "match", confirmed).await.0, 204);
    assert_eq!(post(&app, "unmatch", r#"{"order": 1}"#).await.0, 204);
    assert_eq!(post(&app, "dismiss", r#"{"entry": 8}"#).await.0, 204);
    let said = app.world.said.lock().unwrap();
    let words: Vec<_> = said.iter().map(|(what, say)| (what.as_str(), say.reason.as_str())).collect();
    assert_eq!(words, [("1.9 2", "性别登记有误"), ("unmatch 1", ""), ("dismiss 8", "")]);
}
