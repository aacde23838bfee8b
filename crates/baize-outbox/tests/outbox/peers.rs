//! Implementations of other people take our results: DCMTK's storescp and pynetdicom, where they are installed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::DeliveryState::{Acknowledged, Refused, Waiting};
use baize_core::ports::{Acceptance, Door, Intake, Novelty};
use baize_core::{Fault, InstanceIdentity, Lane, SeriesUid, SopUid, StudyUid};
use baize_dicom::scp::{Scp, ScpConfig};
use bytes::Bytes;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{CR, Hospital, PATIENT, SECONDARY_CAPTURE, destination, object_uid, scu, status};

/// DCMTK's, by full path: pynetdicom installs a namesake.
const STORESCP: &str = "/usr/bin/storescp";

const TWO: &[&str] = &[CR, SECONDARY_CAPTURE];

pub(crate) fn dcmtk_is_there() -> bool {
    let there = Path::new(STORESCP).exists();
    if !there {
        println!("skipped: storescp of DCMTK is not installed");
    }
    there
}

/// A loopback port behind which each connection gets a storescp of its own, which ends with it.
pub(crate) struct StoreScp {
    pub(crate) address: SocketAddr,
    options: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

fn texts(options: &[&str]) -> Vec<String> {
    options.iter().map(|option| (*option).to_owned()).collect()
}

/// Opens a port that this test had before; a process that another test is about to start may still hold it.
async fn bind(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            bound => return bound.unwrap(),
        }
    }
}

impl StoreScp {
    pub(crate) async fn start(address: SocketAddr, folder: &Path, options: &[&str]) -> Self {
        let listener = bind(address).await;
        let address = listener.local_addr().unwrap();
        let folder = folder.to_owned();
        let options = Arc::new(Mutex::new(texts(options)));
        let current = Arc::clone(&options);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stream = stream.into_std().unwrap();
                stream.set_nonblocking(false).unwrap();
                let mut command = Command::new(STORESCP);
                command.args(["--inetd", "-ts", "20", "-ta", "20", "-td", "20", "-od"]).arg(&folder);
                command.args(&*current.lock().unwrap()).stdin(Stdio::from(OwnedFd::from(stream)));
                let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                tokio::task::spawn_blocking(move || child.wait());
            }
        });
        Self { address, options, task }
    }

    /// The options of the processes to come.
    fn change(&self, options: &[&str]) {
        *self.options.lock().unwrap() = texts(options);
    }

    pub(crate) async fn stop(self) -> SocketAddr {
        self.task.abort();
        let _aborted = self.task.await;
        self.address
    }
}

pub(crate) const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// The SOP Instance UIDs and transfer syntaxes of what the peer keeps.
pub(crate) fn kept(folder: &TempDir) -> BTreeSet<(String, String)> {
    let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let object = dicom_object::open_file(path).unwrap();
        let uid = object.element_by_name("SOPInstanceUID").unwrap().to_str().unwrap().into_owned();
        (uid, object.meta().transfer_syntax().to_owned())
    };
    files.map(read).collect()
}

fn expected(sop: &str, transfer_syntax: &str) -> BTreeSet<(String, String)> {
    (0..2).map(|number| (object_uid(sop, number), transfer_syntax.to_owned())).collect()
}

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";

#[tokio::test]
async fn dcmtk_storescp_takes_results_in_the_transfer_syntax_that_it_knows() {
    if !dcmtk_is_there() {
        return;
    }
    for (options, syntax) in [(&[][..], EXPLICIT), (&["+xi"], IMPLICIT), (&["-pdu", "4096"], EXPLICIT)] {
        let (folder, archive) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let hospital = Hospital::open(folder.path());
        let peer = StoreScp::start(ANY_PORT, archive.path(), options).await;
        let courier = Arc::new(scu(peer.address, PATIENT));
        courier.echo().await.unwrap();
        let service = hospital.service(TWO, vec![destination("pacs", 1, courier)]).await;
        hospital.report(1, 1, Lane::Stat).await;
        service.deliver_due("pacs").await.unwrap();
        let deliveries = hospital.deliveries().await;
        for delivery in &deliveries {
            assert_eq!(
                (delivery.state, status(delivery)),
                (Acknowledged, Some(0)),
                "{options:?}: {delivery:?}"
            );
        }
        assert_eq!(deliveries.len(), 2);
        assert_eq!(kept(&archive), expected("1.2.1.1", syntax), "{options:?}");
        peer.stop().await;
    }
}

