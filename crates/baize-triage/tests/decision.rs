//! How rules, model, nurse and the assessment before come together.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use baize_triage::assessment::ModelState;
use baize_triage::{Acuity, Request, RuleSet, Triage, Vitals, assess_json, assess_json_many};
use serde_json::{Value, json};
use support::{Fixed, levels, triage};

const CALM: [f32; 5] = [0.0, 0.0, 0.0, 0.05, 0.95];
const URGENT: [f32; 5] = [0.05, 0.9, 0.05, 0.0, 0.0];

fn request(triage: &Triage, value: &Value) -> Request {
    Request::from_json(value, triage.vocabulary()).unwrap()
}

#[test]
fn the_least_expected_cost_decides_and_calling_too_calm_costs_double() {
    let policy = RuleSet::builtin().unwrap().policy;
    let cases = [
        ([1.0, 0.0, 0.0, 0.0, 0.0], 1),
        ([0.0, 0.0, 0.0, 0.0, 1.0], 5),
        // Linear cost, 2:1: the more urgent level wins from a probability of a third on.
        ([0.0, 0.0, 0.40, 0.60, 0.0], 3),
        ([0.0, 0.0, 0.30, 0.70, 0.0], 4),
        ([0.0, 0.34, 0.66, 0.0, 0.0], 2),
        ([0.2, 0.2, 0.2, 0.2, 0.2], 2),
        ([f32::NAN; 5], 1),
    ];
    for (probabilities, acuity) in cases {
        assert_eq!(policy.decide(&probabilities).get(), acuity, "{probabilities:?}");
    }
}

#[test]
fn the_scales_meet_as_the_policy_says() {
    let policy = RuleSet::builtin().unwrap().policy;
    let rows = [(1, 1, 0), (2, 2, 10), (3, 3, 30), (4, 4, 60), (5, 4, 120)];
    for (acuity, level, minutes) in rows {
        let acuity = Acuity::new(acuity).unwrap();
        assert_eq!(policy.level(acuity).get(), level);
        assert_eq!(policy.target_minutes(acuity), minutes);
    }
}

#[test]
fn rules_and_nurses_raise_and_never_lower() {
    let calm = triage(Some(Fixed::new(CALM)));
    let urgent = triage(Some(Fixed::new(URGENT)));
    let cases = [
        // Heart rate, nurse, under the calm model, under the urgent one.
        (80, None, (4, 5), (2, 2)),
        (120, None, (3, 3), (2, 2)),
        (170, None, (2, 2), (2, 2)),
        (190, None, (1, 1), (1, 1)),
        (80, Some(1), (1, 1), (1, 1)),
        (80, Some(4), (4, 4), (2, 2)),
        (80, Some(5), (4, 5), (2, 2)),
        (190, Some(5), (1, 1), (1, 1)),
    ];
    for (heart_rate, nurse, with_calm, with_urgent) in cases {
        let value = json!({ "age_years": 40, "chief_complaint": "x", "nurse_level": nurse,
            "vitals": { "heart_rate": heart_rate } });
        for (triage, expected) in [(&calm, with_calm), (&urgent, with_urgent)] {
            let assessment = triage.assess(&request(triage, &value));
            assert_eq!(levels(&assessment), expected, "heart rate {heart_rate}, nurse {nurse:?}");
            assert_eq!(assessment.basis.nurse_acuity.map(Acuity::get), nurse);
        }
    }
}

#[test]
fn a_rule_that_only_advises_is_shown_and_does_not_raise() {
    let triage = triage(Some(Fixed::new(CALM)));
    let value = json!({ "age_years": 40, "vitals": { "respiratory_rate": 21 } });
    let assessment = triage.assess(&request(&triage, &value));
    assert_eq!(levels(&assessment), (4, 5));
    let advice = &assessment.rules_fired[0];
    assert_eq!((advice.level.get(), advice.effect), (2, baize_triage::rules::Effect::Consider));
}

#[test]
fn a_model_that_could_not_run_is_never_calm() {
    let ill = Fixed { fails: true, ..Fixed::new(CALM) };
    let panicking = Fixed { panics: true, ..Fixed::new(CALM) };
    let unsound = Fixed::new([0.5, 0.5, 0.5, 0.0, 0.0]);
    let not_a_number = Fixed::new([f32::NAN, 0.0, 0.0, 0.0, 1.0]);
    let cases = [
        (None, 40, ModelState::NotInstalled),
        (Some(ill), 40, ModelState::Failed),
        (Some(panicking), 40, ModelState::Failed),
        (Some(unsound), 40, ModelState::Failed),
        (Some(not_a_number), 40, ModelState::Failed),
        (Some(Fixed::new(CALM)), 17, ModelState::OutsidePopulation),
        (Some(Fixed::new(CALM)), 18, ModelState::Ran),
    ];
    for (model, age, state) in cases {
        let triage = triage(model);
        let value = json!({ "age_years": age, "chief_complaint": "toe pain", "nurse_level": 5 });
        let assessment = triage.assess(&request(&triage, &value));
        assert_eq!(assessment.model_status.state, state);
        let ran = state == ModelState::Ran;
        assert_eq!(levels(&assessment), if ran { (4, 5) } else { (3, 3) }, "{state:?}");
        assert_eq!(assessment.acuity_probabilities.is_some(), ran);
        assert_eq!(assessment.admission_probability.is_some(), ran);
        assert_eq!(assessment.second_reader.alert.is_some(), ran);
        assert_eq!(assessment.model_status.text.is_none(), ran, "it says so in words");
        let worse = json!({ "age_years": age, "vitals": { "heart_rate": 190, "avpu": "U" } });
        assert_eq!(levels(&triage.assess(&request(&triage, &worse))), (1, 1));
    }
}

