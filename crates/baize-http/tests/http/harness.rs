//! Building the application and calling it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use baize_core::Language;
use baize_desk::{Desk, DeskSettings};
use baize_http::{ApiKey, AuthConfig, BuildInfo, HttpConfig, Metrics, Ports, Role, generate_api_key};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::fakes::{World, triage};
use crate::fhir_world::fhir;

pub(crate) const BOUNDARY: &str = "frontier";

pub(crate) fn config() -> HttpConfig {
    HttpConfig {
        public_url: "https://baize.example".into(),
        allowed_origins: Vec::new(),
        auth: None,
        default_language: Language::English,
        max_object_bytes: 4096,
        max_request_bytes: 1 << 20,
        max_parts: 8,
        upload_memory_bytes: 8192,
        upload_idle_timeout: Duration::from_secs(30),
        download_stall_timeout: Duration::from_secs(30),
        max_in_flight_per_client: 4,
        max_event_streams: 2,
        event_keep_alive: Duration::from_secs(15),
        build: BuildInfo {
            version: "0.1.0".into(),
            git_sha: Some("abc1234".into()),
            build: "test, cpu".into(),
        },
    }
}

/// An application and what it stands on.
pub(crate) struct App {
    pub(crate) world: Arc<World>,
    pub(crate) router: Router,
    pub(crate) registry: Arc<Registry>,
    pub(crate) shutdown: CancellationToken,
}

pub(crate) fn ports(world: &Arc<World>, registry: &mut Registry, shutdown: &CancellationToken) -> Ports {
    Ports {
        intake: world.clone(),
        identify: world.clone(),
        reader: world.clone(),
        studies: world.clone(),
        watch: world.clone(),
        reviews: world.clone(),
        archive: world.clone(),
        views: world.clone(),
        spool: world.clone(),
        events: world.clone(),
        desk: Arc::new(desk(world)),
        fusion: world.clone(),
        outbox: world.clone(),
        fhir: fhir(world),
        hospital: world.clone(),
        reconciliation: world.clone(),
        health: world.clone(),
        clock: world.clone(),
        metrics: Metrics::register(registry),
        shutdown: shutdown.clone(),
    }
}

fn desk(world: &Arc<World>) -> Desk {
    let settings = DeskSettings { threads: NonZeroUsize::new(2).unwrap(), max_waiting: 16 };
    Desk::new(triage(), world.clone(), world.clone(), settings)
}

pub(crate) fn app_with(config: HttpConfig) -> App {
    let world = World::new();
    let mut registry = Registry::default();
    let shutdown = CancellationToken::new();
    let ports = ports(&world, &mut registry, &shutdown);
    let router = baize_http::router(ports, config).unwrap();
    App { world, router, registry: Arc::new(registry), shutdown }
}

pub(crate) fn app() -> App {
    app_with(config())
}

/// One key per role, named after it.
pub(crate) fn app_with_keys() -> (App, Vec<(Role, String)>) {
    let mut secrets = Vec::new();
    let api_keys = Role::ALL.map(|role| {
        let (secret, sha256) = generate_api_key();
        secrets.push((role, secret));
        ApiKey { name: format!("key-{role}"), roles: vec![role], sha256 }
    });
    let auth = AuthConfig { api_keys: api_keys.to_vec(), jwt: None };
    (app_with(HttpConfig { auth: Some(auth), ..config() }), secrets)
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is the problem `code` with that status, and gives its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["type"], format!("urn:baize:error:{code}"));
        assert_eq!(body["code"], code);
        assert_eq!(body["status"], status);
        assert_eq!(body["instance"], self.header("x-request-id"));
        body["detail"].as_str().unwrap().to_owned()
    }
}

impl App {
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_in(&self, path: &str, language: &str) -> Answer {
        self.send(Request::get(path).header("accept-language", language).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        self.send(Request::post(path).header("content-type", content_type).body(body.into()).unwrap()).await
    }

    /// A patient's first assessment.
    pub(crate) async fn triage(&self, request: impl Into<Body>) -> Answer {
        self.post("/v1/triage/assessments", "application/json", request).await
    }

    pub(crate) async fn stow(&self, path: &str, objects: &[Vec<u8>]) -> Answer {
        self.post(path, &related(BOUNDARY), multipart(objects)).await
    }
}

pub(crate) fn related(boundary: &str) -> String {
    format!("multipart/related; type=\"application/dicom\"; boundary=\"{boundary}\"")
}

/// A well-formed body with one part per object.
pub(crate) fn multipart(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for object in objects {
        body.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n").as_bytes());
        body.extend_from_slice(object);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}
