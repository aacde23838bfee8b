//! What holds for every patient: worse is never calmer, silence is never calm, nothing panics.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::LazyLock;

use baize_triage::request::{Avpu, Request, Vital, Vitals};
use baize_triage::{Acuity, Triage, assess_json};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Fixed, levels, triage};

/// A model that finds everybody calm, so that only rules speak.
static TRIAGE: LazyLock<Triage> = LazyLock::new(|| triage(Some(Fixed::new([0.0, 0.0, 0.0, 0.0, 1.0]))));

fn level(request: &Request) -> (u8, u8) {
    levels(&TRIAGE.assess(request))
}

fn maybe(range: std::ops::Range<f64>) -> impl Strategy<Value = Option<f64>> {
    prop::option::of(range.prop_map(|value| (value * 10.0).round() / 10.0))
}

prop_compose! {
    fn vitals()(
        heart_rate in maybe(20.0..250.0), systolic_bp in maybe(40.0..260.0), respiratory_rate in maybe(4.0..60.0),
        temperature_c in maybe(33.0..43.0), spo2 in maybe(60.0..100.0), pain_score in maybe(0.0..10.0),
        glucose_mmol_l in maybe(1.0..30.0), potassium_mmol_l in maybe(2.0..9.0),
        on_oxygen in prop::option::of(any::<bool>()),
        avpu in prop::option::of(prop::sample::select(vec![Avpu::Alert, Avpu::Confusion, Avpu::Voice, Avpu::Pain])),
    ) -> Vitals {
        Vitals { heart_rate, systolic_bp, respiratory_rate, temperature_c, spo2, pain_score, glucose_mmol_l,
            potassium_mmol_l, on_oxygen, avpu, ..Vitals::default() }
    }
}

prop_compose! {
    fn patient()(
        vitals in vitals(), age_months in prop::option::of(0.0..1200.0_f64), pregnant in prop::option::of(any::<bool>()),
        codes in prop::sample::subsequence(TRIAGE.schema().complaints().to_vec(), 0..4),
        nurse in prop::option::of(1_u8..=5),
    ) -> Request {
        Request { vitals, age_months, pregnant, complaint_codes: codes, nurse_level: nurse.and_then(Acuity::new),
            ..Request::default() }
    }
}

/// Away from the middle of the adult's stable band: worse on both sides.
fn middle(vital: Vital) -> f64 {
    match vital {
        Vital::HeartRate => 75.0,
        Vital::SystolicBp => 130.0,
        Vital::RespiratoryRate => 16.0,
        Vital::TemperatureC => 37.0,
        Vital::Spo2 => 100.0,
        Vital::GlucoseMmolL => 30.0,
        Vital::DiastolicBp | Vital::PainScore | Vital::PotassiumMmolL => 0.0,
    }
}

