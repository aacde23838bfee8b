//! Visits at the desk, over a record in memory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use baize_core::ports::{Appended, TriageEntry, TriageRecords, TriageStep, VisitId};
use baize_core::{Clock, ErrorCode, Fault, Timestamp};
use baize_desk::{Desk, DeskSettings, FieldError, FieldProblem, Refusal, Visit};
use baize_testkit::FakeAcuityModel;
use baize_triage::complaint::Lexicon;
use baize_triage::{AcuityModel, ModelOutput, RuleSet, Triage};
use bytes::Bytes;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

/// Keeps entries in memory; can be told to let others be quicker, or to fail.
#[derive(Default)]
struct Memory {
    entries: Mutex<Vec<TriageEntry>>,
    conflicts: AtomicU32,
    broken: AtomicU32,
}

#[async_trait]
impl TriageRecords for Memory {
    async fn append(&self, entry: TriageEntry) -> Result<Appended, Fault> {
        let take_one = |left: u32| left.checked_sub(1);
        if self.broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one).is_ok() {
            return Err(Fault::new(ErrorCode::StorageFailed, "told to fail"));
        }
        if self.conflicts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one).is_ok() {
            return Ok(Appended::Conflict);
        }
        let mut entries = self.entries.lock().unwrap();
        let length = entries.iter().filter(|kept| kept.visit == entry.visit).count();
        if entry.sequence as usize != length + 1 {
            return Ok(Appended::Conflict);
        }
        entries.push(entry);
        Ok(Appended::Kept)
    }

    async fn history(&self, visit: &VisitId) -> Result<Vec<TriageEntry>, Fault> {
        Ok(self.entries.lock().unwrap().iter().filter(|kept| kept.visit == *visit).cloned().collect())
    }
}

/// A second passes whenever somebody looks.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_000_000 * (1 + self.0.fetch_add(1, Ordering::SeqCst)))
    }
}

/// Calls everybody acuity 4, and doubts every nurse who says 4 or 5. Panics where some value is 97.
fn calm() -> FakeAcuityModel {
    let output = ModelOutput {
        acuity_probabilities: [0.01, 0.02, 0.07, 0.8, 0.1],
        admission: 0.1,
        contributions: vec![],
    };
    FakeAcuityModel::new(output.acuity_probabilities)
        .predicting(move |patient| {
            assert!(!patient.values().contains(&97.0), "made to");
            Ok(output.clone())
        })
        .doubting(|nurse| Ok(if nurse.get() >= 4 { 0.95 } else { 0.05 }))
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::builtin().unwrap());

fn triage(with_model: bool) -> Arc<Triage> {
    let model = with_model.then(|| Arc::new(calm()) as Arc<dyn AcuityModel>);
    Arc::new(Triage::new(RuleSet::builtin().unwrap(), LEXICON.clone(), model).unwrap())
}

fn desk_over(memory: &Arc<Memory>, with_model: bool) -> Desk {
    let settings = DeskSettings { threads: NonZeroUsize::new(2).unwrap(), max_waiting: 64 };
    Desk::new(triage(with_model), memory.clone(), Arc::new(Ticking::default()), settings)
}

fn desk() -> (Desk, Arc<Memory>) {
    let memory = Arc::new(Memory::default());
    (desk_over(&memory, true), memory)
}

fn body(value: Value) -> Bytes {
    Bytes::from(value.to_string())
}

fn assessment(visit: &Visit) -> Value {
    serde_json::from_str(&visit.assessment).unwrap()
}

fn levels(visit: &Visit) -> (u64, u64) {
    let assessment = assessment(visit);
    (assessment["level_cn"].as_u64().unwrap(), assessment["acuity"].as_u64().unwrap())
}

fn fields(refusal: Refusal) -> Vec<FieldError> {
    match refusal {
        Refusal::Fields(errors) => errors,
        Refusal::Fault(fault) => panic!("{fault}"),
    }
}

fn fault(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Fault(fault) => fault,
        Refusal::Fields(errors) => panic!("{errors:?}"),
    }
}

fn sprain() -> Value {
    json!({ "encounter": "E-1", "age_years": 30, "chief_complaint": "踝关节扭伤",
            "vitals": { "heart_rate": 80, "systolic_bp": 130, "spo2": 99 } })
}

