//! One server and its clients: real peers, twice the same, draining, a second server on the same data.

use std::process::{Command, Stdio};

use crate::harness::{Server, baize, root};
use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_with_real_clients_finds_the_same_by_both_ways_and_re_sending_changes_nothing() {
    let peers = Command::new("python3")
        .args(["-c", "import data_store, pydicom, requests, dicomweb_client, pynetdicom"])
        .stderr(Stdio::null())
        .status();
    if !peers.is_ok_and(|status| status.success()) {
        println!(
            "skipped: the Python packages of deploy/requirements-peers.txt are not there (run `make test`)"
        );
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(
        data.path(),
        &["dimse.allow_any_calling_ae=false", "dimse.allowed_calling_aes=[\"DEMO\"]"],
    )
    .await;
    let output = tokio::process::Command::new("python3")
        .arg(root().join("deploy/demo_send.py"))
        .args([
            "--server",
            &server.http,
            "--key",
            &server.key,
            "--dicom-port",
            &server.dicom_port.to_string(),
        ])
        .arg("--out")
        .arg(data.path())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("finding ").count(), 2, "{said}");
    assert!(said.contains("nothing changed"), "{said}");
    let (_, studies) = server.get("/v1/studies").await;
    assert_eq!(studies["studies"].as_array().unwrap().len(), 2, "{studies}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_the_next_start_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let objects: Vec<_> = (0..5).map(ObjectBuilder::chest).collect();
    let mut server = Server::start(data.path(), &[]).await;
    let bodies: Vec<_> = objects.iter().map(ObjectBuilder::build).collect();
    assert_eq!(server.stow(&bodies).await.unwrap().0, StatusCode::OK);
    assert!(server.terminate().success(), "{}", server.log().join("\n"));

    let next = Server::start(data.path(), &[]).await;
    for object in &objects {
        let results = next.results(&object.study_uid()).await;
        assert_eq!(results.len(), 1);
        assert_eq!(results[0]["status"], "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut first = Server::start(data.path(), &[]).await;
    let second = baize()
        .args(["serve", "--set", "http.bind=127.0.0.1:0", "--set", "http.metrics_bind=127.0.0.1:0"])
        .args(["--set", "dimse.bind=127.0.0.1:0", "--set"])
        .arg(format!("storage.data_dir={}", data.path().display()))
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(!second.stderr.is_empty());
    assert!(first.is_alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_version_metrics_and_the_api_description_answer() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    assert_eq!(server.get("/health/live").await.0, StatusCode::OK);
    let (_, version) = server.get("/version").await;
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let (_, openapi) = server.get("/openapi.json").await;
    assert!(openapi["paths"]["/v1/infer"].is_object());
    server.stow(&[ObjectBuilder::chest(1).build()]).await.unwrap();
    server.results(&ObjectBuilder::chest(1).study_uid()).await;
    let metrics = reqwest::get(&server.metrics).await.unwrap().text().await.unwrap();
    for name in ["queue_depth", "batch_size", "decode_seconds", "http_requests", "triage_seconds"] {
        assert!(metrics.contains(name), "{name} is missing in:\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_a_key() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let answer = reqwest::get(format!("{}/v1/studies", server.http)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}
