//! Nothing a caller sends is unbounded.

use axum::body::Body;
use baize_http::{ConfigError, HttpConfig};
use bytes::Bytes;
use http::Request;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::fakes::{World, object};
use crate::harness::{App, BOUNDARY, app, app_with, config, multipart, ports, related};

fn large() -> Vec<u8> {
    let mut large = object("1.2", "1.3", "new ");
    large.resize(5000, b'x');
    large
}

/// A body that never ends; the test ends only because the server stops reading.
fn endless(head: &str) -> Body {
    let head = Ok::<_, std::io::Error>(Bytes::copy_from_slice(head.as_bytes()));
    let rest = std::iter::repeat_with(|| Ok(Bytes::from(vec![b'x'; 16 * 1024])));
    Body::from_stream(tokio_stream::iter(std::iter::once(head).chain(rest)))
}

#[tokio::test]
async fn an_object_over_the_limit_is_refused_and_the_others_are_kept() {
    let app = app();
    let answer = app.stow("/dicomweb/studies", &[large(), object("1.2", "1.4", "new")]).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["0008119A"]["Value"].as_array().unwrap().len(), 1);
    assert_eq!(app.world.accepted.lock().unwrap().len(), 1);
    app.stow("/dicomweb/studies", &[large()]).await.problem(413, "object_too_large");
    app.post("/v1/infer", "application/dicom", large()).await.problem(413, "object_too_large");
    app.post("/v1/infer", &related(BOUNDARY), multipart(&[large()])).await.problem(413, "object_too_large");
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let part = "--frontier\r\nContent-Type: application/dicom\r\n\r\n";
    let stow = related(BOUNDARY);
    app().post("/dicomweb/studies", &stow, endless(part)).await.problem(413, "object_too_large");
    app().post("/v1/infer", "application/dicom", endless("OBJ")).await.problem(413, "object_too_large");
    for head in ["", "--frontier\r\nX: "] {
        let detail =
            app().post("/dicomweb/studies", &stow, endless(head)).await.problem(400, "invalid_request");
        assert!(detail.contains("64 KiB"), "{detail}");
    }
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let app = app_with(HttpConfig { upload_idle_timeout: std::time::Duration::from_millis(5), ..config() });
    for (path, content_type) in
        [("/v1/infer", "application/dicom"), ("/dicomweb/studies", related(BOUNDARY).as_str())]
    {
        let silent = Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>());
        let detail = app.post(path, content_type, silent).await.problem(400, "invalid_request");
        assert!(detail.contains("brought nothing"), "{detail}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_the_callers() {
    let broken = || Body::from_stream(tokio_stream::once(Err::<Bytes, _>(std::io::Error::other("reset"))));
    app().post("/v1/infer", "application/dicom", broken()).await.problem(499, "cancelled");
    app().post("/dicomweb/studies", &related(BOUNDARY), broken()).await.problem(499, "cancelled");
}

fn waiting(lane: &str, bytes: usize) -> Request<Body> {
    let mut body = object("1.2", "1.3", "wait ");
    body.resize(bytes, b'x');
    let path = format!("/v1/infer?lane={lane}");
    Request::post(path).header("content-type", "application/dicom").body(Body::from(body)).unwrap()
}

/// Sends a request that waits in the reader, and returns once it does.
async fn begin(app: &App, request: Request<Body>) -> tokio::task::JoinHandle<u16> {
    let router = app.router.clone();
    let task =
        tokio::spawn(
            async move { tower::ServiceExt::oneshot(router, request).await.unwrap().status().as_u16() },
        );
    app.world.work_began.notified().await;
    task
}

#[tokio::test]
async fn a_client_has_only_so_many_requests_under_way() {
    let app = app_with(HttpConfig { max_in_flight_per_client: 2, ..config() });
    let first = begin(&app, waiting("routine", 100)).await;
    let second = begin(&app, waiting("routine", 100)).await;
    let answer = app.get("/v1/studies").await;
    answer.problem(429, "quota_exceeded");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(app.get("/health/live").await.status, 200, "health is never counted");
    app.world.release_work.notify_waiters();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (200, 200));
    assert_eq!(app.get("/v1/studies").await.status, 200);
}

#[tokio::test]
async fn a_cancelled_request_gives_its_place_back() {
    let app = app_with(HttpConfig { max_in_flight_per_client: 1, ..config() });
    let waiting = begin(&app, waiting("routine", 4000)).await;
    app.get("/v1/studies").await.problem(429, "quota_exceeded");
    waiting.abort();
    app.world.work_dropped.notified().await;
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(app.get("/v1/studies").await.status, 200);
    assert_eq!(app.post("/v1/infer", "application/dicom", object("1.2", "1.3", "ok")).await.status, 200);
}

#[tokio::test]
async fn routine_uploads_cannot_use_up_the_memory_of_stat() {
    let app = app();
    // 8192 bytes in all, of which 4096 are kept for STAT.
    let routine = begin(&app, waiting("routine", 4000)).await;
    let full = app.post("/v1/infer?lane=urgent", "application/dicom", vec![b'x'; 200]).await;
    full.problem(503, "saturated");
    assert_eq!(full.header("retry-after"), "2");
    app.stow("/dicomweb/studies", &[object("1.2", "1.3", "new "), vec![b'x'; 200]])
        .await
        .problem(503, "saturated");
    let stat = begin(&app, waiting("stat", 4096)).await;
    app.world.release_work.notify_waiters();
    assert_eq!((routine.await.unwrap(), stat.await.unwrap()), (200, 200));
    let after = app.post("/v1/infer", "application/dicom", object("1.2", "1.3", "ok")).await;
    assert_eq!(after.status, 200, "the memory is free again");
}

#[test]
fn limits_that_make_no_sense_are_refused_by_name() {
    let refused = |config: HttpConfig| {
        let mut registry = Registry::default();
        let ports = ports(&World::new(), &mut registry, &CancellationToken::new());
        baize_http::router(ports, config).map(|_| ()).unwrap_err()
    };
    for (config, key) in [
        (HttpConfig { max_object_bytes: 0, ..config() }, "max_object_bytes"),
        (HttpConfig { max_request_bytes: 10, ..config() }, "max_request_bytes"),
        (HttpConfig { max_parts: 0, ..config() }, "max_parts"),
        (HttpConfig { upload_memory_bytes: 4096, ..config() }, "upload_memory_bytes"),
        (HttpConfig { max_in_flight_per_client: 0, ..config() }, "max_in_flight_per_client"),
    ] {
        assert!(refused(config).to_string().contains(key), "{key}");
    }
    for url in ["", "baize.example", "https://baize.example/"] {
        assert!(matches!(
            refused(HttpConfig { public_url: url.into(), ..config() }),
            ConfigError::BadPublicUrl
        ));
    }
}