#[tokio::test]
async fn a_visit_is_recorded_with_what_was_sent_and_who_sent_it() {
    let (desk, memory) = desk();
    let sent = format!("  {}\n", sprain());
    let visit = desk.assess(Bytes::from(sent.clone()), "desk-3").await.unwrap();
    assert_eq!(levels(&visit), (4, 4));
    assert_eq!((visit.steps.len(), visit.decision.as_ref()), (1, None));
    let entry = memory.entries.lock().unwrap()[0].clone();
    assert_eq!(entry.sent, sent, "as it was sent");
    assert_eq!((entry.actor.as_str(), entry.step, entry.sequence), ("desk-3", TriageStep::Assessed, 1));
    assert_eq!((entry.level_cn, entry.acuity), (4, 4));
    assert_eq!(entry.encounter.as_deref(), Some("E-1"));
    assert_eq!(entry.model.unwrap().version, "0.1.0");
    assert_eq!(desk.visit(&visit.id).await.unwrap(), visit);
    let other = desk.assess(body(sprain()), "desk-3").await.unwrap();
    assert_ne!(other.id, visit.id);
}

#[tokio::test]
async fn newer_vitals_raise_and_never_lower_and_the_history_stays() {
    let (desk, _) = desk();
    let id = desk.assess(body(sprain()), "a").await.unwrap().id;
    let raised = desk.newer_vitals(&id, body(json!({ "vitals": { "heart_rate": 185 } })), "b").await.unwrap();
    assert_eq!(levels(&raised).0, 1);
    let calm = desk.newer_vitals(&id, body(json!({ "heart_rate": 70, "spo2": 99 })), "c").await.unwrap();
    assert_eq!(levels(&calm).0, 1, "calmer signs lower nothing");
    assert_eq!(assessment(&calm)["basis"]["previous_acuity"], 1);
    let steps: Vec<_> =
        calm.steps.iter().map(|step| (step.sequence, step.by.as_str(), step.level_cn)).collect();
    assert_eq!(steps, [(1, "a", 4), (2, "b", 1), (3, "c", 1)]);
    assert!(calm.steps.is_sorted_by_key(|step| step.at));
}

#[tokio::test]
async fn what_was_not_measured_again_is_kept_and_a_fall_of_pressure_is_seen() {
    let (desk, _) = desk();
    let id = desk.assess(body(sprain()), "a").await.unwrap().id;
    let fallen = desk.newer_vitals(&id, body(json!({ "systolic_bp": 88 })), "a").await.unwrap();
    let fell = |visit: &Visit| {
        let fired = assessment(visit)["rules_fired"].as_array().unwrap().clone();
        fired.iter().any(|rule| rule["id"].as_str().unwrap().contains("fall"))
    };
    assert!(fell(&fallen), "{}", fallen.assessment);
    let decided = desk.nurse_level(&id, body(json!({ "level": 1 })), "n").await.unwrap();
    assert!(fell(&decided), "a decision measures nothing, so the fall is still the newest change");
    let stable = desk.newer_vitals(&id, body(json!({ "systolic_bp": 89 })), "a").await.unwrap();
    assert!(!fell(&stable));
    let missing = assessment(&stable)["missing"].to_string();
    assert!(!missing.contains("heart_rate") && !missing.contains("spo2"), "{missing}");
}

#[tokio::test]
async fn a_more_urgent_decision_raises_and_a_calmer_one_stands_beside() {
    let (desk, _) = desk();
    let id = desk.assess(body(sprain()), "a").await.unwrap().id;
    let urgent = desk.nurse_level(&id, body(json!({ "level": "急重" })), "nurse-1").await.unwrap();
    assert_eq!(levels(&urgent), (2, 2));
    let decision = urgent.decision.clone().unwrap();
    assert_eq!((decision.acuity.get(), decision.level_cn.get(), decision.reason), (2, 2, None));
    assert_eq!(assessment(&urgent)["second_reader"]["alert"], false);

    let refused = fields(desk.nurse_level(&id, body(json!({ "acuity": 5 })), "nurse-2").await.unwrap_err());
    assert_eq!((refused[0].field.as_str(), refused[0].problem), ("reason", FieldProblem::Missing));
    assert!(refused[0].text.zh.contains("reason") && refused[0].text.en.contains("why"), "{refused:?}");
    assert_eq!(desk.visit(&id).await.unwrap().steps.len(), 2, "what was refused leaves nothing");

    let calmer = json!({ "acuity": 5, "reason": "复查，步行入院，无痛" });
    let calmer = desk.nurse_level(&id, body(calmer), "nurse-2").await.unwrap();
    assert_eq!(levels(&calmer), (2, 2), "the assessment is not lowered");
    assert_eq!(assessment(&calmer)["second_reader"]["alert"], true, "and the second reader speaks up");
    let decision = calmer.decision.clone().unwrap();
    assert_eq!((decision.acuity.get(), decision.level_cn.get()), (5, 4));
    assert_eq!((decision.reason.as_deref(), decision.by.as_str()), (Some("复查，步行入院，无痛"), "nurse-2"));

    let later = desk.newer_vitals(&id, body(json!({ "heart_rate": 82 })), "a").await.unwrap();
    assert_eq!(later.decision, calmer.decision, "a decision stays until the next one");
    assert_eq!(assessment(&later)["second_reader"]["alert"], true, "and is read again with newer signs");
    assert_eq!(levels(&later), (2, 2));
}

