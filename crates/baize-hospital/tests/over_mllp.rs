//! From the socket to the ledger: messages over MLLP, read with the standard's profile, kept in SQLite.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::Clock as _;
use baize_core::ports::{
    Admission, Digest, Door, EncounterState, HospitalRecords, Ledger, MatchingRules, OrderQuery, PlacedOrder,
    Reconciliation, SpoolKey, Urgency, VitalsFeed,
};
use baize_core::{
    Fault, ImageFacts, InstanceIdentity, Lane, ModelRef, SeriesUid, SopUid, StudyUid, SystemClock,
};
use baize_hl7::inbound::HospitalReceiver;
use baize_hl7::mllp::{Metrics, Server, ServerConfig};
use baize_hl7::profile::Profile;
use baize_hl7::{Charset, Limits};
use baize_hospital::{HospitalService, Parts, Settings};
use baize_store::{LedgerConfig, SqliteLedger};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Raised(Mutex<Vec<(String, Lane)>>);

#[async_trait]
impl Urgency for Raised {
    async fn raise(&self, study: &StudyUid, lane: Lane) -> Result<bool, Fault> {
        self.0.lock().unwrap().push((study.to_string(), lane));
        Ok(false)
    }
}

struct Site {
    _folder: TempDir,
    ledger: Arc<SqliteLedger>,
    service: Arc<HospitalService>,
    raised: Arc<Raised>,
    socket: TcpStream,
    shutdown: CancellationToken,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn repository(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(below)
}

impl Site {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(
            SqliteLedger::open(&LedgerConfig {
                path: folder.path().join("ledger.db"),
                queue: NonZeroUsize::new(64).unwrap(),
                readers: NonZeroUsize::new(2).unwrap(),
            })
            .unwrap(),
        );
        let raised = Arc::new(Raised::default());
        let clock = Arc::new(SystemClock);
        let parts = Parts {
            hospital: ledger.clone(),
            work: ledger.clone(),
            people: ledger.clone(),
            urgency: raised.clone(),
            clock: clock.clone(),
        };
        let matching = MatchingRules {
            window: Duration::from_secs(24 * 3600),
            utc_offset_seconds: 8 * 3600,
            due: [7200, 600, 60].map(Duration::from_secs),
        };
        let settings = Settings { matching: Some(matching), keep: Duration::from_secs(3600) };
        let service = Arc::new(HospitalService::open(parts, settings).await.unwrap());
        let profile = Profile::load(&repository("hl7"), "standard").unwrap();
        let metrics = Metrics::new(profile.message_types().map(str::to_owned));
        let config = ServerConfig {
            bind: "127.0.0.1:0".parse().unwrap(),
            max_connections: 4,
            limits: Limits { fallback: Charset::GB18030, ..Limits::default() },
            idle_timeout: LONG,
            frame_timeout: LONG,
            tls: None,
        };
        let receiver = HospitalReceiver::new(profile, service.clone(), clock.clone());
        let server = Server::bind(config, Arc::new(receiver), clock).await.unwrap().with_metrics(metrics);
        let socket = TcpStream::connect(server.local_addr()).await.unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(server.run(shutdown.clone()));
        Self { _folder: folder, ledger, service, raised, socket, shutdown }
    }

    /// Sends bytes in a frame; the whole acknowledgement.
    async fn send(&mut self, message: &[u8]) -> String {
        self.socket.write_all(&[b"\x0b", message, b"\x1c\r"].concat()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\x1c\r") {
            answer.push(tokio::time::timeout(LONG, self.socket.read_u8()).await.unwrap().unwrap());
        }
        Charset::GB18030.decode(&answer).unwrap()
    }

    async fn sends(&mut self, lines: &[&str]) -> String {
        self.send(lines.join("\r").as_bytes()).await
    }

    async fn golden(&mut self, name: &str) -> String {
        let path = repository("crates/baize-hl7/tests/golden").join(name);
        self.send(&std::fs::read(path).unwrap()).await
    }

