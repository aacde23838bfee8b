//! Archives and worklists as processes on loopback, and a storage provider of ours for what they send.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{Acceptance, Courier as _, Door, Intake, Novelty, ObjectName, PeerAnswer, Rendition};
use baize_core::{Fault, InstanceIdentity, Lane, SeriesUid, SopUid, StudyUid};
use baize_dicom::scp::{Scp, ScpConfig};
use baize_dicom::scu::{Answer, Findings, Query, Scu, ScuConfig};
use baize_testkit::ObjectBuilder;
use bytes::Bytes;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// How long a peer may take to start: CI machines are slow.
const START: Duration = Duration::from_secs(60);

/// A process that ends with the test.
pub(crate) struct Peer {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn is_installed(program: &str) -> bool {
    let there = Path::new(program).exists();
    if !there {
        println!("skipped: {program} is not installed");
    }
    there
}

/// Starts a program and waits until its port answers.
async fn start(mut command: Command, port: u16, folder: TempDir) -> Peer {
    let log = std::fs::File::create(folder.path().join("log.txt")).unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    for _ in 0..START.as_millis() / 20 {
        if TcpStream::connect(address).is_ok() {
            return Peer { child, address, folder };
        }
        assert!(child.try_wait().unwrap().is_none(), "{}", log_of(folder.path()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the peer does not listen: {}", log_of(folder.path()));
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log.txt")).unwrap_or_default()
}

/// Orthanc as `ORTHANC`, which knows us as `BAIZE` on `our_port`; worklist files lie in `worklists` of its folder.
pub(crate) async fn orthanc(our_port: u16) -> Option<Peer> {
    const ORTHANC: &str = "/usr/sbin/Orthanc";
    const PLUGIN: &str = "/usr/share/orthanc/plugins/libModalityWorklists.so";
    if !is_installed(ORTHANC) {
        return None;
    }
    let folder = TempDir::new().unwrap();
    let worklists = folder.path().join("worklists");
    std::fs::create_dir(&worklists).unwrap();
    let port = free_port();
    let plugins: Vec<&str> = [PLUGIN].into_iter().filter(|plugin| Path::new(plugin).exists()).collect();
    let configuration = serde_json::json!({
        "Name": "archive", "StorageDirectory": folder.path().join("storage"), "IndexDirectory": folder.path().join("index"),
        "HttpServerEnabled": false, "DicomPort": port, "DicomAet": "ORTHANC", "DicomCheckCalledAet": false,
        "DicomModalities": { "baize": { "AET": "BAIZE", "Host": "127.0.0.1", "Port": our_port } },
        "DicomAlwaysAllowEcho": true, "DicomAlwaysAllowStore": true, "DicomAlwaysAllowFind": true,
        "DicomAlwaysAllowMove": true, "DicomAlwaysAllowFindWorklist": true, "DefaultEncoding": "Utf8",
        "Plugins": plugins, "Worklists": { "Enable": true, "Database": worklists },
    });
    let file = folder.path().join("orthanc.json");
    std::fs::write(&file, configuration.to_string()).unwrap();
    let mut command = Command::new(ORTHANC);
    command.arg(&file);
    Some(start(command, port, folder).await)
}

/// DCMTK's archive as `QRSCP`, which knows us as `BAIZE` on `our_port`.
pub(crate) async fn dcmqrscp(our_port: u16) -> Option<Peer> {
    const DCMQRSCP: &str = "/usr/bin/dcmqrscp";
    if !is_installed(DCMQRSCP) {
        return None;
    }
    let folder = TempDir::new().unwrap();
    let storage = folder.path().join("storage");
    std::fs::create_dir(&storage).unwrap();
    let port = free_port();
    let configuration = format!(
        "NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n\
         HostTable BEGIN\nbaize = (BAIZE, 127.0.0.1, {our_port})\nHostTable END\n\
         VendorTable BEGIN\nVendorTable END\n\
         AETable BEGIN\nQRSCP {} RW (200, 1024mb) ANY\nAETable END\n",
        storage.display()
    );
    let file = folder.path().join("dcmqrscp.cfg");
    std::fs::write(&file, configuration).unwrap();
    let mut command = Command::new(DCMQRSCP);
    command.arg("-c").arg(&file);
    Some(start(command, port, folder).await)
}

/// DCMTK's worklist as `RIS`; its files lie in `RIS` of its folder.
pub(crate) async fn wlmscpfs() -> Option<Peer> {
    const WLMSCPFS: &str = "/usr/bin/wlmscpfs";
    if !is_installed(WLMSCPFS) {
        return None;
    }
    let folder = TempDir::new().unwrap();
    let files = folder.path().join("RIS");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("lockfile"), "").unwrap();
    let port = free_port();
    let mut command = Command::new(WLMSCPFS);
    command.args(["-csk", "-dfp"]).arg(folder.path()).arg(port.to_string());
    Some(start(command, port, folder).await)
}

/// Makes a worklist file of a dump, as hospitals do; `false` where DCMTK is not installed.
pub(crate) fn worklist_file(path: &Path, dump: &[u8]) -> bool {
    const DUMP2DCM: &str = "/usr/bin/dump2dcm";
    if !is_installed(DUMP2DCM) {
        return false;
    }
    let source: PathBuf = path.with_extension("dump");
    std::fs::write(&source, dump).unwrap();
    let made = Command::new(DUMP2DCM).args(["-g", "+te"]).arg(&source).arg(path).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    true
}

pub(crate) fn scu(address: SocketAddr, called_ae: &str) -> Scu {
    Scu::new(ScuConfig {
        tls: None,
        address: address.to_string(),
        called_ae: called_ae.into(),
        calling_ae: "BAIZE".into(),
        max_pdu: 16_384,
        connect_timeout: Duration::from_secs(20),
        response_timeout: Duration::from_secs(60),
    })
}

/// Puts objects into an archive.
pub(crate) async fn store(scu: &Scu, objects: &[ObjectBuilder]) {
    let renditions: Vec<Rendition> = objects
        .iter()
        .map(|object| Rendition {
            name: ObjectName {
                sop_class: "1.2.840.10008.5.1.4.1.1.1".into(),
                sop_instance: object.sop_uid(),
            },
            object: object.build(),
        })
        .collect();
    let mut handover = scu.connect(&renditions, Lane::Routine).await.unwrap();
    for rendition in &renditions {
        assert_eq!(handover.send(rendition).await.unwrap(), PeerAnswer::Status(0, None));
    }
    handover.close().await;
}

pub(crate) async fn find(scu: &Scu, query: &Query, most: usize) -> (Vec<Answer>, Findings) {
    let mut answers = Vec::new();
    let found = scu.find(query, most, |answer| answers.push(answer)).await.unwrap();
    (answers, found)
}

/// A storage provider of ours that counts.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    objects: Arc<Inbox>,
    shutdown: CancellationToken,
}

#[derive(Default)]
struct Inbox(Mutex<Vec<String>>);

#[async_trait]
impl Intake for Inbox {
    async fn accept(&self, object: Bytes, _door: Door, _lane: Lane) -> Result<Acceptance, Fault> {
        let read = dicom_object::from_reader(&object[..]).unwrap();
        let sop = read.meta().media_storage_sop_instance_uid().to_owned();
        let study = read.element_by_name("StudyInstanceUID").unwrap().to_str().unwrap().into_owned();
        self.0.lock().unwrap().push(sop.clone());
        let identity = InstanceIdentity {
            study: StudyUid::parse(&study).unwrap(),
            series: SeriesUid::parse("1.2.3").unwrap(),
            sop: SopUid::parse(&sop).unwrap(),
            sop_class: read.meta().media_storage_sop_class_uid().to_owned(),
            transfer_syntax: read.meta().transfer_syntax().to_owned(),
        };
        Ok(Acceptance { identity, novelty: Novelty::New })
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let objects = Arc::new(Inbox::default());
        let config = ScpConfig {
            tls: None,
            associations_per_minute: 0,
            objects_per_second: 0,
            bind: ([127, 0, 0, 1], 0).into(),
            ae_title: "BAIZE".into(),
            allowed_calling_aes: vec!["ORTHANC".into(), "QRSCP".into()],
            allow_any_calling_ae: false,
            stat_calling_aes: vec![],
            max_associations: 8,
            max_pdu: 16_384,
            max_object_bytes: 8 << 20,
            receive_budget_bytes: 32 << 20,
            idle_timeout: Duration::from_secs(60),
        };
        let scp = Scp::bind(config, Arc::clone(&objects) as Arc<dyn Intake>).await.unwrap();
        let shutdown = CancellationToken::new();
        let address = scp.local_addr();
        tokio::spawn(scp.run(shutdown.clone()));
        Self { address, objects, shutdown }
    }

    /// The SOP Instance UIDs that came in, sorted.
    pub(crate) fn received(&self) -> Vec<String> {
        let mut uids = self.objects.0.lock().unwrap().clone();
        uids.sort();
        uids
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
