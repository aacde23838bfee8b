//! Reading one image while the caller waits.

use axum::body::Body;
use baize_core::Lane;
use http::Request;

use crate::fakes::{PNG, object};
use crate::harness::{Answer, App, BOUNDARY, app, multipart, related};

async fn infer(app: &App, directive: &str) -> Answer {
    app.post("/v1/infer", "application/dicom", object("1.2", "1.3", directive)).await
}

#[tokio::test]
async fn an_image_is_read_and_nothing_is_stored() {
    let app = app();
    let answer = infer(&app, "ok").await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["study"], "1.2");
    assert_eq!(body["sop"], "1.3");
    assert_eq!(body["result"]["status"], "ok");
    assert_eq!(body["result"]["findings"][0]["label"], "Pneumonia");
    assert_eq!(body["result"]["overlay"], serde_json::Value::Null, "no link to what is not kept");
    assert!(body["notices"]["physician_review"].is_string());
    assert!(app.world.accepted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_picture_comes_to_those_who_ask_for_it() {
    let app = app();
    let ask = |directive: &str| {
        let request = Request::post("/v1/infer")
            .header("content-type", "application/dicom")
            .header("accept", "image/png");
        request.body(Body::from(object("1.2", "1.3", directive))).unwrap()
    };
    let answer = app.send(ask("ok")).await;
    assert_eq!(answer.header("content-type"), "image/png");
    assert_eq!(answer.body, PNG);
    app.send(ask("wrong_view")).await.problem(422, "wrong_view");
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem_and_never_no_finding() {
    let app = app();
    for (directive, status) in [
        ("wrong_modality", 422),
        ("not_grayscale", 422),
        ("corrupt_pixel_data", 422),
        ("dimensions_too_large", 422),
        ("inference_failed", 500),
        ("device_lost", 500),
    ] {
        let answer = infer(&app, directive).await;
        answer.problem(status, directive);
        let result = &answer.json()["result"];
        assert_eq!(result["sop"], "1.3");
        assert_eq!(result["result"]["code"], directive);
        assert_eq!(result["result"]["findings"], serde_json::json!([]));
        let refused = matches!(directive, "wrong_modality" | "not_grayscale");
        assert_eq!(result["result"]["status"], if refused { "refused" } else { "error" }, "{directive}");
    }
    app.post("/v1/infer", "application/dicom", "garbage").await.problem(422, "not_dicom");
}

#[tokio::test]
async fn overload_says_when_to_come_back() {
    let app = app();
    for (directive, status) in [
        ("saturated", 503),
        ("draining", 503),
        ("not_ready", 503),
        ("deadline_exceeded", 504),
        ("quota_exceeded", 429),
    ] {
        let answer = infer(&app, directive).await;
        answer.problem(status, directive);
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(answer.json()["retry_after"], 5);
    }
    infer(&app, "cancelled").await.problem(499, "cancelled");
}

#[tokio::test]
async fn a_panic_is_a_problem_of_one_request() {
    let app = app();
    let detail = infer(&app, "panic").await.problem(500, "internal");
    assert!(!detail.contains("made to"), "{detail}");
    assert_eq!(infer(&app, "ok").await.status, 200);
}

#[tokio::test]
async fn the_lane_goes_along() {
    let app = app();
    for (query, lane) in [("", Lane::Routine), ("?lane=urgent", Lane::Urgent), ("?lane=stat", Lane::Stat)] {
        let path = format!("/v1/infer{query}");
        assert_eq!(app.post(&path, "application/dicom", object("1.2", "1.3", "ok")).await.status, 200);
        assert_eq!(app.world.lanes_read.lock().unwrap().pop(), Some(lane));
    }
    let detail =
        app.post("/v1/infer?lane=high", "application/dicom", "").await.problem(400, "invalid_request");
    assert!(detail.contains("routine, urgent or stat"), "{detail}");
}

#[tokio::test]
async fn multipart_bodies_hold_one_object() {
    let app = app();
    let one = object("1.2", "1.3", "ok");
    let form = |part_type: &str| {
        let text = String::from_utf8(one.clone()).unwrap();
        let disposition = "Content-Disposition: form-data; name=\"file\"; filename=\"a.dcm\"";
        format!("--frontier\r\n{disposition}\r\n{part_type}\r\n{text}\r\n--frontier--\r\n")
    };
    let form_type = "multipart/form-data; boundary=frontier";
    for part_type in ["Content-Type: application/octet-stream\r\n", "Content-Type: application/dicom\r\n", ""]
    {
        assert_eq!(app.post("/v1/infer", form_type, form(part_type)).await.status, 200, "{part_type}");
    }
    assert_eq!(
        app.post("/v1/infer", &related(BOUNDARY), multipart(std::slice::from_ref(&one))).await.status,
        200
    );
    app.post("/v1/infer", form_type, form("Content-Type: text/html\r\n"))
        .await
        .problem(415, "unsupported_media_type");
    for objects in [vec![], vec![one.clone(), one.clone()]] {
        let answer = app.post("/v1/infer", &related(BOUNDARY), multipart(&objects)).await;
        answer.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn other_types_are_refused() {
    let app = app();
    for content_type in ["application/x-www-form-urlencoded", "application/json", "", "dicom"] {
        let answer = app.post("/v1/infer", content_type, object("1.2", "1.3", "ok")).await;
        answer.problem(415, "unsupported_media_type");
    }
    let bare = Request::post("/v1/infer").body(Body::from(object("1.2", "1.3", "ok"))).unwrap();
    app.send(bare).await.problem(415, "unsupported_media_type");
}