    async fn orders(&self) -> Vec<PlacedOrder> {
        let all = OrderQuery {
            study: None,
            accession: None,
            patient_id: None,
            encounter: None,
            state: None,
            before: None,
            limit: 99,
        };
        self.ledger.orders(all).await.unwrap()
    }
}

fn image(uid: &str, patient: &str) -> Admission {
    let now = SystemClock.now();
    Admission {
        identity: InstanceIdentity {
            study: StudyUid::parse(uid).unwrap(),
            series: SeriesUid::parse("1.2.1").unwrap(),
            sop: SopUid::parse("1.2.1.1").unwrap(),
            sop_class: String::new(),
            transfer_syntax: String::new(),
        },
        facts: ImageFacts {
            frames: 1,
            rows: 64,
            columns: 64,
            patient_id: Some(patient.into()),
            ..ImageFacts::default()
        },
        digest: Digest([1; 32]),
        spool_key: SpoolKey("x".into()),
        size: 1,
        door: Door::Dimse { calling_ae: "M".into() },
        accepted_at: now,
        lane: Lane::Routine,
        deadline: now + LONG,
        models: vec![ModelRef { id: "m".into(), version: "1".into() }],
        refusal: None,
    }
}

#[tokio::test]
async fn golden_messages_are_kept_and_mean_what_they_say() {
    let mut site = Site::start().await;
    for name in [
        "adt_a01.hl7",
        "adt_a04_gb18030_trail_bytes.hl7",
        "adt_a08_null_deletes.hl7",
        "adt_a11.hl7",
        "adt_a40.hl7",
        "omi_o23_gb18030.hl7",
        "orm_o01_two_orders.hl7",
        "oru_r01_monitor.hl7",
    ] {
        let answer = site.golden(name).await;
        assert!(answer.contains("MSA|AA|") || answer.contains("MSA|CA|"), "{name}: {answer}");
        // Every byte the same: accepted again, and nothing follows a second time.
        let again = site.golden(name).await;
        assert!(again.contains("MSA|AA|") || again.contains("MSA|CA|"), "{name}: {again}");
    }
    let refused = site.golden("adt_a40_without_prior.hl7").await;
    assert!(refused.contains("MSA|AE|") && refused.contains("MRG") && refused.contains("101"), "{refused}");
    let orders = site.orders().await;
    let named: Vec<_> = orders.iter().filter_map(|one| one.order.placer_number.clone()).collect();
    assert_eq!(orders.len(), named.len());
    let reading = site.ledger.due_vitals(SystemClock.now()).await.unwrap().unwrap();
    assert_eq!(reading.encounter.as_deref(), Some("V20260001"));
    let values: Vec<_> = reading.measurements.iter().map(|one| (one.name.as_str(), one.value)).collect();
    assert_eq!(
        values,
        [("heart_rate", 118.0), ("spo2", 91.0), ("temperature_c", 38.5), ("systolic_bp", 84.01)]
    );
    site.ledger.settle_vitals(reading.id, None, "seen".into()).await.unwrap();
    assert_eq!(site.ledger.due_vitals(SystemClock.now()).await.unwrap(), None, "once");
}

