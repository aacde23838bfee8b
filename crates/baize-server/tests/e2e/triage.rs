//! Triage over REST with the real server: a visit from the first assessment to the decision, and `kill -9` in between.

use crate::harness::Server;
use reqwest::StatusCode;
use serde_json::{Value, json};

const ASSESSMENTS: &str = "/v1/triage/assessments";

async fn post(server: &Server, path: &str, body: Value) -> (StatusCode, Value) {
    server.post(&format!("{ASSESSMENTS}{path}"), body.to_string()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_from_the_first_assessment_to_the_decision() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["triage.model=none"]).await;
    let request = json!({ "encounter": "E-1", "age_years": 30, "chief_complaint": "踝关节扭伤",
        "vitals": { "heart_rate": 80, "systolic_bp": 128, "spo2": "９９％" } });
    let (status, made) = post(&server, "", request).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!((&made["level_cn"], &made["model_status"]["state"]), (&json!(3), &json!("not_installed")));
    let id = made["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("{ASSESSMENTS}/{id}")).await, (StatusCode::OK, made.clone()));

    let (status, raised) =
        post(&server, &format!("/{id}/vitals"), json!({ "vitals": { "heart_rate": 190 } })).await;
    assert_eq!((status, &raised["level_cn"]), (StatusCode::OK, &json!(1)), "{raised}");
    let (_, calmer) = post(&server, &format!("/{id}/vitals"), json!({ "heart_rate": 75 })).await;
    assert_eq!(calmer["level_cn"], 1, "calmer signs lower nothing");

    let (status, refused) = post(&server, &format!("/{id}/level"), json!({ "level": 3 })).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("reason")));
    let decision = json!({ "level": 3, "reason": "复测心率正常，首次为误测" });
    let (status, decided) = post(&server, &format!("/{id}/level"), decision).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&decided["level_cn"], &decided["decision"]["level"]), (&json!(1), &json!(3)));
    assert_eq!(decided["decision"]["by"], "one-time");
    assert!(decided["second_reader"].is_object());
    let levels: Vec<_> = decided["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["level_cn"].as_u64().unwrap())
        .collect();
    assert_eq!(levels, [3, 1, 1, 1]);
    let (status, _) =
        post(&server, "/3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11/level", json!({ "level": 1 })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

/// With the weights of this repository: what a nurse sees of one patient.
#[tokio::test(flavor = "multi_thread")]
async fn the_model_the_second_reader_and_the_reasons_reach_the_nurse() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]).await;
    let request = json!({ "age_years": 74, "sex": "female", "arrival_mode": "ambulance", "chief_complaint": "SOB, hx CHF",
        "vitals": { "heart_rate": 118, "systolic_bp": 150, "respiratory_rate": 26, "spo2": 91 }, "nurse_level": 4 });
    let (status, made) = post(&server, "", request).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(made["model_status"]["state"], "ran");
    assert_eq!(made["model"], json!({ "id": "triage", "version": "0.1.0" }));
    assert_eq!((&made["level_cn"], &made["acuity"]), (&json!(2), &json!(2)));
    let probabilities: Vec<f64> =
        made["acuity_probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-3 && probabilities[1] > 0.5, "{made}");
    assert!(made["admission_probability"].as_f64().unwrap() > 0.6, "{made}");
    assert_eq!(made["second_reader"]["alert"], true, "{made}");
    let reasons = made["explanation"].as_array().unwrap();
    assert_eq!(reasons.len(), 5);
    assert!(reasons.iter().any(|reason| reason["feature"] == "cc_shortnessofbreath"), "{made}");
    assert!(reasons.iter().all(|reason| !reason["text"]["zh"].as_str().unwrap().is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_kill_9_and_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let mut kept: Vec<Value> = Vec::new();
    for round in 0..3 {
        let server = Server::start(data.path(), &[]).await;
        for visit in &mut kept {
            let path = format!("/{}", visit["id"].as_str().unwrap());
            assert_eq!(server.get(&format!("{ASSESSMENTS}{path}")).await, (StatusCode::OK, visit.clone()));
            let (status, next) = post(&server, &format!("{path}/vitals"), json!({ "spo2": 97 })).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(next["sequence"].as_u64(), visit["sequence"].as_u64().map(|sequence| sequence + 1));
            *visit = next;
        }
        let request = json!({ "encounter": round, "chief_complaint": "胸痛2小时伴大汗", "nurse_level": 2 });
        let (status, made) = post(&server, "", request).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        server.kill_now();
        kept.push(made);
    }
    let server = Server::start(data.path(), &[]).await;
    for visit in &kept {
        let (status, found) = server.get(&format!("{ASSESSMENTS}/{}", visit["id"].as_str().unwrap())).await;
        assert_eq!((status, &found), (StatusCode::OK, visit));
    }
}
