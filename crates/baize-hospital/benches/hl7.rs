//! How fast messages of the HIS are acknowledged, each durable before: real sockets, the real receiver, SQLite on disk.
//! `make bench-hl7` runs it and writes what it finds.
//!
//! Two measurements. Open: messages come at a fixed rate, whether the ones before were answered or not, and the time of
//! each counts from when it was due. Full: every connection sends its next message as soon as the last was answered.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, run by hand"
)]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{HospitalWork, MatchingRules, OrderQuery, Reconciliation, Urgency};
use baize_core::{Fault, Lane, StudyUid, SystemClock};
use baize_hl7::inbound::HospitalReceiver;
use baize_hl7::mllp::{Server, ServerConfig};
use baize_hl7::profile::Profile;
use baize_hl7::{Charset, Limits};
use baize_hospital::{HospitalService, Parts, Settings};
use baize_store::{LedgerConfig, SqliteLedger};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Messages a second.
const RATE: u32 = 500;
const CONNECTIONS: usize = 8;
const OPEN: Duration = Duration::from_secs(30);
const FULL: Duration = Duration::from_secs(10);
/// Patients that the messages are about, again and again.
const PATIENTS: usize = 5000;

struct Nobody;

#[async_trait]
impl Urgency for Nobody {
    async fn raise(&self, _: &StudyUid, _: Lane) -> Result<bool, Fault> {
        Ok(false)
    }
}

fn repository(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(below)
}

/// In ten messages: five about encounters, three orders, two readings of a monitor.
fn message(number: usize) -> Vec<u8> {
    let patient = number * 7919 % PATIENTS;
    let header = |kind: &str| {
        format!(
            "MSH|^~\\&|HIS|三院|BAIZE|影像科|20260315093000+0800||{kind}|M{number}|P|2.5.1||||||UNICODE UTF-8"
        )
    };
    let pid = format!("PID|1||MZ{patient}^^^HIS^MR||王^小东||19600102|M");
    let visit = format!("PV1|1|E|急诊^^{:02}||||||||||||||||V{patient}", number % 60);
    let lines = match number % 10 {
        0..5 => vec![
            header("ADT^A08^ADT_A01"),
            "EVN||20260315093000+0800".into(),
            pid,
            visit,
            "PV2|||^胸痛".into(),
        ],
        5..8 => vec![
            header("ORM^O01"),
            pid,
            visit,
            format!("ORC|NW|PL{number}|||||^^^20260315100000^^R"),
            format!("OBR|1|PL{number}||71046^胸部正位|||||||||咳嗽|||||A{number}||||||DX"),
        ],
        _ => vec![
            header("ORU^R01"),
            pid,
            visit,
            "OBR|1|||182777000^monitoring|||20260315093000+0800".into(),
            "OBX|1|NM|8867-4^HR^LN||118|/min|||||R".into(),
            "OBX|2|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC||91|262688^MDC_DIM_PERCENT^MDC|||||R".into(),
        ],
    };
    [b"\x0b", lines.join("\r").as_bytes(), b"\x1c\r"].concat()
}

/// Sends one message and waits until it was accepted.
async fn send(socket: &mut TcpStream, message: &[u8]) {
    socket.write_all(message).await.unwrap();
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(b"\x1c\r") {
        assert!(socket.read_buf(&mut answer).await.unwrap() > 0, "the server hung up");
    }
    assert!(answer.windows(7).any(|part| part == b"MSA|AA|"), "{}", String::from_utf8_lossy(&answer));
}

async fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

fn quantile(sorted: &[Duration], part: f64) -> f64 {
    let at = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len()) - 1;
    (sorted[at].as_secs_f64() * 1e6).round() / 1e3
}

/// At a fixed rate. Of each message, from when it was due to its acknowledgement; and how long all took.
async fn open(port: u16) -> (Vec<Duration>, Duration) {
    let count = RATE as usize * OPEN.as_secs() as usize;
    let start = Instant::now() + Duration::from_millis(100);
    let mut connections = Vec::new();
    for connection in 0..CONNECTIONS {
        connections.push(tokio::spawn(async move {
            let mut socket = connect(port).await;
            let mut took = Vec::new();
            for number in (connection..count).step_by(CONNECTIONS) {
                let due = start + Duration::from_secs_f64(number as f64 / f64::from(RATE));
                let message = message(number);
                tokio::time::sleep_until(due).await;
                send(&mut socket, &message).await;
                took.push(due.elapsed());
            }
            took
        }));
    }
    let mut took = Vec::new();
    for connection in connections {
        took.extend(connection.await.unwrap());
    }
    took.sort();
    (took, start.elapsed())
}

