//! The event stream.

use std::time::Duration;

use axum::body::Body;
use baize_core::ports::{Event, TriageRaised, VisitId};
use baize_core::{Lane, Report};
use baize_http::HttpConfig;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::fakes::{NOW, analysed, identity, model};
use crate::harness::{App, app, app_with, config};

async fn listen(app: &App, language: &str) -> axum::response::Response {
    let request = Request::get("/v1/events").header("accept-language", language).body(Body::empty()).unwrap();
    app.router.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn events_arrive_by_name_and_the_stream_ends_with_the_server() {
    let app = app();
    let response = listen(&app, "zh").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let report = Report {
        instance: identity("1.2", "1.3"),
        model: Some(model("0.1.0")),
        outcome: analysed(),
        finished_at: NOW,
        gate: None,
    };
    for event in [
        Event::Received { identity: identity("1.2", "1.3"), lane: Lane::Stat, at: NOW },
        Event::Reported(Box::new(report)),
        Event::TriageRaised(TriageRaised {
            visit: VisitId::parse("3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11").unwrap(),
            sequence: 3,
            level_cn: 2,
            acuity: 2,
            raised: true,
            at: NOW,
        }),
        Event::Lagged(7),
    ] {
        app.world.events.send(event).unwrap();
    }
    let mut body = response.into_body();
    let mut text = String::new();
    while text.matches("\n\n").count() < 4 {
        let frame = body.frame().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    let blocks: Vec<&str> = text.split("\n\n").collect();
    let data = |block: &str, name: &str| -> serde_json::Value {
        let (event, data) = block.split_once('\n').unwrap();
        assert_eq!(event, format!("event: {name}"));
        serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap()
    };
    let received = data(blocks[0], "received");
    assert_eq!((&received["sop"], &received["lane"]), (&"1.3".into(), &"stat".into()));
    let reported = data(blocks[1], "reported");
    assert_eq!(reported["result"]["findings"][0]["label"], "肺炎");
    assert!(
        reported["result"]["overlay"]
            .as_str()
            .unwrap()
            .starts_with("/v1/studies/1.2/instances/1.3/overlay.png")
    );
    let raised = serde_json::json!({
        "id": "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11", "sequence": 3, "level_cn": 2, "acuity": 2, "raised": true,
        "at": "2026-03-01T08:38:01.000250Z",
    });
    assert_eq!(data(blocks[2], "triage_raised"), raised);
    assert_eq!(data(blocks[3], "lagged")["missed"], 7);

    app.shutdown.cancel();
    assert!(body.frame().await.is_none(), "the stream ends when the server shuts down");
}

#[tokio::test]
async fn there_are_only_so_many_seats_and_a_listener_that_leaves_frees_one() {
    let app = app();
    let first = listen(&app, "en").await;
    let _second = listen(&app, "en").await;
    let full = app.get("/v1/events").await;
    full.problem(503, "saturated");
    assert_eq!(full.header("retry-after"), "30");
    assert_eq!(app.get("/v1/studies").await.status, 200, "open streams use no quota");
    drop(first);
    assert_eq!(listen(&app, "en").await.status(), 200);
}

#[tokio::test]
async fn a_silent_stream_sends_comments() {
    let app = app_with(HttpConfig { event_keep_alive: Duration::from_millis(5), ..config() });
    let mut body = listen(&app, "en").await.into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert!(frame.data_ref().unwrap().starts_with(b":"));
}
