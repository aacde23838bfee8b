//! Webhooks to a receiver that answers as told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use baize_core::ports::{
    LinkLost, MessageAnswer, MessageCourier, MessageId, Subject, TriageEntry, TriageStep, VisitId,
    VisitResult, Wording,
};
use baize_core::{Clock as _, Lane};
use baize_testkit::VirtualClock;
use baize_webhook::{JsonWording, Secret, Webhook, WebhookConfig};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "a secret of many letters";

/// What came: the head of a request in small letters, and its body.
type Came = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Answers each request with this text; hangs up where it is empty.
async fn receiver(answer: &'static str) -> (String, Came) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/baize", listener.local_addr().unwrap());
    let came = Came::default();
    let kept = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = read(&mut stream).await;
            kept.lock().unwrap().push(request);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, came)
}

async fn read(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let length: usize = header(&head, "content-length").parse().unwrap();
        if bytes.len() >= end + 4 + length {
            return (head, bytes[end + 4..].to_vec());
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    head.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default()
}

fn webhook(url: &str, clock: &VirtualClock) -> Webhook {
    let config = WebhookConfig {
        url: url.into(),
        secret: Secret::Given(SECRET.into()),
        tls: None,
        connect_timeout: Duration::from_secs(10),
        response_timeout: Duration::from_secs(10),
    };
    Webhook::new(config, Arc::new(clock.clone())).unwrap()
}

fn id() -> MessageId {
    MessageId("BZ1".into())
}

async fn send(url: &str) -> Result<MessageAnswer, LinkLost> {
    let message = Bytes::from_static("{\"patient\":\"王\"}".as_bytes());
    webhook(url, &VirtualClock::default()).send(&id(), Lane::Stat, &message).await
}

#[tokio::test]
async fn a_request_is_signed_over_time_and_body() {
    let (url, came) = receiver("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(send(&url).await, Ok(MessageAnswer::Accepted("202".into())));
    let (head, body) = came.lock().unwrap().remove(0);
    assert!(head.starts_with("post /baize http/1.1"), "{head}");
    assert_eq!(header(&head, "content-type"), "application/json");
    assert_eq!(header(&head, "x-baize-message-id"), "bz1");
    let timestamp = header(&head, "x-baize-timestamp");
    assert_eq!(timestamp, (VirtualClock::default().now().as_micros() / 1_000_000).to_string());
    // As a receiver would verify it.
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&[timestamp.as_bytes(), b".", &body].concat());
    let signature = header(&head, "x-baize-signature").strip_prefix("v1=").unwrap();
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(signature, digits);
}

#[tokio::test]
async fn only_success_is_an_acknowledgement() {
    use MessageAnswer::{Accepted, Later, LaterThan, Refused};
    let seconds = Duration::from_secs;
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", Ok(Accepted("200".into()))),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
            Ok(Later("302".into(), "the receiver has moved; configure its new address".into())),
        ),
        ("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", Ok(Later("401".into(), String::new()))),
        (
            "HTTP/1.1 422 No\r\ncontent-length: 15\r\n\r\nunknown\npatient",
            Ok(Refused("422".into(), "unknown patient".into())),
        ),
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", Ok(Refused("410".into(), String::new()))),
        (
            "HTTP/1.1 429 Slow\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n",
            Ok(LaterThan(seconds(120), "429".into(), String::new())),
        ),
        (
            "HTTP/1.1 503 Down\r\nretry-after: Wed, 01 Jan 2025 00:10:00 GMT\r\ncontent-length: 4\r\n\r\ndown",
            Ok(LaterThan(seconds(600), "503".into(), "down".into())),
        ),
        (
            "HTTP/1.1 500 Oops\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n",
            Ok(Later("500".into(), String::new())),
        ),
    ] {
        let (url, came) = receiver(answer).await;
        assert_eq!(send(&url).await, expected, "{answer}");
        assert_eq!(came.lock().unwrap().len(), 1, "{answer}: nothing is followed");
    }
    for garbage in ["", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 20", "\u{b}MSH|^~\\&|\u{1c}\r"] {
        let (url, _) = receiver(garbage).await;
        let LinkLost(reason) = send(&url).await.unwrap_err();
        assert!(!reason.contains("/baize"), "{reason}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let LinkLost(reason) = send(&format!("http://{nobody}/")).await.unwrap_err();
    assert!(reason.starts_with("no connection"), "{reason}");
}

#[tokio::test]
async fn the_secret_is_read_from_its_file_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    let (url, came) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let config = WebhookConfig {
        url,
        secret: Secret::File(path.clone()),
        tls: None,
        connect_timeout: Duration::from_secs(10),
        response_timeout: Duration::from_secs(10),
    };
    let webhook = Webhook::new(config, Arc::new(VirtualClock::default())).unwrap();
    let message = Bytes::from_static(b"{}");
    webhook.send(&id(), Lane::Stat, &message).await.unwrap();
    std::fs::write(&path, "another secret of many letters").unwrap();
    webhook.send(&id(), Lane::Stat, &message).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let LinkLost(reason) = webhook.send(&id(), Lane::Stat, &message).await.unwrap_err();
    assert!(reason.contains("secret"), "{reason}");
    let signatures: Vec<String> =
        came.lock().unwrap().iter().map(|(head, _)| header(head, "x-baize-signature").to_owned()).collect();
    assert_eq!(signatures.len(), 2);
    assert_ne!(signatures[0], signatures[1]);
    assert!(!format!("{webhook:?}").contains("many letters"));
}

#[test]
fn a_step_at_the_desk_is_told_as_it_was_recorded() {
    let entry = TriageEntry {
        visit: VisitId::parse("3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11").unwrap(),
        sequence: 2,
        step: TriageStep::Level,
        at: VirtualClock::default().now(),
        actor: "triage-desk-1".into(),
        sent: "{}".into(),
        known:
            r#"{"decision":{"acuity":3,"level_cn":3,"reason":null,"by":"nurse-li","at":1735689600000000}}"#
                .into(),
        assessment: r#"{"level_cn":2,"summary":"胸痛"}"#.into(),
        level_cn: 2,
        acuity: 2,
        encounter: Some("V100".into()),
        model: None,
    };
    let subject = Subject::Visit(Box::new(VisitResult { entry, encounter: None }));
    let now = VirtualClock::default().now();
    let written = JsonWording.message(&id(), &subject, now).unwrap();
    assert_eq!(written, JsonWording.message(&id(), &subject, now).unwrap());
    let document: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!((&document["schema"], &document["kind"]), (&json!("baize.result/1"), &json!("triage")));
    assert_eq!(
        document["triage"],
        json!({
            "visit": "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11", "sequence": 2, "step": "level",
            "at": "2025-01-01T00:00:00.000000Z", "by": "triage-desk-1", "encounter": "V100", "patient": null,
            "level_cn": 2, "acuity": 2, "imaging": [],
            "decision": { "acuity": 3, "level_cn": 3, "reason": null, "by": "nurse-li", "at": "2025-01-01T00:00:00.000000Z" },
            "assessment": { "level_cn": 2, "summary": "胸痛" }
        })
    );
    assert_eq!(document["notices"].as_array().unwrap().len(), 2);
}
