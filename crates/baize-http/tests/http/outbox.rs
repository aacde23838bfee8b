//! The outbox as integrators see it.

use baize_core::ports::{
    Cause, Delivery, DeliveryId, DeliveryState, Freight, MessageFreight, MessageId, ObjectFreight,
    ObjectName, Standing, SubjectKey, VisitId,
};
use serde_json::{Value, json};

use crate::fakes::{NOW, identity};
use crate::harness::{App, app};

fn delivery(id: i64, destination: &str, state: DeliveryState) -> Delivery {
    Delivery {
        id: DeliveryId(id),
        destination: destination.into(),
        freight: Freight::Object(ObjectFreight {
            instance: identity("1.2", "1.3"),
            model: None,
            name: Some(ObjectName {
                sop_class: "1.2.840.10008.5.1.4.1.1.88.34".into(),
                sop_instance: "2.25.9".into(),
            }),
            status: (state == DeliveryState::Refused).then_some(0x0122),
            committed_at: None,
        }),
        state,
        attempts: 3,
        created_at: NOW,
        changed_at: NOW,
        next_attempt_at: (state == DeliveryState::Waiting).then_some(NOW),
        comment: None,
    }
}

fn message(id: i64, subject: SubjectKey, state: DeliveryState) -> Delivery {
    let made = state != DeliveryState::Pending;
    let freight = Freight::Message(MessageFreight {
        subject,
        causes: vec![Cause::Finding, Cause::Complete],
        id: made.then(|| MessageId("BZ1".into())),
        standing: made.then_some(Standing::Corrected),
        answer: made.then(|| "AE".into()),
    });
    Delivery { freight, ..delivery(id, "his", state) }
}

#[tokio::test]
async fn messages_are_listed_with_what_they_are_about() {
    let app = app();
    let visit = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11";
    *app.world.deliveries.lock().unwrap() = vec![
        message(1, SubjectKey::Study(identity("1.2", "1.3").study), DeliveryState::Waiting),
        message(2, SubjectKey::Visit(VisitId::parse(visit).unwrap(), 3), DeliveryState::Pending),
        message(3, SubjectKey::Study(identity("1.2", "1.3").study), DeliveryState::Covered),
    ];
    let listed = app.get("/v1/outbox?state=waiting").await.json();
    let one = &listed["deliveries"][0];
    assert_eq!((&one["kind"], &one["study"], &one["sop"]), (&json!("message"), &json!("1.2"), &Value::Null));
    assert_eq!(
        one["message"],
        json!({
            "id": "BZ1", "causes": ["finding", "complete"], "standing": "corrected",
            "visit": null, "sequence": null, "answer": "AE"
        })
    );
    let listed = app.get("/v1/outbox?state=pending").await.json();
    let one = &listed["deliveries"][0];
    assert_eq!((&one["study"], &one["object"]), (&Value::Null, &Value::Null));
    assert_eq!((&one["message"]["visit"], &one["message"]["sequence"]), (&json!(visit), &json!(3)));
    assert_eq!(one["message"]["id"], Value::Null);
    assert_eq!(app.get("/v1/outbox?state=covered").await.json()["deliveries"][0]["id"], 3);
    assert_eq!(app.post("/v1/outbox/3/retry", "application/json", "").await.status, 409);
    assert_eq!(app.post("/v1/outbox/1/retry", "application/json", "").await.status, 200);
}

fn with_deliveries() -> App {
    let app = app();
    *app.world.deliveries.lock().unwrap() = vec![
        delivery(1, "pacs", DeliveryState::Acknowledged),
        delivery(2, "pacs", DeliveryState::Refused),
        delivery(3, "archive", DeliveryState::Waiting),
        delivery(4, "pacs", DeliveryState::Pending),
    ];
    app
}

fn ids(answer: &Value) -> Vec<i64> {
    answer["deliveries"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn deliveries_are_listed_by_state_and_destination_page_by_page() {
    let app = with_deliveries();
    for (query, expected) in [
        ("", vec![4, 3, 2, 1]),
        ("?state=refused", vec![2]),
        ("?destination=pacs", vec![4, 2, 1]),
        ("?destination=pacs&state=pending", vec![4]),
        ("?destination=nobody", vec![]),
        ("?limit=2", vec![4, 3]),
        ("?limit=2&before=3", vec![2, 1]),
    ] {
        let answer = app.get(&format!("/v1/outbox{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
        assert_eq!(ids(&answer.json()), expected, "{query}");
    }
    assert_eq!(app.get("/v1/outbox?limit=2").await.json()["next_before"], 3);
    assert_eq!(app.get("/v1/outbox").await.json()["next_before"], Value::Null);
    let refused = app.get("/v1/outbox?state=refused").await.json();
    assert_eq!(refused["deliveries"][0]["status"], "0122");
    assert_eq!(
        refused["deliveries"][0]["object"],
        json!({ "sop_class": "1.2.840.10008.5.1.4.1.1.88.34", "sop": "2.25.9" })
    );
    for (query, named) in
        [("?state=sent", "state"), ("?limit=0", "limit"), ("?limit=501", "limit"), ("?stat=refused", "stat")]
    {
        let detail = app.get(&format!("/v1/outbox{query}")).await.problem(400, "invalid_request");
        assert!(detail.contains(named), "{detail}");
    }
}

#[tokio::test]
async fn a_person_retries_what_was_refused_and_nothing_that_was_acknowledged() {
    let app = with_deliveries();
    let retry = async |id: &str| {
        let uri = format!("/v1/outbox/{id}/retry");
        app.send(http::Request::post(uri).body(axum::body::Body::empty()).unwrap()).await
    };
    for id in ["2", "3", "4"] {
        let answer = retry(id).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["state"]), (200, &json!("pending")), "{id}");
    }
    retry("1").await.problem(409, "invalid_request");
    retry("5").await.problem(404, "not_found");
    retry("x").await.problem(400, "invalid_request");
}
