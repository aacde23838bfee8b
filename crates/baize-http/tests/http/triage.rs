//! Triage at the desk.

use std::sync::atomic::Ordering;

use axum::body::Body;
use baize_core::Language;
use baize_core::ports::TriageStep;
use baize_http::{HttpConfig, Role};
use http::Request;
use serde_json::{Value, json};

use crate::fakes::NOW;
use crate::harness::{Answer, App, app, app_with, app_with_keys, config};

const SPRAIN: &str = r#"{"encounter": "E-1", "age_years": 30, "chief_complaint": "踝关节扭伤",
    "vitals": {"heart_rate": 80, "spo2": 99}}"#;

impl App {
    async fn step(&self, location: &str, step: &str, body: Value) -> Answer {
        self.post(&format!("{location}/{step}"), "application/json", body.to_string()).await
    }
}

#[tokio::test]
async fn an_assessment_is_made_recorded_and_found_again() {
    let app = app();
    let request = r#"{"encounter": "E-7", "age_years": 58, "sex": "男", "chief_complaint": "胸痛2小时伴大汗，左肩放射",
        "vitals": {"heart_rate": 186, "temperature_c": "３６．８℃"}, "nurse_level": 3}"#;
    let answer = app.triage(request).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let visit = answer.json();
    assert_eq!(
        answer.header("location"),
        format!("/v1/triage/assessments/{}", visit["id"].as_str().unwrap())
    );
    assert_eq!(visit["sequence"], 1);
    assert_eq!(visit["created_at"], "2026-03-01T08:38:01.000250Z");
    assert_eq!(visit["encounter"], "E-7");
    assert_eq!((&visit["level_cn"], &visit["acuity"]), (&json!(1), &json!(1)));
    assert_eq!(visit["acuity_probabilities"], json!([0.01, 0.02, 0.07, 0.8, 0.1]));
    assert_eq!(visit["admission_probability"], 0.1);
    assert_eq!(visit["rules_fired"][0]["value"], 186.0);
    assert_eq!(visit["complaints"][0]["code"], "cc_chestpain");
    assert_eq!(visit["complaints"][0]["span"], json!({ "start": 0, "end": 2 }));
    assert_eq!(visit["second_reader"], json!({ "alert": true, "probability": 0.9 }));
    assert_eq!(visit["model"], json!({ "id": "triage", "version": "0.1.0" }));
    assert_eq!(visit["target_minutes"], 0);
    assert_eq!(visit["explanation"].as_array().unwrap().len(), 5);
    let at = visit["created_at"].clone();
    let decision = json!({ "level": 3, "acuity": 3, "reason": null, "by": "anonymous", "at": at });
    assert_eq!(visit["decision"], decision);
    let first =
        json!({ "sequence": 1, "kind": "assessed", "at": at, "by": "anonymous", "level_cn": 1, "acuity": 1 });
    assert_eq!(visit["history"], json!([first]));
    let again = app.get(answer.header("location")).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, visit));
    let entry = app.world.triage.lock().unwrap()[0].clone();
    assert_eq!((entry.sent.as_str(), entry.step, entry.at), (request, TriageStep::Assessed, NOW));
}

#[tokio::test]
async fn vitals_raise_and_never_lower_and_a_decision_stands_beside() {
    let app = app();
    let location = app.triage(SPRAIN).await.header("location").to_owned();
    let raised = app.step(&location, "vitals", json!({ "vitals": { "heart_rate": 185 } })).await;
    assert_eq!(raised.status, 200);
    assert_eq!((&raised.json()["level_cn"], &raised.json()["sequence"]), (&json!(1), &json!(2)));
    let calmer = app.step(&location, "vitals", json!({ "heart_rate": "７２次／分" })).await.json();
    assert_eq!((&calmer["level_cn"], &calmer["basis"]["previous_acuity"]), (&json!(1), &json!(1)));

    let refused = app.step(&location, "level", json!({ "level": "非急症" })).await;
    refused.problem(400, "invalid_request");
    assert_eq!(refused.json()["errors"][0]["field"], "reason");
    let decided = json!({ "level": "Ⅳb", "reason": "复测生命体征平稳" });
    let decided = app.step(&location, "level", decided).await.json();
    assert_eq!((&decided["level_cn"], &decided["acuity"]), (&json!(1), &json!(1)), "nothing is lowered");
    assert_eq!((&decided["decision"]["level"], &decided["decision"]["acuity"]), (&json!(4), &json!(5)));
    assert_eq!(decided["decision"]["reason"], "复测生命体征平稳");
    assert_eq!(decided["second_reader"], json!({ "alert": true, "probability": 0.9 }));
    let kinds: Vec<_> = decided["history"].as_array().unwrap().iter().map(|step| &step["kind"]).collect();
    assert_eq!(kinds, ["assessed", "vitals", "vitals", "level"]);
    assert_eq!(app.get(&location).await.json(), decided);
}

