//! Storage commitment with real archives: Orthanc, and pynetdicom as an archive of each kind.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::DeliveryState::{Acknowledged, Waiting};
use baize_core::ports::{CommitmentAnswer, Commitments, Courier};
use baize_core::{Fault, Lane};
use baize_dicom::scp::{Scp, ScpConfig};
use baize_outbox::{DeliveryService, Destination};
use baize_testkit::Orthanc;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::spawn_blocking;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::orthanc::{courier, get, orthanc};
use crate::peers::{ANY_PORT, Notes, pynetdicom_is_there};
use crate::support::{CR, Hospital, PATIENT, SECONDARY_CAPTURE, destination, scu};

const TWO: &[&str] = &[CR, SECONDARY_CAPTURE];

/// Our provider, which hears reports for a service that does not exist yet.
struct Ear {
    address: SocketAddr,
    service: Arc<OnceLock<Arc<DeliveryService>>>,
    _stop: DropGuard,
}

struct Late(Arc<OnceLock<Arc<DeliveryService>>>);

#[async_trait]
impl Commitments for Late {
    async fn committed(&self, answer: CommitmentAnswer) -> Result<(), Fault> {
        self.0.get().unwrap().committed(answer).await
    }
}

impl Ear {
    async fn open() -> Self {
        let config = ScpConfig {
            bind: ANY_PORT,
            tls: None,
            ae_title: "BAIZE".into(),
            allowed_calling_aes: vec![Orthanc::AE_TITLE.into(), "PACS".into()],
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
        let service = Arc::new(OnceLock::new());
        let late = Arc::new(Late(Arc::clone(&service)));
        let scp = Scp::bind(config, Arc::new(Notes::default())).await.unwrap().with_commitments(late);
        let shutdown = CancellationToken::new();
        let address = scp.local_addr();
        tokio::spawn(scp.run(shutdown.clone()));
        Self { address, service, _stop: shutdown.drop_guard() }
    }
}

fn asked(courier: Arc<dyn Courier>) -> Destination {
    let mut asked = destination("pacs", 1, courier);
    asked.recipient.commitment = true;
    asked
}

async fn until(mut so: impl AsyncFnMut() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(60);
    const PAUSE: Duration = Duration::from_millis(50);
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        if so().await {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("it never came true");
}

async fn committed(hospital: &Hospital) -> usize {
    hospital.deliveries().await.iter().filter(|one| one.object().unwrap().committed_at.is_some()).count()
}

#[tokio::test]
async fn orthanc_commits_itself_to_what_it_has_and_gets_the_rest_again() {
    let (folder, archive) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let ear = Ear::open().await;
    let Some(orthanc) = orthanc(&archive, ear.address.port()).await else { return };
    let hospital = Hospital::open(folder.path());
    let service = hospital.service(TWO, vec![asked(courier(&orthanc, "BAIZE"))]).await;
    assert!(ear.service.set(service.clone()).is_ok());
    hospital.report(1, 1, Lane::Routine).await;
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await, [Acknowledged, Acknowledged]);
    assert_eq!(committed(&hospital).await, 0, "nobody has been asked");

    // It loses one before it is asked.
    let names: Vec<String> = serde_json::from_slice(&get(&orthanc, "/instances".into()).await).unwrap();
    let (gone, path) = (Arc::clone(&orthanc), format!("/instances/{}", names[0]));
    assert_eq!(spawn_blocking(move || gone.delete(&path)).await.unwrap().unwrap().0, 200);
    service.ask_commitment_due("pacs").await.unwrap();
    until(async || committed(&hospital).await == 1 && hospital.states().await.contains(&Waiting)).await;
    let deliveries = hospital.deliveries().await;
    let lost = deliveries.iter().find(|one| one.state == Waiting).unwrap();
    assert!(lost.comment.as_ref().unwrap().ends_with("it has no such object"), "{lost:?}");

    hospital.wait_out();
    service.deliver_due("pacs").await.unwrap();
    service.ask_commitment_due("pacs").await.unwrap();
    until(async || committed(&hospital).await == 2).await;
    assert_eq!(hospital.states().await, [Acknowledged, Acknowledged]);
}

/// Takes objects and commits itself as told: `same` or `new` association, or `deny`, or answers the request with a
/// status. Ends by itself with its input.
const PYNETDICOM: &str = r"
import sys, threading, time
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE, evt, build_role, StoragePresentationContexts
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

mode, port = sys.argv[1], int(sys.argv[2])

def report(association, information):
    time.sleep(0.2)
    answer = Dataset()
    answer.TransactionUID = information.TransactionUID
    event = 1
    if mode == 'deny':
        event = 2
        for item in information.ReferencedSOPSequence:
            item.FailureReason = 0x0213
        answer.FailedSOPSequence = information.ReferencedSOPSequence
    else:
        answer.ReferencedSOPSequence = information.ReferencedSOPSequence
    if mode == 'same':
        peer = association
    else:
        caller = AE(ae_title='PACS')
        caller.add_requested_context(StorageCommitmentPushModel)
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        peer = caller.associate('127.0.0.1', port, ae_title='BAIZE', ext_neg=[role])
        assert peer.is_established, 'no association'
    status, _ = peer.send_n_event_report(
        answer, event, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
    print('reported %04X' % status.Status, flush=True)
    if mode != 'same':
        peer.release()

def action(event):
    if mode == '0110':
        return 0x0110, None
    threading.Thread(target=report, args=(event.assoc, event.action_information)).start()
    return 0x0000, None

ae = AE(ae_title='PACS')
ae.supported_contexts = StoragePresentationContexts
ae.add_supported_context(StorageCommitmentPushModel)
handlers = [(evt.EVT_C_STORE, lambda event: 0x0000), (evt.EVT_N_ACTION, action)]
server = ae.start_server(('127.0.0.1', 0), block=False, evt_handlers=handlers)
print(server.socket.getsockname()[1], flush=True)
sys.stdin.read()
server.shutdown()
";

#[tokio::test]
async fn pynetdicom_reports_on_the_same_or_on_another_association() {
    if !pynetdicom_is_there().await {
        return;
    }
    for mode in ["same", "new", "deny", "0110"] {
        let folder = TempDir::new().unwrap();
        let ear = Ear::open().await;
        let hospital = Hospital::open(folder.path());
        let mut command = tokio::process::Command::new("python3");
        command.args(["-c", PYNETDICOM, mode, &ear.address.port().to_string()]).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port: u16 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        let courier = Arc::new(scu(([127, 0, 0, 1], port).into(), PATIENT));
        let service = hospital.service(TWO, vec![asked(courier)]).await;
        assert!(ear.service.set(service.clone()).is_ok());
        hospital.report(1, 1, Lane::Routine).await;
        service.deliver_due("pacs").await.unwrap();
        assert_eq!(hospital.states().await, [Acknowledged; 2], "{mode}");
        service.ask_commitment_due("pacs").await.unwrap();
        match mode {
            "0110" => {
                // It will be asked again, and the results stand as acknowledged.
                assert_eq!(committed(&hospital).await, 0);
                assert_eq!(hospital.states().await, [Acknowledged; 2]);
                continue;
            }
            "deny" => until(async || hospital.states().await == [Waiting; 2]).await,
            _ => until(async || committed(&hospital).await == 2).await,
        }
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "reported 0000", "{mode}");
    }
}

#[tokio::test]
async fn an_archive_without_commitment_leaves_the_acknowledgement_as_it_is() {
    let folder = TempDir::new().unwrap();
    let hospital = Hospital::open(folder.path());
    let peer = crate::peers::OurScp::start().await;
    let service = hospital.service(&[CR], vec![asked(Arc::new(scu(peer.address, PATIENT)))]).await;
    hospital.report(1, 1, Lane::Routine).await;
    service.deliver_due("pacs").await.unwrap();
    service.ask_commitment_due("pacs").await.unwrap();
    let delivery = hospital.deliveries().await.remove(0);
    assert_eq!((delivery.state, delivery.object().unwrap().committed_at), (Acknowledged, None));
}
