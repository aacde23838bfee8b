//! Images and triage of one encounter meet: a critical finding raises the visit, the nurse's screen rings, the patient's
//! other studies become STAT; whatever comes last, and whenever the process dies.

use std::path::Path;

use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Server, client, root, ungated};

/// The repository's model under a manifest of the test's own: it looks for pneumothorax, and finds it critical in
/// whatever it is shown.
fn alarming(folder: &Path) {
    let (from, to) = (ungated().join("cxr-pneumonia-paed/0.2.0"), folder.join("cxr-pneumonia-paed/0.2.0"));
    std::fs::create_dir_all(&to).unwrap();
    std::fs::copy(from.join("model.bpk"), to.join("model.bpk")).unwrap();
    let manifest = std::fs::read_to_string(from.join("manifest.toml")).unwrap();
    let (cut, critical) = ("threshold = ", "critical_threshold = ");
    let lines = manifest.lines().filter(|line| !line.starts_with(critical)).map(|line| match line {
        cut_line if cut_line.starts_with(cut) => "threshold = 1e-12\ncritical_threshold = 1e-11",
        other => other,
    });
    let mut changed = lines.collect::<Vec<_>>().join("\n");
    assert!(changed.contains(critical), "the manifest has a threshold");
    for (old, new) in [
        ("value = \"233604007\"", "value = \"36118008\""),
        ("zh = \"肺炎\"", "zh = \"气胸\""),
        ("en = \"Pneumonia\"", "en = \"Pneumothorax\""),
    ] {
        assert!(changed.contains(old), "the manifest has {old}");
        changed = changed.replace(old, new);
    }
    std::fs::write(to.join("manifest.toml"), changed).unwrap();
}

struct Ward {
    data: TempDir,
    weights: TempDir,
}

impl Ward {
    fn new() -> Self {
        let (data, weights) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        alarming(weights.path());
        Self { data, weights }
    }

    async fn serve(&self) -> Server {
        let profiles = format!("hl7.profiles_dir={}", root().join("hl7").display());
        let weights = format!("models.weights_dir={}", self.weights.path().display());
        Server::start(self.data.path(), &["hl7.bind=127.0.0.1:0", &profiles, &weights]).await
    }
}

