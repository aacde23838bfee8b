//! Findings that come to visits.

use std::sync::atomic::Ordering;

use baize_core::ports::{Event, FusionSubject, TriageStep};
use baize_core::{ErrorCode, Fault, Lane, Outcome, Population, StudyUid, Text};
use baize_desk::{EvidenceKind, FieldProblem, Refusal};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{MINUTE, PNEUMONIA, PNEUMOTHORAX, Stage, body, finding, found, pneumothorax};

use TriageStep::{Acknowledged, Assessed, Imaging, ImagingNote, Level, Vitals};

fn study(uid: &str) -> StudyUid {
    StudyUid::parse(uid).unwrap()
}

/// Whatever comes last puts the three together.
#[tokio::test]
async fn result_order_and_visit_meet_in_whatever_order_they_come() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let stage = Stage::new();
        let mut visit = None;
        for part in order {
            match part {
                0 => stage.world.report("1.1", "1.1.1", pneumothorax()),
                1 => stage.world.order("1.1", "E-1"),
                _ => visit = Some(stage.arrives(Some("E-1")).await),
            }
            stage.fuse().await;
        }
        let visit = visit.unwrap();
        assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (Imaging, 2)], "{order:?}");
    }
}

#[tokio::test]
async fn the_nurse_sees_what_was_found_by_which_model_and_which_rule() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    stage.world.order("1.1", "E-1");
    stage.world.report("1.1", "1.1.1", pneumothorax());
    stage.fuse().await;
    let visit = stage.visit(&visit).await;
    let [evidence] = visit.imaging.as_slice() else { panic!("{:?}", visit.imaging) };
    assert_eq!(evidence.kind, EvidenceKind::Raise);
    assert_eq!((evidence.sequence, evidence.rule.as_deref()), (2, Some("fusion.pneumothorax")));
    assert_eq!((evidence.study.as_str(), evidence.sop.as_deref()), ("1.1", Some("1.1.1")));
    let model = evidence.model.as_ref().unwrap();
    assert_eq!((model.id.as_str(), model.version.as_str()), ("cxr", "1.0.0"));
    let seen = evidence.finding.as_ref().unwrap();
    assert_eq!((seen.probability, seen.threshold, seen.critical), (0.95, 0.5, Some(0.9)));
    assert!(evidence.text.zh.contains("气胸") && evidence.text.en.contains("0.95"), "{:?}", evidence.text);
    assert!(evidence.check.zh.contains("请医师") && evidence.source.contains("Thorax"));
    assert_eq!(visit.steps[1].by, "@imaging");

    let assessment: Value = serde_json::from_str(&visit.assessment).unwrap();
    let fired = assessment["rules_fired"].as_array().unwrap();
    assert!(fired.iter().any(|rule| rule["id"] == "fusion.pneumothorax" && rule["level"] == 2), "{fired:?}");
    assert_eq!(assessment["basis"]["rules_level"], 2);
    assert_eq!(assessment["acuity"], 2);

    let events = stage.world.events.lock().unwrap().clone();
    let [Event::TriageRaised(told)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&told.visit, told.sequence, told.level_cn, told.raised), (&visit.id, 2, 2, true));
}

#[tokio::test]
async fn looking_again_changes_nothing_also_after_a_restart() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    stage.world.order("1.1", "E-1");
    stage.world.report("1.1", "1.1.1", pneumothorax());
    stage.fuse().await;
    // Another image of the study shows it too, and everything is looked at again by a new process.
    stage.world.report("1.1", "1.1.2", pneumothorax());
    let stage = Stage::over(stage.world);
    for _ in 0..3 {
        stage.world.touch(FusionSubject::Study(study("1.1")));
        stage.world.touch(FusionSubject::Encounter("E-1".into()));
        stage.fuse().await;
    }
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (Imaging, 2)]);
    assert_eq!(stage.world.events.lock().unwrap().len(), 1);
    // The same in another study is something new.
    stage.world.order("1.2", "E-1");
    stage.world.report("1.2", "1.2.1", pneumothorax());
    stage.fuse().await;
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (Imaging, 2), (Imaging, 2)]);
    let Some(Event::TriageRaised(told)) = stage.world.events.lock().unwrap().last().cloned() else {
        panic!()
    };
    assert!(!told.raised, "the level stands already");
}