#[tokio::test]
async fn names_whose_bytes_look_like_delimiters_stay_whole() {
    let mut site = Site::start().await;
    let text = "MSH|^~\\&|HIS|三院|BAIZE|B|20260315||ADT^A01^ADT_A01|C1|P|2.5.1||||||GB 18030-2000\r\
        PID|1||MZ1^^^HIS^MR||倈^俕倊||19600102|M\rPV1|1|E|侟診^^01||||||||||||||||V1\rPV2|||^俓痛";
    let bytes = Charset::GB18030.encode(text).unwrap();
    for delimiter in ['|', '^', '~', '\\'] {
        let as_bytes = bytes.iter().filter(|byte| char::from(**byte) == delimiter).count();
        assert!(as_bytes > text.matches(delimiter).count(), "no trail byte equals {delimiter}");
    }
    let answer = site.send(&bytes).await;
    assert!(answer.contains("MSA|AA|C1"), "{answer}");
    let encounter = site.ledger.encounter("V1").await.unwrap().unwrap();
    assert_eq!(encounter.patient.family_name.as_deref(), Some("倈"));
    assert_eq!(encounter.patient.given_name.as_deref(), Some("俕倊"));
    assert_eq!(encounter.reason.as_deref(), Some("俓痛"));
    assert_eq!(encounter.location.as_deref(), Some("侟診"));
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_and_the_connection_lives() {
    let mut site = Site::start().await;
    let header = |kind: &str, id: &str| format!("MSH|^~\\&|HIS|H|BAIZE|B|20260315||{kind}|{id}|P|2.5.1");
    for (lines, code, error) in [
        (vec![header("ADT^A01", "1"), "PID|1||".into()], "AE", "101"),
        (vec![header("ADT^A11", "2"), "PID|1||W1".into()], "AE", "101"),
        (vec![header("ADT^A99", "3"), "PID|1||W1".into()], "AR", "201"),
        (vec![header("MDM^T02", "4"), "PID|1||W1".into()], "AR", "200"),
        (vec![header("ORM^O01", "5"), "PID|1||W1".into(), "ORC|NW".into()], "AE", "101"),
        (
            vec![
                header("ORM^O01", "6"),
                "PID|1||W1".into(),
                "ORC|NW".into(),
                "ZDS|1.2.x^^Application^DICOM".into(),
            ],
            "AE",
            "102",
        ),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let answer = site.sends(&lines).await;
        assert!(
            answer.contains(&format!("MSA|{code}|")) && answer.contains(&format!("|{error}^")),
            "{answer}"
        );
    }
    let fine = header("ADT^A01", "9");
    let answer = site.sends(&[&fine, "PID|1||W1", "PV1|1|E|||||||||||||||||V1"]).await;
    assert!(answer.contains("MSA|AA|9"), "{answer}");
    assert_eq!(site.ledger.encounter("V1").await.unwrap().unwrap().state, EncounterState::Open);
    assert_eq!(site.orders().await, []);
}

#[tokio::test]
async fn an_orders_stat_reaches_the_ledger_and_the_memory() {
    let mut site = Site::start().await;
    site.ledger.admit(image("1.2.77", "A1")).await.unwrap();
    let order = |id: &str, priority: &str| {
        [
            format!("MSH|^~\\&|HIS|H|BAIZE|B|20260315||ORM^O01|{id}|P|2.3.1||||||UNICODE UTF-8"),
            "PID|1||A1".to_owned(),
            format!("ORC|NW|P1|||||^^^^^{priority}"),
            "OBR|1|P1||71046^胸部正位".to_owned(),
            "ZDS|1.2.77^^Application^DICOM".to_owned(),
        ]
        .join("\r")
    };
    let answer = site.send(order("1", "R").as_bytes()).await;
    assert!(answer.contains("MSA|AA|1"), "{answer}");
    assert_eq!(site.service.raise_due().await.unwrap(), 0);
    site.send(order("2", "S").as_bytes()).await;
    assert_eq!(site.service.raise_due().await.unwrap(), 1);
    assert_eq!(*site.raised.0.lock().unwrap(), [("1.2.77".to_owned(), Lane::Stat)]);
    assert_eq!(site.service.raise_due().await.unwrap(), 0, "once");
    assert_eq!(site.ledger.take_jobs(9).await.unwrap()[0].lane, Lane::Stat);
    let orders = site.orders().await;
    assert_eq!((orders.len(), orders[0].order.procedure_text.as_deref()), (1, Some("胸部正位")));
    site.service.tidy().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_accepted() {
    let mut site = Site::start().await;
    site.ledger.close().await;
    let header = "MSH|^~\\&|HIS|H|BAIZE|B|20260315||ADT^A01|1|P|2.5.1";
    let answer = site.sends(&[header, "PID|1||W1"]).await;
    assert!(answer.contains("MSA|AE|1") && answer.contains("207"), "{answer}");
}