#[tokio::test]
async fn the_nurses_level_of_the_request_is_her_decision() {
    let (desk, _) = desk();
    let mut request = sprain();
    request["nurse_level"] = json!(3);
    let visit = desk.assess(body(request), "nurse-1").await.unwrap();
    assert_eq!(levels(&visit), (3, 3));
    let decision = visit.decision.unwrap();
    assert_eq!((decision.acuity.get(), decision.by.as_str(), decision.at), (3, "nurse-1", visit.steps[0].at));
}

#[tokio::test]
async fn bad_input_is_refused_by_name_and_leaves_nothing() {
    let (desk, memory) = desk();
    let id = desk.assess(body(sprain()), "a").await.unwrap().id;
    let decision_cases = [
        ("{}", "level"),
        ("null", ""),
        ("[1]", ""),
        (r#"{"level": 0}"#, "level"),
        (r#"{"level": 6}"#, "level"),
        (r#"{"level": "urgent"}"#, "level"),
        (r#"{"level": {}}"#, "level"),
        (r#"{"level": 2, "acuity": 3}"#, "acuity"),
        (r#"{"level": 2, "level": 3}"#, "level"),
        (r#"{"level": 2, "reason": 7}"#, "reason"),
        (r#"{"level": 2, "resaon": "x"}"#, "resaon"),
        (r#"{"level": 5, "reason": "  "}"#, "reason"),
    ];
    for (sent, field) in decision_cases {
        let errors =
            fields(desk.nurse_level(&id, Bytes::from_static(sent.as_bytes()), "a").await.unwrap_err());
        assert_eq!(errors[0].field, field, "{sent}: {errors:?}");
    }
    let vital_cases = [
        ("{}", "vitals"),
        ("null", "vitals"),
        (r#"{"vitals": {}}"#, "vitals"),
        (r#"{"vitals": null}"#, "vitals"),
        ("7", "vitals"),
        (r#"{"spo2": 980}"#, "vitals.spo2"),
        (r#"{"vitals": {"spo2": 98, "hart_rate": 80}}"#, "vitals.hart_rate"),
        (r#"{"vitals": {"spo2": 98}, "age_years": 3}"#, "vitals.age_years"),
        ("{", ""),
    ];
    for (sent, field) in vital_cases {
        let errors =
            fields(desk.newer_vitals(&id, Bytes::from_static(sent.as_bytes()), "a").await.unwrap_err());
        assert!(errors.iter().any(|error| error.field == field), "{sent}: {errors:?}");
    }
    let errors = fields(desk.assess(Bytes::from_static(b"\xff"), "a").await.unwrap_err());
    assert_eq!(errors[0].problem, FieldProblem::Unreadable);
    assert_eq!(memory.entries.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn unknown_visits_are_not_found() {
    let (desk, _) = desk();
    let nobody = VisitId::parse("3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11").unwrap();
    assert_eq!(desk.visit(&nobody).await.unwrap_err().code, ErrorCode::NotFound);
    for refusal in [
        desk.newer_vitals(&nobody, body(json!({ "spo2": 98 })), "a").await,
        desk.nurse_level(&nobody, body(json!({ "level": 1 })), "a").await,
    ] {
        assert_eq!(fault(refusal.unwrap_err()).code, ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn a_step_that_lost_the_race_is_made_again_on_what_won() {
    let (desk, memory) = desk();
    let id = desk.assess(body(sprain()), "a").await.unwrap().id;
    memory.conflicts.store(3, Ordering::SeqCst);
    let visit = desk.newer_vitals(&id, body(json!({ "heart_rate": 81 })), "a").await.unwrap();
    assert_eq!(visit.steps.len(), 2);
    memory.conflicts.store(1_000, Ordering::SeqCst);
    let refusal = desk.newer_vitals(&id, body(json!({ "heart_rate": 82 })), "a").await.unwrap_err();
    assert_eq!(fault(refusal).code, ErrorCode::Saturated, "and not for ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_lose_nothing_and_lower_nothing() {
    let (desk, _) = desk();
    let desk = Arc::new(desk);
    let id = desk.assess(body(sprain()), "a").await.unwrap().id;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..12_u32 {
        let (desk, id) = (Arc::clone(&desk), id.clone());
        tasks.spawn(async move {
            let rate = if number == 5 { 190 } else { 70 + number };
            loop {
                match desk.newer_vitals(&id, body(json!({ "heart_rate": rate })), &number.to_string()).await {
                    Ok(_) => return,
                    Err(refusal) => assert_eq!(fault(refusal).code, ErrorCode::Saturated),
                }
            }
        });
    }
    tasks.join_all().await;
    let visit = desk.visit(&id).await.unwrap();
    assert_eq!(visit.steps.len(), 13);
    assert!(visit.steps.is_sorted_by(|a, b| a.level_cn >= b.level_cn), "urgency only rises");
    assert_eq!(visit.steps[12].level_cn, 1);
}

#[tokio::test]
async fn a_visit_goes_on_under_rules_that_would_refuse_what_was_sent() {
    let memory = Arc::new(Memory::default());
    let visit = desk_over(&memory, true).assess(body(sprain()), "a").await.unwrap();
    {
        // As if the hospital had since narrowed a range: what was sent cannot be read any more.
        let mut entries = memory.entries.lock().unwrap();
        entries[0].sent = r#"{"vitals": {"heart_rate": 5000}}"#.into();
    }
    let upgraded = desk_over(&memory, false);
    let visit = upgraded.newer_vitals(&visit.id, body(json!({ "respiratory_rate": 16 })), "a").await.unwrap();
    assert_eq!(visit.steps.len(), 2);
    let missing = assessment(&visit)["missing"].to_string();
    assert!(!missing.contains("heart_rate"), "{missing}");
}

#[tokio::test]
async fn nothing_is_answered_that_is_not_durable() {
    let (desk, memory) = desk();
    memory.broken.store(1, Ordering::SeqCst);
    let refusal = desk.assess(body(sprain()), "a").await.unwrap_err();
    assert_eq!(fault(refusal).code, ErrorCode::StorageFailed);
    let id = desk.assess(body(sprain()), "a").await.unwrap().id;
    memory.broken.store(1, Ordering::SeqCst);
    let refusal = desk.nurse_level(&id, body(json!({ "level": 1 })), "a").await.unwrap_err();
    assert_eq!(fault(refusal).code, ErrorCode::StorageFailed);
    assert_eq!(desk.visit(&id).await.unwrap().decision, None);
}

#[tokio::test]
async fn a_model_that_panics_leaves_the_rules_to_speak() {
    let (desk, memory) = desk();
    let request = json!({ "age_years": 97, "chief_complaint": "头晕" });
    let visit = desk.assess(body(request), "a").await.unwrap();
    let assessment = assessment(&visit);
    assert_eq!(assessment["model_status"]["state"], "failed");
    assert_eq!(assessment["acuity"], 3, "the cautious level");
    assert_eq!(memory.entries.lock().unwrap().len(), 1);
    assert!(desk.assess(body(sprain()), "a").await.is_ok());
}

#[tokio::test]
async fn a_full_desk_says_when_to_come_back() {
    let memory = Arc::new(Memory::default());
    let settings = DeskSettings { threads: NonZeroUsize::new(1).unwrap(), max_waiting: 0 };
    let desk = Desk::new(triage(false), memory, Arc::new(Ticking::default()), settings);
    let mut first = Box::pin(desk.assess(body(sprain()), "a"));
    tokio::select! {
        biased;
        _ = &mut first => panic!("answered before the pool could have run"),
        () = std::future::ready(()) => {}
    }
    let full = fault(desk.assess(body(sprain()), "a").await.unwrap_err());
    assert_eq!(full.code, ErrorCode::Saturated);
    assert!(full.retry_after.is_some());
    first.await.unwrap();
    assert!(desk.assess(body(sprain()), "a").await.is_ok(), "the place is free again");
}

#[tokio::test]
async fn the_desk_counts_what_it_did() {
    let (desk, _) = desk();
    let mut registry = Registry::default();
    desk.metrics().register(&mut registry);
    let id = desk.assess(body(sprain()), "a").await.unwrap().id;
    desk.newer_vitals(&id, body(json!({ "heart_rate": 185 })), "a").await.unwrap();
    desk.newer_vitals(&id, body(json!({ "heart_rate": 80 })), "a").await.unwrap();
    desk.nurse_level(&id, body(json!({ "level": 4, "reason": "x" })), "a").await.unwrap();
    desk.assess(body(json!({})), "a").await.unwrap_err();
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
    for line in [
        r#"baize_triage_assessments_total{step="assessed",level_cn="4"} 1"#,
        r#"baize_triage_assessments_total{step="vitals",level_cn="1"} 2"#,
        r#"baize_triage_assessments_total{step="level",level_cn="1"} 1"#,
        r#"baize_triage_raised_total{step="vitals"} 1"#,
        "baize_triage_alerts_total 1",
        r#"baize_triage_refused_total{step="assessed"} 1"#,
        "baize_triage_seconds_count 4",
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
}
