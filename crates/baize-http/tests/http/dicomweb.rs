//! QIDO-RS and WADO-RS over fake ports.

use std::time::Duration;

use axum::body::Body;
use baize_core::ports::{ArchiveLevel, SpoolKey, TextMatch};
use baize_http::Role;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::fakes::{PATIENT, object};
use crate::harness::{Answer, App, app, app_with_keys, config};

const STUDY: &str = "/dicomweb/studies/1.2";
const SERIES: &str = "/dicomweb/studies/1.2/series/1.5";
const INSTANCE: &str = "/dicomweb/studies/1.2/series/1.5/instances/1.2.1";

async fn get_as(app: &App, path: &str, accept: &str) -> Answer {
    app.send(Request::get(path).header("accept", accept).body(Body::empty()).unwrap()).await
}

/// The contents of a multipart answer.
fn parts(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let boundary = answer.header("content-type").split("boundary=").nth(1).unwrap().to_owned();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.ends_with(&format!("--{boundary}--\r\n")), "{text}");
    let content = |part: &str| part.split("\r\n\r\n").nth(1).map(|content| content.trim_end().to_owned());
    text.split(&format!("--{boundary}")).filter_map(content).collect()
}

#[tokio::test]
async fn a_study_has_the_attributes_of_the_standard() {
    let answer = app().get("/dicomweb/studies?PatientName=&limit=1&includefield=BodyPartExamined").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/dicom+json");
    assert!(answer.header("warning").contains("additional results"), "{:?}", answer.headers);
    let body = answer.json();
    let study = &body.as_array().unwrap()[0];
    assert_eq!(study["0020000D"]["Value"][0], "1.2");
    assert_eq!(study["00100010"]["Value"][0]["Ideographic"], PATIENT);
    assert_eq!(study["00080061"]["Value"][0], "CR");
    assert_eq!(study["00201206"]["Value"][0], 1);
    assert_eq!(study["00201208"]["Value"][0], 3);
    assert_eq!(study["00081190"]["Value"][0], "https://baize.example/dicomweb/studies/1.2");
    assert_eq!(study["00080090"], serde_json::json!({ "vr": "PN" }), "required, though nothing is known");
    assert_eq!(study["00180015"]["Value"][0], "CHEST");
    assert!(study.get("00280010").is_none(), "nobody asked for it");
}

#[tokio::test]
async fn levels_bring_what_the_path_does_not_name() {
    let app = app();
    let all = app.get("/dicomweb/instances?includefield=all").await.json();
    let within = app.get(&format!("{SERIES}/instances")).await.json();
    for (tag, is_within) in [("00080018", true), ("00080016", true), ("00200013", true), ("00280010", true)] {
        assert_eq!((all[0].get(tag).is_some(), within[0].get(tag).is_some()), (true, is_within), "{tag}");
    }
    for tag in ["00100010", "00201208", "00080060", "00180015"] {
        assert_eq!((all[0].get(tag).is_some(), within[0].get(tag).is_some()), (true, false), "{tag}");
    }
    assert_eq!(within[0]["00081190"]["Value"][0], format!("https://baize.example{INSTANCE}"));
    let series = app.get(&format!("{STUDY}/series")).await.json();
    assert_eq!(series[0]["00081190"]["Value"][0], format!("https://baize.example{SERIES}"));
    assert_eq!(series[0]["00201209"]["Value"][0], 3);
}

#[tokio::test]
async fn what_is_looked_for_reaches_the_ledger() {
    let app = app();
    let path = "/dicomweb/studies/1.2/instances?00100010=%E7%8E%8B*&Modality=CR&limit=7&offset=2";
    assert_eq!(app.get(path).await.status, 200);
    let query = app.world.searched.lock().unwrap().pop().unwrap();
    assert_eq!(query.level, ArchiveLevel::Instance);
    assert_eq!(query.studies[0].as_str(), "1.2");
    assert_eq!(query.patient_name, Some(TextMatch::Pattern("王*".into())));
    assert_eq!(query.modality, Some(TextMatch::Pattern("CR".into())));
    assert_eq!((query.limit, query.offset), (8, 2), "one more, to know whether there is more");
}