#[test]
fn of_whom_nothing_is_known_nobody_says_calm() {
    let triage = triage(Some(Fixed::new(CALM)));
    for (value, expected) in [
        (json!({ "age_years": 40 }), (3, 3)),
        (json!({ "age_years": 40, "complaint_codes": [], "vitals": {} }), (3, 3)),
        (json!({ "age_years": 40, "chief_complaint": "??" }), (3, 3)),
        (json!({ "age_years": 40, "chief_complaint": "toe pain" }), (4, 5)),
        (json!({ "age_years": 40, "vitals": { "heart_rate": 70 } }), (4, 5)),
    ] {
        let assessment = triage.assess(&request(&triage, &value));
        assert_eq!(levels(&assessment), expected, "{value}");
        let said = assessment.notes.iter().any(|note| note.en.contains("no complaint was understood"));
        assert_eq!(said, expected == (3, 3), "{value}");
        assert!(expected == (4, 5) || !assessment.missing.is_empty(), "{value}");
    }
}

#[test]
fn the_second_reader_alerts_from_the_models_threshold_on() {
    for (probability, nurse, alert) in
        [(0.89, Some(4), Some(false)), (0.91, Some(4), Some(true)), (0.91, None, None)]
    {
        let triage = triage(Some(Fixed { second_reader: probability, ..Fixed::new(CALM) }));
        let value = json!({ "age_years": 40, "chief_complaint": "x", "nurse_level": nurse });
        let assessment = triage.assess(&request(&triage, &value));
        assert_eq!(assessment.second_reader.alert, alert);
        assert_eq!(assessment.second_reader.probability.is_some(), nurse.is_some());
    }
}

#[test]
fn reassessing_keeps_what_was_set_and_what_was_not_measured_again() {
    let triage = triage(Some(Fixed::new(CALM)));
    let value =
        json!({ "age_years": 40, "chief_complaint": "x", "vitals": { "heart_rate": 170, "spo2": 97 } });
    let first_request = request(&triage, &value);
    let first = triage.assess(&first_request);
    assert_eq!(levels(&first), (2, 2));

    let calmer = Vitals { heart_rate: Some(80.0), ..Vitals::default() };
    let standing = first.standing(&first_request.vitals);
    let (second_request, second) = triage.reassess(&standing, &first_request, &calmer);
    assert_eq!(levels(&second), (2, 2), "urgency does not fall by itself");
    assert_eq!(second.basis.rules_level, None);
    assert_eq!(second.basis.previous_acuity, Acuity::new(2));
    assert_eq!(second_request.vitals.spo2, Some(97.0), "what was not measured again is kept");

    let worse = Vitals { spo2: Some(75.0), ..Vitals::default() };
    let (_, third) = triage.reassess(&second.standing(&second_request.vitals), &second_request, &worse);
    assert_eq!(levels(&third), (1, 1), "urgency rises");
}

#[test]
fn the_explanation_names_the_five_features_that_weighed_most() {
    let triage = triage(Some(Fixed::new(CALM)));
    let value = json!({ "age_years": 40, "vitals": { "heart_rate": 80, "systolic_bp": 120 } });
    let explanation = triage.assess(&request(&triage, &value)).explanation;
    let weights: Vec<f32> = explanation.iter().map(|part| part.contribution).collect();
    assert_eq!(weights, [-4.0, -3.0, 3.0, -2.0, 2.0]);
    assert_eq!(explanation[0].feature, "age_years");
    assert_eq!((explanation[0].text.zh.as_str(), explanation[0].text.en.as_str()), ("年龄 40", "age 40"));
}

