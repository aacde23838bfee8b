//! Bad input to triage: taken or refused by name, never a server's mistake, and nothing of it kept.

use axum::body::Body;
use baize_http::HttpConfig;
use serde_json::{Value, json};

use crate::harness::{App, app, app_with, config};

/// What every field is tried with.
fn hostile() -> Vec<Value> {
    let mut values: Vec<Value> = [
        "",
        " ",
        "　",
        "９９９９９９",
        "-１",
        "38,5",
        "三十八度五",
        "1e3",
        "NaN",
        "∞",
        "null",
        "true",
        "胸痛",
        "\u{0}",
        "\u{202e}38.5",
        "１３０／８０",
        "7/10",
        "98.6℉",
        "38.5度",
        "120次/分",
        "12岁",
        "999 mmHg",
        "𠮷",
        "'; DROP TABLE",
    ]
    .map(Value::from)
    .into();
    values.extend([
        json!(null),
        json!(true),
        json!(false),
        json!([]),
        json!({}),
        json!([1, 2]),
        json!({ "a": 1 }),
    ]);
    values.extend([
        json!(-1),
        json!(0),
        json!(0.5),
        json!(980),
        json!(98.6),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
    ]);
    values.push(json!("9".repeat(5_000)));
    values.push(json!("痛".repeat(5_000)));
    values.push(json!(vec!["cc_chestpain"; 2_000]));
    values
}

const FIELDS: [&str; 26] = [
    "encounter",
    "age_years",
    "age_months",
    "sex",
    "arrival_mode",
    "chief_complaint",
    "complaint_codes",
    "vitals",
    "history",
    "prior_ed_visits",
    "prior_admissions",
    "pregnant",
    "nurse_level",
    "vitals.heart_rate",
    "vitals.systolic_bp",
    "vitals.diastolic_bp",
    "vitals.respiratory_rate",
    "vitals.temperature_c",
    "vitals.temperature_f",
    "vitals.spo2",
    "vitals.spo2_scale",
    "vitals.on_oxygen",
    "vitals.avpu",
    "vitals.pain_score",
    "vitals.glucose_mmol_l",
    "vitals.potassium_mmol_l",
];

fn request_with(field: &str, value: &Value) -> Value {
    let mut request = json!({ "chief_complaint": "头晕" });
    match field.strip_prefix("vitals.") {
        Some(vital) => request["vitals"] = json!({ vital: value }),
        None => request[field] = value.clone(),
    }
    request
}

fn roomy() -> App {
    app_with(HttpConfig { upload_memory_bytes: 4 << 20, ..config() })
}

#[tokio::test]
async fn every_field_is_taken_or_refused_by_name() {
    let app = roomy();
    let (mut taken, mut refused) = (0, 0);
    for field in FIELDS {
        for value in hostile() {
            let request = request_with(field, &value).to_string();
            let answer = app.triage(request.clone()).await;
            let body = answer.json();
            match answer.status.as_u16() {
                201 => taken += 1,
                400 => {
                    refused += 1;
                    answer.problem(400, "invalid_request");
                    let errors = body["errors"].as_array().unwrap();
                    // Without a complaint nothing is left to assess, which is said of that field.
                    let named = |error: &Value| error["field"].as_str().unwrap().starts_with(field);
                    assert!(errors.iter().any(named), "{request} gave {body}");
                    for error in errors {
                        for text in [&error["message"], &error["text"]["zh"], &error["text"]["en"]] {
                            assert!(!text.as_str().unwrap().is_empty(), "{body}");
                        }
                        assert!(error["value"].as_str().unwrap().chars().count() <= 65, "{body}");
                    }
                }
                other => panic!("{request} gave {other}: {body}"),
            }
        }
    }
    assert!(taken > 100 && refused > 500, "{taken} taken, {refused} refused");
    assert_eq!(app.world.triage.lock().unwrap().len(), taken, "what was refused is not kept");
}

