//! Messages of the HIS over MLLP: orders reach the model's lane, nothing that was acknowledged is lost.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use baize_hl7::{Charset, Limits, Message};
use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Server, client, root};

const STORESCU: &str = "/usr/bin/storescu";
const LONG: Duration = Duration::from_secs(60);

/// A server with a port for the HIS, that may also be set otherwise.
pub(crate) async fn server(data: &Path, settings: &[&str]) -> Server {
    let profiles = format!("hl7.profiles_dir={}", root().join("hl7").display());
    let ours = ["hl7.bind=127.0.0.1:0", profiles.as_str()];
    Server::start(data, &[&ours[..], settings].concat()).await
}

/// A connection of the HIS.
pub(crate) struct His(TcpStream);

impl His {
    pub(crate) async fn connect(server: &Server) -> Self {
        Self(TcpStream::connect(("127.0.0.1", server.hl7_port.unwrap())).await.unwrap())
    }

    /// Sends what is in a frame; the acknowledgement, `None` where the server went away.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Option<Message> {
        self.0.write_all(&[b"\x0b", bytes, b"\x1c\r"].concat()).await.ok()?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\x1c\r") {
            answer.push(tokio::time::timeout(LONG, self.0.read_u8()).await.unwrap().ok()?);
        }
        let limits = Limits { fallback: Charset::GB18030, ..Limits::default() };
        Some(Message::parse(&answer[1..answer.len() - 2], &limits).unwrap().message)
    }

    /// Sends a message in UTF-8. MSA-1 of the answer.
    async fn tell(&mut self, kind: &str, id: &str, segments: &[&str]) -> String {
        let ack = self.send(message(kind, id, segments).as_bytes()).await.unwrap();
        assert_eq!(text(&ack, "MSA-2"), id);
        text(&ack, "MSA-1")
    }
}

fn message(kind: &str, id: &str, segments: &[&str]) -> String {
    let header = format!(
        "MSH|^~\\&|HIS|三院|BAIZE|影像科|20260315093000+0800||{kind}|{id}|P|2.5.1||||||UNICODE UTF-8"
    );
    [&[header.as_str()][..], segments].concat().join("\r")
}

fn text(message: &Message, path: &str) -> String {
    message.text(&path.parse().unwrap()).unwrap_or_default()
}

/// An order for a patient of the seed's image.
fn order(patient: &str, accession: &str, priority: &str) -> [String; 4] {
    [
        format!("PID|1||{patient}^^^^MR||王^小东"),
        "PV1|1|E|急诊^^01||||||||||||||||V1".to_owned(),
        format!("ORC|NW|P-{accession}|||||^^^^^{priority}"),
        format!("OBR|1|P-{accession}||71046^胸部正位|||||||||气胸？|||||{accession}||||||DX"),
    ]
}

fn image(seed: u64, accession: &str) -> ObjectBuilder {
    ObjectBuilder::chest(seed).accession(accession).text((0x0010, 0x0020), b"LO", "MZ1")
}

/// By C-STORE where DCMTK is there, else by STOW-RS.
pub(crate) async fn send_image(server: &Server, folder: &Path, image: &ObjectBuilder) {
    if !Path::new(STORESCU).exists() {
        println!("by STOW-RS, because {STORESCU} is not installed");
        assert_eq!(server.stow(&[image.build()]).await.unwrap().0, StatusCode::OK);
        return;
    }
    let file = folder.join("image.dcm");
    std::fs::write(&file, image.build()).unwrap();
    let mut command = tokio::process::Command::new(STORESCU);
    command.args(["-aec", "BAIZE", "127.0.0.1", &server.dicom_port.to_string()]).arg(&file);
    assert!(command.status().await.unwrap().success());
}