#[test]
fn departments_follow_priority_age_sex_and_level() {
    let triage = triage(None);
    let cases = [
        (json!({ "age_years": 58, "complaint_codes": ["cc_chestpain"] }), "chest_pain_centre"),
        (
            json!({ "age_years": 58, "complaint_codes": ["cc_chestpain"], "vitals": { "spo2": 70 } }),
            "resuscitation",
        ),
        (json!({ "age_years": 13, "complaint_codes": ["cc_chestpain"] }), "paediatric_emergency"),
        (json!({ "age_years": 14, "complaint_codes": ["cc_chestpain"] }), "chest_pain_centre"),
        (json!({ "age_years": 60, "complaint_codes": ["cc_strokealert"] }), "stroke_centre"),
        (json!({ "age_years": 30, "complaint_codes": ["cc_fulltrauma"] }), "resuscitation"),
        (json!({ "age_years": 30, "complaint_codes": ["cc_modifiedtrauma"] }), "trauma_centre"),
        (json!({ "age_years": 30, "complaint_codes": ["cc_poisoning"] }), "poisoning"),
        (json!({ "age_years": 30, "complaint_codes": ["cc_abdominalpain"] }), "surgical_emergency"),
        (
            json!({ "age_years": 30, "sex": "F", "pregnant": true, "complaint_codes": ["cc_abdominalpain"] }),
            "obstetrics_gynaecology",
        ),
        (json!({ "age_years": 30, "complaint_codes": ["cc_cough"] }), "internal_emergency"),
        (
            json!({ "age_years": 30, "complaint_codes": ["cc_cough"], "vitals": { "temperature_c": 37.2 } }),
            "internal_emergency",
        ),
        (
            json!({ "age_years": 30, "complaint_codes": ["cc_cough"], "vitals": { "temperature_c": 37.3 } }),
            "fever_clinic",
        ),
        (
            json!({ "age_years": 30, "complaint_codes": ["cc_fever-9weeksto74years"],
                "vitals": { "spo2": 85 } }),
            "internal_emergency",
        ),
        (
            json!({ "age_years": 30, "complaint_codes": ["cc_headache", "cc_headinjury"] }),
            "surgical_emergency",
        ),
        (json!({ "age_years": 30, "complaint_codes": ["cc_suicidal"] }), "psychiatry"),
        (json!({ "age_years": 30, "complaint_codes": ["cc_dentalpain"] }), "dentistry"),
        (json!({ "age_years": 30, "vitals": { "spo2": 98 } }), "internal_emergency"),
    ];
    for (value, code) in cases {
        assert_eq!(triage.assess(&request(&triage, &value)).department.code, code, "{value}");
    }
}

#[test]
fn what_is_missing_is_ranked_by_what_it_would_change() {
    let triage = triage(None);
    let fields = |value| -> Vec<String> {
        triage.assess(&request(&triage, &value)).missing.into_iter().map(|missing| missing.field).collect()
    };
    let confused = fields(json!({ "age_years": 70, "sex": "M", "complaint_codes": ["cc_confusion"],
        "vitals": { "spo2": 97, "respiratory_rate": 16 } }));
    assert_eq!(confused[..3], ["vitals.glucose_mmol_l", "vitals.systolic_bp", "vitals.heart_rate"]);
    assert!(!confused.contains(&"pregnant".to_owned()));
    assert!(
        fields(json!({ "age_years": 30, "sex": "F", "vitals": { "spo2": 97 } }))
            .contains(&"pregnant".to_owned())
    );
    assert_eq!(fields(json!({ "vitals": { "spo2": 97 } }))[..2], ["chief_complaint", "age_years"]);
}

#[test]
fn offline_answers_have_the_fields_of_the_interface_and_keep_their_order() {
    let triage = triage(Some(Fixed::new(URGENT)));
    let good = json!({ "encounter": "E-7", "age_years": 58, "complaint_codes": ["cc_chestpain"], "nurse_level": 3,
        "vitals": { "heart_rate": 104 } });
    let bad = json!({ "age_years": 58, "vitals": { "spo2": 980 } });
    let answer = assess_json(&triage, &good).unwrap();
    for field in [
        "level_cn",
        "acuity",
        "acuity_probabilities",
        "admission_probability",
        "news2",
        "rules_fired",
        "complaints",
        "red_flags",
        "department",
        "target_minutes",
        "second_reader",
        "explanation",
        "missing",
        "model",
        "notice",
    ] {
        assert!(!answer[field].is_null(), "{field}");
    }
    assert_eq!(answer["model"], json!({ "id": "triage", "version": "0.1.0" }));
    assert_eq!(answer["complaints"][0]["code"], "cc_chestpain");
    assert_eq!(answer["department"]["zh"], "胸痛中心");
    assert_eq!(answer["target_minutes"], 10);
    let fired = &answer["rules_fired"][0];
    for field in ["id", "level", "value", "text", "source"] {
        assert!(!fired[field].is_null(), "{field}");
    }

    let answers = assess_json_many(&triage, &[good.clone(), bad, good]);
    assert_eq!(answers[0].as_ref().unwrap(), &answer);
    assert_eq!(answers[1].as_ref().unwrap_err()[0].field, "vitals.spo2");
    assert_eq!(answers[2].as_ref().unwrap(), &answer);
}
