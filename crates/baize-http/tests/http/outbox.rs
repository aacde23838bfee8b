//! The outbox as integrators see it.

use baize_core::ports::{Delivery, DeliveryId, DeliveryState, ObjectName};
use serde_json::{Value, json};

use crate::fakes::{NOW, identity};
use crate::harness::{App, app};

fn delivery(id: i64, destination: &str, state: DeliveryState) -> Delivery {
    Delivery {
        id: DeliveryId(id),
        destination: destination.into(),
        instance: identity("1.2", "1.3"),
        model: None,
        object: Some(ObjectName {
            sop_class: "1.2.840.10008.5.1.4.1.1.88.34".into(),
            sop_instance: "2.25.9".into(),
        }),
        state,
        attempts: 3,
        created_at: NOW,
        changed_at: NOW,
        next_attempt_at: (state == DeliveryState::Waiting).then_some(NOW),
        status: (state == DeliveryState::Refused).then_some(0x0122),
        comment: None,
        committed_at: None,
    }
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
