//! What is logged, and what must not be.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Request;
use tracing_subscriber::fmt::MakeWriter;

use crate::fakes::{PATIENT, PATIENT_ID, object};
use crate::harness::{BOUNDARY, app_with_keys, multipart, related};

const COMPLAINT: &str = "秘密的胸痛";

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn logs_name_route_status_and_client_but_no_patient_and_no_secret() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (app, keys) = app_with_keys();
    let key = &keys.last().unwrap().1;
    let send = |method: &str, path: &str, body: Vec<u8>| {
        let request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        let request = request.header("content-type", related(BOUNDARY)).header("x-request-id", "id-1");
        app.send(request.body(Body::from(body)).unwrap())
    };
    send("GET", "/v1/studies", vec![]).await;
    send("GET", "/v1/studies/1.2/findings", vec![]).await;
    send("GET", &format!("/v1/studies?patient={PATIENT_ID}"), vec![]).await;
    send("GET", &format!("/patients/{PATIENT_ID}"), vec![]).await;
    let marked = format!("spool_full {PATIENT_ID}");
    let objects = [object("1.2", "1.3", &format!("new {PATIENT_ID}")), object("1.2", "1.4", &marked)];
    send("POST", "/dicomweb/studies", multipart(&objects)).await;
    send("POST", "/v1/infer", multipart(&[object("1.2", "1.3", "panic")])).await;
    let triage = |path: &str, body: String| {
        let request = Request::post(format!("/v1/triage/assessments{path}"));
        let request = request.header("authorization", format!("Bearer {key}"));
        app.send(request.header("content-type", "application/json").body(Body::from(body)).unwrap())
    };
    let request = format!(r#"{{"encounter": "{PATIENT_ID}", "chief_complaint": "{COMPLAINT}，SOB"}}"#);
    let visit = triage("", request).await.json()["id"].as_str().unwrap().to_owned();
    let level = format!(r#"{{"level": 5, "reason": "{COMPLAINT}"}}"#);
    assert_eq!(triage(&format!("/{visit}/level"), level).await.status, 200);
    triage(&format!("/{visit}/vitals"), format!(r#"{{"{PATIENT_ID}": "{COMPLAINT}"}}"#)).await;
    triage("", format!(r#"{{"age_years": "{COMPLAINT}""#)).await;

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    for expected in [
        "route=\"/v1/studies/{study}/findings\"",
        "method=GET",
        "status=200",
        "client=\"key-admin\"",
        "request_id=\"id-1\"",
        "route=\"unmatched\"",
        "object not stored",
        "code=spool_full",
        "handler panicked",
        "triage step recorded",
    ] {
        assert!(log.contains(expected), "{expected} is missing in\n{log}");
    }
    for secret in [PATIENT, PATIENT_ID, COMPLAINT, key.as_str(), "patients/"] {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
    }
}