#[tokio::test]
async fn what_people_write_at_a_desk_is_understood() {
    for (field, value) in [
        ("vitals.temperature_c", "３８．５"),
        ("vitals.temperature_c", "38.5℃"),
        ("vitals.temperature_c", "38.5度"),
        ("vitals.temperature_f", "101.3°F"),
        ("vitals.heart_rate", "１２０次／分"),
        ("vitals.systolic_bp", "130/80 mmHg"),
        ("vitals.spo2", "９８％"),
        ("vitals.avpu", "清醒"),
        ("age_years", "58岁"),
        ("sex", "女"),
        ("arrival_mode", "救护车"),
        ("nurse_level", "Ⅱ级"),
        ("pregnant", "否"),
    ] {
        let answer = app().triage(request_with(field, &json!(value)).to_string()).await;
        assert_eq!(answer.status, 201, "{field} = {value}: {:?}", answer.body);
    }
}

#[tokio::test]
async fn every_mistake_is_named_at_once() {
    let request = json!({
        "age_years": "old", "sex": "?", "vitals": { "spo2": 980, "temperature_c": 98.6, "hart_rate": 80 },
        "complaint_codes": ["cc_nothing"], "nurse_level": 9, "race": "x",
    });
    let body = app().triage(request.to_string()).await.json();
    let named: Vec<&str> =
        body["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    for field in [
        "age_years",
        "sex",
        "vitals.spo2",
        "vitals.temperature_c",
        "vitals.hart_rate",
        "complaint_codes[0]",
        "nurse_level",
        "race",
    ] {
        assert!(named.contains(&field), "{field} is missing in {named:?}");
    }
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.starts_with("8 problem(s)") && !detail.contains("race"), "{detail}");
}

#[tokio::test]
async fn bodies_that_are_no_request_are_named() {
    let app = roomy();
    for (body, field) in [
        ("", ""),
        ("not json", ""),
        ("{\"age_years\": 58", ""),
        ("[]", ""),
        ("[{\"chief_complaint\": \"胸痛\"}]", ""),
        ("null", ""),
        ("7", ""),
        ("{}", "chief_complaint"),
        ("{\"vitals\": {\"spo2\": 84, \"spo2\": 98}}", "vitals.spo2"),
        ("{\"vitals\": {\"heart_rate\": 1e999}}", "vitals.heart_rate"),
        ("{\"chief_complaint\": \"\\ud800\"}", "chief_complaint"),
    ] {
        let answer = app.triage(body).await;
        answer.problem(400, "invalid_request");
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors[0]["field"], field, "{body}: {errors}");
    }
    let deep = "[".repeat(500_000);
    app.triage(deep).await.problem(400, "invalid_request");
    app.triage(&b"{\"chief_complaint\": \"\xd0\xd8\xcd\xb4\"}"[..]).await.problem(400, "invalid_request");
    assert!(app.world.triage.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_body_is_json_and_at_most_a_mebibyte() {
    let app = roomy();
    let path = "/v1/triage/assessments";
    let request = "{\"chief_complaint\": \"头晕\"}";
    for media in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", "json"]
    {
        let detail = app.post(path, media, request).await.problem(415, "unsupported_media_type");
        assert!(detail.contains("application/json"), "{detail}");
    }
    assert_eq!(app.post(path, "Application/JSON; charset=UTF-8", request).await.status, 201);
    let mut padded = request.as_bytes().to_vec();
    padded.resize(1 << 20, b' ');
    assert_eq!(app.triage(padded.clone()).await.status, 201);
    padded.push(b' ');
    app.triage(padded).await.problem(413, "object_too_large");
    let broken =
        Body::from_stream(tokio_stream::once(Err::<bytes::Bytes, _>(std::io::Error::other("reset"))));
    app.triage(broken).await.problem(499, "cancelled");
    assert_eq!(app.get(path).await.problem(405, "invalid_request"), "method: this route does not take GET");
}
