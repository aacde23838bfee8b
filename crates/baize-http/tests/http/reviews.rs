//! A physician's word on a result.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::fakes::PATIENT;
use crate::harness::{Answer, App, app};

const RESULT: &str = "/v1/studies/1.2/instances/1.2.1/reviews";

async fn post(app: &App, uri: &str, body: &str) -> Answer {
    let request = Request::post(uri).header("content-type", "application/json");
    app.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

fn corrected() -> Value {
    json!({
        "model": { "id": "cxr", "version": "0.1.0" },
        "verdict": "corrected",
        "findings": [{ "scheme": "SCT", "value": "233604007", "opinion": "disagree" }],
        "comment": format!("{PATIENT}：未见炎症"),
        "sign": true,
    })
}

fn with(field: &str, value: Value) -> String {
    let mut body = corrected();
    body[field] = value;
    body.to_string()
}

#[tokio::test]
async fn a_review_stands_beside_the_result_which_stays_as_it_was() {
    let app = app();
    let before = app.get("/v1/studies/1.2/findings").await.json();
    assert_eq!(before["instances"][0]["results"][0]["review"], Value::Null);
    let answer = post(&app, RESULT, &corrected().to_string()).await;
    assert_eq!(answer.status, 201);
    let recorded = answer.json();
    assert_eq!(recorded["sequence"], 1);
    assert_eq!(recorded["by"], "anonymous");
    assert_eq!(recorded["signed"], true);
    assert_eq!(recorded["at"], "2026-03-01T08:38:01.000250Z");
    let again = post(&app, RESULT, &corrected().to_string()).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, recorded.clone()));

    let confirmed = json!({ "model": { "id": "cxr", "version": "0.1.0" }, "verdict": "confirmed" });
    let second = post(&app, RESULT, &confirmed.to_string()).await;
    assert_eq!((second.status.as_u16(), &second.json()["sequence"]), (201, &json!(2)));

    let listed = app.get(RESULT).await.json();
    assert_eq!(listed["reviews"].as_array().unwrap().len(), 2);
    assert_eq!(listed["reviews"][0], recorded);
    let mut after = app.get("/v1/studies/1.2/findings").await.json();
    assert_eq!(after["instances"][0]["results"][0]["review"], second.json(), "the newest");
    after["instances"][0]["results"][0]["review"] = Value::Null;
    assert_eq!(after, before, "nothing else changed");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_the_remedy() {
    let app = app();
    let twice = json!([corrected()["findings"][0], corrected()["findings"][0]]);
    let agree = json!([{ "scheme": "SCT", "value": "233604007", "opinion": "agree" }]);
    let other = json!([{ "scheme": "SCT", "value": "1", "opinion": "disagree" }]);
    for (body, named) in [
        (with("verdict", json!("confirmed")), "verdict"),
        (with("findings", agree), "findings"),
        (with("findings", twice), "findings"),
        (with("findings", other), "findings"),
        (with("comment", json!("长".repeat(4001))), "comment"),
        (with("verdict", json!("perhaps")), "body"),
        (with("sing", json!(true)), "body"),
        ("{".to_owned(), "body"),
    ] {
        let detail = post(&app, RESULT, &body).await.problem(400, "invalid_request");
        assert!(detail.starts_with(named), "{body}: {detail}");
    }
    // The parser's complaint must not carry what was sent.
    let detail = post(&app, RESULT, &with("sign", json!(PATIENT))).await.problem(400, "invalid_request");
    assert!(!detail.contains(PATIENT), "{detail}");
    assert!(app.world.reviews.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_review_needs_a_result() {
    let app = app();
    let unknown_version = with("model", json!({ "id": "cxr", "version": "9.9.9" }));
    let detail = post(&app, RESULT, &unknown_version).await.problem(404, "not_found");
    assert!(detail.starts_with("model"), "{detail}");
    let image = "/v1/studies/1.2/instances/7.7/reviews";
    post(&app, image, &corrected().to_string()).await.problem(404, "not_found");
    app.get(image).await.problem(404, "not_found");
    let failed = "/v1/studies/1.2/instances/1.2.3/reviews";
    post(&app, failed, &corrected().to_string()).await.problem(409, "invalid_request");
}