fn adult(request: Request) -> Request {
    Request { age_months: request.age_months.map(|months| months.max(192.0)), ..request }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_worse_sign_is_never_calmer(request in patient(), index in 0..Vital::ALL.len(), further in 0.1..80.0_f64) {
        let request = adult(request);
        let vital = Vital::ALL[index];
        let Some(value) = request.vitals.get(vital) else { return Ok(()) };
        let mut worse = request.clone();
        let moved = if value < middle(vital) { value - further } else { value + further };
        worse.vitals.set(vital, Some(moved));
        let (before, after) = (level(&request), level(&worse));
        prop_assert!(after.0 <= before.0 && after.1 <= before.1, "{vital:?} {value} to {moved}: {before:?} to {after:?}");
    }

    #[test]
    fn a_new_abnormal_sign_is_never_calmer(request in patient(), other in vitals(), index in 0..Vital::ALL.len()) {
        let request = adult(request);
        let vital = Vital::ALL[index];
        let (None, Some(value)) = (request.vitals.get(vital), other.get(vital)) else { return Ok(()) };
        // Of whom nothing was known, the cautious level stood in: the first sign lets the model speak.
        prop_assume!(!(request.complaint_codes.is_empty() && request.vitals.is_empty()));
        // A normal breathing rate is the one sign that is allowed to calm: it waives SpO2 90-94 %.
        prop_assume!(vital != Vital::RespiratoryRate || value > 20.0);
        let mut more = request.clone();
        more.vitals.set(vital, Some(value));
        let (before, after) = (level(&request), level(&more));
        prop_assert!(after.0 <= before.0 && after.1 <= before.1, "{vital:?} {value}: {before:?} to {after:?}");
    }

    #[test]
    fn what_is_taken_away_calms_only_where_it_is_named_as_missing(request in patient(), what in 0..12_usize) {
        let mut less = request.clone();
        let field = match what {
            0 => { less.age_months = None; "age_years" }
            1 => { less.vitals.avpu = None; "vitals.avpu" }
            2 => { less.vitals.on_oxygen = None; "vitals.on_oxygen" }
            3 => { less.complaint_codes.clear(); "chief_complaint" }
            sign => {
                let vital = Vital::ALL[(sign - 4).min(Vital::ALL.len() - 1)];
                // Laboratory values are asked for where they matter, and pressures by the systolic one.
                prop_assume!(!matches!(vital, Vital::GlucoseMmolL | Vital::PotassiumMmolL | Vital::DiastolicBp));
                less.vitals.set(vital, None);
                match vital {
                    Vital::HeartRate => "vitals.heart_rate",
                    Vital::SystolicBp => "vitals.systolic_bp",
                    Vital::RespiratoryRate => "vitals.respiratory_rate",
                    Vital::TemperatureC => "vitals.temperature_c",
                    Vital::Spo2 => "vitals.spo2",
                    _ => "vitals.pain_score",
                }
            }
        };
        let (before, after) = (TRIAGE.assess(&request), TRIAGE.assess(&less));
        let calmer = levels(&after).0 > levels(&before).0 || levels(&after).1 > levels(&before).1;
        let named = after.missing.iter().any(|missing| missing.field == field);
        prop_assert!(!calmer || named, "{field}: {:?} to {:?}", levels(&before), levels(&after));
    }

    #[test]
    fn nothing_falls_below_nurse_rules_or_the_assessment_before(request in patient(), newer in vitals()) {
        let first = TRIAGE.assess(&request);
        if let Some(nurse) = request.nurse_level {
            prop_assert!(first.acuity <= nurse);
        }
        if let Some(rules) = first.basis.rules_level {
            prop_assert!(first.level_cn <= rules);
        }
        let (_, second) = TRIAGE.reassess(&first.standing(&request.vitals), &request, &newer);
        prop_assert!(second.acuity <= first.acuity && second.level_cn <= first.level_cn);
    }

    #[test]
    fn the_order_of_codes_and_fields_does_not_matter(request in patient()) {
        let mut turned = request.clone();
        turned.complaint_codes.reverse();
        let (one, other) = (TRIAGE.assess(&request), TRIAGE.assess(&turned));
        prop_assert_eq!(levels(&one), levels(&other));
        prop_assert_eq!(one.department, other.department);
        prop_assert_eq!(one.rules_fired, other.rules_fired);
        prop_assert_eq!(TRIAGE.features(&request), TRIAGE.features(&turned));
        prop_assert_eq!(TRIAGE.assess(&request), TRIAGE.assess(&request));
    }

    #[test]
    fn no_json_panics_and_no_refusal_is_empty(value in any_json()) {
        if let Err(errors) = assess_json(&TRIAGE, &value) {
            prop_assert!(!errors.is_empty());
        }
    }

    #[test]
    fn no_value_of_a_known_field_panics(fields in prop::collection::vec((field(), any_json()), 0..6), text in ".*") {
        let mut request = json!({ "chief_complaint": text });
        for (name, value) in fields {
            match name.strip_prefix("vitals.") {
                Some(name) => request["vitals"][name] = value,
                None => request[name] = value,
            }
        }
        if let Err(errors) = assess_json(&TRIAGE, &request) {
            prop_assert!(errors.iter().all(|error| !error.text.zh.is_empty() && !error.text.en.is_empty()));
        }
    }
}

fn field() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "encounter",
        "age_years",
        "age_months",
        "sex",
        "arrival_mode",
        "chief_complaint",
        "complaint_codes",
        "history",
        "prior_ed_visits",
        "pregnant",
        "nurse_level",
        "vitals.heart_rate",
        "vitals.systolic_bp",
        "vitals.diastolic_bp",
        "vitals.temperature_c",
        "vitals.temperature_f",
        "vitals.spo2",
        "vitals.spo2_scale",
        "vitals.on_oxygen",
        "vitals.avpu",
        "vitals.pain_score",
        "vitals.glucose_mmol_l",
    ])
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-50.0..300.0_f64).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[0-9０-９]{1,4}[.．/ ]?[0-9]{0,3}(℃|°F|%|次/分|mmHg|级|岁)?".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,12}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
