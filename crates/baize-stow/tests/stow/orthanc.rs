//! Orthanc with its DICOMweb plugin takes an object, and gives it back over its own REST.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use baize_core::ports::PeerAnswer;
use baize_stow::{StowClient, StowConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::{config, object, send};

const ORTHANC: &str = "/usr/sbin/Orthanc";
const PLUGIN: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

struct Orthanc {
    child: Child,
    root: String,
    _folder: TempDir,
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `None` where it is not installed. Asks for the login `baize`, `secret`.
async fn start() -> Option<Orthanc> {
    if !Path::new(ORTHANC).exists() || !Path::new(PLUGIN).exists() {
        println!("skipped: Orthanc with its DICOMweb plugin is not installed");
        return None;
    }
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let configuration = json!({
        "Name": "archive", "StorageDirectory": folder.path().join("storage"), "IndexDirectory": folder.path().join("index"),
        "HttpPort": port, "RemoteAccessAllowed": false, "DicomServerEnabled": false, "Plugins": [PLUGIN],
        "AuthenticationEnabled": true, "RegisteredUsers": { "baize": "secret" },
        "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
    });
    let file = folder.path().join("orthanc.json");
    std::fs::write(&file, configuration.to_string()).unwrap();
    let log = std::fs::File::create(folder.path().join("log.txt")).unwrap();
    let child = Command::new(ORTHANC).arg(&file).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let orthanc = Orthanc { child, root: format!("http://127.0.0.1:{port}"), _folder: folder };
    for _ in 0..3000 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Some(orthanc);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("Orthanc does not listen");
}

#[tokio::test]
async fn orthanc_takes_an_object_once_and_again() {
    let Some(orthanc) = start().await else { return };
    let folder = TempDir::new().unwrap();
    let login = folder.path().join("login");
    // base64 of baize:secret
    std::fs::write(&login, "Basic YmFpemU6c2VjcmV0\n").unwrap();
    let url = format!("{}/dicom-web", orthanc.root);
    assert!(StowClient::new(config(url.clone())).unwrap().probe().await.is_err(), "without a login");
    assert!(send(config(url.clone())).await.is_err(), "without a login");
    let settings = StowConfig { authorization_file: Some(login), ..config(url) };
    StowClient::new(settings.clone()).unwrap().probe().await.unwrap();
    for _ in 0..2 {
        let answer = send(settings.clone()).await.unwrap();
        assert!(matches!(answer, PeerAnswer::Status(0 | 0xB000.., _)), "{answer:?}");
    }
    let http = reqwest::Client::new();
    let get = |path: String| http.get(format!("{}{path}", orthanc.root)).basic_auth("baize", Some("secret"));
    let body = get("/instances".into()).send().await.unwrap().text().await.unwrap();
    let instances: Vec<Value> = serde_json::from_str(&body).unwrap();
    assert_eq!(instances.len(), 1);
    let id = instances[0].as_str().unwrap();
    let file = get(format!("/instances/{id}/file")).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(file, object().object);
}