#[tokio::test]
async fn dcmtk_storescp_that_fails_at_first_gets_everything_in_the_end() {
    if !dcmtk_is_there() {
        return;
    }
    for (option, said) in
        [("--refuse", "the peer rejected the association"), ("--abort-during", ""), ("--abort-after", "")]
    {
        let (folder, archive) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let hospital = Hospital::open(folder.path());
        let peer = StoreScp::start(ANY_PORT, archive.path(), &[option]).await;
        let courier = Arc::new(scu(peer.address, PATIENT));
        let service = hospital.service(TWO, vec![destination("pacs", 1, courier)]).await;
        hospital.report(1, 1, Lane::Routine).await;
        for _ in 0..3 {
            service.deliver_due("pacs").await.unwrap();
            let first = hospital.deliveries().await.remove(0);
            assert_eq!((first.state, status(&first)), (Waiting, None), "{option}");
            assert!(first.comment.as_ref().unwrap().starts_with(said), "{option}: {first:?}");
            hospital.wait_out();
        }
        peer.change(&[]);
        service.deliver_due("pacs").await.unwrap();
        assert_eq!(hospital.states().await, [Acknowledged, Acknowledged], "{option}");
        assert_eq!(kept(&archive), expected("1.2.1.1", EXPLICIT), "{option}");
        peer.stop().await;
    }
}

#[tokio::test]
async fn dcmtk_storescp_that_is_down_for_an_hour_loses_nothing() {
    if !dcmtk_is_there() {
        return;
    }
    let (folder, archive) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let hospital = Hospital::open(folder.path());
    let address = StoreScp::start(ANY_PORT, archive.path(), &[]).await.stop().await;
    let courier = Arc::new(scu(address, PATIENT));
    let service = hospital.service(TWO, vec![destination("pacs", 1, courier.clone())]).await;
    for minute in 1..=60 {
        if minute % 20 == 1 {
            hospital.report(minute, minute, Lane::Routine).await;
        }
        service.deliver_due("pacs").await.unwrap();
        hospital.clock.advance(Duration::from_secs(60));
    }
    let waiting = hospital.deliveries().await;
    assert!(waiting.iter().all(|one| one.state != Acknowledged && one.state != Refused), "{waiting:?}");
    assert!(waiting[0].comment.as_ref().unwrap().starts_with("no connection"), "{:?}", waiting[0]);
    assert!(courier.echo().await.is_err());
    service.observe().await;
    assert_eq!(service.warnings().len(), 1, "after an hour there is an alarm");
    let peer = StoreScp::start(address, archive.path(), &[]).await;
    hospital.wait_out();
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await, [Acknowledged; 6]);
    assert_eq!(kept(&archive).len(), 6);
    peer.stop().await;
}

#[tokio::test]
async fn dcmtk_storescp_that_is_slow_is_waited_for_as_long_as_configured() {
    if !dcmtk_is_there() {
        return;
    }
    for (patience, state) in [(PATIENT, Acknowledged), (Duration::from_millis(300), Waiting)] {
        let (folder, archive) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let hospital = Hospital::open(folder.path());
        let peer = StoreScp::start(ANY_PORT, archive.path(), &["--sleep-during", "1"]).await;
        let service = hospital
            .service(&[CR], vec![destination("pacs", 1, Arc::new(scu(peer.address, patience)))])
            .await;
        hospital.report(1, 1, Lane::Routine).await;
        service.deliver_due("pacs").await.unwrap();
        assert_eq!(hospital.states().await, [state]);
        peer.stop().await;
    }
}

