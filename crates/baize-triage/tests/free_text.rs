//! From a nurse's words to a level: red flags raise, denials and history do not, and no word is lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use baize_triage::assessment::{ComplaintKind, Side};
use baize_triage::{Assessment, Request};
use serde_json::{Value, json};
use support::{Fixed, levels, triage};

/// With a model that finds everybody calm, so that the words alone speak.
fn assess(value: Value) -> Assessment {
    let triage = triage(Some(Fixed::new([0.0, 0.0, 0.0, 0.0, 1.0])));
    triage.assess(&Request::from_json(&value, triage.vocabulary()).unwrap())
}

fn said(text: &str) -> Assessment {
    assess(json!({ "age_years": 58, "chief_complaint": text }))
}

#[test]
fn words_raise_as_the_manual_criteria_say() {
    for (text, level, department) in [
        ("胸痛2小时伴大汗，左肩放射", 2, "chest_pain_centre"),
        ("心搏骤停", 1, "resuscitation"),
        ("cardiac arrest", 1, "resuscitation"),
        ("喝农药半小时", 1, "resuscitation"),
        ("突发右侧肢体无力，言语不清", 2, "stroke_centre"),
        ("牙痛", 4, "dentistry"),
        ("toothache", 4, "dentistry"),
    ] {
        let assessment = said(text);
        assert_eq!(levels(&assessment).0, level, "{text}: {:?}", assessment.rules_fired);
        assert_eq!(assessment.department.code, department, "{text}");
        assert_eq!(assessment.rules_fired.is_empty(), level == 4, "{text}");
    }
}

#[test]
fn what_is_denied_or_past_is_shown_and_does_not_raise() {
    let denied = said("牙痛，无胸痛，否认晕厥");
    assert_eq!(levels(&denied).0, 4);
    let chest = denied.complaints.iter().find(|complaint| complaint.code == "cc_chestpain").unwrap();
    assert!(chest.negated);
    assert_eq!(chest.span.map(|span| (span.start, span.end)), Some((4, 6)));
    let past = said("cough, hx asthma");
    assert!(
        past.complaints.iter().any(|complaint| complaint.kind == ComplaintKind::History)
            || past.rules_fired.is_empty()
    );
    assert_eq!(levels(&past).0, 4, "{:?}", past.rules_fired);
}

#[test]
fn circumstances_and_unknown_words_are_reported() {
    let assessment = said("左膝痛3天，qwrtz");
    assert_eq!(assessment.circumstances.duration_minutes, Some(3 * 24 * 60));
    assert_eq!(assessment.circumstances.side, Some(Side::Left));
    assert!(assessment.unknown_words.iter().any(|unknown| unknown.text.contains("qwrtz")));
    let nothing = said("qwrtz");
    assert!(nothing.complaints.is_empty());
    assert_eq!(nothing.unknown_words[0].text, "qwrtz");
    assert_eq!(nothing.missing[0].field, "chief_complaint", "a complaint that was not understood is missing");
}

#[test]
fn codes_of_the_text_are_those_of_the_patients_age() {
    for (age, code) in [(30, "cc_fever-9weeksto74years"), (80, "cc_fever-75yearsorolder")] {
        let assessment = assess(json!({ "age_years": age, "chief_complaint": "发热" }));
        assert_eq!(assessment.complaints[0].code, code);
    }
}

#[test]
fn a_child_who_convulses_is_critical_in_words_as_in_codes() {
    for request in [
        json!({ "age_years": 3, "chief_complaint": "抽搐" }),
        json!({ "age_years": 3, "complaint_codes": ["cc_seizures"] }),
    ] {
        assert_eq!(levels(&assess(request)), (1, 1));
    }
}

#[test]
fn history_in_the_text_counts_as_history() {
    let triage = triage(None);
    let request = |text: &str| {
        let value = json!({ "age_years": 60, "chief_complaint": text });
        Request::from_json(&value, triage.vocabulary()).unwrap()
    };
    let index = triage.schema().index("pmh_htn").unwrap();
    assert_eq!(triage.features(&request("头晕，既往高血压史")).values()[index], 1.0);
    assert_eq!(triage.features(&request("头晕")).values()[index], 0.0);
}
