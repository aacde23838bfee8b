//! STOW-RS.

use axum::body::Body;
use baize_core::Lane;
use baize_core::ports::Door;
use baize_http::HttpConfig;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fakes::object;
use crate::harness::{BOUNDARY, app, app_with, config, multipart, related};

const STORED: &str = "00081199";
const FAILED: &str = "00081198";
const OTHERS: &str = "0008119A";

fn items<'a>(body: &'a Value, tag: &str) -> &'a [Value] {
    body[tag]["Value"].as_array().map_or(&[], Vec::as_slice)
}

fn value<'a>(item: &'a Value, tag: &str) -> &'a Value {
    &item[tag]["Value"][0]
}

#[tokio::test]
async fn a_stored_object_is_listed_with_where_to_find_it() {
    let app = app();
    let answer = app.stow("/dicomweb/studies", &[object("1.2", "1.2.9", "new")]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/dicom+json");
    let study = "https://baize.example/dicomweb/studies/1.2";
    assert_eq!(
        answer.json(),
        json!({
            "00081190": { "vr": "UR", "Value": [study] },
            STORED: { "vr": "SQ", "Value": [{
                "00081150": { "vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.1"] },
                "00081155": { "vr": "UI", "Value": ["1.2.9"] },
                "00081190": { "vr": "UR", "Value": [format!("{study}/series/1.5/instances/1.2.9")] },
            }]},
        })
    );
    let accepted = app.world.accepted.lock().unwrap();
    let (bytes, door, lane) = &accepted[0];
    assert_eq!(bytes.as_ref(), object("1.2", "1.2.9", "new"), "not a byte more or less");
    assert_eq!(*door, Door::Stow { client: "anonymous".into() });
    assert_eq!(*lane, Lane::Routine);
}

