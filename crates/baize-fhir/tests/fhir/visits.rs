//! What is said of visits to the triage desk.

use baize_core::ports::{TriageEntry, VisitResult};
use baize_fhir::Links;
use serde_json::Value;

use crate::fixtures::{decided, encounter, mapper, model, visit};

fn sick() -> VisitResult {
    visit(
        r#"{"age_years": 70, "chief_complaint": "胸痛", "vitals": {"heart_rate": 190, "spo2": 80}}"#,
        Some(encounter()),
    )
}

fn component(observation: &Value, code: &str) -> Option<u64> {
    let parts = observation["component"].as_array().unwrap();
    parts.iter().find(|part| part["code"]["coding"][0]["code"] == code)?["valueInteger"].as_u64()
}

#[test]
fn levels_reasons_and_patient_reach_the_his() {
    let visit = sick();
    let (level, acuity) = (visit.entry.level_cn, visit.entry.acuity);
    assert!(level <= 2, "{level}");
    let risk = mapper().risk(&visit, Links::Served).json;
    assert_eq!(risk["status"], "preliminary");
    assert_eq!(risk["subject"]["identifier"]["value"], "H-9");
    assert_eq!(risk["encounter"]["identifier"]["value"], "E-7");
    let given = &risk["prediction"][0];
    assert_eq!(given["outcome"]["coding"][0]["code"], acuity.to_string());
    assert_eq!(given["qualitativeRisk"]["coding"][0]["code"], level.to_string());
    assert!(given["rationale"].as_str().is_some_and(|text| !text.is_ascii()), "{given}");
    assert!(risk["mitigation"].as_str().unwrap().contains("minutes"), "{risk}");
    let observed = mapper().triage_level(&visit, Links::Served).json;
    assert_eq!(component(&observed, "acuity"), Some(acuity.into()));
    assert_eq!(component(&observed, "level-cn"), Some(level.into()));
    assert_eq!(component(&observed, "nurse-acuity"), None);
}

#[test]
fn a_persons_word_is_final_and_stands_beside_the_level() {
    let visit = decided(&sick());
    let observed = mapper().triage_level(&visit, Links::Served).json;
    assert_eq!(observed["status"], "final");
    assert_eq!(component(&observed, "nurse-acuity"), Some(4));
    assert_eq!(component(&observed, "acuity"), Some(visit.entry.acuity.into()), "nothing is lowered");
    assert!(observed["note"][0]["text"].as_str().unwrap().contains("复测正常"));
    let agents = mapper().step_provenance(&visit, Links::Served).json["agent"].clone();
    let told =
        agents.as_array().unwrap().iter().find(|agent| agent["type"]["coding"][0]["code"] == "attester");
    assert_eq!(told.unwrap()["who"]["display"], "nurse-zhang");
}

#[test]
fn the_models_probabilities_are_in_percent() {
    let visit = sick();
    let assessment =
        r#"{"acuity_probabilities": [0.1, 0.7003, 0.1, 0.05, 0.0497], "admission_probability": 0.64}"#
            .to_owned();
    let entry = TriageEntry { assessment, acuity: 2, model: Some(model("triage")), ..visit.entry };
    let risk = mapper().risk(&VisitResult { entry, ..visit }, Links::Served).json;
    let predictions = risk["prediction"].as_array().unwrap();
    assert_eq!(predictions.len(), 6);
    assert_eq!(predictions[0]["probabilityDecimal"], 70.0);
    assert_eq!(predictions[5]["probabilityDecimal"], 64.0);
    assert_eq!(risk["performer"]["reference"], "Device/triage-0.1.0");
}
