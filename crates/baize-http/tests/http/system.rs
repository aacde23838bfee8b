//! Health, version, request ids and metrics.

use std::sync::atomic::Ordering;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

use crate::harness::app;

#[tokio::test]
async fn health_and_version() {
    let app = app();
    assert_eq!(app.get("/health/live").await.json(), json!({ "live": true }));
    let ready = app.get("/health/ready").await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.json(),
        json!({ "ready": true, "reasons": [], "warnings": [], "device": "cpu (fake)", "models": [{ "id": "cxr", "version": "0.1.0" }] })
    );
    app.world.ready.store(false, Ordering::SeqCst);
    let not_ready = app.get("/health/ready").await;
    assert_eq!(not_ready.status, 503);
    assert_eq!(not_ready.header("retry-after"), "5");
    assert_eq!(not_ready.json()["reasons"], json!(["models are warming up"]));
    assert_eq!(app.get("/health/live").await.status, 200, "alive although not ready");
    let version = json!({ "name": "baize", "version": "0.1.0", "git_sha": "abc1234", "build": "test, cpu" });
    assert_eq!(app.get("/version").await.json(), version);
}

#[tokio::test]
async fn request_ids_are_kept_where_plain_and_made_otherwise() {
    let app = app();
    let with = |id: &str| Request::get("/version").header("x-request-id", id).body(Body::empty()).unwrap();
    assert_eq!(app.send(with("his-42_a.b")).await.header("x-request-id"), "his-42_a.b");
    for bad in ["", "a b", "name=Wang", &"x".repeat(65)] {
        let made = app.send(with(bad)).await.header("x-request-id").to_owned();
        assert_eq!(made.len(), 36, "{bad:?} became {made}");
    }
    let first = app.get("/version").await.header("x-request-id").to_owned();
    assert_ne!(app.get("/version").await.header("x-request-id"), first);
}

#[tokio::test]
async fn requests_are_counted_by_template_and_status() {
    let app = app();
    app.get("/v1/studies/1.2").await;
    app.get("/v1/studies/7.7").await;
    app.get("/v1/studies/7.8").await;
    app.get("/secret/path").await;
    let metrics = baize_http::metrics_router(app.registry.clone());
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = metrics.clone().oneshot(request).await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let page = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    for line in [
        r#"baize_http_requests_total{route="/v1/studies/{study}",status="200"} 1"#,
        r#"baize_http_requests_total{route="/v1/studies/{study}",status="404"} 2"#,
        r#"baize_http_requests_total{route="unmatched",status="404"} 1"#,
        r#"baize_http_request_seconds_count{route="/v1/studies/{study}"} 3"#,
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
    assert!(!page.contains("secret") && !page.contains("7.7"), "raw paths are no labels");
    let other = metrics.oneshot(Request::get("/v1/studies").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(other.status(), 404, "the metrics listener serves nothing else");
}