#[tokio::test]
async fn dcmtk_storescp_refuses_a_class_that_it_does_not_know() {
    if !dcmtk_is_there() {
        return;
    }
    let (folder, archive) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let hospital = Hospital::open(folder.path());
    let peer = StoreScp::start(ANY_PORT, archive.path(), &[]).await;
    let service = hospital
        .service(
            &["1.2.826.0.1.3680043.9.1", CR],
            vec![destination("pacs", 1, Arc::new(scu(peer.address, PATIENT)))],
        )
        .await;
    hospital.report(1, 1, Lane::Routine).await;
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await, [Refused, Acknowledged]);
    let refused = hospital.deliveries().await.remove(0);
    assert!(refused.comment.unwrap().contains("1.2.826.0.1.3680043.9.1"));
    peer.stop().await;
}

/// Answers each C-STORE with the next status of its arguments, in hexadecimal; `die` ends the process before the
/// answer. Ends by itself with its input.
const PYNETDICOM: &str = r"
import os, ssl, sys
from pynetdicom import AE, evt, StoragePresentationContexts
from pydicom.dataset import Dataset

script = sys.argv[1:]

def store(event):
    print(event.request.AffectedSOPInstanceUID, flush=True)
    step = script.pop(0) if script else '0000'
    if step == 'die':
        os._exit(1)
    answer = Dataset()
    answer.Status = int(step, 16)
    if step != '0000':
        answer.ErrorComment = 'as told'
    return answer

context = None
if 'TLS_FILES' in os.environ:
    certificate, key, authority = os.environ['TLS_FILES'].split(':')
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED

ae = AE(ae_title='PACS')
ae.supported_contexts = StoragePresentationContexts
handlers = [(evt.EVT_C_STORE, store)]
server = ae.start_server(('127.0.0.1', 0), block=False, evt_handlers=handlers, ssl_context=context)
print(server.socket.getsockname()[1], flush=True)
sys.stdin.read()
server.shutdown()
";

pub(crate) struct Pynetdicom {
    child: tokio::process::Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    pub(crate) address: SocketAddr,
}

impl Pynetdicom {
    /// `None` where it is not installed.
    async fn start(script: &[&str]) -> Option<Self> {
        Self::run(script, None).await
    }

    /// With its certificate and key, and the authority that must have issued ours.
    pub(crate) async fn start_with_tls(script: &[&str], files: &[PathBuf; 3]) -> Option<Self> {
        Self::run(script, Some(files)).await
    }

    async fn run(script: &[&str], tls: Option<&[PathBuf; 3]>) -> Option<Self> {
        if !pynetdicom_is_there().await {
            return None;
        }
        let mut command = tokio::process::Command::new("python3");
        command.args(["-c", PYNETDICOM]).args(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(files) = tls {
            command.env("TLS_FILES", std::env::join_paths(files).unwrap());
        }
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port: u16 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        Some(Self { child, lines, address: ([127, 0, 0, 1], port).into() })
    }

    /// Stops it and tells what it was sent.
    pub(crate) async fn stop(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        let mut seen = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            seen.push(line);
        }
        self.child.wait().await.unwrap();
        seen
    }
}

#[tokio::test]
async fn pynetdicom_answers_are_reported_truthfully() {
    // The status, the state and whether it goes out again by itself.
    for (status, state) in [
        ("0000", Acknowledged),
        ("B000", Acknowledged),
        ("B007", Acknowledged),
        ("A700", Waiting),
        ("0122", Refused),
        ("0124", Refused),
        ("A900", Refused),
        ("C001", Refused),
    ] {
        let folder = TempDir::new().unwrap();
        let hospital = Hospital::open(folder.path());
        let Some(peer) = Pynetdicom::start(&[status]).await else { return };
        let service =
            hospital.service(&[CR], vec![destination("pacs", 1, Arc::new(scu(peer.address, PATIENT)))]).await;
        hospital.report(1, 1, Lane::Routine).await;
        service.deliver_due("pacs").await.unwrap();
        let delivery = hospital.deliveries().await.remove(0);
        assert_eq!(delivery.state, state, "{status}");
        assert_eq!(
            delivery.object().unwrap().status,
            Some(u16::from_str_radix(status, 16).unwrap()),
            "{status}"
        );
        assert_eq!(delivery.comment.as_deref(), (status != "0000").then_some("as told"), "{status}");
        hospital.wait_out();
        let again = service.deliver_due("pacs").await.unwrap();
        assert_eq!(again == 1, state == Waiting, "{status}");
        let seen = peer.stop().await;
        assert_eq!(seen, vec![object_uid("1.2.1.1", 0); 1 + again], "{status}");
    }
}

