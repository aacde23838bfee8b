//! Every field, out of range, of the wrong type, missing, huge, in full-width digits or with units: taken or refused by
//! name, and never lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::LazyLock;

use baize_triage::request::{ArrivalMode, Avpu, FieldProblem, Request, Sex, Vocabulary};
use baize_triage::{Acuity, FeatureSchema, FieldError, RuleSet};
use serde_json::{Value, json};

static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::builtin().unwrap());
static SCHEMA: LazyLock<FeatureSchema> = LazyLock::new(|| FeatureSchema::builtin().unwrap());

fn parse(value: &Value) -> Result<Request, Vec<FieldError>> {
    Request::from_json(value, Vocabulary { ranges: &RULES.ranges, schema: &SCHEMA })
}

fn vitals(value: Value) -> Value {
    json!({ "vitals": value })
}

#[test]
fn a_full_request_is_taken_as_it_is() {
    let request = parse(&json!({
        "encounter": "E-1", "age_years": 58, "sex": "男", "arrival_mode": "ambulance",
        "chief_complaint": "胸痛2小时伴大汗，左肩放射", "complaint_codes": ["cc_chestpain", "cc_chestpain"],
        "vitals": { "heart_rate": 104, "systolic_bp": 150, "diastolic_bp": 90, "respiratory_rate": 22,
            "temperature_c": 36.8, "spo2": 95, "on_oxygen": false, "avpu": "A", "pain_score": 7,
            "glucose_mmol_l": 8.1, "potassium_mmol_l": 4.4 },
        "history": ["pmh_htn"], "prior_ed_visits": 2, "prior_admissions": 0, "pregnant": null, "nurse_level": 2
    }))
    .unwrap();
    assert_eq!(request.encounter.as_deref(), Some("E-1"));
    assert_eq!(request.age_months, Some(696.0));
    assert_eq!(request.sex, Some(Sex::Male));
    assert_eq!(request.arrival_mode, Some(ArrivalMode::Ambulance));
    assert_eq!(request.complaint_codes, ["cc_chestpain"]);
    assert_eq!(request.vitals.temperature_c, Some(36.8));
    assert_eq!(request.vitals.on_oxygen, Some(false));
    assert_eq!(request.vitals.avpu, Some(Avpu::Alert));
    assert_eq!(request.history.as_deref(), Some(["pmh_htn".to_owned()].as_slice()));
    assert_eq!(request.pregnant, None);
    assert_eq!(request.nurse_level, Acuity::new(2));
}

#[test]
fn numbers_come_with_units_and_in_full_width() {
    let cases = [
        (json!({ "temperature_c": "３８．５" }), "temperature", 38.5),
        (json!({ "temperature_c": "38.5℃" }), "temperature", 38.5),
        (json!({ "temperature_c": "38.5 °C" }), "temperature", 38.5),
        (json!({ "temperature_c": "38.5度" }), "temperature", 38.5),
        (json!({ "temperature_f": 98.6 }), "temperature", 37.0),
        (json!({ "temperature_f": "101.3℉" }), "temperature", 38.5),
        (json!({ "heart_rate": "１２０次／分" }), "heart_rate", 120.0),
        (json!({ "heart_rate": "120 bpm" }), "heart_rate", 120.0),
        (json!({ "spo2": "98%" }), "spo2", 98.0),
        (json!({ "spo2": "９８％" }), "spo2", 98.0),
        (json!({ "systolic_bp": "130mmHg" }), "systolic", 130.0),
        (json!({ "systolic_bp": "130/80" }), "systolic", 130.0),
        (json!({ "systolic_bp": "130/80 毫米汞柱" }), "diastolic", 80.0),
        (json!({ "systolic_bp": "130/80", "diastolic_bp": 80 }), "diastolic", 80.0),
        (json!({ "pain_score": "7/10" }), "pain", 7.0),
        (json!({ "pain_score": "7分" }), "pain", 7.0),
        (json!({ "glucose_mmol_l": "45 mmol/L" }), "glucose", 45.0),
        (json!({ "potassium_mmol_l": "7.1 mEq/L" }), "potassium", 7.1),
    ];
    for (sent, name, expected) in cases {
        let read = parse(&vitals(sent.clone())).unwrap_or_else(|errors| panic!("{sent}: {errors:?}")).vitals;
        let value = match name {
            "temperature" => read.temperature_c,
            "heart_rate" => read.heart_rate,
            "spo2" => read.spo2,
            "systolic" => read.systolic_bp,
            "diastolic" => read.diastolic_bp,
            "pain" => read.pain_score,
            "glucose" => read.glucose_mmol_l,
            _ => read.potassium_mmol_l,
        };
        assert_eq!(value, Some(expected), "{sent}");
    }
}

