//! Viewers that another server hands out.

use axum::body::Body;
use baize_http::HttpConfig;
use http::{Method, Request, StatusCode};

use crate::harness::{Answer, App, app, app_with, app_with_keys, config};

const VIEWER: &str = "https://viewer.example";

fn with_viewer() -> App {
    app_with(HttpConfig { allowed_origins: vec![VIEWER.into()], ..config() })
}

fn preflight(origin: &str) -> Request<Body> {
    Request::builder()
        .method(Method::OPTIONS)
        .uri("/dicomweb/studies")
        .header("origin", origin)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .body(Body::empty())
        .unwrap()
}

fn from(origin: &str, path: &str) -> Request<Body> {
    Request::builder().uri(path).header("origin", origin).body(Body::empty()).unwrap()
}

fn vary(answer: &Answer) -> String {
    let all = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap());
    all.collect::<Vec<_>>().join(", ")
}

fn allowed(answer: &Answer) -> &str {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn only_named_origins_may_read_answers() {
    let app = with_viewer();
    let asked = app.send(preflight(VIEWER)).await;
    assert_eq!((asked.status, allowed(&asked)), (StatusCode::OK, VIEWER));
    assert!(asked.header("access-control-allow-headers").contains("authorization"));
    assert!(vary(&asked).contains("origin"), "{:?}", asked.headers);
    let answer = app.send(from(VIEWER, "/dicomweb/studies")).await;
    assert_eq!((answer.status, allowed(&answer)), (StatusCode::OK, VIEWER));
    assert!(vary(&answer).contains("origin") && vary(&answer).contains("accept"), "{:?}", answer.headers);

    for other in ["https://elsewhere.example", "http://viewer.example", "https://viewer.example:8443", "null"]
    {
        assert_eq!(allowed(&app.send(preflight(other)).await), "", "{other}");
        assert_eq!(allowed(&app.send(from(other, "/dicomweb/studies")).await), "", "{other}");
    }
}

#[tokio::test]
async fn a_page_reads_problems_too_and_never_goes_by_cookies() {
    let answer = with_viewer().send(from(VIEWER, "/dicomweb/studies/9.9.9/metadata")).await;
    assert_eq!((answer.status, allowed(&answer)), (StatusCode::NOT_FOUND, VIEWER));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn without_origins_nothing_is_said_about_them() {
    let answer = app().send(from(VIEWER, "/dicomweb/studies")).await;
    assert_eq!((answer.status, allowed(&answer)), (StatusCode::OK, ""));
    let (locked, _) = app_with_keys();
    assert_eq!(allowed(&locked.send(preflight(VIEWER)).await), "");
}
