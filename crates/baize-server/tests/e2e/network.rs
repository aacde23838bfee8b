//! The DICOM network from end to end: Orthanc sends an image, gets the results and commits itself to them; DCMTK comes
//! over TLS.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use baize_testkit::{Certificates, ObjectBuilder, Orthanc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::harness::{Server, baize};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn get(orthanc: &Arc<Orthanc>, path: String) -> Value {
    let orthanc = Arc::clone(orthanc);
    let (status, body) = spawn_blocking(move || orthanc.get(&path)).await.unwrap().unwrap();
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

async fn post(orthanc: &Arc<Orthanc>, path: &'static str, body: Vec<u8>) -> Value {
    let orthanc = Arc::clone(orthanc);
    let (status, body) = spawn_blocking(move || orthanc.post(path, &body)).await.unwrap().unwrap();
    let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_sends_an_image_and_keeps_the_results() {
    let (data, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (port, folder) = (free_port(), archive.path().to_owned());
    let starting = move || Orthanc::start(&folder, &[("BAIZE", port)], "").unwrap().map(Arc::new);
    let Some(orthanc) = spawn_blocking(starting).await.unwrap() else {
        println!("skipped: Orthanc is not installed");
        return;
    };
    let destination = format!(
        "destinations=[{{name='pacs', address='{}', ae_title='{}', storage_commitment=true}}]",
        orthanc.dicom_address(),
        Orthanc::AE_TITLE
    );
    let bind = format!("dimse.bind=127.0.0.1:{port}");
    let server = Server::start(data.path(), &[&bind, &destination]).await;

    // In GB18030 the second byte of 乗, 俓 and 誠 is a backslash.
    let name = "Zhang^Cheng=张^乗俓誠";
    let image = ObjectBuilder::chest(1).charset("GB18030").patient_name(name);
    let uploaded = post(&orthanc, "/instances", image.build().to_vec()).await;
    let body = json!({ "Resources": [uploaded["ID"]], "Synchronous": true }).to_string();
    post(&orthanc, "/modalities/BAIZE/store", body.into()).await;

    server
        .until("committed", async || {
            let (status, body) = server.get("/v1/outbox?destination=pacs").await;
            assert_eq!(status, StatusCode::OK);
            let deliveries = body["deliveries"].as_array().unwrap();
            !deliveries.is_empty() && deliveries.iter().all(|one| one["committed_at"].is_string())
        })
        .await;
    let (_, body) = server.get("/v1/outbox?destination=pacs").await;
    let deliveries = body["deliveries"].as_array().unwrap();
    assert!(deliveries.iter().all(|one| one["state"] == "acknowledged"), "{body}");

    let kept = get(&orthanc, "/instances".to_owned()).await;
    assert_eq!(kept.as_array().unwrap().len(), deliveries.len() + 1);
    let mut modalities = Vec::new();
    for instance in kept.as_array().unwrap() {
        let path = format!("/instances/{}/simplified-tags", instance.as_str().unwrap());
        let tags = get(&orthanc, path).await;
        assert_eq!(tags["PatientName"], name);
        assert_eq!(tags["StudyInstanceUID"], image.study_uid());
        modalities.push(tags["Modality"].as_str().unwrap().to_owned());
        let sent = deliveries.iter().any(|one| one["object"]["sop"] == tags["SOPInstanceUID"]);
        assert!(sent || tags["SOPInstanceUID"] == image.sop_uid(), "{tags}");
    }
    assert!(modalities.contains(&"SR".to_owned()), "{modalities:?}");
}

/// DCMTK's, by full path: pynetdicom installs a namesake.
const ECHOSCU: &str = "/usr/bin/echoscu";

#[tokio::test(flavor = "multi_thread")]
async fn the_server_speaks_tls_with_those_who_show_a_certificate() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let port = free_port();
    let tls = format!(
        "dimse.tls={{bind='127.0.0.1:{port}', certificate='{}', key='{}', client_ca='{}'}}",
        certificates.certificate("server").display(),
        certificates.key("server").display(),
        certificates.authority().display(),
    );
    let server = Server::start(data.path(), &[&tls]).await;
    // The doctor finds the server as another system would.
    let destination = |own: bool| {
        let (certificate, key) = (certificates.certificate("client"), certificates.key("client"));
        let shown = format!(", certificate='{}', key='{}'", certificate.display(), key.display());
        format!(
            "destinations=[{{name='near', address='localhost:{port}', ae_title='BAIZE', tls={{ca='{}'{}}}}}]",
            certificates.authority().display(),
            if own { shown.as_str() } else { "" }
        )
    };
    for (own, said) in [(true, "✓ destination: near"), (false, "✗ destination: near")] {
        let data_dir = format!("storage.data_dir={}", data.path().join("other").display());
        let mut command = baize();
        let output =
            command.args(["doctor", "--set", &data_dir, "--set", &destination(own)]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains(said), "{told}");
    }
    if !Path::new(ECHOSCU).exists() {
        println!("skipped: echoscu of DCMTK is not installed");
        return;
    }
    for (name, served) in [("client", true), ("foreign", false)] {
        let mut command = Command::new(ECHOSCU);
        command.args(["-aec", "BAIZE", "-to", "20", "-ta", "20", "+tls"]);
        command.arg(certificates.key(name)).arg(certificates.certificate(name));
        command.arg("+cf").arg(certificates.authority()).args(["127.0.0.1", &port.to_string()]);
        assert_eq!(command.output().unwrap().status.success(), served, "{name}");
    }
    assert!(server.log().iter().any(|line| line.contains("tls handshake failed")));
}