#[tokio::test]
async fn later_signs_let_a_rule_speak_that_was_silent() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    stage.world.order("1.1", "E-1");
    stage.world.report("1.1", "1.1.1", pneumothorax());
    stage.fuse().await;
    stage.desk.newer_vitals(&visit.id, body(json!({ "systolic_bp": 85 })), "n").await.unwrap();
    stage.fuse().await;
    let steps = stage.steps(&visit).await;
    assert_eq!(steps.last(), Some(&(Imaging, 1)), "{steps:?}");
    let visit = stage.visit(&visit).await;
    assert_eq!(visit.imaging[1].rule.as_deref(), Some("fusion.pneumothorax_compromised"));
}

#[tokio::test]
async fn a_sign_that_nobody_knows_is_asked_for_and_raises_nothing() {
    let stage = Stage::new();
    let visit = stage.arrives_with(Some("E-1"), json!({ "heart_rate": 80 })).await;
    stage.world.order("1.1", "E-1");
    stage.world.report("1.1", "1.1.1", found(vec![finding(PNEUMONIA, 0.7, None)]));
    stage.fuse().await;
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (ImagingNote, 3)]);
    let told = stage.visit(&visit).await.imaging.remove(0);
    assert_eq!(told.kind, EvidenceKind::Measure);
    assert!(told.text.zh.contains("血氧饱和度") && told.text.en.contains("SpO2"), "{:?}", told.text);
    assert!(stage.world.events.lock().unwrap().is_empty(), "a note rings nowhere");

    stage.desk.newer_vitals(&visit.id, body(json!({ "spo2": 91 })), "n").await.unwrap();
    stage.fuse().await;
    let steps = stage.steps(&visit).await;
    assert_eq!(steps.iter().map(|one| one.0).collect::<Vec<_>>(), [Assessed, ImagingNote, Vitals, Imaging]);
}

#[tokio::test]
async fn what_may_not_count_or_was_not_read_is_said_and_neither_raises_nor_calms() {
    let why = Text { zh: "患者 34 岁".into(), en: "the patient is 34".into() };
    let outside = Outcome::Analysed {
        findings: vec![finding(PNEUMOTHORAX, 0.99, Some(0.9))],
        population: Population::Outside(why),
        caveats: vec![],
    };
    let fault = Fault::new(ErrorCode::CorruptPixelData, "The stream ends early.");
    for (outcome, kind, words) in [
        (outside, EvidenceKind::OutsidePopulation, "34"),
        (Outcome::Failed(fault.clone()), EvidenceKind::NotRead, "not \"no finding\""),
        (Outcome::Refused(fault), EvidenceKind::NotRead, "not \"no finding\""),
    ] {
        let stage = Stage::new();
        let visit = stage.arrives(Some("E-1")).await;
        stage.world.order("1.1", "E-1");
        stage.world.report("1.1", "1.1.1", outcome);
        stage.fuse().await;
        stage.world.touch(FusionSubject::Encounter("E-1".into()));
        stage.fuse().await;
        assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (ImagingNote, 3)], "{kind:?}");
        let visit = stage.visit(&visit).await;
        assert!(visit.imaging.iter().all(|one| one.kind == kind && one.level_cn.is_none()));
        assert!(visit.imaging[0].text.en.contains(words), "{:?}", visit.imaging[0].text);
        assert!(!visit.is_waiting());
        assert!(stage.world.raised.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn nothing_critical_leaves_the_visit_as_it_is() {
    for (value, probability, critical) in
        [(PNEUMOTHORAX, 0.95, None), (PNEUMOTHORAX, 0.89, Some(0.9)), ("8186001", 0.99, Some(0.9))]
    {
        let stage = Stage::new();
        let visit = stage.arrives(Some("E-1")).await;
        stage.world.order("1.1", "E-1");
        stage.world.report("1.1", "1.1.1", found(vec![finding(value, probability, critical)]));
        stage.fuse().await;
        assert_eq!(stage.steps(&visit).await, [(Assessed, 3)], "{value} {probability}");
    }
}

#[tokio::test]
async fn other_encounters_cancelled_ones_and_studies_without_order_are_left_alone() {
    let stage = Stage::new();
    let (other, none) = (stage.arrives(Some("E-2")).await, stage.arrives(None).await);
    let cancelled = stage.arrives(Some("E-3")).await;
    stage.world.cancelled.lock().unwrap().insert("E-3".into());
    stage.world.report("1.1", "1.1.1", pneumothorax());
    stage.world.order("1.3", "E-3");
    stage.world.report("1.3", "1.3.1", pneumothorax());
    stage.fuse().await;
    for visit in [&other, &none, &cancelled] {
        assert_eq!(stage.steps(visit).await, [(Assessed, 3)]);
    }
}

#[tokio::test]
async fn the_encounters_studies_become_stat_also_those_that_come_later() {
    let stage = Stage::new();
    stage.arrives(Some("E-1")).await;
    for (uid, encounter) in [("1.1", "E-1"), ("1.2", "E-1"), ("1.5", "E-2")] {
        stage.world.order(uid, encounter);
    }
    stage.world.report("1.1", "1.1.1", pneumothorax());
    stage.fuse().await;
    let raised = || stage.world.raised.lock().unwrap().clone();
    assert_eq!(
        raised().into_iter().collect::<Vec<_>>(),
        [(study("1.1"), Lane::Stat), (study("1.2"), Lane::Stat)]
    );
    stage.world.order("1.3", "E-1");
    stage.fuse().await;
    assert_eq!(raised().get(&study("1.3")), Some(&Lane::Stat));
    assert_eq!(raised().get(&study("1.5")), None);
}

#[tokio::test]
async fn what_fails_is_tried_again_and_holds_nothing_else_up() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    let other = stage.arrives(Some("E-2")).await;
    stage.fuse().await;
    for (uid, encounter) in [("1.1", "E-1"), ("1.2", "E-2")] {
        stage.world.order(uid, encounter);
        stage.world.report(uid, &format!("{uid}.1"), pneumothorax());
    }
    stage.world.broken.store(1, Ordering::SeqCst);
    stage.fuse().await;
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3)], "the first one could not be kept");
    assert_eq!(stage.steps(&other).await, [(Assessed, 3), (Imaging, 2)]);
    stage.world.broken_urgency.store(1, Ordering::SeqCst);
    for _ in 0..2 {
        stage.world.pass(MINUTE);
        stage.fuse().await;
    }
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (Imaging, 2)]);
    assert_eq!(
        stage.world.raised.lock().unwrap().get(&study("1.1")),
        Some(&Lane::Stat),
        "in the second attempt"
    );
}

