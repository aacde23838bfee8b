//! Readings of monitors that come to visits.

use std::time::Duration;

use baize_core::ports::TriageStep;
use serde_json::{Value, json};

use crate::world::{MINUTE, PNEUMONIA, Stage, body, finding, found};

use TriageStep::{Assessed, Imaging, ImagingNote, Vitals};

async fn take(stage: &Stage) {
    stage.monitors.take_due().await.unwrap();
}

#[tokio::test]
async fn a_reading_raises_the_visit_and_wipes_nothing_that_it_does_not_measure() {
    let stage = Stage::new();
    let visit = stage.arrives_with(Some("E-1"), json!({ "spo2": 85, "heart_rate": 80 })).await;
    let reading = stage.world.measure(Some("E-1"), &[("heart_rate", 185.0)], None);
    take(&stage).await;
    assert_eq!(stage.steps(&visit).await, [(Assessed, 2), (Vitals, 1)]);
    assert_eq!(stage.world.outcome(reading).as_deref(), Some("recorded"));
    let visit = stage.visit(&visit).await;
    assert_eq!(visit.steps[1].by, "@monitor");
    let fired = serde_json::from_str::<Value>(&visit.assessment).unwrap()["rules_fired"].to_string();
    assert!(fired.contains("spo2"), "the saturation is still known: {fired}");
}

#[tokio::test]
async fn calmer_signs_lower_nothing() {
    let stage = Stage::new();
    let visit = stage.arrives_with(Some("E-1"), json!({ "heart_rate": 185 })).await;
    stage.world.measure(Some("E-1"), &[("heart_rate", 70.0), ("spo2", 99.0)], None);
    take(&stage).await;
    assert_eq!(stage.steps(&visit).await, [(Assessed, 1), (Vitals, 1)]);
}

#[tokio::test]
async fn what_says_nothing_new_makes_no_step_until_the_record_would_be_old() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    for rate in [81.0, 82.0, 80.0, 79.0] {
        stage.world.pass(MINUTE);
        let reading = stage.world.measure(Some("E-1"), &[("heart_rate", rate)], None);
        take(&stage).await;
        assert_eq!(stage.world.outcome(reading).as_deref(), Some("unchanged"));
    }
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3)]);
    stage.world.pass(12 * MINUTE);
    stage.world.measure(Some("E-1"), &[("heart_rate", 80.0)], None);
    take(&stage).await;
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (Vitals, 3)], "the record stays fresh");
    // A sign that was not known is something new, at once.
    stage.world.measure(Some("E-1"), &[("respiratory_rate", 16.0)], None);
    take(&stage).await;
    assert_eq!(stage.steps(&visit).await.len(), 3);
}

#[tokio::test]
async fn a_fall_is_seen_against_the_last_step_and_not_against_the_last_reading() {
    let stage = Stage::new();
    let visit = stage.arrives_with(Some("E-1"), json!({ "spo2": 98, "systolic_bp": 119 })).await;
    for pressure in [117.0, 115.0, 113.0, 112.0, 88.0] {
        stage.world.pass(Duration::from_secs(30));
        stage.world.measure(Some("E-1"), &[("systolic_bp", pressure)], None);
        take(&stage).await;
    }
    let steps = stage.steps(&visit).await;
    assert_eq!(steps, [(Assessed, 3), (Vitals, 1)], "a fall of 31 below 90");
}

#[tokio::test]
async fn a_reading_waits_for_its_visit_and_not_for_ever() {
    let stage = Stage::new();
    let early = stage.world.measure(Some("E-1"), &[("heart_rate", 185.0)], None);
    let nowhere = stage.world.measure(None, &[("heart_rate", 185.0)], None);
    take(&stage).await;
    assert_eq!((stage.world.outcome(early), stage.world.outcome(nowhere)), (None, None));
    let visit = stage.arrives(Some("E-1")).await;
    stage.world.pass(MINUTE);
    take(&stage).await;
    assert_eq!(stage.world.outcome(early).as_deref(), Some("recorded"));
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (Vitals, 1)]);
    let late = stage.world.measure(Some("E-9"), &[("heart_rate", 185.0)], None);
    stage.world.pass(61 * MINUTE);
    take(&stage).await;
    assert!(stage.world.outcome(nowhere).unwrap().contains("no open encounter"));
    assert!(stage.world.outcome(late).unwrap().contains("no visit"));
}

#[tokio::test]
async fn a_sign_that_no_patient_has_takes_nothing_from_the_others() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    let reading = stage.world.measure(
        Some("E-1"),
        &[("temperature_c", 98.6), ("heart_rate", 185.0), ("shoe_size", 43.0)],
        None,
    );
    take(&stage).await;
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (Vitals, 1)]);
    let outcome = stage.world.outcome(reading).unwrap();
    assert!(outcome.starts_with("recorded"), "{outcome}");
    assert!(outcome.contains("temperature_c refused") && outcome.contains("shoe_size refused"), "{outcome}");
    assert!(!outcome.contains("98.6"), "no patient data: {outcome}");
    let all_bad = stage.world.measure(Some("E-1"), &[("spo2", 980.0), ("heart_rate", f64::NAN)], None);
    take(&stage).await;
    assert!(stage.world.outcome(all_bad).unwrap().starts_with("refused"));
    let mut registry = prometheus_client::registry::Registry::default();
    stage.monitors.register(&mut registry);
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
    for line in [
        r#"baize_monitor_readings_total{result="recorded"} 1"#,
        r#"baize_monitor_readings_total{result="refused"} 1"#,
        r#"baize_monitor_signs_refused_total{reason="out_of_range"} 2"#,
        r#"baize_monitor_signs_refused_total{reason="unknown_field"} 1"#,
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
}

#[tokio::test]
async fn what_was_measured_before_does_not_replace_what_was_measured_after() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    stage.world.measure(Some("E-1"), &[("heart_rate", 125.0)], Some("2026-03-01T08:31:00+08:00"));
    take(&stage).await;
    let stale = stage.world.measure(Some("E-1"), &[("heart_rate", 60.0)], Some("2026-03-01T08:30:00+08:00"));
    take(&stage).await;
    assert_eq!(stage.world.outcome(stale).as_deref(), Some("unchanged"));
    assert_eq!(stage.steps(&visit).await.len(), 2);
}

#[tokio::test]
async fn the_same_reading_twice_is_one_step() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    stage.world.measure(Some("E-1"), &[("heart_rate", 185.0)], Some("2026-03-01T08:31:00Z"));
    take(&stage).await;
    // As if the process had died before it was settled.
    stage.world.settled.lock().unwrap().clear();
    take(&stage).await;
    assert_eq!(stage.steps(&visit).await.len(), 2);
}

#[tokio::test]
async fn a_monitor_answers_what_fusion_asked_for() {
    let stage = Stage::new();
    let visit = stage.arrives_with(Some("E-1"), json!({ "heart_rate": 80 })).await;
    stage.world.order("1.1", "E-1");
    stage.world.report("1.1", "1.1.1", found(vec![finding(PNEUMONIA, 0.7, None)]));
    stage.fuse().await;
    stage.world.measure(Some("E-1"), &[("spo2", 90.0)], None);
    take(&stage).await;
    stage.fuse().await;
    let steps: Vec<_> = stage.steps(&visit).await.into_iter().map(|one| one.0).collect();
    assert_eq!(steps, [Assessed, ImagingNote, Vitals, Imaging]);
    stage.desk.acknowledge(&visit.id, body(json!({ "sequence": 4 })), "n").await.unwrap();
}
