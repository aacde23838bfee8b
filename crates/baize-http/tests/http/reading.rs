//! The work list, findings and pictures.

use baize_core::Timestamp;

use crate::fakes::{NOW, PATIENT, PATIENT_ID, PNG};
use crate::harness::{app, app_with, config};

#[tokio::test]
async fn the_work_list_has_patients_and_progress() {
    let app = app();
    let answer = app.get("/v1/studies").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let study = &answer.json()["studies"][0];
    assert_eq!(study["study"], "1.2");
    assert_eq!(study["patient"]["name"], PATIENT);
    assert_eq!(study["patient"]["id"], PATIENT_ID);
    assert_eq!(study["patient"]["sex"], "M");
    assert_eq!(study["patient"]["age"], 4.5);
    assert_eq!(study["lane"], "urgent");
    assert_eq!(study["received_at"], "2026-03-01T08:38:01.000250Z");
    assert_eq!(study["progress"]["pending"], 1);
    assert_eq!(answer.json()["next_before"], serde_json::Value::Null, "the page was not full");
    assert_eq!(app.world.listed.lock().unwrap().as_slice(), [(None, 50)]);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let app = app();
    let first = app.get("/v1/studies?limit=1").await.json();
    let cursor = first["next_before"].as_str().unwrap();
    assert_eq!(app.get(&format!("/v1/studies?limit=1&before={cursor}")).await.status, 200);
    app.get("/v1/studies?before=1970-01-01T08%3A00%3A01%2B08%3A00").await;
    let second = Timestamp::from_micros(1_000_000);
    assert_eq!(app.world.listed.lock().unwrap().as_slice(), [(None, 1), (Some(NOW), 1), (Some(second), 50)]);
}

#[tokio::test]
async fn bad_requests_name_the_field() {
    let app = app();
    for (path, field) in [
        ("/v1/studies?limit=0", "limit"),
        ("/v1/studies?limit=501", "limit"),
        ("/v1/studies?limit=many", "limit"),
        ("/v1/studies?limit=-1", "limit"),
        ("/v1/studies?before=yesterday", "before"),
        ("/v1/studies?offset=3", "offset"),
        ("/v1/studies/1..2", "study"),
        ("/v1/studies/abc/findings", "study"),
        ("/v1/studies/1.2%2F..%2F3", "study"),
        ("/v1/studies/1.2/instances/x/overlay.png", "sop"),
        ("/v1/studies/1.2/instances/1.2.1/overlay.png?modle=cxr", "modle"),
    ] {
        let detail = app.get(path).await.problem(400, "invalid_request");
        assert!(detail.contains(field), "{path}: {detail}");
    }
    app.get("/v1/studies/%FF").await.problem(400, "invalid_request");
}