#[tokio::test]
async fn the_lane_goes_along_and_a_mistyped_one_is_refused() {
    let app = app();
    for (query, lane) in
        [("?lane=stat", Lane::Stat), ("?lane=urgent", Lane::Urgent), ("?lane=routine", Lane::Routine)]
    {
        assert_eq!(
            app.stow(&format!("/dicomweb/studies{query}"), &[object("1.2", "1.3", "new")]).await.status,
            200
        );
        assert_eq!(app.world.accepted.lock().unwrap().pop().unwrap().2, lane);
    }
    for query in ["?lane=STAT", "?lane=", "?lane=now", "?lnae=stat", "?lane=stat&lane=routine"] {
        let answer = app.stow(&format!("/dicomweb/studies{query}"), &[object("1.2", "1.3", "new")]).await;
        let detail = answer.problem(400, "invalid_request");
        assert!(detail.contains("la") || detail.contains("ln"), "{query}: {detail}");
    }
    assert!(app.world.accepted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn each_object_has_its_own_fate() {
    let answer = app()
        .stow(
            "/dicomweb/studies",
            &[
                object("1.2", "1.1", "new"),
                object("1.2", "1.2", "duplicate"),
                object("1.2", "1.3", "variant"),
                object("1.2", "1.4", "spool_full"),
                object("1.2", "1.5", "unsupported_transfer_syntax"),
                b"garbage".to_vec(),
                object("1.3", "1.6", "new"),
            ],
        )
        .await;
    assert_eq!(answer.status, 202);
    let body = answer.json();
    assert_eq!(body.get("00081190"), None, "two studies have no common URL");
    let stored: Vec<_> = items(&body, STORED).iter().map(|item| value(item, "00081155")).collect();
    assert_eq!(stored, ["1.1", "1.2", "1.3", "1.6"]);
    assert_eq!(items(&body, STORED)[0].get("00081196"), None);
    assert_eq!(*value(&items(&body, STORED)[2], "00081196"), 0xB111);
    let failed: Vec<_> =
        items(&body, FAILED).iter().map(|item| (value(item, "00081155"), value(item, "00081197"))).collect();
    assert_eq!(failed, [(&json!("1.4"), &json!(0xA700)), (&json!("1.5"), &json!(0xC122))]);
    assert_eq!(items(&body, OTHERS).len(), 1);
    assert_eq!(*value(&items(&body, OTHERS)[0], "00081197"), 0xC000);
}

#[tokio::test]
async fn the_status_says_how_it_went() {
    for (directives, status) in [
        (&["new"][..], 200),
        (&["new", "duplicate"], 200),
        (&["variant"], 202),
        (&["new", "malformed_object"], 202),
        (&["malformed_object"], 409),
        (&["malformed_object", "spool_full"], 409),
        (&["spool_full"], 507),
        (&["draining", "draining"], 503),
        (&["storage_failed"], 500),
        (&["panic"], 500),
        (&["panic", "new"], 202),
    ] {
        let objects: Vec<_> = directives.iter().map(|directive| object("1.2", "1.3", directive)).collect();
        let answer = app().stow("/dicomweb/studies", &objects).await;
        assert_eq!(answer.status, status, "{directives:?}");
        let overloaded = matches!(status, 503 | 507);
        assert_eq!(answer.headers.contains_key("retry-after"), overloaded, "{directives:?}");
    }
}

#[tokio::test]
async fn an_object_of_another_study_is_not_taken_in() {
    let app = app();
    let answer =
        app.stow("/dicomweb/studies/1.2", &[object("1.2", "1.1", "new"), object("1.3", "1.2", "new")]).await;
    assert_eq!(answer.status, 202);
    let body = answer.json();
    assert_eq!(*value(&items(&body, FAILED)[0], "00081155"), "1.2");
    assert_eq!(*value(&items(&body, FAILED)[0], "00081197"), 0xA900);
    assert_eq!(app.world.accepted.lock().unwrap().len(), 1, "the stranger was never taken in");
    assert_eq!(app.stow("/dicomweb/studies/1.2", &[object("1.3", "1.2", "new")]).await.status, 409);
    assert_eq!(app.stow("/dicomweb/studies/1.2", &[b"garbage".to_vec()]).await.status, 409);
    app.stow("/dicomweb/studies/1..2", &[object("1.2", "1.1", "new")]).await.problem(400, "invalid_request");
}

/// One body, and what it must come to: how many objects were taken in, or the status of the problem.
async fn check(name: &str, content_type: &str, body: impl Into<Body>, expected: Result<usize, u16>) {
    let app = app();
    let answer = app.post("/dicomweb/studies", content_type, body).await;
    match expected {
        Ok(count) => {
            assert_eq!(answer.status, 200, "{name}: {:?}", answer.body);
            assert_eq!(app.world.accepted.lock().unwrap().len(), count, "{name}");
        }
        Err(status) => {
            assert_eq!(answer.status, status, "{name}: {:?}", answer.body);
            assert_eq!(answer.header("content-type"), "application/problem+json", "{name}");
        }
    }
}

#[tokio::test]
async fn bodies_as_real_clients_write_them() {
    let one = String::from_utf8(object("1.2", "1.3", "new")).unwrap();
    let with = |headers: &str| format!("--frontier\r\n{headers}\r\n\r\n{one}\r\n--frontier--\r\n");
    let usual = with("Content-Type: application/dicom");
    let quoted = related(BOUNDARY);
    for (name, content_type, body) in [
        ("quoted", quoted.clone(), usual.clone()),
        ("unquoted", "multipart/related; type=application/dicom; boundary=frontier".into(), usual.clone()),
        (
            "upper case",
            "Multipart/Related; TYPE=\"Application/DICOM\"; Boundary=frontier".into(),
            usual.clone(),
        ),
        ("no type parameter", "multipart/related; boundary=frontier".into(), usual.clone()),
        ("lower-case header", quoted.clone(), with("content-type: application/dicom")),
        (
            "transfer syntax",
            quoted.clone(),
            with("Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1"),
        ),
        (
            "more headers",
            quoted.clone(),
            with("MIME-Version: 1.0\r\nContent-Type:application/dicom\r\nContent-Location: x"),
        ),
        ("no part type", quoted.clone(), with("Content-ID: <1>")),
        ("preamble", quoted.clone(), format!("This is MIME.\n\r\n{usual}")),
        ("epilogue", quoted.clone(), format!("{usual}bye\n")),
        ("padded boundary", quoted.clone(), usual.replacen("--frontier\r\n", "--frontier \t\r\n", 1)),
        ("no last CRLF", quoted.clone(), usual.trim_end().to_owned()),
    ] {
        check(name, &content_type, body, Ok(1)).await;
    }
    let objects: Vec<_> = (1..=8).map(|n| object("1.2", &format!("1.{n}"), "new")).collect();
    check("many", &quoted, multipart(&objects), Ok(8)).await;
}

#[tokio::test]
async fn bodies_that_must_be_refused() {
    let one = String::from_utf8(object("1.2", "1.3", "new")).unwrap();
    let quoted = related(BOUNDARY);
    let usual = format!("--frontier\r\nContent-Type: application/dicom\r\n\r\n{one}\r\n--frontier--\r\n");
    for (name, content_type, body, status) in [
        ("no closing boundary", quoted.clone(), usual.replace("--frontier--", ""), 400),
        ("cut off", quoted.clone(), usual[..usual.len() - 20].to_owned(), 400),
        ("no parts", quoted.clone(), "--frontier--\r\n".to_owned(), 400),
        ("empty body", quoted.clone(), String::new(), 400),
        ("another boundary", related("other"), usual.clone(), 400),
        ("bare LF", quoted.clone(), usual.replace("\r\n", "\n"), 400),
        ("broken header", quoted.clone(), usual.replace("Content-Type:", "Content Type"), 400),
        ("no boundary", "multipart/related; type=\"application/dicom\"".into(), usual.clone(), 400),
        ("metadata", quoted.replace("application/dicom", "application/dicom+json"), usual.clone(), 415),
        ("form", "multipart/form-data; boundary=frontier".into(), usual.clone(), 415),
        ("plain", "application/dicom".into(), one.clone(), 415),
        ("nonsense", ";;".into(), usual.clone(), 415),
        ("part of another type", quoted.clone(), usual.replace("application/dicom", "image/png"), 415),
        ("part of no type", quoted.clone(), usual.replace("application/dicom", "dicom"), 415),
        ("empty part", quoted.clone(), usual.replace(&one, ""), 409),
    ] {
        if status == 409 {
            assert_eq!(app().post("/dicomweb/studies", &content_type, body).await.status, 409, "{name}");
        } else {
            check(name, &content_type, body, Err(status)).await;
        }
    }
}

#[tokio::test]
async fn an_object_may_hold_what_looks_like_a_boundary() {
    let app = app();
    let mut tricky = object("1.2", "1.3", "new ");
    tricky.extend_from_slice(b"\r\n--frontie\r\n-frontier\n--frontier\r\r\n\r\n--");
    assert_eq!(app.stow("/dicomweb/studies", std::slice::from_ref(&tricky)).await.status, 200);
    assert_eq!(app.world.accepted.lock().unwrap()[0].0.as_ref(), tricky);
}

#[tokio::test]
async fn the_pieces_in_which_a_body_arrives_do_not_matter() {
    let objects = [object("1.2", "1.3", "new \r\n--front"), object("1.2", "1.4", "new")];
    let body = multipart(&objects);
    for size in [1, 2, 3, 7, 11, 64] {
        let app = app();
        let pieces: Vec<_> =
            body.chunks(size).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
        let stream = Body::from_stream(tokio_stream::iter(pieces));
        assert_eq!(app.post("/dicomweb/studies", &related(BOUNDARY), stream).await.status, 200, "{size}");
        let accepted = app.world.accepted.lock().unwrap();
        let stored: Vec<_> = accepted.iter().map(|(bytes, ..)| bytes.to_vec()).collect();
        assert_eq!(stored, objects, "{size}");
    }
}

#[tokio::test]
async fn too_many_parts_are_refused_and_say_what_was_kept() {
    let app = app_with(HttpConfig { max_parts: 2, ..config() });
    let objects: Vec<_> = (1..=3).map(|n| object("1.2", &format!("1.{n}"), "new")).collect();
    let detail = app.stow("/dicomweb/studies", &objects).await.problem(400, "invalid_request");
    assert!(detail.contains("The first 2 were taken"), "{detail}");
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_cut_the_storing_short() {
    let app = app();
    let router = app.router.clone();
    let request = Request::post("/dicomweb/studies")
        .header("content-type", related(BOUNDARY))
        .body(Body::from(multipart(&[object("1.2", "1.3", "wait")])))
        .unwrap();
    let handler = tokio::spawn(router.oneshot(request));
    app.world.work_began.notified().await;
    handler.abort();
    assert!(handler.await.unwrap_err().is_cancelled());
    app.world.release_work.notify_one();
    while app.world.accepted.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}