#[test]
fn a_bad_value_is_refused_by_name() {
    use FieldProblem::{
        Contradiction, NotANumber, OutOfRange, TooLong, UnknownField, UnknownWord, WrongType, WrongUnit,
    };
    let huge = "9".repeat(100_000);
    let cases = [
        (json!({ "spo2": 980 }), "vitals.spo2", OutOfRange),
        (json!({ "spo2": 0.98 }), "vitals.spo2", OutOfRange),
        (json!({ "spo2": "测不出" }), "vitals.spo2", NotANumber),
        (json!({ "spo2": true }), "vitals.spo2", WrongType),
        (json!({ "spo2": [98] }), "vitals.spo2", WrongType),
        (json!({ "temperature_c": 98.6 }), "vitals.temperature_c", OutOfRange),
        (json!({ "temperature_c": "98.6F" }), "vitals.temperature_c", WrongUnit),
        (json!({ "temperature_c": 3.7 }), "vitals.temperature_c", OutOfRange),
        (json!({ "temperature_c": "三十八度" }), "vitals.temperature_c", NotANumber),
        (json!({ "temperature_c": "38度5" }), "vitals.temperature_c", NotANumber),
        (json!({ "temperature_f": 37 }), "vitals.temperature_f", OutOfRange),
        (json!({ "temperature_c": 37, "temperature_f": 104 }), "vitals.temperature_f", Contradiction),
        (json!({ "heart_rate": -1 }), "vitals.heart_rate", OutOfRange),
        (json!({ "heart_rate": 1e308 }), "vitals.heart_rate", OutOfRange),
        (json!({ "heart_rate": huge }), "vitals.heart_rate", TooLong),
        (json!({ "heart_rate": "120/80" }), "vitals.heart_rate", WrongUnit),
        (json!({ "systolic_bp": "16kPa" }), "vitals.systolic_bp", WrongUnit),
        (json!({ "systolic_bp": "130/80", "diastolic_bp": 60 }), "vitals.systolic_bp", Contradiction),
        (json!({ "systolic_bp": 80, "diastolic_bp": 130 }), "vitals.diastolic_bp", Contradiction),
        (json!({ "glucose_mmol_l": 45 }), "vitals.glucose_mmol_l", WrongUnit),
        (json!({ "glucose_mmol_l": "90 mg/dL" }), "vitals.glucose_mmol_l", WrongUnit),
        (json!({ "pain_score": 11 }), "vitals.pain_score", OutOfRange),
        (json!({ "avpu": "X" }), "vitals.avpu", UnknownWord),
        (json!({ "avpu": 1 }), "vitals.avpu", UnknownWord),
        (json!({ "on_oxygen": "maybe" }), "vitals.on_oxygen", UnknownWord),
        (json!({ "spo2_scale": 3 }), "vitals.spo2_scale", UnknownWord),
        (json!({ "pulse": 80 }), "vitals.pulse", UnknownField),
        (json!({ "temperature": 37 }), "vitals.temperature", UnknownField),
    ];
    for (sent, field, problem) in cases {
        let errors = parse(&vitals(sent.clone())).expect_err(field);
        assert_eq!(errors.len(), 1, "{field}: {errors:?}");
        assert_eq!((errors[0].field.as_str(), errors[0].problem), (field, problem));
        assert!(!errors[0].text.zh.is_ascii() && !errors[0].text.en.is_empty());
        assert!(errors[0].value.chars().count() <= 65, "{field} repeats too much");
    }
    let top = [
        (json!({ "vitals": [] }), "vitals", WrongType),
        (json!({ "age_years": 300, "complaint_codes": [] }), "age_years", OutOfRange),
        (json!({ "age_years": "3个月" }), "age_years", WrongUnit),
        (json!({ "age_years": 2, "age_months": 40 }), "age_months", Contradiction),
        (json!({ "sex": 1 }), "sex", UnknownWord),
        (json!({ "arrival_mode": "helicopter" }), "arrival_mode", UnknownWord),
        (json!({ "chief_complaint": 7 }), "chief_complaint", WrongType),
        (json!({ "chief_complaint": "疼".repeat(2001) }), "chief_complaint", TooLong),
        (json!({ "encounter": "x".repeat(129) }), "encounter", TooLong),
        (json!({ "complaint_codes": "cc_chestpain" }), "complaint_codes", WrongType),
        (json!({ "complaint_codes": ["cc_chestpain", "chest pain"] }), "complaint_codes[1]", UnknownWord),
        (json!({ "complaint_codes": ["pmh_htn"] }), "complaint_codes[0]", UnknownWord),
        (json!({ "complaint_codes": vec!["cc_fever"; 301] }), "complaint_codes", TooLong),
        (json!({ "history": ["高血压"] }), "history[0]", UnknownWord),
        (json!({ "history": [null] }), "history[0]", WrongType),
        (json!({ "prior_ed_visits": 1.5 }), "prior_ed_visits", OutOfRange),
        (json!({ "prior_admissions": -1 }), "prior_admissions", OutOfRange),
        (json!({ "pregnant": 3 }), "pregnant", UnknownWord),
        (json!({ "nurse_level": 6 }), "nurse_level", UnknownWord),
        (json!({ "nurse_level": 2.5 }), "nurse_level", UnknownWord),
        (json!({ "race": "x" }), "race", UnknownField),
        (json!({}), "chief_complaint", FieldProblem::Missing),
        (json!({ "vitals": null }), "chief_complaint", FieldProblem::Missing),
        (json!([]), "", WrongType),
        (json!("胸痛"), "", WrongType),
        (json!(null), "", WrongType),
    ];
    for (sent, field, problem) in top {
        let errors = parse(&sent).expect_err(field);
        assert_eq!((errors[0].field.as_str(), errors[0].problem), (field, problem), "{errors:?}");
        assert_eq!(errors.len(), 1, "{field}: {errors:?}");
    }
}