#[tokio::test]
async fn unknown_things_are_not_found() {
    let app = app();
    for path in [
        "/v1/studies/7.7",
        "/v1/studies/7.7/findings",
        "/v1/studies/7.7/instances/1.2.1/overlay.png",
        "/v1/studies/1.2/instances/7.7/overlay.png",
        "/v1/nothing",
        "/",
        "/metrics",
    ] {
        app.get(path).await.problem(404, "not_found");
    }
    app.get("/v1/studies/9.9").await.problem(500, "storage_failed");
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_it_and_the_right_ones() {
    let app = app();
    let answer = app.post("/v1/studies", "text/plain", "").await;
    let detail = answer.problem(405, "invalid_request");
    assert!(detail.contains("POST"), "{detail}");
    assert!(answer.header("allow").contains("GET"), "{:?}", answer.headers);
    app.get("/v1/infer").await.problem(405, "invalid_request");
}

#[tokio::test]
async fn one_study() {
    let body = app().get("/v1/studies/1.2").await.json();
    assert_eq!(body["study"], "1.2");
    assert_eq!(body["patient"]["name"], PATIENT);
    assert_eq!(body["accession"], "A1001");
    assert_eq!(body["study_date"], serde_json::Value::Null);
}

#[tokio::test]
async fn findings_say_what_each_model_did_with_each_image() {
    let answer = app().get("/v1/studies/1.2/findings").await;
    assert_eq!(answer.header("content-language"), "en");
    let body = answer.json();
    assert!(body["notices"]["physician_review"].as_str().unwrap().contains("physician"));
    assert!(body["notices"]["research_use"].as_str().unwrap().contains("research"));
    let results = |image: usize| &body["instances"][image]["results"];

    let ok = &results(0)[0];
    assert_eq!(ok["status"], "ok");
    assert_eq!(ok["model"], serde_json::json!({ "id": "cxr", "version": "0.1.0" }));
    let finding = &ok["findings"][0];
    assert_eq!(finding["code"], serde_json::json!({ "scheme": "SCT", "value": "233604007" }));
    assert_eq!(finding["label"], "Pneumonia");
    assert_eq!(finding["probability"], 0.875);
    assert_eq!(finding["threshold"], 0.5);
    assert_eq!(finding["critical_threshold"], 0.875);
    assert_eq!(finding["critical"], true);
    assert_eq!(finding["positive"], true);
    assert_eq!(finding["box"], serde_json::json!({ "x": 1, "y": 2, "width": 3, "height": 4 }));
    assert_eq!(ok["population"], serde_json::json!({ "validated": false, "note": "An adult" }));
    assert_eq!(ok["caveats"][0], "Burned-in text");

    let refused = &results(1)[0];
    assert_eq!(refused["status"], "refused");
    assert_eq!(refused["code"], "wrong_modality");
    assert_eq!(refused["message"], "Modality is MR.");
    assert_eq!(refused["overlay"], serde_json::Value::Null);

    assert_eq!(results(2)[0]["status"], "error");
    assert_eq!(results(2)[0]["code"], "corrupt_pixel_data");
    assert_eq!(results(2)[1]["status"], "pending", "a second model is still at work");
    assert_eq!(results(4)[0]["status"], "pending");
    assert_eq!(results(4).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn findings_in_chinese() {
    let answer = app().get_in("/v1/studies/1.2/findings", "zh-CN,zh;q=0.9").await;
    assert_eq!(answer.header("content-language"), "zh-CN");
    let body = answer.json();
    assert_eq!(body["instances"][0]["results"][0]["findings"][0]["label"], "肺炎");
    assert_eq!(body["instances"][0]["results"][0]["population"]["note"], "成人");
    assert_eq!(body["instances"][0]["results"][0]["caveats"][0], "图内有文字");
    assert_eq!(body["instances"][1]["results"][0]["title"], "没有适用于该检查设备类型的模型");
    assert!(body["notices"]["physician_review"].as_str().unwrap().contains("医师"));
}

#[tokio::test]
async fn problems_come_in_the_callers_language_and_else_in_the_default_one() {
    let english = app();
    assert_eq!(english.get_in("/v1/studies/7.7", "zh").await.json()["title"], "未找到");
    assert_eq!(english.get("/v1/studies/7.7").await.json()["title"], "Not found");
    let chinese =
        app_with(baize_http::HttpConfig { default_language: baize_core::Language::Chinese, ..config() });
    assert_eq!(chinese.get_in("/v1/studies/7.7", "fr").await.json()["title"], "未找到");
    assert_eq!(chinese.get_in("/v1/studies/7.7", "en-GB").await.json()["title"], "Not found");
}

#[tokio::test]
async fn the_link_in_the_findings_leads_to_the_picture() {
    let app = app();
    let body = app.get("/v1/studies/1.2/findings").await.json();
    let link = body["instances"][0]["results"][0]["overlay"].as_str().unwrap();
    let picture = app.get(link).await;
    assert_eq!(picture.status, 200);
    assert_eq!(picture.header("content-type"), "image/png");
    assert_eq!(picture.header("cache-control"), "no-store");
    assert_eq!(picture.body, PNG);
}

#[tokio::test]
async fn the_link_in_a_finding_leads_to_its_heat_map() {
    let app = app();
    let body = app.get("/v1/studies/1.2/findings").await.json();
    let link = body["instances"][0]["results"][0]["findings"][0]["heat"].as_str().unwrap();
    let map = app.get(link).await;
    assert_eq!(map.status, 200);
    let expected = serde_json::json!({
        "study": "1.2",
        "sop": "1.2.1",
        "model": { "id": "cxr", "version": "0.1.0" },
        "code": { "scheme": "SCT", "value": "233604007" },
        "extent": { "left": -16.0, "top": 0.0, "width": 64.0, "height": 64.0 },
        "values": [[0.0, 0.25, 1.0], [0.5, 0.1, 0.0]],
    });
    // As text: 0.1 must not come out as the double nearest to the float.
    let said: serde_json::Value = serde_json::from_slice(&map.body).unwrap();
    assert_eq!(said.to_string(), expected.to_string());
    let picture = app.get(&link.replace("heat.json", "heat.png")).await;
    assert_eq!(picture.status, 200);
    assert_eq!(picture.header("content-type"), "image/png");
    let drawn = String::from_utf8_lossy(&picture.body).into_owned();
    assert!(drawn.starts_with("[0.0, 0.25, 1.0, 0.5, 0.1, 0.0] on "), "{drawn}");
    for form in ["json", "png"] {
        let path = |sop: &str, query: &str| format!("/v1/studies/1.2/instances/{sop}/heat.{form}{query}");
        assert_eq!(app.get(&path("1.2.1", "")).await.status, 200);
        for (sop, query) in [("1.2.1", "?code=SCT:1"), ("1.2.2", ""), ("1.2.5", ""), ("7.7", "")] {
            app.get(&path(sop, query)).await.problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn the_model_of_a_picture_is_chosen_among_those_that_ran() {
    let app = app();
    let path = |sop: &str, query: &str| format!("/v1/studies/1.2/instances/{sop}/overlay.png{query}");
    assert_eq!(app.get(&path("1.2.1", "")).await.status, 200);
    assert_eq!(app.get(&path("1.2.1", "?model=cxr")).await.status, 200);
    assert_eq!(app.get(&path("1.2.4", "?model=cxr@0.1.0")).await.status, 200);
    let which = app.get(&path("1.2.4", "?model=cxr")).await.problem(400, "invalid_request");
    assert!(which.contains("cxr@0.1.0") && which.contains("cxr@0.2.0"), "{which}");
    for (sop, query, says) in [
        ("1.2.4", "?model=cxr@0.2.0", "not there any more"),
        ("1.2.1", "?model=..%2F..%2Fetc", "analysed by cxr@0.1.0"),
        ("1.2.2", "", "findings say why"),
        ("1.2.5", "", "not analysed yet"),
    ] {
        let detail = app.get(&path(sop, query)).await.problem(404, "not_found");
        assert!(detail.contains(says), "{sop}{query}: {detail}");
    }
}