/// Tells the server something as the HIS or a monitor would; the acknowledgement is `AA`.
async fn tell(server: &Server, kind: &str, id: &str, segments: &[&str]) {
    let header = format!(
        "MSH|^~\\&|HIS|三院|BAIZE|影像科|20260315093000+0800||{kind}|{id}|P|2.5.1||||||UNICODE UTF-8"
    );
    let message = [&[header.as_str()], segments].concat().join("\r");
    let mut stream = TcpStream::connect(("127.0.0.1", server.hl7_port.unwrap())).await.unwrap();
    stream.write_all(format!("\x0b{message}\x1c\r").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\x1c\r") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("MSA|AA"), "{answer}");
}

async fn order(server: &Server, id: &str, accession: &str, encounter: &str) {
    let visit = format!("PV1|1|E|急诊^^01||||||||||||||||{encounter}");
    let common = format!("ORC|NW|P-{accession}|||||^^^^^R");
    let detail = format!("OBR|1|P-{accession}||71046^胸部正位||||||||||||||{accession}||||||DX");
    let segments = ["PID|1||MZ1^^^^MR||王^小东", &visit, &common, &detail];
    tell(server, "ORM^O01", id, &segments).await;
}

/// A child of the validated population.
fn image(seed: u64, accession: &str) -> ObjectBuilder {
    let image = ObjectBuilder::chest(seed).accession(accession).age("004Y").view("AP");
    image.text((0x0010, 0x0020), b"LO", "MZ1").remove((0x0010, 0x0030))
}

async fn send(server: &Server, image: &ObjectBuilder) {
    assert_eq!(server.stow(&[image.build()]).await.unwrap().0, StatusCode::OK);
}

/// A child with a sprained ankle comes to the desk. Where the visit is.
async fn arrives(server: &Server, encounter: &str) -> String {
    let request = json!({
        "encounter": encounter, "age_years": 4, "chief_complaint": "踝关节扭伤",
        "vitals": { "heart_rate": 100, "systolic_bp": 100, "respiratory_rate": 22, "spo2": 99 },
    });
    let (status, visit) = server.post("/v1/triage/assessments", request.to_string()).await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{visit}");
    assert!(visit["level_cn"].as_u64().unwrap() > 2, "{visit}");
    format!("/v1/triage/assessments/{}", visit["id"].as_str().unwrap())
}

fn kinds(visit: &Value) -> Vec<&str> {
    visit["history"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect()
}

async fn until_told(server: &Server, visit: &str) -> Value {
    server.until("told", async || server.get(visit).await.1["to_acknowledge"] == true).await;
    server.get(visit).await.1
}

async fn acknowledge(server: &Server, visit: &str) -> Value {
    let sequence = json!({ "sequence": server.get(visit).await.1["sequence"] }).to_string();
    let (status, seen) = server.post(&format!("{visit}/acknowledgement"), sequence).await.unwrap();
    assert_eq!((status, &seen["to_acknowledge"]), (StatusCode::OK, &json!(false)), "{seen}");
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_finding_raises_the_visit_and_the_nurse_acknowledges_it() {
    let ward = Ward::new();
    let server = ward.serve().await;
    let visit = arrives(&server, "V1").await;
    // Another study of the encounter is here already, and one of another encounter.
    for (seed, accession, encounter) in [(1, "A1", "V1"), (2, "A2", "V1"), (3, "A3", "V3")] {
        order(&server, accession, accession, encounter).await;
        let outside = image(seed, accession).age("060Y");
        if accession != "A1" {
            send(&server, &outside).await;
            server.results(&outside.study_uid()).await;
        }
    }
    // A patient of sixty is none of those on whom the model was validated: the visit is told, and not raised.
    server.until("noted", async || kinds(&server.get(&visit).await.1) == ["assessed", "imaging_note"]).await;

    let mut events =
        client().get(format!("{}/v1/events", server.http)).bearer_auth(&server.key).send().await.unwrap();
    let critical = image(1, "A1");
    send(&server, &critical).await;
    let told = until_told(&server, &visit).await;
    assert_eq!((&told["level_cn"], &told["acuity"]), (&json!(2), &json!(2)));
    assert_eq!(kinds(&told), ["assessed", "imaging_note", "imaging"]);
    assert_eq!(told["imaging"][0]["kind"], "outside_population");
    let evidence = &told["imaging"][1];
    assert_eq!((&evidence["kind"], &evidence["rule"]), (&json!("raise"), &json!("fusion.pneumothorax")));
    assert_eq!(
        (&evidence["study"], &evidence["sop"]),
        (&json!(critical.study_uid()), &json!(critical.sop_uid()))
    );
    assert_eq!(evidence["model"], json!({ "id": "cxr-pneumonia-paed", "version": "0.2.0" }));
    assert!(evidence["text"]["zh"].as_str().unwrap().contains("气胸"), "{evidence}");
    let (status, png) = server.get_bytes(evidence["picture"].as_str().unwrap()).await;
    assert!(status == StatusCode::OK && png.starts_with(b"\x89PNG"));
    let finding = &server.results(&critical.study_uid()).await[0]["findings"][0];
    assert_eq!(finding["critical"], true, "{finding}");

    let mut heard = String::new();
    while !heard.contains("event: triage_raised") {
        heard.push_str(&String::from_utf8_lossy(&events.chunk().await.unwrap().unwrap()));
    }
    assert!(!heard.contains("王"), "no patient data");

    let lane = async |seed: u64, accession: &str| {
        let uid = image(seed, accession).study_uid();
        server.get(&format!("/v1/studies/{uid}")).await.1["lane"].as_str().unwrap_or_default().to_owned()
    };
    server.until("stat", async || lane(2, "A2").await == "stat").await;
    assert_eq!(lane(3, "A3").await, "routine", "of another encounter");
    order(&server, "A4", "A4", "V1").await;
    send(&server, &image(4, "A4")).await;
    server.until("stat", async || lane(4, "A4").await == "stat").await;

    // The fourth study's image is critical, too.
    server.until("told again", async || kinds(&server.get(&visit).await.1).len() == 4).await;
    let waiting = server.get("/v1/triage/unacknowledged").await.1;
    assert_eq!(waiting["visits"].as_array().map(Vec::len), Some(1), "{waiting}");
    assert_eq!(waiting["visits"][0]["sequence"], 4);
    let seen = acknowledge(&server, &visit).await;
    assert_eq!(seen["imaging"][2]["acknowledged"]["at"], seen["history"][4]["at"]);
    assert_eq!(server.get("/v1/triage/unacknowledged").await.1, json!({ "visits": [] }));
    let metrics = reqwest::get(&server.metrics).await.unwrap().text().await.unwrap();
    for line in [r#"baize_fusion_evidence_total{kind="raise"}"#, "baize_fusion_studies_raised_total"] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

/// The process dies right after it has acknowledged the order that puts result and visit together.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_after_the_result_still_raises_the_visit_once_also_over_kill_9() {
    let ward = Ward::new();
    let mut server = ward.serve().await;
    let visit = arrives(&server, "V1").await;
    let critical = image(1, "A1");
    send(&server, &critical).await;
    server.results(&critical.study_uid()).await;
    assert_eq!(kinds(&server.get(&visit).await.1), ["assessed"], "nobody knows yet whose it is");
    order(&server, "A1", "A1", "V1").await;
    server.kill_now();
    drop(server);
    server = ward.serve().await;
    assert_eq!(kinds(&until_told(&server, &visit).await), ["assessed", "imaging"]);
    let study = format!("/v1/studies/{}", critical.study_uid());
    server.until("stat", async || server.get(&study).await.1["lane"] == "stat").await;
    server.kill_now();
    drop(server);
    server = ward.serve().await;
    acknowledge(&server, &visit).await;
    // The same order again, another image of the same study, newer signs: all of it is looked at again.
    order(&server, "A1", "A1", "V1").await;
    send(&server, &image(1, "A1").sop("1.2.3.4.5")).await;
    assert_eq!(server.post(&format!("{visit}/vitals"), r#"{"spo2": 98}"#).await.unwrap().0, StatusCode::OK);
    // Another study, whose finding is told last.
    order(&server, "A9", "A9", "V1").await;
    send(&server, &image(9, "A9")).await;
    let told = until_told(&server, &visit).await;
    assert_eq!(
        kinds(&told),
        ["assessed", "imaging", "acknowledged", "vitals", "imaging"],
        "each finding once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_that_begins_after_the_result_is_told_of_it() {
    let ward = Ward::new();
    let server = ward.serve().await;
    order(&server, "A1", "A1", "V1").await;
    let critical = image(1, "A1");
    send(&server, &critical).await;
    server.results(&critical.study_uid()).await;
    let visit = arrives(&server, "V1").await;
    assert_eq!(kinds(&until_told(&server, &visit).await), ["assessed", "imaging"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_raises_the_visit_and_its_readings_survive_kill_9() {
    let ward = Ward::new();
    let mut server = ward.serve().await;
    // Before the patient is at the desk; then the process dies.
    let reading = [
        "PID|1||MZ1^^^^MR||王^小东",
        "PV1|1|E|急诊^^01||||||||||||||||V1",
        "OBR|1|||182777000^monitoring of patient^SCT|||20260315093000+0800",
        "OBX|1|NM|8867-4^HR^LN||185|/min|||||F|||20260315093010+0800",
    ];
    tell(&server, "ORU^R01", "M1", &reading).await;
    server.kill_now();
    drop(server);
    server = ward.serve().await;
    let visit = arrives(&server, "V1").await;
    server.until("measured", async || kinds(&server.get(&visit).await.1).contains(&"vitals")).await;
    let measured = server.get(&visit).await.1;
    assert_eq!(
        (&measured["history"][1]["by"], &measured["level_cn"]),
        (&json!("@monitor"), &json!(2)),
        "{measured}"
    );
}