#[tokio::test]
async fn texts_come_in_the_callers_language() {
    let app = app();
    let post = |language: &str, body: &'static str| {
        let request = Request::post("/v1/triage/assessments").header("content-type", "application/json");
        app.send(request.header("accept-language", language).body(Body::from(body)).unwrap())
    };
    let urgent = r#"{"age_years": 30, "chief_complaint": "chest pain", "vitals": {"heart_rate": 186}}"#;
    let english = post("en-GB", urgent).await;
    assert_eq!(english.header("content-language"), "en");
    assert_eq!(english.json()["summary"], "Level Ⅰ, critical: immediately; heart rate 186/min (level 1)");
    let chinese = post("zh-CN,zh;q=0.9", urgent).await;
    assert_eq!(chinese.header("content-language"), "zh-CN");
    let summary = chinese.json()["summary"].as_str().unwrap().to_owned();
    assert!(summary.starts_with("Ⅰ级 急危：立即；心率 186 次/分"), "{summary}");
    assert_eq!(chinese.json()["department"], english.json()["department"], "both languages, always");
    assert_eq!(app.get_in(chinese.header("location"), "en").await.header("content-language"), "en");

    let refused = r#"{"vitals": {"spo2": 980}}"#;
    let chinese = post("zh", refused).await.json();
    assert_eq!(chinese["title"], "请求无效");
    let error = &chinese["errors"][0];
    assert_eq!(error["message"], error["text"]["zh"]);
    let english = post("en", refused).await.json();
    assert_eq!(english["errors"][0]["message"], error["text"]["en"]);
    assert_eq!(
        (&error["field"], &error["problem"], &error["value"]),
        (&json!("vitals.spo2"), &json!("out_of_range"), &json!("980"))
    );

    let by_default = app_with(HttpConfig { default_language: Language::Chinese, ..config() });
    assert!(by_default.triage(SPRAIN).await.json()["summary"].as_str().unwrap().contains("级"));
}

#[tokio::test]
async fn without_a_rule_the_summary_says_what_decided() {
    let app = app();
    let first = app.triage(SPRAIN).await;
    let location = first.header("location").to_owned();
    assert!(first.json()["summary"].as_str().unwrap().starts_with("Level Ⅳa, non-urgent: "));
    let decided = app.step(&location, "level", json!({ "level": 2 })).await.json();
    assert_eq!(decided["summary"], "Level Ⅱ, emergent: within 10 minutes; the nurse's level");
    app.step(&location, "level", json!({ "level": 4, "reason": "x" })).await;
    let later = app.step(&location, "vitals", json!({ "heart_rate": 81 })).await.json();
    assert_eq!(later["summary"], "Level Ⅱ, emergent: within 10 minutes; as assessed before");
}

#[tokio::test]
async fn who_sent_a_step_stands_in_the_record() {
    let (app, keys) = app_with_keys();
    let send = |role: Role, path: String, body: &'static str| {
        let key = &keys.iter().find(|(of, _)| *of == role).unwrap().1;
        let request = Request::post(path).header("content-type", "application/json").header("x-api-key", key);
        app.send(request.body(Body::from(body)).unwrap())
    };
    let answer = send(Role::Integrator, "/v1/triage/assessments".into(), SPRAIN).await;
    let location = answer.header("location").to_owned();
    let decided = send(Role::Nurse, format!("{location}/level"), r#"{"acuity": 2}"#).await.json();
    assert_eq!(decided["decision"]["by"], "key-nurse");
    assert_eq!(decided["history"][0]["by"], "key-integrator");
    send(Role::Radiologist, format!("{location}/level"), r#"{"acuity": 1}"#).await.problem(403, "forbidden");
    let key = &keys.iter().find(|(of, _)| *of == Role::Radiologist).unwrap().1;
    let request = Request::get(&location).header("x-api-key", key).body(Body::empty()).unwrap();
    assert_eq!(app.send(request).await.json()["sequence"], 2, "a radiologist may read");
}

#[tokio::test]
async fn unknown_visits_are_not_found() {
    let app = app();
    for id in ["3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11", "1", "..%2F..", "%E8%83%B8"] {
        let location = format!("/v1/triage/assessments/{id}");
        app.get(&location).await.problem(404, "not_found");
        app.step(&location, "vitals", json!({ "spo2": 98 })).await.problem(404, "not_found");
        app.step(&location, "level", json!({ "level": 1 })).await.problem(404, "not_found");
    }
    let upper = app.triage(SPRAIN).await.header("location").to_uppercase();
    let id = upper.rsplit('/').next().unwrap();
    assert_eq!(app.get(&format!("/v1/triage/assessments/{id}")).await.status, 200, "a UUID has no case");
}

#[tokio::test]
async fn nothing_is_answered_that_is_not_recorded() {
    let app = app();
    let location = app.triage(SPRAIN).await.header("location").to_owned();
    app.world.triage_is_broken.store(true, Ordering::SeqCst);
    app.triage(SPRAIN).await.problem(500, "storage_failed");
    app.step(&location, "level", json!({ "level": 1 })).await.problem(500, "storage_failed");
    app.world.triage_is_broken.store(false, Ordering::SeqCst);
    assert_eq!(app.get(&location).await.json()["sequence"], 1);
    app.world.triage.lock().unwrap()[0].assessment = "{}".into();
    app.get(&location).await.problem(500, "storage_failed");
}