#[test]
fn the_remedy_is_named() {
    let said = |sent: Value| parse(&vitals(sent)).unwrap_err()[0].text.en.clone();
    assert!(said(json!({ "temperature_c": 98.6 })).contains("temperature_f"));
    assert!(said(json!({ "temperature_c": "98.6℉" })).contains("temperature_f"));
    assert!(said(json!({ "spo2": "测不出" })).contains("chief_complaint"));
    assert!(said(json!({ "glucose_mmol_l": 45 })).contains("45 mmol/L"));
    assert!(said(json!({ "temperature": 37 })).contains("temperature_c"));
}

#[test]
fn all_problems_are_reported_together() {
    let errors = parse(&json!({
        "sex": "?", "vitals": { "spo2": 980, "heart_rate": "fast", "bp": "130/80" }, "nurse_level": 0, "zodiac": 1
    }))
    .unwrap_err();
    let mut fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["nurse_level", "sex", "vitals.bp", "vitals.heart_rate", "vitals.spo2", "zodiac"]);
    let many: serde_json::Map<String, Value> =
        (0..10_000).map(|number| (format!("field{number}"), json!(0))).collect();
    assert_eq!(parse(&Value::Object(many)).unwrap_err().len(), 64);
}

#[test]
fn ages_and_levels_are_read_in_all_their_forms() {
    let months = |sent: Value| {
        let mut request = json!({ "chief_complaint": "x" });
        request.as_object_mut().unwrap().extend(sent.as_object().unwrap().clone());
        parse(&request).unwrap().age_months
    };
    assert_eq!(months(json!({ "age_years": "58岁" })), Some(696.0));
    assert_eq!(months(json!({ "age_years": "５８" })), Some(696.0));
    assert_eq!(months(json!({ "age_years": 0.5 })), Some(6.0));
    assert_eq!(months(json!({ "age_months": "3个月" })), Some(3.0));
    assert_eq!(months(json!({ "age_years": 2, "age_months": 27 })), Some(27.0));
    assert_eq!(months(json!({ "age_years": 2, "age_months": 3 })), Some(27.0));
    assert_eq!(months(json!({ "age_years": 0, "age_months": 3 })), Some(3.0));
    assert_eq!(months(json!({ "age_years": "" })), None);
    for (sent, level) in [
        (json!(1), 1),
        (json!("2"), 2),
        (json!("３"), 3),
        (json!("急重"), 2),
        (json!("Ⅱ级"), 2),
        (json!("IVb"), 5),
        (json!("Ⅳa"), 4),
        (json!("非急症"), 4),
    ] {
        let request = parse(&json!({ "chief_complaint": "x", "nurse_level": sent })).unwrap();
        assert_eq!(request.nurse_level, Acuity::new(level), "{sent}");
    }
}
