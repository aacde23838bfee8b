//! Orthanc and we, asked the same about the same objects.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use baize_testkit::{ObjectBuilder, Syntax};
use serde_json::json;

use crate::harness::{Server, root};

const SCRIPT: &str = include_str!("agreement.py");
const PLUGINS: [&str; 3] = [
    "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
    "/usr/lib/orthanc/plugins/libOrthancDicomWeb.so",
    "/usr/lib/libOrthancDicomWeb.so",
];

/// Orthanc with its DICOMweb plugin; ends with the value.
struct Orthanc {
    child: Child,
    http: u16,
    dicom: u16,
}

impl Orthanc {
    /// `None`, with the reason printed, where it is not installed.
    fn start(folder: &Path) -> Option<Self> {
        let (program, plugin) = (
            Path::new("/usr/sbin/Orthanc"),
            PLUGINS.map(PathBuf::from).into_iter().find(|path| path.exists()),
        );
        let Some(plugin) = plugin.filter(|_| program.exists()) else {
            println!("skipped: Orthanc with its DICOMweb plugin is not installed");
            return None;
        };
        // Both ports were free a moment ago.
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [http, dicom] = ports.each_ref().map(|port| port.local_addr().unwrap().port());
        drop(ports);
        let configuration = json!({
            "StorageDirectory": folder,
            "IndexDirectory": folder,
            "HttpPort": http,
            "DicomPort": dicom,
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": false,
            "AuthenticationEnabled": false,
            "UnknownSopClassAccepted": true,
            "Plugins": [plugin],
            "DicomWeb": { "Enable": true, "Root": "/dicom-web/", "EnableWado": false },
        });
        let file = folder.join("orthanc.json");
        std::fs::write(&file, configuration.to_string()).unwrap();
        let mut command = Command::new(program);
        command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        Some(Self { child: command.spawn().unwrap(), http, dicom })
    }

    fn dicomweb(&self) -> String {
        format!("http://127.0.0.1:{}/dicom-web", self.http)
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
    let Some(orthanc) = Orthanc::start(archive.path()) else { return };
    let destination = format!(
        "destinations=[{{name='orthanc', address='127.0.0.1:{}', ae_title='ORTHANC'}}]",
        orthanc.dicom
    );
    let server = Server::start(data.path(), &[&destination, "http.in_flight_per_client=64"]).await;
    let listening = format!("{}/studies?limit=1", orthanc.dicomweb());
    server.until("orthanc ready", async || reqwest::get(&listening).await.is_ok()).await;
    let files_folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, &format!("{}/dicomweb", server.http), &server.key, &orthanc.dicomweb()]);
    command.args(files(files_folder.path()));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}
