//! The triage weights in this repository: they hold, they are what their card says, and they answer as they did when
//! they were made.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use baize_triage::complaint::Lexicon;
use baize_triage::{Request, RuleSet, Triage};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights/triage/0.1.0")
}

fn triage() -> Triage {
    let model = baize_models::triage::load(&folder()).unwrap();
    Triage::new(RuleSet::builtin().unwrap(), Lexicon::builtin().unwrap(), Some(model)).unwrap()
}

fn patient(change: &Value) -> Value {
    let mut patient = json!({ "age_years": 58, "sex": "male", "arrival_mode": "car", "complaint_codes": ["cc_chestpain"],
        "vitals": { "heart_rate": 88, "systolic_bp": 138, "diastolic_bp": 84, "respiratory_rate": 18, "temperature_c": 36.7,
        "spo2": 97, "on_oxygen": false } });
    for (key, value) in change.as_object().unwrap() {
        patient[key] = value.clone();
    }
    patient
}

#[test]
fn the_card_tells_what_the_manifest_says() {
    let model = baize_models::triage::load(&folder()).unwrap();
    let manifest = model.manifest();
    assert!(std::fs::metadata(folder().join(&manifest.weights)).unwrap().len() <= 16 << 20);
    assert!(!manifest.metrics.is_empty() && manifest.training_data.len() == 2);
    let card = std::fs::read_to_string(folder().join("card.md")).unwrap();
    for part in [
        "Not a medical device",
        "不是医疗器械",
        &manifest.version,
        &manifest.created_by,
        "Hong WS",
        "Moon SH",
    ] {
        assert!(card.contains(part), "the card lacks {part}");
    }
    for never in ["race", "ethnic", "lang", "insur", "relig", "audit"] {
        let names =
            manifest.inputs.flags.iter().chain(manifest.inputs.numbers.iter().map(|number| &number.name));
        assert_eq!(names.filter(|name| name.starts_with(never)).count(), 0, "{never}");
    }
}

#[test]
fn it_answers_as_it_was_made() {
    let triage = triage();
    // Probability of level 1 or 2, of admission.
    let cases = [
        (json!({}), (0.4665, 0.3590)),
        (
            json!({ "history": ["pmh_acutemi", "pmh_htn"], "prior_ed_visits": 4, "prior_admissions": 2 }),
            (0.5935, 0.4268),
        ),
        (json!({ "complaint_codes": ["cc_suture/stapleremoval"], "age_years": 25 }), (0.0028, 0.0066)),
        (json!({ "complaint_codes": [], "vitals": {} }), (0.3914, 0.3491)),
    ];
    let requests: Vec<Request> = cases
        .iter()
        .map(|(change, _)| Request::from_json(&patient(change), triage.vocabulary()).unwrap())
        .collect();
    let together = triage.assess_many(&requests);
    for ((request, assessment), (change, (urgent, admission))) in requests.iter().zip(&together).zip(&cases) {
        let [first, second, ..] = assessment.acuity_probabilities.unwrap();
        let found = (first + second, assessment.admission_probability.unwrap());
        assert!((found.0 - urgent).abs() < 1e-3 && (found.1 - admission).abs() < 1e-3, "{change}: {found:?}");
        let alone = triage.assess(request).acuity_probabilities.unwrap();
        for (a, b) in alone.iter().zip(assessment.acuity_probabilities.unwrap()) {
            assert!((a - b).abs() < 1e-5, "a batch of four is four single patients");
        }
    }
}

#[test]
fn more_danger_is_never_calmer_to_the_model() {
    let triage = triage();
    let urgent = |change: &Value| {
        let request = Request::from_json(&patient(change), triage.vocabulary()).unwrap();
        let [first, second, ..] = triage.assess(&request).acuity_probabilities.unwrap();
        first + second
    };
    let vitals = |key: &str, value: Value| {
        let mut vitals = patient(&json!({}))["vitals"].clone();
        vitals[key] = value;
        json!({ "vitals": vitals })
    };
    let usual = urgent(&json!({}));
    for (key, value) in [
        ("heart_rate", json!(150)),
        ("systolic_bp", json!(84)),
        ("respiratory_rate", json!(32)),
        ("spo2", json!(84)),
        ("on_oxygen", json!(true)),
    ] {
        assert!(urgent(&vitals(key, value.clone())) > usual, "{key} {value}");
    }
    assert!(urgent(&json!({ "arrival_mode": "ambulance" })) > usual);
    assert!(urgent(&json!({ "age_years": 30 })) < usual);
}
