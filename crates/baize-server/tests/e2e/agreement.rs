//! Orthanc and we, asked the same about the same objects.

use std::path::{Path, PathBuf};
use std::process::Command;

use baize_testkit::{ObjectBuilder, Orthanc, Syntax};

use crate::harness::{Server, root};

const SCRIPT: &str = include_str!("agreement.py");
const PLUGINS: [&str; 3] = [
    "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
    "/usr/lib/orthanc/plugins/libOrthancDicomWeb.so",
    "/usr/lib/libOrthancDicomWeb.so",
];

/// Orthanc with its DICOMweb plugin; `None`, with the reason printed, where either is not installed.
fn orthanc(folder: &Path) -> Option<Orthanc> {
    let plugin = PLUGINS.into_iter().find(|path| Path::new(path).exists());
    let settings = plugin.map(|path| {
        format!(
            r#""Plugins": ["{path}"], "UnknownSopClassAccepted": true,
               "DicomWeb": {{ "Enable": true, "Root": "/dicom-web/", "EnableWado": false }}"#
        )
    });
    // It need not call us, so the port is of no account.
    let started = settings.and_then(|settings| Orthanc::start(folder, &[("BAIZE", 104)], &settings).unwrap());
    if started.is_none() {
        println!("skipped: Orthanc with its DICOMweb plugin is not installed");
    }
    started
}

fn has_python_packages() -> bool {
    let found = Command::new("python3").args(["-c", "import pydicom, requests"]).output();
    found.is_ok_and(|output| output.status.success())
}

/// Synthetic objects in several encodings, and real ones where they are.
fn files(folder: &Path) -> Vec<PathBuf> {
    let objects = [
        ("gb", ObjectBuilder::chest(1).charset("GB18030").patient_name("Wang^XiaoDong=王^小东")),
        ("utf8", ObjectBuilder::chest(2).patient_name("Zhang^Wei=张^伟")),
        ("implicit", ObjectBuilder::chest(3).syntax(Syntax::ImplicitLittle)),
        ("rle", ObjectBuilder::chest(6).syntax(Syntax::Rle)),
        ("frames", ObjectBuilder::chest(8).size(64, 48).frames(3)),
    ];
    let mut files: Vec<PathBuf> = objects
        .into_iter()
        .map(|(name, object)| {
            let path = folder.join(format!("{name}.dcm"));
            std::fs::write(&path, object.build()).unwrap();
            path
        })
        .collect();
    let corpus = root().join("../shared/corpus/dicom");
    let more = std::env::var_os("BAIZE_PYDICOM_DATA").map(PathBuf::from);
    let folders = ["golden", "highdicom", "pydicom-charset", "pydicom-data"].map(|name| corpus.join(name));
    for real in folders.into_iter().chain(more) {
        match std::fs::read_dir(&real) {
            Ok(entries) => {
                let mut found: Vec<PathBuf> = entries
                    .map(|entry| entry.unwrap().path())
                    .filter(|path| path.extension().is_some_and(|extension| extension == "dcm"))
                    .collect();
                found.sort();
                files.append(&mut found);
            }
            Err(_) => println!("skipped: there are no real objects in {}", real.display()),
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orthanc_gives_the_same_answers() {
    let (data, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    if !has_python_packages() {
        println!("skipped: python3 with pydicom and requests is not installed");
        return;
    }
    let folder = archive.path().to_owned();
    let Some(orthanc) = tokio::task::spawn_blocking(move || orthanc(&folder)).await.unwrap() else { return };
    let destination = format!(
        "destinations=[{{name='orthanc', address='{}', ae_title='{}'}}]",
        orthanc.dicom_address(),
        Orthanc::AE_TITLE
    );
    let server = Server::start(data.path(), &[&destination, "http.in_flight_per_client=64"]).await;
    let dicomweb = format!("http://{}/dicom-web", orthanc.http_address());
    let files_folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, &format!("{}/dicomweb", server.http), &server.key, &dicomweb]);
    command.args(files(files_folder.path()));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}
