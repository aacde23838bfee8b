//! Results go out: to DCMTK's storescp where it is installed, and to another Baize, from where nothing comes back.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::{Server, baize};

/// DCMTK's, by full path: pynetdicom installs a namesake.
const STORESCP: &str = "/usr/bin/storescp";

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A loopback port behind which each connection gets a storescp of its own; `false` where it is not installed.
fn storescp(port: u16, archive: &Path) -> bool {
    if !Path::new(STORESCP).exists() {
        println!("skipped: storescp of DCMTK is not installed");
        return false;
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let archive = archive.to_owned();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut command = Command::new(STORESCP);
            command.args(["--inetd", "-ts", "20", "-ta", "20", "-td", "20", "-od"]).arg(&archive);
            command.stdin(Stdio::from(OwnedFd::from(stream))).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            thread::spawn(move || child.wait());
        }
    });
    true
}

fn destination(name: &str, port: u16, ae_title: &str) -> String {
    format!(
        "destinations=[{{name='{name}', address='127.0.0.1:{port}', ae_title='{ae_title}', refused=true}}]"
    )
}

pub(crate) async fn deliveries(server: &Server) -> Vec<Value> {
    let (status, body) = server.get("/v1/outbox").await;
    assert_eq!(status, StatusCode::OK);
    body["deliveries"].as_array().unwrap().clone()
}

async fn until_acknowledged(server: &Server) -> Vec<Value> {
    server
        .until("acknowledged", async || {
            let deliveries = deliveries(server).await;
            !deliveries.is_empty() && deliveries.iter().all(|one| one["state"] == "acknowledged")
        })
        .await;
    deliveries(server).await
}

fn sop_uids(deliveries: &[Value]) -> BTreeSet<String> {
    deliveries.iter().map(|one| one["object"]["sop"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_survive_an_outage_and_a_kill_and_reach_the_archive() {
    let (data, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let port = free_port();
    let setting = destination("pacs", port, "PACS");
    let server = Server::start(data.path(), &[&setting]).await;
    let object = ObjectBuilder::chest(1);
    assert_eq!(server.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
    server
        .until("waiting", async || deliveries(&server).await.iter().any(|one| one["state"] == "waiting"))
        .await;
    assert!(deliveries(&server).await.iter().all(|one| one["state"] != "acknowledged"));
    server.kill_now();
    drop(server);
    if !storescp(port, archive.path()) {
        return;
    }
    let server = Server::start(data.path(), &[&setting]).await;
    let acknowledged = until_acknowledged(&server).await;
    let kept: BTreeSet<String> = std::fs::read_dir(archive.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // storescp names a file after modality and SOP Instance UID.
        .map(|name| name.split_once('.').unwrap().1.to_owned())
        .collect();
    assert_eq!(kept, sop_uids(&acknowledged));
    assert!(acknowledged.iter().all(|one| one["study"] == object.study_uid() && one["status"] == "0000"));
    let page = reqwest::get(&server.metrics).await;
    let page = page.unwrap().text().await.unwrap();
    assert!(
        page.contains(
            "baize_outbox_attempts_total{destination=\"pacs\",kind=\"object\",result=\"acknowledged\"}"
        ),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_send_each_other_results_come_to_rest() {
    let (near_data, far_data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (near_port, far_port) = (free_port(), free_port());
    let near_settings = [format!("dimse.bind=127.0.0.1:{near_port}"), destination("far", far_port, "BAIZE")];
    let far_settings = [format!("dimse.bind=127.0.0.1:{far_port}"), destination("near", near_port, "BAIZE")];
    let far = Server::start(far_data.path(), &far_settings.each_ref().map(String::as_str)).await;
    let near = Server::start(near_data.path(), &near_settings.each_ref().map(String::as_str)).await;
    let object = ObjectBuilder::chest(2);
    assert_eq!(near.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
    let sent = until_acknowledged(&near).await;
    let (_, body) = far.get(&format!("/v1/studies/{}/findings", object.study_uid())).await;
    let instances = body["instances"].as_array().unwrap();
    assert_eq!(instances.len(), sent.len(), "{body}");
    for instance in instances {
        let results = instance["results"].as_array().unwrap();
        assert!(results.len() == 1 && results[0]["status"] == "refused", "{instance}");
        assert!(instance.to_string().contains("own_result"), "{instance}");
    }
    assert_eq!(deliveries(&far).await, Vec::<Value>::new(), "a result about a result goes nowhere");
}

#[test]
fn doctor_tells_which_destination_answers() {
    let archive = tempfile::tempdir().unwrap();
    let (up, down) = (free_port(), free_port());
    if !storescp(up, archive.path()) {
        return;
    }
    let destinations = format!(
        "destinations=[{{name='pacs', address='127.0.0.1:{up}', ae_title='PACS'}}, \
         {{name='old', address='127.0.0.1:{down}', ae_title='OLD'}}]"
    );
    let data = format!("storage.data_dir={}", archive.path().join("data").display());
    let output = baize().args(["doctor", "--set", &destinations, "--set", &data]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains(&format!("✓ destination: pacs (127.0.0.1:{up}, PACS; sr, key-image, gsps, kos)")),
        "{text}"
    );
    assert!(text.contains(&format!("✗ destination: old (127.0.0.1:{down}, OLD) does not answer")), "{text}");
}