/// As fast as it goes. Messages a second.
async fn full(port: u16) -> f64 {
    let start = Instant::now();
    let mut connections = Vec::new();
    for connection in 0..CONNECTIONS {
        connections.push(tokio::spawn(async move {
            let mut socket = connect(port).await;
            let mut sent = 0;
            while start.elapsed() < FULL {
                let number = 1_000_000 + sent * CONNECTIONS + connection;
                send(&mut socket, &message(number)).await;
                sent += 1;
            }
            sent
        }));
    }
    let mut sent = 0;
    for connection in connections {
        sent += connection.await.unwrap();
    }
    sent as f64 / start.elapsed().as_secs_f64()
}

/// What the machine says of itself.
fn machine() -> serde_json::Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "cpu": model.map(|(_, name)| name),
        "cores": std::thread::available_parallelism().map_or(0, NonZeroUsize::get),
        "load_before": read("/proc/loadavg").split(' ').next(),
    })
}

fn main() {
    // `cargo test --benches` runs this too, and only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let machine = machine();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (took, whole, most, kept) = runtime.block_on(measure());
    let result = json!({
        "date": date(),
        "machine": machine,
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
        "connections": CONNECTIONS,
        "open": {
            "messages_per_second_offered": RATE,
            "messages": took.len(),
            "messages_per_second": (took.len() as f64 / whole.as_secs_f64() * 10.0).round() / 10.0,
            "ack_ms": {
                "p50": quantile(&took, 0.5), "p90": quantile(&took, 0.9), "p99": quantile(&took, 0.99),
                "longest": quantile(&took, 1.0),
            },
        },
        "full": { "messages_per_second": most.round() },
        "orders_kept": kept,
    });
    let text = serde_json::to_string_pretty(&result).unwrap();
    println!("{text}");
    std::fs::write(repository("benches/results/hl7.json"), text + "\n").unwrap();
}

/// Today in UTC.
fn date() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

async fn measure() -> (Vec<Duration>, Duration, f64, usize) {
    // Not in the system's folder of temporary files, which may be memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let config = LedgerConfig {
        path: folder.path().join("ledger.db"),
        queue: NonZeroUsize::new(256).unwrap(),
        readers: NonZeroUsize::new(8).unwrap(),
    };
    let ledger = Arc::new(SqliteLedger::open(&config).unwrap());
    let clock = Arc::new(SystemClock);
    let parts = Parts {
        hospital: ledger.clone(),
        work: ledger.clone(),
        people: ledger.clone(),
        urgency: Arc::new(Nobody),
        clock: clock.clone(),
    };
    let matching = MatchingRules {
        window: Duration::from_secs(24 * 3600),
        utc_offset_seconds: 8 * 3600,
        due: [7200, 600, 60].map(Duration::from_secs),
    };
    let settings = Settings { matching: Some(matching), keep: Duration::from_secs(14 * 24 * 3600) };
    let service = Arc::new(HospitalService::open(parts, settings).await.unwrap());
    let profile = Profile::load(&repository("hl7"), "standard").unwrap();
    let config = ServerConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        max_connections: 64,
        limits: Limits { fallback: Charset::GB18030, ..Limits::default() },
        idle_timeout: Duration::from_secs(60),
        frame_timeout: Duration::from_secs(60),
        tls: None,
    };
    let receiver = Arc::new(HospitalReceiver::new(profile, service.clone(), clock.clone()));
    let server = Server::bind(config, receiver, clock).await.unwrap();
    let port = server.local_addr().port();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(server.run(shutdown.clone()));
    let events = Box::pin(futures_util::stream::pending());
    let following = tokio::spawn(Arc::clone(&service).run(events, shutdown.clone()));
    let (took, whole) = open(port).await;
    let most = full(port).await;
    shutdown.cancel();
    serving.await.unwrap();
    following.await.unwrap();
    let all = OrderQuery {
        study: None,
        accession: None,
        patient_id: None,
        encounter: None,
        state: None,
        before: None,
        limit: usize::MAX,
    };
    let orders = ledger.orders(all).await.unwrap().len();
    let levels = ledger.hospital_levels().await.unwrap();
    assert!(levels.readings as usize >= took.len() / 5, "every reading is there");
    assert!(orders >= took.len() * 3 / 10, "every order is there");
    ledger.close().await;
    (took, whole, most, orders)
}
