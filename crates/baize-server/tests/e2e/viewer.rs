//! OHIF in a headless Chromium, against the real server.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Server, root};

const SCRIPT: &str = include_str!("viewer.mjs");

/// Node, a Chromium, and the folder of the packages of `deploy/viewer-peers.txt`.
fn peers() -> Option<(PathBuf, PathBuf)> {
    let on_path = |name: &str| {
        let folders = std::env::var_os("PATH")?;
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|file| file.is_file())
    };
    if on_path("node").is_none() {
        println!("skipped: node is not installed");
        return None;
    }
    let Some(chromium) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path)
    else {
        println!("skipped: no Chromium is installed");
        return None;
    };
    let packages = root().join(".tools/node/node_modules");
    if !packages.join("@ohif/app/dist/index.html").is_file() || !packages.join("playwright-core").is_dir() {
        println!("skipped: the packages of deploy/viewer-peers.txt are not there (run `make test`)");
        return None;
    }
    Some((chromium, packages))
}

/// A real radiograph where there is one. It states a Pixel Spacing of zero, by which viewers lay images out over no area
/// at all; any other will do.
fn radiograph() -> Vec<u8> {
    let folder = std::env::var_os("BAIZE_PYDICOM_DATA").map(PathBuf::from).unwrap_or_default();
    let Ok(mut object) = std::fs::read(folder.join("RG1_UNCR.dcm")) else {
        return ObjectBuilder::chest(1).build().to_vec();
    };
    let (zero, other) = (br"0.000\0.000", br"0.168\0.168");
    let at = object.windows(zero.len()).position(|bytes| bytes == zero).unwrap();
    object[at..at + zero.len()].copy_from_slice(other);
    object
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ohif_lists_a_study_and_shows_image_and_report() {
    let Some((chromium, packages)) = peers() else { return };
    let data = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let origin = format!("http.allowed_origins=[\"http://127.0.0.1:{port}\"]");
    let server = Server::start(data.path(), &[&origin]).await;
    assert_eq!(server.stow(&[radiograph()]).await.unwrap().0, StatusCode::OK);
    let (_, worklist) = server.get("/v1/studies").await;
    let study = worklist["studies"][0]["study"].as_str().unwrap().to_owned();
    let reports = format!("/dicomweb/studies/{study}/series?Modality=SR");
    server.until("filed", async || server.get(&reports).await.0 == StatusCode::OK).await;
    let (_, rows) = server.get("/dicomweb/studies").await;
    let name = rows[0]["00100010"]["Value"][0]["Alphabetic"].as_str().unwrap();
    let patient = name.split('^').next().unwrap();

    // Left there for whoever wants to look.
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("viewer");
    std::fs::create_dir_all(&screenshots).unwrap();
    let task = json!({
        "packages": packages,
        "chromium": chromium,
        "port": port,
        "server": server.http,
        "key": server.key,
        "study": study,
        "patient": patient,
        "modalities": ["SR"],
        "screenshots": screenshots,
    });
    let script = data.path().join("viewer.mjs");
    std::fs::write(&script, SCRIPT).unwrap();
    let mut command = Command::new("node");
    command.arg(&script).arg(task.to_string());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("/frames/"), "pixels came over WADO-RS: {said}");
}
