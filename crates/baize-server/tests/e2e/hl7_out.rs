//! Results as HL7 v2 messages, to receivers of every temper.
//!
//! The receiver that is killed is this test binary again, running [`receiver`] only.

use std::collections::{HashMap, HashSet, VecDeque};
use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpListener as BlockingListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use baize_hl7::{Limits, Message};
use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::Server;
use crate::outbox::{deliveries, free_port};

const START: u8 = 0x0b;
const END: [u8; 2] = [0x1c, 0x0d];

/// What a receiver answers to a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    Code(&'static str),
    Garbage,
    /// An acknowledgement of another message.
    OtherId,
    HangUp,
    Silence,
}

/// Acknowledges everything by AA, unless told otherwise.
#[derive(Clone)]
pub(crate) struct Peer {
    came: Arc<Mutex<Vec<Vec<u8>>>>,
    script: Arc<Mutex<VecDeque<Reply>>>,
}

impl Peer {
    pub(crate) async fn listen(port: u16, script: &[Reply]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let peer =
            Self { came: Arc::default(), script: Arc::new(Mutex::new(script.iter().copied().collect())) };
        let serving = peer.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let peer = serving.clone();
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    let mut chunk = vec![0; 1 << 16];
                    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
                        bytes.extend_from_slice(&chunk[..read]);
                        while let Some(message) = unframed(&mut bytes) {
                            let reply = peer.script.lock().unwrap().pop_front().unwrap_or(Reply::Code("AA"));
                            let answer = match reply {
                                Reply::Code(code) => framed(&acknowledgement(code, &control_id(&message))),
                                Reply::OtherId => framed(&acknowledgement("AA", "SOMEBODY ELSE")),
                                Reply::Garbage => b"HTTP/1.1 200 OK\r\n\r\n\x0bnonsense\x1c\x0d".to_vec(),
                                Reply::Silence => Vec::new(),
                                Reply::HangUp => {
                                    peer.came.lock().unwrap().push(message);
                                    return;
                                }
                            };
                            peer.came.lock().unwrap().push(message);
                            if stream.write_all(&answer).await.is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        });
        peer
    }

    pub(crate) fn came(&self) -> Vec<Vec<u8>> {
        self.came.lock().unwrap().clone()
    }

    /// Each message once, in the order of its first arrival. Fails where one identifier came with two contents.
    pub(crate) fn told(&self) -> Vec<Message> {
        let mut seen: HashMap<String, Vec<u8>> = HashMap::new();
        let mut told = Vec::new();
        for bytes in self.came() {
            let message = parse(&bytes);
            let id = message.control_id().unwrap();
            match seen.get(&id) {
                Some(before) => assert_eq!(*before, bytes, "{id} came with another content"),
                None => {
                    seen.insert(id, bytes);
                    told.push(message);
                }
            }
        }
        told
    }
}

fn unframed(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = bytes.windows(2).position(|two| two == END)?;
    let frame: Vec<u8> = bytes.drain(..end + 2).collect();
    assert_eq!(frame[0], START);
    Some(frame[1..end].to_vec())
}

fn framed(text: &str) -> Vec<u8> {
    [&[START], text.as_bytes(), &END].concat()
}

fn acknowledgement(code: &str, id: &str) -> String {
    format!("MSH|^~\\&|HIS||BAIZE||20260315||ACK^R01^ACK|1|P|2.5.1\rMSA|{code}|{id}|told so\r")
}

fn parse(bytes: &[u8]) -> Message {
    let parsed = Message::parse(bytes, &Limits::default()).unwrap();
    assert_eq!(parsed.issues, []);
    parsed.message
}

fn control_id(bytes: &[u8]) -> String {
    parse(bytes).control_id().unwrap()
}

pub(crate) fn field(message: &Message, path: &str) -> String {
    message.text(&path.parse().unwrap()).unwrap_or_default()
}

/// The fields of all OBX, such as `3.1`.
pub(crate) fn observed(message: &Message, path: &str) -> Vec<String> {
    let count = message.segments_named("OBX").count();
    (1..=count).map(|index| field(message, &format!("OBX[{index}]-{path}"))).collect()
}

fn settings(port: u16) -> [String; 4] {
    [
        format!(
            "destinations=[{{name='his', tells=['studies', 'triage'], response_timeout_seconds=2, \
             hl7={{address='127.0.0.1:{port}', charset='GB 18030-2000', sending_facility='影像科'}}}}]"
        ),
        "outbox.retry_cap_seconds=1".to_owned(),
        "studies.quiet_seconds=1".to_owned(),
        "studies.stow_quiet_seconds=1".to_owned(),
    ]
}

async fn start(data: &Path, port: u16) -> Server {
    Server::start(data, &settings(port).each_ref().map(String::as_str)).await
}