#[tokio::test]
async fn a_nurse_acknowledges_what_she_has_seen_and_only_that() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    stage.world.order("1.1", "E-1");
    stage.world.report("1.1", "1.1.1", pneumothorax());
    stage.fuse().await;
    stage.fusion.count_waiting().await.unwrap();
    assert!(stage.visit(&visit).await.is_waiting());
    assert!(stage.fusion.warnings().is_empty(), "she has five minutes");
    stage.world.pass(5 * MINUTE);
    assert!(stage.fusion.warnings()[0].starts_with("1 triage visits"), "{:?}", stage.fusion.warnings());

    let acknowledge =
        async |sequence: Value| stage.desk.acknowledge(&visit.id, body(sequence), "nurse-3").await;
    for (sent, field, problem) in [
        (json!({ "sequence": 1 }), "sequence", FieldProblem::Contradiction),
        (json!({ "sequence": 9 }), "sequence", FieldProblem::OutOfRange),
        (json!({ "sequence": 0 }), "sequence", FieldProblem::WrongType),
        (json!({ "sequence": "2" }), "sequence", FieldProblem::WrongType),
        (json!({}), "sequence", FieldProblem::Missing),
        (json!([2]), "", FieldProblem::WrongType),
        (json!({ "sequence": 2, "by": "x" }), "by", FieldProblem::UnknownField),
    ] {
        let Err(Refusal::Fields(errors)) = acknowledge(sent.clone()).await else { panic!("{sent}") };
        assert_eq!((errors[0].field.as_str(), errors[0].problem), (field, problem), "{sent}");
    }
    let seen = acknowledge(json!({ "sequence": 2 })).await.unwrap();
    assert_eq!(seen.acknowledgement(2).map(|step| step.by.as_str()), Some("nurse-3"));
    assert_eq!(acknowledge(json!({ "sequence": 2 })).await.unwrap().steps.len(), 3, "once is enough");
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (Imaging, 2), (Acknowledged, 2)]);
    stage.fusion.count_waiting().await.unwrap();
    assert!(stage.fusion.warnings().is_empty());

    stage.world.order("1.2", "E-1");
    stage.world.report("1.2", "1.2.1", pneumothorax());
    stage.fuse().await;
    assert!(stage.visit(&visit).await.is_waiting(), "what is newer waits again");
    assert!(acknowledge(json!({ "sequence": 3 })).await.is_err());
    assert!(!acknowledge(json!({ "sequence": 4 })).await.unwrap().is_waiting());
}

