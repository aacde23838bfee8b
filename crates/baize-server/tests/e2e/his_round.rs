//! The whole way of an order: a HIS that writes GB18030 admits and orders, the image comes by C-STORE, and what the model
//! says comes back as ORU^R01 and as a FHIR Bundle, under the order's numbers and in the order's lane.

use std::sync::{Arc, Mutex};

use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use axum::{Json, Router};
use baize_hl7::Charset;
use baize_testkit::ObjectBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::hl7::{His, send_image, server};
use crate::hl7_out::{Peer, field, observed};
use crate::outbox::free_port;

/// A FHIR server that keeps the Bundles it is sent.
async fn fhir_server() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/fhir", listener.local_addr().unwrap());
    let kept: Arc<Mutex<Vec<Value>>> = Arc::default();
    let keeping = Arc::clone(&kept);
    let take = move |Json(bundle): Json<Value>| async move {
        let entries = bundle["entry"].as_array().unwrap().len();
        keeping.lock().unwrap().push(bundle);
        let entry = vec![json!({ "response": { "status": "201 Created" } }); entries];
        let answer = json!({ "resourceType": "Bundle", "type": "transaction-response", "entry": entry });
        ([(CONTENT_TYPE, "application/fhir+json")], answer.to_string())
    };
    let app = Router::new().route("/fhir", post(take.clone())).route("/fhir/", post(take));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, kept)
}

/// The resources of one type.
fn of_type<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    let resources = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    resources.filter(|resource| resource["resourceType"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_comes_back_as_a_result_to_everybody_who_waits_for_it() {
    let data = TempDir::new().unwrap();
    let port = free_port();
    let receiver = Peer::listen(port, &[]).await;
    let (address, bundles) = fhir_server().await;
    let destinations = format!(
        "destinations=[{{name='his', tells=['studies'], hl7={{address='127.0.0.1:{port}', charset='GB 18030-2000'}}}}, \
         {{name='fhir', tells=['studies'], fhir={{url='{address}'}}}}]"
    );
    let quick = ["studies.quiet_seconds=1", "outbox.retry_cap_seconds=1", destinations.as_str()];
    let server = server(data.path(), &quick).await;

    // 倈, 俕, 倊 and 俓 have trail bytes that look like the delimiters | ^ ~ and the escape \.
    let header = |kind: &str, id: &str| {
        format!("MSH|^~\\&|HIS|三院|BAIZE|影像科|20260315093000+0800||{kind}|{id}|P|2.4||||||GB 18030-2000")
    };
    let pid = "PID|1||MZ1^^^^MR||倈^俕倊";
    let visit = "PV1|1|E|急诊^^01||||||||||||||||V20260001";
    let admission = [&header("ADT^A04^ADT_A01", "1"), pid, visit, "PV2|||^俓痛"].join("\r");
    let order = [
        &header("ORM^O01", "2"),
        pid,
        visit,
        "ORC|NW|PL1||||||20260315093000",
        "OBR|1|PL1||71046^胸部正位|||||||||气胸？|||||A1||||||DX|||^^^^^S",
    ]
    .join("\r");
    let mut his = His::connect(&server).await;
    for text in [admission, order] {
        let ack = his.send(&Charset::GB18030.encode(&text).unwrap()).await.unwrap();
        assert_eq!(field(&ack, "MSA-1"), "AA", "{}", ack.render());
    }
    let image = ObjectBuilder::chest(1).accession("A1").text((0x0010, 0x0020), b"LO", "MZ1");
    send_image(&server, data.path(), &image).await;
    let study = image.study_uid();
    server.results(&study).await;
    assert_eq!(server.get(&format!("/v1/studies/{study}")).await.1["lane"], "stat");

    server.until("told by HL7", async || !receiver.came().is_empty()).await;
    let message = receiver.told().remove(0);
    for (path, expected) in [
        ("MSH-9.1", "ORU"),
        ("MSH-18", "GB 18030-2000"),
        ("PID-3.1", "MZ1"),
        ("PID-5.1", "倈"),
        ("PID-5.2", "俕倊"),
        ("PV1-19.1", "V20260001"),
        ("ORC-2", "PL1"),
        ("OBR-2", "PL1"),
        ("OBR-4.1", "71046"),
        ("OBR-4.2", "胸部正位"),
        ("OBR-18", "A1"),
        ("OBR-25", "P"),
        ("OBX[1]-5", study.as_str()),
    ] {
        assert_eq!(field(&message, path), expected, "{path} in {}", message.render());
    }
    assert!(observed(&message, "11").iter().all(|status| status != "F"), "{}", message.render());
    let as_sent = |text: &str| Charset::GB18030.encode(text).unwrap();
    let name = as_sent("倈^俕倊");
    assert!(receiver.came()[0].windows(name.len()).any(|window| window == name), "the name in GB18030");

    server.until("told by FHIR", async || !bundles.lock().unwrap().is_empty()).await;
    let bundle = bundles.lock().unwrap()[0].clone();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("transaction")));
    let report = of_type(&bundle, "DiagnosticReport").remove(0);
    assert_eq!(report["status"], "preliminary");
    assert_eq!(report["subject"]["identifier"]["value"], "MZ1");
    assert_eq!(report["encounter"]["identifier"]["value"], "V20260001");
    let orders: Vec<&str> = report["basedOn"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|order| order["identifier"]["value"].as_str())
        .collect();
    assert!(orders.contains(&"PL1") && orders.contains(&"A1"), "{report}");
    let findings = of_type(&bundle, "Observation");
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding["status"] != "final"), "{bundle}");
    for made in findings.iter().chain(&[report]) {
        let security = made["meta"]["security"].as_array().unwrap();
        assert!(security.iter().any(|label| label["code"] == "AIAST"), "{made}");
    }
}
