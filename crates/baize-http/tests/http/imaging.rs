//! What images told a visit, and who has seen it.

use baize_core::ports::{TriageEntry, TriageStep};
use serde_json::{Value, json};

use crate::harness::{Answer, App, app};

const SPRAIN: &str = r#"{"encounter": "E-1", "age_years": 30, "chief_complaint": "踝关节扭伤",
    "vitals": {"heart_rate": 80, "spo2": 99}}"#;

impl App {
    /// As if fusion had brought a finding to the visit that was begun last.
    fn told(&self) {
        let mut entries = self.world.triage.lock().unwrap();
        let last = entries.last().unwrap().clone();
        let sequence = last.sequence + 1;
        let mut known: Value = serde_json::from_str(&last.known).unwrap();
        let evidence = json!({
            "sequence": sequence, "at": last.at.as_micros(), "kind": "raise", "rule": "fusion.pneumothorax",
            "rules": "fusion 1", "level_cn": 2, "text": { "zh": "影像提示气胸", "en": "Pneumothorax on the image" },
            "check": { "zh": "请医师看片", "en": "Have a physician look" }, "source": "Thorax 2023", "study": "1.2",
            "sop": "1.2.1", "model": { "id": "cxr", "version": "1.0.0" },
            "finding": { "scheme": "SCT", "value": "36118008", "name": { "zh": "气胸", "en": "Pneumothorax" },
                         "probability": 0.94, "threshold": 0.5, "critical": 0.9 },
            "caveats": [], "others": "stat",
        });
        known["imaging"].as_array_mut().unwrap().push(evidence);
        entries.push(TriageEntry {
            sequence,
            step: TriageStep::Imaging,
            actor: "@imaging".into(),
            known: known.to_string(),
            level_cn: 2,
            acuity: 2,
            ..last
        });
    }

    async fn acknowledge(&self, location: &str, body: Value) -> Answer {
        self.post(&format!("{location}/acknowledgement"), "application/json", body.to_string()).await
    }
}

#[tokio::test]
async fn the_nurse_reads_what_was_found_and_acknowledges_it() {
    let app = app();
    let before = app.triage(SPRAIN).await;
    let location = before.header("location").to_owned();
    assert_eq!((&before.json()["imaging"], &before.json()["to_acknowledge"]), (&json!([]), &json!(false)));
    assert_eq!(app.get("/v1/triage/unacknowledged").await.json(), json!({ "visits": [] }));

    app.told();
    let visit = app.get(&location).await.json();
    assert_eq!((&visit["to_acknowledge"], &visit["sequence"]), (&json!(true), &json!(2)));
    let told = &visit["imaging"][0];
    assert_eq!((&told["kind"], &told["level_cn"]), (&json!("raise"), &json!(2)));
    assert_eq!(told["text"]["zh"], "影像提示气胸");
    assert_eq!(
        (&told["finding"]["probability"], &told["finding"]["critical_threshold"]),
        (&json!(0.94), &json!(0.9))
    );
    assert_eq!(told["picture"], "/v1/studies/1.2/instances/1.2.1/overlay.png?model=cxr%401.0.0");
    assert_eq!(told["acknowledged"], Value::Null);
    let last = visit["history"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["kind"], &last["by"]), (&json!("imaging"), &json!("@imaging")));
    let waiting = app.get("/v1/triage/unacknowledged").await.json();
    assert_eq!(waiting["visits"][0]["id"], visit["id"]);
    assert_eq!(
        (&waiting["visits"][0]["sequence"], &waiting["visits"][0]["level_cn"]),
        (&json!(2), &json!(2))
    );

    let seen = app.acknowledge(&location, json!({ "sequence": 2 })).await;
    assert_eq!(seen.status, 200);
    let seen = seen.json();
    assert_eq!((&seen["to_acknowledge"], &seen["sequence"]), (&json!(false), &json!(3)));
    let at = seen["history"][2]["at"].clone();
    assert_eq!(seen["imaging"][0]["acknowledged"], json!({ "by": "anonymous", "at": at }));
    assert_eq!(app.get(&location).await.json(), seen);
}

#[tokio::test]
async fn what_is_newer_than_what_was_looked_at_is_not_acknowledged() {
    let app = app();
    let location = app.triage(SPRAIN).await.header("location").to_owned();
    app.told();
    app.told();
    for (body, field) in [
        (json!({ "sequence": 2 }), "sequence"),
        (json!({ "sequence": 4 }), "sequence"),
        (json!({}), "sequence"),
        (json!({ "sequence": 3, "by": "somebody else" }), "by"),
    ] {
        let refused = app.acknowledge(&location, body).await;
        refused.problem(400, "invalid_request");
        assert_eq!(refused.json()["errors"][0]["field"], field);
    }
    assert_eq!(app.get(&location).await.json()["sequence"], 3, "what was refused leaves nothing");
    assert_eq!(app.acknowledge(&location, json!({ "sequence": 3 })).await.status, 200);
    let unknown = "/v1/triage/assessments/3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11";
    app.acknowledge(unknown, json!({ "sequence": 1 })).await.problem(404, "not_found");
}
