//! Other systems are asked: priors from a PACS, urgency from a worklist, results by STOW-RS, and the verbs for hospital
//! IT; Orthanc plays them all.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, baize, client};
use crate::outbox::{deliveries, free_port};

const ORTHANC: &str = "/usr/sbin/Orthanc";
const PLUGINS: [&str; 2] = [
    "/usr/share/orthanc/plugins/libModalityWorklists.so",
    "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
];

/// Orthanc as `ORTHANC`, which knows us as `BAIZE`.
struct Orthanc {
    child: Child,
    http: String,
    dicom_port: u16,
    folder: TempDir,
    client: reqwest::Client,
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

impl Orthanc {
    /// `None` where it is not installed.
    async fn start(our_port: u16) -> Option<Self> {
        for needed in [ORTHANC, PLUGINS[0], PLUGINS[1]] {
            if !Path::new(needed).exists() {
                println!("skipped: {needed} is not installed");
                return None;
            }
        }
        let folder = TempDir::new().unwrap();
        let worklists = folder.path().join("worklists");
        std::fs::create_dir(&worklists).unwrap();
        let (http_port, dicom_port) = (free_port(), free_port());
        let configuration = json!({
            "Name": "archive", "StorageDirectory": folder.path().join("storage"),
            "IndexDirectory": folder.path().join("index"), "HttpPort": http_port, "RemoteAccessAllowed": false,
            "AuthenticationEnabled": false, "DicomPort": dicom_port, "DicomAet": "ORTHANC", "DefaultEncoding": "Utf8",
            "DicomModalities": { "baize": { "AET": "BAIZE", "Host": "127.0.0.1", "Port": our_port } },
            "DicomAlwaysAllowFind": true, "DicomAlwaysAllowMove": true, "DicomAlwaysAllowFindWorklist": true,
            "Plugins": PLUGINS, "Worklists": { "Enable": true, "Database": worklists },
            "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
        });
        let file = folder.path().join("orthanc.json");
        std::fs::write(&file, configuration.to_string()).unwrap();
        let child =
            Command::new(ORTHANC).arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let http = format!("http://127.0.0.1:{http_port}");
        let orthanc = Self { child, http, dicom_port, folder, client: client() };
        for _ in 0..1200 {
            if orthanc.client.get(format!("{}/system", orthanc.http)).send().await.is_ok() {
                return Some(orthanc);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("Orthanc does not listen");
    }

    async fn upload(&self, object: &ObjectBuilder) {
        let request = self.client.post(format!("{}/instances", self.http)).body(object.build());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }

    /// The SOP Instance UIDs that it has.
    async fn sops(&self) -> Vec<String> {
        let answer = self.client.get(format!("{}/instances?expand", self.http)).send().await.unwrap();
        let instances: Vec<Value> = answer.json().await.unwrap();
        let uid = |one: &Value| one["MainDicomTags"]["SOPInstanceUID"].as_str().unwrap().to_owned();
        instances.iter().map(uid).collect()
    }

    fn node(&self) -> String {
        format!("nodes=[{{name='orthanc', address='127.0.0.1:{}', ae_title='ORTHANC'}}]", self.dicom_port)
    }

    /// Puts an order onto the worklist; `false` where DCMTK is not installed.
    fn order(&self, accession: &str, priority: &str) -> bool {
        const DUMP2DCM: &str = "/usr/bin/dump2dcm";
        if !Path::new(DUMP2DCM).exists() {
            println!("skipped: {DUMP2DCM} is not installed");
            return false;
        }
        let dump = format!(
            "(0008,0005) CS [ISO_IR 192]\n(0008,0050) SH [{accession}]\n(0010,0010) PN [王^小东]\n(0010,0020) LO [W1]\n\
             (0020,000d) UI [1.2.99]\n(0040,0100) SQ\n(fffe,e000) -\n(0008,0060) CS [DX]\n(0040,0001) AE [ROOM1]\n\
             (0040,0002) DA [20250106]\n(0040,0003) TM [080000]\n(fffe,e00d) -\n(fffe,e0dd) -\n\
             (0040,1001) SH [R1]\n(0040,1003) SH [{priority}]\n"
        );
        let source = self.folder.path().join("order.dump");
        std::fs::write(&source, dump).unwrap();
        let file: PathBuf = self.folder.path().join("worklists").join(format!("{accession}.wl"));
        assert!(
            Command::new(DUMP2DCM).args(["-g", "+te"]).arg(&source).arg(&file).status().unwrap().success()
        );
        true
    }
}

/// An image of Wang.
fn wang(seed: u64, date: &str) -> ObjectBuilder {
    ObjectBuilder::chest(seed)
        .charset("ISO_IR 192")
        .patient_name("王^小东")
        .accession(&format!("A{seed}"))
        .text((0x0010, 0x0020), b"LO", "W1")
        .text((0x0010, 0x0030), b"DA", "19600102")
        .text((0x0008, 0x0020), b"DA", date)
}

async fn lane(server: &Server, study: &str) -> Option<String> {
    let (status, body) = server.get(&format!("/v1/studies/{study}")).await;
    (status == StatusCode::OK).then(|| body["lane"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn priors_come_from_orthanc_and_results_go_there_by_stow() {
    let our_port = free_port();
    let Some(orthanc) = Orthanc::start(our_port).await else { return };
    let earlier = [wang(1, "20230105"), wang(2, "20240105")];
    let another = wang(3, "20240106").text((0x0010, 0x0030), b"DA", "19990909");
    for object in earlier.iter().chain([&another]) {
        orthanc.upload(object).await;
    }
    let data = TempDir::new().unwrap();
    let destination = format!("destinations=[{{name='web', stow='{}/dicom-web'}}]", orthanc.http);
    let dimse = format!("dimse.bind=127.0.0.1:{our_port}");
    let settings = [destination.as_str(), &dimse, &orthanc.node(), "priors.from=['orthanc']"];
    let server = Server::start(data.path(), &settings).await;
    let now = wang(4, "20250105");
    assert_eq!(server.stow(&[now.build()]).await.unwrap().0, StatusCode::OK);
    for prior in &earlier {
        let results = server.results(&prior.study_uid()).await;
        assert_eq!(results.len(), 1);
    }
    assert_eq!(server.get(&format!("/v1/studies/{}", another.study_uid())).await.0, StatusCode::NOT_FOUND);
    server
        .until("acknowledged", async || {
            let sent = deliveries(&server).await;
            !sent.is_empty() && sent.iter().all(|one| one["state"] == "acknowledged")
        })
        .await;
    let sent = deliveries(&server).await;
    assert!(
        sent.iter().all(|one| one["study"] == now.study_uid() && one["destination"] == "web"),
        "{sent:?}"
    );
    let kept = orthanc.sops().await;
    for one in &sent {
        let sop = one["object"]["sop"].as_str().unwrap();
        assert!(kept.iter().any(|known| known == sop), "{sop} is not in the archive");
    }
    let page = reqwest::get(&server.metrics).await.unwrap().text().await.unwrap();
    assert!(page.contains("baize_lookup_priors_total 2"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stat_order_of_the_worklist_raises_its_study() {
    let Some(orthanc) = Orthanc::start(free_port()).await else { return };
    if !orthanc.order("A5", "STAT") {
        return;
    }
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path(), &[&orthanc.node(), "worklist.node=orthanc"]).await;
    let (ordered, other) = (wang(5, "20250105"), wang(6, "20250105"));
    for object in [&ordered, &other] {
        assert_eq!(server.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
    }
    server
        .until("raised", async || lane(&server, &ordered.study_uid()).await.as_deref() == Some("stat"))
        .await;
    assert_eq!(lane(&server, &other.study_uid()).await.as_deref(), Some("routine"));
}

fn verb(arguments: &[&str], settings: &[&str]) -> Output {
    let mut command = baize();
    command.arg("dicom").args(arguments);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verbs_ask_for_hospital_it() {
    let our_port = free_port();
    let Some(orthanc) = Orthanc::start(our_port).await else { return };
    for object in [wang(1, "20230105"), wang(2, "20240105")] {
        orthanc.upload(&object).await;
    }
    let node = orthanc.node();
    let settings = [node.as_str()];
    let echo = verb(&["echo", "--node", "orthanc"], &settings);
    assert!(echo.status.success() && text(&echo).contains("ORTHANC"), "{echo:?}");
    let unknown = verb(&["echo", "--node", "pacs"], &settings);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there are: orthanc"), "{unknown:?}");

    let find =
        verb(&["find", "--node", "orthanc", "-k", "PatientName=王*", "-k", "StudyDate=20240101-"], &settings);
    let lines = text(&find);
    assert!(find.status.success() && lines.contains("1 found") && lines.contains("王^小东"), "{find:?}");
    let json = verb(&["find", "--node", "orthanc", "--json", "--limit", "1"], &settings);
    let lines = text(&json);
    let row: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((row["00100020"]["Value"][0].as_str(), lines.lines().count()), (Some("W1"), 1));
    assert_eq!(json.status.code(), Some(3), "there are more");
    let mistake = verb(&["find", "--node", "orthanc", "-k", "PatientsName=X"], &settings);
    assert!(String::from_utf8_lossy(&mistake.stderr).contains("PatientsName"), "{mistake:?}");

    if orthanc.order("A1", "HIGH") {
        let worklist = verb(
            &["worklist", "--node", "orthanc", "-k", "ScheduledProcedureStepSequence.Modality=DX"],
            &settings,
        );
        let lines = text(&worklist);
        assert!(
            worklist.status.success() && lines.contains("HIGH") && lines.contains("王^小东"),
            "{worklist:?}"
        );
    }

    let data = TempDir::new().unwrap();
    let server = Server::start(data.path(), &[&format!("dimse.bind=127.0.0.1:{our_port}"), &node]).await;
    let study = wang(1, "20230105").study_uid();
    let moved = verb(&["move", "--node", "orthanc", "--study", &study], &settings);
    assert!(moved.status.success() && text(&moved).contains("1 sent, 0 failed, 0 to go"), "{moved:?}");
    assert!(lane(&server, &study).await.is_some());
    let nowhere = verb(&["move", "--node", "orthanc", "--study", &study, "--to", "NOBODY"], &settings);
    assert!(!nowhere.status.success(), "{nowhere:?}");
}