#[tokio::test]
async fn what_only_the_files_say_is_matched_in_them() {
    let app = app();
    let found = |query: &str| {
        let path = format!("/dicomweb/instances?{query}");
        let app = &app;
        async move {
            let answer = app.get(&path).await;
            if answer.status == 204 {
                return Vec::new();
            }
            let rows = answer.json().as_array().unwrap().clone();
            rows.iter()
                .map(|row| row["00080018"]["Value"][0].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(found("StudyTime=0820-").await, ["1.2.2", "1.2.3"]);
    assert_eq!(found("StudyTime=0820-&offset=1").await, ["1.2.3"]);
    assert_eq!(found("StudyTime=0820-&limit=1").await, ["1.2.2"]);
    assert_eq!(found("BodyPartExamined=HAND").await, [] as [&str; 0]);
    assert_eq!(found("StudyInstanceUID=1.9").await, [] as [&str; 0]);
}

#[tokio::test]
async fn searches_that_are_not_understood_are_refused() {
    let app = app();
    for (path, says) in [
        ("/dicomweb/studies?PatientNmae=x", "does not know"),
        ("/dicomweb/studies?limit=-1", "limit"),
        ("/dicomweb/studies?StudyDate=yesterday", "00080020"),
        ("/dicomweb/studies/1..2/series", "study"),
        ("/dicomweb/studies/1.2/series/x/instances", "series"),
    ] {
        let detail = app.get(path).await.problem(400, "invalid_request");
        assert!(detail.contains(says), "{path}: {detail}");
        assert!(!detail.contains("Nmae"), "what was typed may be a name: {detail}");
    }
    get_as(&app, "/dicomweb/studies", "application/dicom+xml").await.problem(406, "unsupported_media_type");
}

#[tokio::test]
async fn objects_come_as_they_were_received() {
    let app = app();
    let all = app.get(STUDY).await;
    assert!(
        all.header("content-type").starts_with("multipart/related; type=\"application/dicom\"; boundary=")
    );
    assert_eq!(parts(&all), ["object 1.2.1", "object 1.2.2", "object 1.2.3"]);
    assert!(
        String::from_utf8_lossy(&all.body).contains("application/dicom; transfer-syntax=1.2.840.10008.1.2.1")
    );
    assert_eq!(parts(&app.get(SERIES).await).len(), 3);
    assert_eq!(parts(&app.get(INSTANCE).await), ["object 1.2.1"]);
    let single = get_as(&app, INSTANCE, "application/dicom").await;
    assert_eq!(single.body, "object 1.2.1");
    assert_eq!(single.header("content-type"), "application/dicom; transfer-syntax=1.2.840.10008.1.2.1");
    for accept in ["application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90", "image/png"] {
        get_as(&app, INSTANCE, accept).await.problem(406, "unsupported_media_type");
    }
    for nowhere in ["/dicomweb/studies/7.7", "/dicomweb/studies/1.2/series/1.5/instances/7.7/metadata"] {
        app.get(nowhere).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_completed_is_broken_off() {
    let app = app();
    *app.world.spool_has_lost.lock().unwrap() = Some(SpoolKey("1.2.2".into()));
    for path in [STUDY.to_owned(), format!("{STUDY}/metadata")] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = app.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200, "the first object was there");
        assert!(answer.into_body().collect().await.is_err(), "no end that looks like one");
    }
    *app.world.spool_has_lost.lock().unwrap() = Some(SpoolKey("1.2.1".into()));
    app.get(STUDY).await.problem(500, "storage_failed");
}

#[tokio::test]
async fn metadata_is_one_list() {
    let body = app().get(&format!("{STUDY}/metadata")).await.json();
    let objects: Vec<_> = body.as_array().unwrap().iter().map(|one| one["object"].clone()).collect();
    assert_eq!(objects, ["object 1.2.1", "object 1.2.2", "object 1.2.3"]);
    assert_eq!(body[0]["bulk"], format!("https://baize.example{INSTANCE}/bulkdata"));
}

#[tokio::test]
async fn frames_and_values_come_as_stored() {
    let app = app();
    let frames = app.get(&format!("{INSTANCE}/frames/2,1")).await;
    assert_eq!(parts(&frames), ["second", "first"]);
    let one = get_as(&app, &format!("{INSTANCE}/frames/2"), "image/jp2").await;
    assert_eq!(
        (one.body.as_ref(), one.header("content-type")),
        (&b"second"[..], "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90")
    );
    get_as(&app, &format!("{INSTANCE}/frames/1"), "image/jpeg").await.problem(406, "unsupported_media_type");
    app.get(&format!("{INSTANCE}/frames/3")).await.problem(404, "not_found");
    for bad in ["0", "1,", "x", "1;2"] {
        app.get(&format!("{INSTANCE}/frames/{bad}")).await.problem(400, "invalid_request");
    }
    assert_eq!(parts(&app.get(&format!("{INSTANCE}/bulkdata/7FE00010")).await), ["object 1.2.1"]);
    app.get(&format!("{INSTANCE}/bulkdata/00420011")).await.problem(404, "not_found");
}

#[tokio::test]
async fn pictures_are_drawn_as_asked() {
    let app = app();
    let plain = app.get(&format!("{INSTANCE}/rendered")).await;
    assert_eq!(plain.header("content-type"), "image/jpeg");
    let query = "window=40,400,sigmoid&viewport=64,32&accept=image/png";
    let asked = app.get(&format!("{INSTANCE}/frames/2/rendered?{query}")).await;
    assert_eq!(asked.header("content-type"), "image/png");
    let drawn = String::from_utf8_lossy(&asked.body).into_owned();
    for part in ["frame: 2", "center: 40.0, width: 400.0, shape: Sigmoid", "viewport: Some((64, 32))"] {
        assert!(drawn.contains(part), "{drawn}");
    }
    for bad in [
        "window=40",
        "window=40,0,linear",
        "window=40,400,cubic",
        "viewport=1",
        "quality=0",
        "annotation=patient",
    ] {
        app.get(&format!("{INSTANCE}/rendered?{bad}")).await.problem(400, "invalid_request");
    }
    get_as(&app, &format!("{INSTANCE}/rendered"), "image/gif").await.problem(406, "unsupported_media_type");
}

#[tokio::test]
async fn a_nurse_searches_and_gets_no_pixels() {
    let (app, keys) = app_with_keys();
    for (role, secret) in keys {
        let sees_pixels = role != Role::Nurse;
        for (path, allowed) in [
            ("/dicomweb/studies".to_owned(), true),
            (format!("{STUDY}/series"), true),
            (STUDY.to_owned(), sees_pixels),
            (format!("{STUDY}/metadata"), sees_pixels),
            (format!("{INSTANCE}/frames/1"), sees_pixels),
            (format!("{INSTANCE}/rendered"), sees_pixels),
            (format!("{INSTANCE}/bulkdata/7FE00010"), sees_pixels),
        ] {
            let request = Request::get(&path).header("x-api-key", &secret).body(Body::empty()).unwrap();
            let status = app.send(request).await.status.as_u16();
            assert_eq!(status, if allowed { 200 } else { 403 }, "{role} at {path}");
        }
    }
}

#[tokio::test]
async fn the_addresses_that_storing_gives_lead_to_what_was_stored() {
    let app = app();
    let stored = app.stow("/dicomweb/studies", &[object("1.2", "1.2.1", "new")]).await.json();
    let study = stored["00081190"]["Value"][0].as_str().unwrap();
    let instance = stored["00081199"]["Value"][0]["00081190"]["Value"][0].as_str().unwrap();
    for (url, count) in [(study, 3), (instance, 1)] {
        let path = url.strip_prefix("https://baize.example").unwrap();
        assert_eq!(parts(&app.get(path).await).len(), count, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_stop_reading_give_their_places_back() {
    let app = app();
    let ask =
        || app.router.clone().oneshot(Request::get("/dicomweb/studies/1.2").body(Body::empty()).unwrap());
    let mut stalled = Vec::new();
    for _ in 0..16 {
        let response = ask().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        stalled.push(response);
    }
    assert_eq!(ask().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    tokio::time::sleep(config().download_stall_timeout + Duration::from_secs(1)).await;
    assert_eq!(app.get("/dicomweb/studies/1.2").await.status, StatusCode::OK);
    for response in stalled {
        let read = response.into_body().collect().await;
        assert!(read.is_err(), "nobody takes what went out for the whole");
    }
}

#[tokio::test]
async fn clients_without_decoders_get_samples() {
    let app = app();
    let frames = format!("{INSTANCE}/frames/2,1");
    let answer = get_as(&app, &frames, "multipart/related; type=\"application/octet-stream\"").await;
    assert_eq!(parts(&answer), ["samples 2", "samples 1"]);
    let answer = get_as(&app, &format!("{INSTANCE}/frames/2"), "application/octet-stream").await;
    assert_eq!(answer.body, "samples 2");
    assert_eq!(
        answer.header("content-type"),
        "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    );

    let fake_syntax = "application/dicom; transfer-syntax=";
    let explicit = "1.2.840.10008.1.2.1";
    let answer = get_as(&app, INSTANCE, &format!("{fake_syntax}{explicit}")).await;
    assert_eq!(answer.status, 200);
    let refused = get_as(&app, INSTANCE, &format!("{fake_syntax}1.2.840.10008.1.2.5")).await;
    assert_eq!(refused.status, 406, "{:?}", refused.body);
}

#[tokio::test]
async fn thumbnails_stand_for_studies_series_instances_and_frames() {
    let app = app();
    for (path, frame) in [
        (format!("{STUDY}/thumbnail"), 1),
        (format!("{SERIES}/thumbnail"), 1),
        (format!("{INSTANCE}/thumbnail"), 1),
        (format!("{INSTANCE}/frames/3/thumbnail"), 3),
    ] {
        let answer = app.get(&path).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "image/jpeg"), "{path}");
        let asked = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(
            asked.contains(&format!("frame: {frame}, window: None, viewport: Some((200, 200))")),
            "{asked}"
        );
        let small = app.get(&format!("{path}?viewport=64,48&accept=image/png")).await;
        assert_eq!(small.header("content-type"), "image/png");
        assert!(String::from_utf8(small.body.to_vec()).unwrap().contains("(64, 48)"));
    }
    app.get("/dicomweb/studies/9.9.9/thumbnail").await.problem(404, "not_found");
    app.get(&format!("{STUDY}/thumbnail?window=1,2")).await.problem(400, "invalid_request");
    app.get(&format!("{INSTANCE}/frames/0/thumbnail")).await.problem(400, "invalid_request");
}