async fn until_settled(server: &Server, count: usize) -> Vec<Value> {
    let is_done = |one: &Value| one["state"] == "acknowledged" || one["state"] == "covered";
    server
        .until("settled", async || {
            let deliveries = deliveries(server).await;
            deliveries.len() >= count && deliveries.iter().all(is_done)
        })
        .await;
    deliveries(server).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_until_the_receiver_has_answered_for_it() {
    let data = tempfile::tempdir().unwrap();
    let port = free_port();
    let server = start(data.path(), port).await;
    let object = ObjectBuilder::chest(1).charset("GB18030").patient_name("王^亅俁");
    assert_eq!(server.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
    server
        .until("waiting", async || deliveries(&server).await.iter().any(|one| one["state"] == "waiting"))
        .await;
    use Reply::{Code, Garbage, HangUp, OtherId, Silence};
    let script = [Code("AE"), Garbage, OtherId, HangUp, Silence, Code("CE")];
    let peer = Peer::listen(port, &script).await;
    let settled = until_settled(&server, 1).await;
    let first = settled.iter().rfind(|one| one["state"] == "acknowledged").unwrap();
    let came = peer.came();
    assert!(came.len() > script.len(), "{} attempts", came.len());
    assert!(came[..=script.len()].iter().all(|bytes| *bytes == came[0]), "the same bytes every time");
    let message = &peer.told()[0];
    assert_eq!(first["message"]["id"], json!(message.control_id()));
    assert_eq!(
        (&first["message"]["answer"], &first["message"]["standing"]),
        (&json!("AA"), &json!("preliminary"))
    );
    assert!(first["attempts"].as_u64().unwrap() > script.len() as u64);
    assert_eq!(field(message, "MSH-18"), "GB 18030-2000");
    assert_eq!((field(message, "PID-5.1"), field(message, "PID-5.2")), ("王".into(), "亅俁".into()));
    assert_eq!(field(message, "OBX[1]-5"), object.study_uid());
    let log = server.log().join("\n");
    assert!(!log.contains("亅俁"), "the log names nobody");

    // One that is refused holds nobody up, and a person sends it again.
    peer.script.lock().unwrap().push_back(Code("AR"));
    let other = ObjectBuilder::chest(2);
    assert_eq!(server.stow(&[other.build()]).await.unwrap().0, StatusCode::OK);
    let refused = async || deliveries(&server).await.into_iter().find(|one| one["state"] == "refused");
    server.until("refused", async || refused().await.is_some()).await;
    let refused = refused().await.unwrap();
    assert_eq!((&refused["message"]["answer"], &refused["comment"]), (&json!("AR"), &json!("told so")));
    let retry = format!("/v1/outbox/{}/retry", refused["id"]);
    assert_eq!(server.post(&retry, "").await.unwrap().0, StatusCode::OK);
    until_settled(&server, 2).await;
    let page = reqwest::get(&server.metrics).await.unwrap().text().await.unwrap();
    let counted = "baize_outbox_attempts_total{destination=\"his\",kind=\"message\",result=\"refused\"} 1";
    assert!(page.contains(counted), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn preliminary_then_corrected_then_final() {
    let data = tempfile::tempdir().unwrap();
    let port = free_port();
    let peer = Peer::listen(port, &[]).await;
    let server = start(data.path(), port).await;
    let first = ObjectBuilder::chest(1);
    let study = first.study_uid();
    assert_eq!(server.stow(&[first.build()]).await.unwrap().0, StatusCode::OK);
    until_settled(&server, 1).await;
    let is_complete = async || {
        let (_, body) = server.get("/v1/studies").await;
        body["studies"][0]["arrival"]["complete"] == true
    };
    server.until("complete", is_complete).await;
    until_settled(&server, 1).await;
    let late = ObjectBuilder::chest(2).study(&study);
    assert_eq!(server.stow(&[late.build()]).await.unwrap().0, StatusCode::OK);
    server
        .until("corrected", async || {
            peer.told().last().is_some_and(|message| field(message, "OBR-25") == "C")
        })
        .await;
    server.until("complete", is_complete).await;
    let (_, findings) = server.get(&format!("/v1/studies/{study}/findings")).await;
    for instance in findings["instances"].as_array().unwrap() {
        let result = &instance["results"][0];
        let review = json!({ "model": result["model"], "verdict": "confirmed", "sign": true });
        let uri = format!("/v1/studies/{study}/instances/{}/reviews", instance["sop"].as_str().unwrap());
        assert_eq!(server.post(&uri, review.to_string()).await.unwrap().0, 201);
    }
    server
        .until("final", async || peer.told().last().is_some_and(|message| field(message, "OBR-25") == "F"))
        .await;
    let told = peer.told();
    let mut standings: Vec<String> = told.iter().map(|message| field(message, "OBR-25")).collect();
    standings.dedup();
    assert_eq!(standings, ["P", "C", "F"]);
    for message in &told {
        let signed = field(message, "OBR-25") == "F";
        assert_eq!(observed(message, "11").iter().any(|status| status == "F"), signed);
        assert_eq!(field(message, "OBR-32").is_empty(), !signed);
        assert_eq!(field(message, "OBX[1]-5"), study);
    }
    let images = |message: &Message| observed(message, "3.1").iter().filter(|code| *code == "image").count();
    assert_eq!((images(&told[0]), images(told.last().unwrap())), (1, 2));

    // The desk's steps go the same way.
    let request = json!({ "encounter": "E-1", "age_years": 67, "chief_complaint": "胸痛", "vitals": { "heart_rate": 128 } });
    let (status, visit) = server.post("/v1/triage/assessments", request.to_string()).await.unwrap();
    assert_eq!(status, StatusCode::CREATED);
    let of_visit =
        || peer.told().into_iter().find(|message| field(message, "OBR-4.1") == "triage-assessment");
    server.until("told", async || of_visit().is_some()).await;
    let message = of_visit().unwrap();
    assert_eq!(field(&message, "OBR-3"), visit["id"].as_str().unwrap());
    assert_eq!(field(&message, "OBX[1]-5"), visit["level_cn"].to_string());
    assert_eq!(field(&message, "PID-18"), "E-1");
    assert_eq!(field(&message, "OBR-25"), "P");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_loses_nothing_and_keeps_the_order() {
    let data = tempfile::tempdir().unwrap();
    let port = free_port();
    let peer = Peer::listen(port, &[]).await;
    let mut studies = Vec::new();
    for round in 0..2 {
        let server = start(data.path(), port).await;
        let before = peer.came().len();
        let objects: Vec<_> = (0..4).map(|number| ObjectBuilder::chest(100 * round + number)).collect();
        for object in &objects {
            assert_eq!(server.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
            studies.push(object.study_uid());
        }
        server.until("told of some", async || peer.came().len() > before + round as usize).await;
        server.kill_now();
    }
    let server = start(data.path(), port).await;
    server
        .until("told of all", async || {
            let deliveries = deliveries(&server).await;
            let is_told = |study: &String| {
                deliveries.iter().any(|one| one["study"] == **study && one["state"] == "acknowledged")
            };
            studies.iter().all(is_told)
        })
        .await;
    let settled = until_settled(&server, studies.len()).await;
    let told = peer.told();
    let ids: HashSet<String> = told.iter().filter_map(Message::control_id).collect();
    for delivery in &settled {
        let id = delivery["message"]["id"].as_str();
        let claimed = delivery["state"] == "acknowledged";
        assert_eq!(claimed, id.is_some_and(|id| ids.contains(id)), "{delivery}");
    }
    for study in &studies {
        let of_study: Vec<&Message> = told.iter().filter(|one| field(one, "OBX[1]-5") == *study).collect();
        assert!(!of_study.is_empty(), "{study} was told of");
        // Oldest first, as they were made.
        let ids: Vec<String> = of_study.iter().filter_map(|message| message.control_id()).collect();
        let mut made: Vec<(i64, String)> = settled
            .iter()
            .filter(|one| one["study"] == *study && one["state"] == "acknowledged")
            .map(|one| (one["id"].as_i64().unwrap(), one["message"]["id"].as_str().unwrap().to_owned()))
            .collect();
        made.sort();
        assert_eq!(ids, made.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), "{study}");
    }
}

const RECEIVER: &str = "BAIZE_TEST_HL7_RECEIVER";

/// Not a test by itself: a receiver that writes each message into a file as a line of hexadecimal digits, then answers or
/// does not. Does nothing unless started by the test below.
#[test]
fn receiver() {
    let Ok(setting) = env::var(RECEIVER) else { return };
    let [port, answers, path] = setting.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let listener = BlockingListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    for stream in listener.incoming() {
        let (mut stream, mut bytes) = (stream.unwrap(), Vec::new());
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..read]);
            while let Some(message) = unframed(&mut bytes) {
                let line: String = message.iter().map(|byte| format!("{byte:02x}")).collect();
                let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
                writeln!(file, "{line}").unwrap();
                file.sync_all().unwrap();
                if answers == "yes" {
                    stream.write_all(&framed(&acknowledgement("AA", &control_id(&message)))).unwrap();
                }
            }
        }
    }
}

struct Receiver(Child);

impl Receiver {
    fn start(port: u16, answers: &str, path: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["hl7_out::receiver", "--exact", "--nocapture"]).stdout(Stdio::null());
        Self(command.env(RECEIVER, format!("{port} {answers} {}", path.display())).spawn().unwrap())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _waited = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_dies_before_it_answers_gets_the_same_message_again() {
    let data = tempfile::tempdir().unwrap();
    let (port, path) = (free_port(), data.path().join("received"));
    let server = start(data.path(), port).await;
    let dying = Receiver::start(port, "no", &path);
    assert_eq!(server.stow(&[ObjectBuilder::chest(1).build()]).await.unwrap().0, StatusCode::OK);
    let received = || -> Vec<String> {
        std::fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect()
    };
    server.until("received", async || !received().is_empty()).await;
    drop(dying);
    server
        .until("waiting", async || deliveries(&server).await.iter().any(|one| one["state"] == "waiting"))
        .await;
    assert!(deliveries(&server).await.iter().all(|one| one["state"] != "acknowledged"));
    let alive = Receiver::start(port, "yes", &path);
    until_settled(&server, 1).await;
    drop(alive);
    let received = received();
    assert!(received.len() >= 2 && received[0] == received[1], "{} messages", received.len());
}
