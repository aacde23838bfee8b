//! Results as signed webhooks, to a receiver that verifies them as the documentation says.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::harness::Server;
use crate::outbox::deliveries;

const SECRET: &str = "a secret of many letters";

/// What a receiver in Python does; prints `ok` for a signature that holds.
const VERIFY: &str = r#"
import hmac, sys
secret, timestamp, signature = (argument.encode() for argument in sys.argv[1:4])
body = sys.stdin.buffer.read()
expected = b"v1=" + hmac.new(secret, timestamp + b"." + body, "sha256").hexdigest().encode()
print("ok" if hmac.compare_digest(expected, signature) else "forged")
"#;

#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Scripted>>);

#[derive(Default)]
struct Scripted {
    /// What is answered next; 204 where nothing is said.
    script: Vec<u16>,
    came: Vec<(HeaderMap, Vec<u8>)>,
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut state = receiver.0.lock().unwrap();
    state.came.push((headers, body.to_vec()));
    StatusCode::from_u16(state.script.pop().unwrap_or(204)).unwrap()
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers[name].to_str().unwrap().to_owned()
}

fn verified(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    use std::io::Write as _;
    let mut command = std::process::Command::new("python3");
    command.args([
        "-c",
        VERIFY,
        SECRET,
        &text(headers, "x-baize-timestamp"),
        &text(headers, "x-baize-signature"),
    ]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take().unwrap().write_all(body).unwrap();
    Some(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_message_comes_until_the_receiver_has_it() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::default();
    receiver.0.lock().unwrap().script = vec![429, 503, 500];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/baize", listener.local_addr().unwrap());
    let router = Router::new().route("/baize", post(take)).with_state(receiver.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let secret = data.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let destination =
        format!("destinations=[{{name='app', webhook={{url='{url}', secret_file='{}'}}}}]", secret.display());
    let settings = [destination.as_str(), "outbox.retry_cap_seconds=1", "studies.stow_quiet_seconds=1"];
    let server = Server::start(data.path(), &settings).await;
    let object = ObjectBuilder::chest(1);
    assert_eq!(server.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
    server
        .until("acknowledged", async || {
            let deliveries = deliveries(&server).await;
            !deliveries.is_empty() && deliveries.iter().any(|one| one["state"] == "acknowledged")
        })
        .await;
    let delivery = deliveries(&server).await.into_iter().find(|one| one["state"] == "acknowledged").unwrap();
    assert_eq!((&delivery["kind"], &delivery["message"]["answer"]), (&json!("message"), &json!("204")));
    let came: Vec<(HeaderMap, Vec<u8>)> = receiver.0.lock().unwrap().came.clone();
    assert_eq!(came.len(), 4);
    for (headers, body) in &came {
        assert_eq!(*body, came[0].1, "the same bytes every time");
        assert_eq!(json!(text(headers, "x-baize-message-id")), delivery["message"]["id"]);
        match verified(headers, body) {
            Some(said) => assert_eq!(said, "ok"),
            None => println!("skipped: python3 is not installed"),
        }
    }
    let document: Value = serde_json::from_slice(&came[0].1).unwrap();
    assert_eq!(
        (&document["schema"], &document["message"]),
        (&json!("baize.result/1"), &delivery["message"]["id"])
    );
    let study = &document["study"];
    assert_eq!((&study["uid"], &study["standing"]), (&json!(object.study_uid()), &json!("preliminary")));
    let result = &study["images"][0]["results"][0];
    let (_, shown) = server.get(&format!("/v1/studies/{}/findings", object.study_uid())).await;
    let shown = &shown["instances"][0]["results"][0];
    assert_eq!((&result["status"], &result["model"]), (&json!("ok"), &shown["model"]));
    assert_eq!(result["findings"][0]["probability"], shown["findings"][0]["probability"]);
    let present = shown["findings"][0]["positive"] == true;
    assert_eq!(result["findings"][0]["presence"], json!(if present { "present" } else { "absent" }));
    assert!(!server.log().join("\n").contains("many letters"), "the secret is in no log");
}
