//! A study as a whole: when it is complete, and what has changed since the earlier one.

use axum::body::Body;
use baize_core::Sex;
use baize_core::ports::{Arrival, CompletedBy, CompletedStudy, Completion, Event};
use http::Request;
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

use crate::fakes::{NOW, earlier, object};
use crate::harness::{Answer, App, app};

async fn announce(app: &App, study: &str, body: &'static str) -> Answer {
    let request = Request::put(format!("/v1/studies/{study}/expected"))
        .header("content-type", "application/json")
        .body(Body::from(body));
    app.send(request.unwrap()).await
}

#[tokio::test]
async fn a_number_of_images_is_announced_or_refused_by_name() {
    let app = app();
    assert_eq!(announce(&app, "1.9", r#"{"instances": 2}"#).await.status, 204);
    for (study, body, named) in [
        ("1.9", r#"{"instances": 0}"#, "instances"),
        ("1.9", r#"{"instances": -1}"#, "instances"),
        ("1.9", r#"{"images": 2}"#, "images"),
        ("1.9", "2", "instances"),
        ("1..9", r#"{"instances": 2}"#, "study"),
    ] {
        let detail = announce(&app, study, body).await.problem(400, "invalid_request");
        assert!(detail.contains(named), "{body}: {detail}");
    }
    assert_eq!(app.world.told.lock().unwrap().as_slice(), [("1.9".to_owned(), Some(2))]);
}

#[tokio::test]
async fn only_a_request_that_stored_all_of_its_objects_is_a_whole_study() {
    for (directives, told) in [
        (&[("1.2", "new"), ("1.2", "duplicate"), ("1.7", "new")][..], &["1.2", "1.7"][..]),
        (&[("1.2", "new"), ("1.2", "malformed_object")], &[]),
        (&[("1.2", "spool_full")], &[]),
    ] {
        let app = app();
        let objects: Vec<_> =
            directives.iter().map(|(study, directive)| object(study, "1.3", directive)).collect();
        app.stow("/dicomweb/studies", &objects).await;
        let expected: Vec<_> = told.iter().map(|study| ((*study).to_owned(), None)).collect();
        assert_eq!(*app.world.told.lock().unwrap(), expected, "{directives:?}");
    }
}

#[tokio::test]
async fn the_work_list_says_whether_all_images_are_here() {
    let app = app();
    let arrival = async || app.get("/v1/studies/1.2").await.json()["arrival"].clone();
    let open =
        json!({"complete": false, "by": null, "at": null, "revision": 0, "expected": null, "missing": null});
    assert_eq!(arrival().await, open);
    *app.world.arrival.lock().unwrap() = Arrival {
        complete: Some(Completion { by: CompletedBy::Quiet, at: NOW }),
        revision: 2,
        expected: Some(6),
    };
    // Four of its images are here.
    let complete = json!({
        "complete": true, "by": "quiet", "at": "2026-03-01T08:38:01.000250Z", "revision": 2, "expected": 6,
        "missing": 2
    });
    assert_eq!(arrival().await, complete);
}

#[tokio::test]
async fn listeners_hear_of_a_complete_study() {
    let app = app();
    let request = Request::get("/v1/events").body(Body::empty()).unwrap();
    let mut body = app.router.clone().oneshot(request).await.unwrap().into_body();
    let completed = CompletedStudy {
        study: baize_core::StudyUid::parse("1.2").unwrap(),
        completion: Completion { by: CompletedBy::Stow, at: NOW },
        revision: 1,
        instances: 2,
        expected: None,
    };
    app.world.events.send(Event::Completed(completed)).unwrap();
    let frame = body.frame().await.unwrap().unwrap();
    let text = std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
    let data = text.strip_prefix("event: completed\ndata: ").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((&data["study"], &data["by"], &data["instances"]), (&json!("1.2"), &json!("stow"), &json!(2)));
}

#[tokio::test]
async fn the_earlier_study_of_the_same_patient_is_compared() {
    let app = app();
    assert_eq!(app.get("/v1/studies/1.2/findings").await.json()["prior"], json!(null));

    // The newest one has no result.
    *app.world.earlier.lock().unwrap() = vec![earlier("1.0", |_| ()), earlier("1.1", |_| ())];
    let prior = app.get_in("/v1/studies/1.2/findings", "zh").await.json()["prior"].clone();
    assert_eq!((&prior["study"], &prior["study_date"]), (&json!("1.1"), &json!("20250301")));
    assert_eq!((&prior["status"], &prior["partial"]), (&json!("compared"), &json!(true)));
    let comparison = &prior["comparisons"][0];
    assert_eq!((&comparison["version"], &comparison["earlier_version"]), (&json!("0.2.0"), &json!("0.1.0")));
    let change = &comparison["findings"][0];
    assert_eq!(change["label"], "肺炎");
    // The fake patient is an adult, so the thresholds mean nothing.
    assert_eq!((&change["change"], &change["difference"]), (&json!("incomparable"), &json!(null)));
    assert_eq!(change["change_label"], "不可比较：患者不在模型的验证人群内");
    assert_eq!(
        (&change["now"]["probability"], &change["earlier"]["threshold"]),
        (&json!(0.875), &json!(0.5))
    );
}

#[tokio::test]
async fn a_study_under_the_same_id_of_another_person_is_not_compared() {
    let app = app();
    for (study, expected) in [("1.1", "doubtful"), ("1.0", "doubtful")] {
        *app.world.earlier.lock().unwrap() = vec![earlier(study, |facts| facts.sex = Some(Sex::Female))];
        let prior = app.get("/v1/studies/1.2/findings").await.json()["prior"].clone();
        assert_eq!((&prior["status"], &prior["comparisons"]), (&json!(expected), &json!([])));
        assert!(prior["note"].as_str().unwrap().contains("Patient ID"), "{prior}");
    }
    *app.world.earlier.lock().unwrap() = vec![earlier("1.0", |_| ())];
    let prior = app.get("/v1/studies/1.2/findings").await.json()["prior"].clone();
    assert_eq!(prior["status"], "unread");
}