#[tokio::test]
async fn pynetdicom_that_dies_before_its_answer_gets_the_object_again() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    let Some(dying) = Pynetdicom::start(&["0000", "die"]).await else { return };
    let courier = Arc::new(scu(dying.address, PATIENT));
    let service = hospital.service(&[CR; 3], vec![destination("pacs", 1, courier)]).await;
    hospital.report(1, 1, Lane::Routine).await;
    service.deliver_due("pacs").await.unwrap();
    let states = hospital.states().await;
    assert_eq!(states[..2], [Acknowledged, Waiting]);
    let objects: Vec<String> = (0..3).map(|number| object_uid("1.2.1.1", number)).collect();
    assert_eq!(dying.stop().await, objects[..2]);
    drop(service);
    let next = Pynetdicom::start(&[]).await.unwrap();
    let service =
        hospital.service(&[CR; 3], vec![destination("pacs", 1, Arc::new(scu(next.address, PATIENT)))]).await;
    hospital.wait_out();
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await, [Acknowledged; 3]);
    assert_eq!(next.stop().await, objects[1..], "what was acknowledged is not sent again");
}

/// Whether python can do it.
pub(crate) async fn pynetdicom_is_there() -> bool {
    let importing =
        tokio::process::Command::new("python3").args(["-c", "import pynetdicom, pydicom"]).output().await;
    let there = importing.is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: pynetdicom is not installed");
    }
    there
}

/// Our own provider, which notes what it is sent.
pub(crate) struct OurScp {
    pub(crate) address: SocketAddr,
    notes: Arc<Notes>,
    _stop: tokio_util::sync::DropGuard,
}

#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl OurScp {
    pub(crate) async fn start() -> Self {
        let notes = Arc::new(Notes::default());
        let config = ScpConfig {
            bind: ANY_PORT,
            tls: None,
            ae_title: "PACS".into(),
            allowed_calling_aes: vec!["BAIZE".into()],
            allow_any_calling_ae: false,
            stat_calling_aes: vec![],
            max_associations: 8,
            associations_per_minute: 0,
            objects_per_second: 0,
            max_pdu: 16_384,
            max_object_bytes: 1 << 20,
            receive_budget_bytes: 8 << 20,
            idle_timeout: Duration::from_secs(60),
        };
        let scp = Scp::bind(config, notes.clone()).await.unwrap();
        let shutdown = CancellationToken::new();
        let address = scp.local_addr();
        tokio::spawn(scp.run(shutdown.clone()));
        Self { address, notes, _stop: shutdown.drop_guard() }
    }

    /// The SOP Instance UIDs that were stored, in order.
    pub(crate) fn received(&self) -> Vec<String> {
        self.notes.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Intake for Notes {
    async fn accept(&self, object: Bytes, _door: Door, _lane: Lane) -> Result<Acceptance, Fault> {
        let meta = dicom_object::FileMetaTable::from_reader(&object[128..]).unwrap();
        let sop = SopUid::parse(meta.media_storage_sop_instance_uid()).unwrap();
        self.0.lock().unwrap().push(sop.to_string());
        let identity = InstanceIdentity {
            study: StudyUid::parse("1.2").unwrap(),
            series: SeriesUid::parse("1.2").unwrap(),
            sop,
            sop_class: CR.into(),
            transfer_syntax: meta.transfer_syntax().to_owned(),
        };
        Ok(Acceptance { identity, novelty: Novelty::New })
    }
}