#[tokio::test]
async fn where_a_match_is_undone_the_nurse_is_told_and_nothing_is_lowered() {
    let stage = Stage::new();
    let (visit, other) = (stage.arrives(Some("E-1")).await, stage.arrives(Some("E-2")).await);
    stage.world.order("1.1", "E-1");
    stage.world.report("1.1", "1.1.1", pneumothorax());
    stage.fuse().await;
    for _ in 0..2 {
        stage.world.unmatch("1.1");
        stage.fuse().await;
    }
    assert_eq!(stage.steps(&visit).await, [(Assessed, 3), (Imaging, 2), (ImagingNote, 2)]);
    let told = stage.visit(&visit).await.imaging.remove(1);
    assert_eq!((told.kind, told.study.as_str()), (EvidenceKind::Parted, "1.1"));
    assert!(told.text.zh.contains("其他患者") && told.text.en.contains("another patient"));
    // It was the other patient's.
    stage.world.order("1.1", "E-2");
    stage.fuse().await;
    assert_eq!(stage.steps(&other).await, [(Assessed, 3), (Imaging, 2)]);
    assert_eq!(stage.steps(&visit).await.len(), 3);
}

#[tokio::test]
async fn a_calmer_decision_stands_beside_and_the_finding_stays() {
    let stage = Stage::new();
    let visit = stage.arrives(Some("E-1")).await;
    stage.world.order("1.1", "E-1");
    stage.world.report("1.1", "1.1.1", pneumothorax());
    stage.fuse().await;
    let calmer = body(json!({ "level": 4, "reason": "误报，医师已看片" }));
    let decided = stage.desk.nurse_level(&visit.id, calmer, "nurse-1").await.unwrap();
    assert_eq!(decided.decision.unwrap().level_cn.get(), 4);
    stage.fuse().await;
    let later = stage.desk.newer_vitals(&visit.id, body(json!({ "heart_rate": 70 })), "n").await.unwrap();
    let assessment: Value = serde_json::from_str(&later.assessment).unwrap();
    assert_eq!(assessment["level_cn"], 2);
    assert!(assessment["rules_fired"].to_string().contains("fusion.pneumothorax"));
    assert_eq!(
        stage.steps(&visit).await.iter().map(|one| one.0).collect::<Vec<_>>(),
        [Assessed, Imaging, Level, Vitals]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever images show, in whatever order things come: no step is calmer than the one before.
    #[test]
    fn no_image_ever_lowers_a_level(
        events in proptest::collection::vec((0_u8..5, 0.0_f32..1.0, 40.0_f64..100.0), 1..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let stage = Stage::new();
            let visit = stage.arrives(Some("E-1")).await;
            for (number, (what, probability, spo2)) in events.iter().enumerate() {
                let uid = format!("1.{number}");
                let critical = Some(0.8);
                match what {
                    0 => stage.world.report(&uid, &format!("{uid}.1"), found(vec![finding(PNEUMOTHORAX, *probability, critical)])),
                    1 => stage.world.report(&uid, &format!("{uid}.1"), found(vec![finding(PNEUMONIA, *probability, None)])),
                    2 => stage.world.report(&uid, &format!("{uid}.1"), Outcome::Failed(Fault::new(ErrorCode::Internal, ""))),
                    3 => drop(stage.desk.newer_vitals(&visit.id, body(json!({ "spo2": spo2.round() })), "n").await.unwrap()),
                    _ => stage.world.report(&uid, &format!("{uid}.1"), found(vec![])),
                }
                if number % 2 == 0 {
                    stage.world.order(&uid, "E-1");
                }
                stage.fuse().await;
            }
            let levels: Vec<u8> = stage.steps(&visit).await.iter().map(|one| one.1).collect();
            prop_assert!(levels.is_sorted_by(|before, after| before >= after), "{levels:?}");
            Ok(())
        })?;
    }
}
