//! A study as a whole, in the running server: complete, opened again by a late image, compared with the earlier one.

use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::Server;

/// Images of one patient, all of the study that the number names.
fn image(study: u32, seed: u64) -> ObjectBuilder {
    ObjectBuilder::chest(seed)
        .study(&format!("1.2.826.0.1.3680043.10.{study}"))
        .text((0x0010, 0x0020), b"LO", "P-77")
        .patient_name("王^小东")
        .charset("ISO_IR 192")
}

async fn study(server: &Server, uid: &str) -> Value {
    server.get(&format!("/v1/studies/{uid}")).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_is_completed_and_opened_again_across_a_kill_and_compared_with_the_earlier_one() {
    let data = tempfile::tempdir().unwrap();
    let patience = ["studies.quiet_seconds=3600", "studies.stow_quiet_seconds=1"];
    let mut server = Server::start(data.path(), &patience).await;
    let earlier = image(1, 1).text((0x0008, 0x0020), b"DA", "20250301");
    let later = image(2, 2).text((0x0008, 0x0020), b"DA", "20260301");
    let (first, second) = (earlier.study_uid(), later.study_uid());
    for object in [&earlier, &later] {
        assert_eq!(server.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
    }
    server.until("complete", async || study(&server, &second).await["arrival"]["complete"] == true).await;
    let arrival = study(&server, &second).await["arrival"].clone();
    assert_eq!((&arrival["by"], &arrival["revision"]), (&json!("stow"), &json!(1)));

    server.kill_now();
    while server.is_alive() {}
    let server = Server::start(data.path(), &patience).await;
    assert_eq!(study(&server, &second).await["arrival"], arrival);
    let late = image(2, 3).text((0x0008, 0x0020), b"DA", "20260301");
    assert_eq!(server.stow(&[late.build()]).await.unwrap().0, StatusCode::OK);
    server.until("complete again", async || study(&server, &second).await["arrival"]["revision"] == 2).await;
    for uid in [&first, &second] {
        server.until("read", async || study(&server, uid).await["progress"]["pending"] == 0).await;
    }

    let (_, findings) = server.get(&format!("/v1/studies/{second}/findings")).await;
    assert_eq!(findings["instances"].as_array().unwrap().len(), 2);
    let prior = &findings["prior"];
    assert_eq!((&prior["study"], &prior["study_date"]), (&json!(first), &json!("20250301")), "{prior}");
    assert_eq!((&prior["status"], &prior["partial"]), (&json!("compared"), &json!(false)));
    let change = &prior["comparisons"][0]["findings"][0];
    let probability = |findings: &Value, index: usize| {
        findings["instances"][index]["results"][0]["findings"][0]["probability"].as_f64().unwrap()
    };
    let highest = probability(&findings, 0).max(probability(&findings, 1));
    assert_eq!(change["now"]["probability"], json!(highest));
    let (_, before) = server.get(&format!("/v1/studies/{first}/findings")).await;
    assert_eq!(change["earlier"]["probability"], json!(probability(&before, 0)));
    assert_eq!(before["prior"], json!(null));
}