async fn study(server: &Server, image: &ObjectBuilder) -> Value {
    server.get(&format!("/v1/studies/{}", image.study_uid())).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_a_gb18030_his_sets_the_lane_of_the_study() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), &[]).await;
    let mut his = His::connect(&server).await;
    // 倈, 俕, 倊 and 俓 have trail bytes that look like the delimiters | ^ ~ and the escape \.
    let header = |kind: &str, id: &str| {
        format!("MSH|^~\\&|HIS|三院|BAIZE|影像科|20260315093000+0800||{kind}|{id}|P|2.4||||||GB 18030-2000")
    };
    let pid = "PID|1||MZ1^^^^MR||倈^俕倊";
    let visit = "PV1|1|E|急诊^^01||||||||||||||||V20260001";
    let admission = [header("ADT^A04^ADT_A01", "1").as_str(), pid, visit, "PV2|||^俓痛"].join("\r");
    let order = [
        header("ORM^O01", "2").as_str(),
        pid,
        visit,
        "ORC|NW|PL1||||||20260315093000",
        "OBR|1|PL1||71046^胸部正位|||||||||气胸？|||||A1||||||DX|||^^^^^S",
    ]
    .join("\r");
    for text in [admission, order] {
        let ack = his.send(&Charset::GB18030.encode(&text).unwrap()).await.unwrap();
        assert_eq!(self::text(&ack, "MSA-1"), "AA", "{}", ack.render());
        assert_eq!(self::text(&ack, "MSH-4"), "影像科");
    }
    let image = image(1, "A1");
    send_image(&server, data.path(), &image).await;
    server.results(&image.study_uid()).await;
    let study = study(&server, &image).await;
    assert_eq!(study["lane"], "stat");
    let order = &study["order"];
    assert_eq!((order["matched_by"].as_str(), order["lane"].as_str()), (Some("accession"), Some("stat")));
    assert_eq!((order["reason"].as_str(), order["location"].as_str()), (Some("气胸？"), Some("急诊")));
    let encounter = server.get("/v1/encounters/V20260001").await.1;
    assert_eq!(encounter["patient"]["family_name"], "倈");
    assert_eq!(encounter["reason"], "俓痛");
    assert_eq!(encounter["patient"]["given_name"], "俕倊");
    assert_eq!(encounter["studies"], serde_json::json!([image.study_uid()]));
    assert_eq!(server.get("/v1/reconciliation").await.1["entries"], serde_json::json!([]));
    let metrics = client().get(&server.metrics).send().await.unwrap().text().await.unwrap();
    let counted = r#"baize_hl7_messages_total{message="ORM^O01",answer="accepted"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_comes_after_the_study_raises_it() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), &[]).await;
    let image = image(2, "A2");
    send_image(&server, data.path(), &image).await;
    let waiting = server.get("/v1/reconciliation").await.1;
    assert_eq!(waiting["entries"][0]["reason"]["code"], "no_order");
    let mut his = His::connect(&server).await;
    let routine = order("MZ1", "A2", "R");
    assert_eq!(his.tell("ORM^O01", "1", &routine.each_ref().map(String::as_str)).await, "AA");
    assert_eq!(study(&server, &image).await["lane"], "routine");
    let stat = order("MZ1", "A2", "S");
    assert_eq!(his.tell("ORM^O01", "2", &stat.each_ref().map(String::as_str)).await, "AA");
    assert_eq!(study(&server, &image).await["lane"], "stat");
    let raised = tokio::task::block_in_place(|| server.saw("study raised by an order of the his", LONG));
    assert!(raised, "{}", server.log().join("\n"));
    // The same message once more, and a calmer change: nothing lowers.
    assert_eq!(his.tell("ORM^O01", "2", &stat.each_ref().map(String::as_str)).await, "AA");
    assert_eq!(his.tell("ORM^O01", "3", &routine.each_ref().map(String::as_str)).await, "AA");
    assert_eq!(study(&server, &image).await["lane"], "stat");
    assert_eq!(server.get("/v1/orders").await.1["orders"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reconciles_what_contradicts() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), &[]).await;
    let mut his = His::connect(&server).await;
    let stranger = order("OTHER", "A3", "S");
    assert_eq!(his.tell("ORM^O01", "1", &stranger.each_ref().map(String::as_str)).await, "AA");
    let image = image(3, "A3");
    send_image(&server, data.path(), &image).await;
    assert_eq!(study(&server, &image).await["lane"], "routine");
    let entry = server.get("/v1/reconciliation").await.1["entries"][0].clone();
    assert_eq!(entry["reason"]["code"], "patient_id_differs");
    let number = entry["candidates"][0]["order"]["id"].as_i64().unwrap();
    let body = |more: &str| format!(r#"{{"study": "{}", "order": {number}{more}}}"#, image.study_uid());
    let refused = server.post("/v1/reconciliation/match", body("")).await.unwrap();
    assert_eq!(refused.0, StatusCode::CONFLICT, "{}", refused.1);
    let confirmed = body(r#", "confirm": true, "reason": "同一患者，登记号有误""#);
    assert_eq!(server.post("/v1/reconciliation/match", confirmed).await.unwrap().0, StatusCode::NO_CONTENT);
    let known = study(&server, &image).await;
    assert_eq!(
        (known["lane"].as_str(), known["order"]["matched_by"].as_str()),
        (Some("stat"), Some("person"))
    );
    let wrong = format!(r#"{{"order": {number}, "reason": "not his"}}"#);
    assert_eq!(server.post("/v1/reconciliation/unmatch", wrong).await.unwrap().0, StatusCode::NO_CONTENT);
    let known = study(&server, &image).await;
    assert_eq!((known["lane"].as_str(), &known["order"]), (Some("stat"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_malformed_is_answered_and_the_connection_lives() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), &[]).await;
    let mut his = His::connect(&server).await;
    for (bytes, codes, error) in [
        (message("ADT^A01", "1", &["PID|1||"]).into_bytes(), "AE", "101"),
        (message("ADT^A99", "2", &["PID|1||W1"]).into_bytes(), "AR", "201"),
        (message("ZZZ^Z01", "3", &["PID|1||W1"]).into_bytes(), "AR", "200"),
        (b"no message at all".to_vec(), "AR", "100"),
        (message("ADT^A01", "5", &["PID|1||W1"]).replace("2.5.1", "3.0").into_bytes(), "AR", "203"),
    ] {
        let ack = his.send(&bytes).await.unwrap();
        assert_eq!(text(&ack, "MSA-1"), codes, "{}", ack.render());
        assert_eq!(text(&ack, "ERR-3.1"), error, "{}", ack.render());
    }
    assert_eq!(his.tell("ADT^A01", "9", &["PID|1||W1", "PV1|1|E|||||||||||||||||V9"]).await, "AA");
    assert_eq!(server.get("/v1/encounters/V9").await.0, StatusCode::OK);
    // Nothing of a patient is in the log.
    assert!(server.log().iter().all(|line| !line.contains("W1") && !line.contains("V9")));
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_that_was_acknowledged_and_doubles_nothing() {
    let data = TempDir::new().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..3 {
        let server = server(data.path(), &[]).await;
        let lines = 4;
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut senders = Vec::new();
        for line in 0..lines {
            let mut his = His::connect(&server).await;
            let told = told.clone();
            senders.push(tokio::spawn(async move {
                for number in 0.. {
                    let accession = format!("R{round}-{line}-{number}");
                    let segments = order("MZ1", &accession, "S");
                    let bytes = message("ORM^O01", &accession, &segments.each_ref().map(String::as_str));
                    match his.send(bytes.as_bytes()).await {
                        Some(ack) if text(&ack, "MSA-1") == "AA" => told.send(accession).unwrap(),
                        Some(ack) => panic!("{}", ack.render()),
                        // Killed before the answer: it may be here or not.
                        None => return accession,
                    }
                }
                unreachable!("numbers do not end")
            }));
        }
        for _ in 0..40 {
            acknowledged.push(heard.recv().await.unwrap());
        }
        server.kill_now();
        let mut unsure = Vec::new();
        for sender in senders {
            unsure.push(sender.await.unwrap());
        }
        drop(told);
        while let Some(accession) = heard.recv().await {
            acknowledged.push(accession);
        }
        drop(server);
        let server = self::server(data.path(), &[]).await;
        // The HIS sends again what was not answered, and once more what was.
        let mut his = His::connect(&server).await;
        for accession in unsure.iter().chain(acknowledged.last()) {
            let segments = order("MZ1", accession, "S");
            let code = his.tell("ORM^O01", accession, &segments.each_ref().map(String::as_str)).await;
            assert_eq!(code, "AA");
        }
        acknowledged.extend(unsure);
        for accession in &acknowledged {
            let orders = server.get(&format!("/v1/orders?accession={accession}")).await.1;
            assert_eq!(orders["orders"].as_array().unwrap().len(), 1, "{accession}: {orders}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_answers_what_it_has_begun() {
    let data = TempDir::new().unwrap();
    let mut server = server(data.path(), &[]).await;
    let mut his = His::connect(&server).await;
    // A message and the beginning of the next in one piece: what answers the one has begun the other.
    let (whole, half) = (message("ADT^A01", "1", &["PID|1||W1"]), message("ADT^A01", "2", &["PID|1||W2"]));
    let (first, rest) = half.as_bytes().split_at(60);
    his.0.write_all(&[b"\x0b", whole.as_bytes(), b"\x1c\r\x0b", first].concat()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\x1c\r") {
        answer.push(his.0.read_u8().await.unwrap());
    }
    Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    let stopping = tokio::task::block_in_place(|| server.saw("hl7 port closed", LONG));
    assert!(stopping, "{}", server.log().join("\n"));
    his.0.write_all(&[rest, b"\x1c\r"].concat()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(LONG, his.0.read_to_end(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("MSA|AA|2"), "{answer}");
    assert!(server.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn python_hl7_sends_its_files() {
    let there = Command::new("python3").args(["-c", "import hl7.client"]).output().unwrap();
    if !there.status.success() {
        println!("skipped: python-hl7 is not installed (deploy/requirements-test-peers.txt)");
        return;
    }
    let data = TempDir::new().unwrap();
    let server = server(data.path(), &[]).await;
    let file = data.path().join("messages.hl7");
    let [pid, visit, orc, obr] = order("MZ1", "A9", "S");
    let both = [
        message("ADT^A01", "1", &[&pid, &visit]),
        message("ORM^O01", "2", &[&pid, &visit, &orc, &obr]),
        message("ADT^A99", "3", &[&pid]),
    ];
    std::fs::write(&file, both.join("\r")).unwrap();
    // What the console script mllp_send runs.
    let output = tokio::process::Command::new("python3")
        .args(["-c", "import sys; from hl7.client import mllp_send; sys.exit(mllp_send())", "--loose"])
        .args(["--port", &server.hl7_port.unwrap().to_string(), "--file"])
        .args([file.as_path(), Path::new("127.0.0.1")])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "\n");
    for acknowledgement in ["MSA|AA|1", "MSA|AA|2", "MSA|AR|3"] {
        assert!(said.contains(acknowledgement), "{said}");
    }
    let orders = server.get("/v1/orders?accession=A9").await.1;
    assert_eq!(orders["orders"][0]["order"]["lane"], "stat");
}
