//! Both sides of every cut of every table. The expected values are written from the published tables, not from the rule
//! files: they have to agree.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use baize_triage::RuleSet;
use std::sync::LazyLock;

use baize_triage::request::{Avpu, Request, Vital, Vitals};
use baize_triage::rules::{Effect, Facts, FiredRule, News2Result};

static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::builtin().unwrap());

fn assess(request: &Request) -> (News2Result, Vec<FiredRule>) {
    let facts = Facts { request, codes: &[], history: &[], red_flags: &[], previous: None };
    RULES.assess(&facts)
}

fn with(vital: Vital, value: f64, age_years: f64) -> Request {
    let mut vitals = Vitals::default();
    vitals.set(vital, Some(value));
    Request { age_months: Some(age_years * 12.0), vitals, ..Request::default() }
}

/// The most urgent level that rules of one table give, 4 where none fires.
fn level(request: &Request, table: &str) -> u8 {
    let (_, fired) = assess(request);
    fired.iter().filter(|rule| rule.id.starts_with(table)).map(|rule| rule.level.get()).min().unwrap_or(4)
}

#[test]
fn news2_scores_of_every_band() {
    use Vital::{HeartRate, RespiratoryRate, Spo2, SystolicBp, TemperatureC};
    let table: &[(Vital, &[(f64, u8)])] = &[
        (
            RespiratoryRate,
            &[(0., 3), (8., 3), (9., 1), (11., 1), (12., 0), (20., 0), (21., 2), (24., 2), (25., 3)],
        ),
        (Spo2, &[(91., 3), (92., 2), (93., 2), (94., 1), (95., 1), (96., 0), (100., 0)]),
        (SystolicBp, &[(90., 3), (91., 2), (100., 2), (101., 1), (110., 1), (111., 0), (219., 0), (220., 3)]),
        (
            HeartRate,
            &[
                (40., 3),
                (41., 1),
                (50., 1),
                (51., 0),
                (90., 0),
                (91., 1),
                (110., 1),
                (111., 2),
                (130., 2),
                (131., 3),
            ],
        ),
        (
            TemperatureC,
            &[
                (35.0, 3),
                (35.1, 1),
                (36.0, 1),
                (36.1, 0),
                (38.0, 0),
                (38.1, 1),
                (39.0, 1),
                (39.1, 2),
                // Finer than the table: the higher score of the two neighbours.
                (35.05, 3),
                (36.05, 1),
                (38.04, 1),
                (39.05, 2),
            ],
        ),
    ];
    for (vital, cuts) in table {
        for (value, score) in *cuts {
            let (news2, _) = assess(&with(*vital, *value, 50.0));
            assert_eq!(news2.score, Some(*score), "{vital:?} {value}");
            assert!(!news2.complete, "one parameter is not seven");
        }
    }
}

#[test]
fn news2_second_scale_of_saturation() {
    let on_air = [(83., 3), (84., 2), (85., 2), (86., 1), (87., 1), (88., 0), (92., 0), (93., 0), (100., 0)];
    // Oxygen itself scores 2 more.
    let on_oxygen = [
        (83., 5),
        (84., 4),
        (85., 4),
        (86., 3),
        (87., 3),
        (88., 2),
        (92., 2),
        (93., 3),
        (94., 3),
        (95., 4),
        (96., 4),
        (97., 5),
        (100., 5),
    ];
    for (oxygen, cuts) in [(false, on_air.as_slice()), (true, on_oxygen.as_slice())] {
        for (value, score) in cuts {
            let mut request = with(Vital::Spo2, *value, 70.0);
            request.vitals.spo2_scale = Some(2);
            request.vitals.on_oxygen = Some(oxygen);
            assert_eq!(assess(&request).0.score, Some(*score), "SpO2 {value}, oxygen {oxygen}");
        }
    }
}

fn news2_of(heart_rate: f64, respiratory_rate: f64, avpu: Avpu, on_oxygen: bool) -> Request {
    Request {
        age_months: Some(600.0),
        vitals: Vitals {
            heart_rate: Some(heart_rate),
            respiratory_rate: Some(respiratory_rate),
            systolic_bp: Some(120.0),
            spo2: Some(98.0),
            temperature_c: Some(37.0),
            on_oxygen: Some(on_oxygen),
            avpu: Some(avpu),
            ..Vitals::default()
        },
        ..Request::default()
    }
}

#[test]
fn news2_risk_bands() {
    let cases = [
        (news2_of(80.0, 16.0, Avpu::Alert, false), 0, "low", 4),
        (news2_of(120.0, 22.0, Avpu::Alert, false), 4, "low", 4),
        (news2_of(80.0, 25.0, Avpu::Alert, false), 3, "low_medium", 3),
        (news2_of(80.0, 16.0, Avpu::Confusion, false), 3, "low_medium", 3),
        (news2_of(100.0, 22.0, Avpu::Alert, true), 5, "medium", 3),
        (news2_of(120.0, 22.0, Avpu::Alert, true), 6, "medium", 3),
        (news2_of(120.0, 25.0, Avpu::Alert, true), 7, "high", 2),
    ];
    for (request, score, band, expected) in cases {
        let (news2, _) = assess(&request);
        assert_eq!((news2.score, news2.band.as_deref()), (Some(score), Some(band)));
        assert!(news2.complete && news2.applies);
        assert_eq!(level(&request, "news2"), expected, "score {score}");
    }
    for avpu in [Avpu::Voice, Avpu::Pain, Avpu::Unresponsive] {
        assert_eq!(assess(&news2_of(80.0, 16.0, avpu, false)).0.score, Some(3));
    }
}

#[test]
fn news2_is_for_adults_who_are_not_pregnant() {
    for (age_months, pregnant, applies) in
        [(191.0, None, false), (192.0, None, true), (360.0, Some(false), true), (360.0, Some(true), false)]
    {
        let request =
            Request { age_months: Some(age_months), pregnant, ..news2_of(140.0, 30.0, Avpu::Alert, true) };
        let (news2, fired) = assess(&request);
        assert_eq!(news2.applies, applies, "{age_months} months, pregnant {pregnant:?}");
        assert_eq!(news2.score.is_some(), applies);
        assert_eq!(news2.reason.is_none(), applies, "a score that does not apply says why");
        assert_eq!(fired.iter().any(|rule| rule.id.starts_with("news2")), applies);
    }
    let nobody_knows = Request { age_months: None, ..news2_of(80.0, 16.0, Avpu::Alert, false) };
    let (news2, _) = assess(&nobody_knows);
    assert!(news2.applies && news2.reason.is_some());
}

#[test]
fn news2_says_what_is_missing() {
    let mut request = news2_of(80.0, 16.0, Avpu::Alert, false);
    request.vitals.on_oxygen = None;
    request.vitals.spo2 = None;
    let (news2, _) = assess(&request);
    assert!(!news2.complete);
    assert_eq!(news2.missing, ["vitals.spo2", "vitals.on_oxygen"]);
    let (nothing, _) = assess(&Request { age_months: Some(600.0), ..Request::default() });
    assert_eq!((nothing.score, nothing.band, nothing.missing.len()), (None, None, 7));
}

#[test]
fn chinese_levels_of_every_band_in_an_adult() {
    use Vital::{GlucoseMmolL, HeartRate, PainScore, PotassiumMmolL, Spo2, SystolicBp, TemperatureC};
    let table: &[(Vital, &[(f64, u8)])] = &[
        (
            HeartRate,
            &[
                (39., 1),
                (39.9, 1),
                (40., 2),
                (49., 2),
                (50., 2),
                (51., 3),
                (55., 3),
                (56., 4),
                (99., 4),
                (100., 3),
                (149., 3),
                (150., 2),
                (180., 2),
                (181., 1),
            ],
        ),
        (
            SystolicBp,
            &[
                (69., 1),
                (70., 2),
                (80., 2),
                (81., 3),
                (90., 3),
                (91., 4),
                (179., 4),
                (180., 3),
                (200., 3),
                (201., 2),
                (300., 2),
            ],
        ),
        (Spo2, &[(79., 1), (80., 2), (90., 2), (91., 3), (94., 3), (95., 4), (100., 4)]),
        (TemperatureC, &[(40.9, 4), (41.0, 4), (41.1, 1), (41.01, 1)]),
        (GlucoseMmolL, &[(3.32, 1), (3.33, 4), (3.34, 4), (30., 4)]),
        (PotassiumMmolL, &[(6.9, 4), (7.0, 4), (7.1, 1)]),
        (PainScore, &[(0., 4), (3., 4), (4., 3), (6., 3), (7., 2), (10., 2), (3.5, 3), (6.5, 2)]),
    ];
    for (vital, cuts) in table {
        for (value, expected) in *cuts {
            assert_eq!(level(&with(*vital, *value, 50.0), "cn2018"), *expected, "{vital:?} {value}");
        }
    }
}

#[test]
fn a_known_normal_breathing_rate_waives_the_mildest_saturation_band_only() {
    for (spo2, rate, expected) in [
        (92.0, None, 3),
        (92.0, Some(20.0), 4),
        (92.0, Some(21.0), 3),
        (94.0, Some(16.0), 4),
        (90.0, Some(16.0), 2),
        (85.0, Some(8.0), 2),
        (79.0, Some(16.0), 1),
    ] {
        let mut request = with(Vital::Spo2, spo2, 50.0);
        request.vitals.respiratory_rate = rate;
        assert_eq!(level(&request, "cn2018"), expected, "SpO2 {spo2}, rate {rate:?}");
    }
    // A toddler's 38 is no tachypnoea, a schoolchild's is.
    for (age, rate, expected) in [(2.0, 40.0, 4), (2.0, 41.0, 3), (9.0, 20.0, 4), (9.0, 21.0, 3)] {
        let mut request = with(Vital::Spo2, 92.0, age);
        request.vitals.respiratory_rate = Some(rate);
        assert_eq!(level(&request, "cn2018.spo2"), expected, "{age} years, rate {rate}");
    }
}

#[test]
fn chinese_levels_of_consciousness() {
    for (avpu, expected) in
        [(Avpu::Alert, 4), (Avpu::Confusion, 3), (Avpu::Voice, 2), (Avpu::Pain, 1), (Avpu::Unresponsive, 1)]
    {
        let request =
            Request { vitals: Vitals { avpu: Some(avpu), ..Vitals::default() }, ..Request::default() };
        assert_eq!(level(&request, "cn2018"), expected, "{avpu:?}");
    }
}

#[test]
fn a_fall_of_pressure_since_the_last_measurement() {
    for (before, now, fires) in [
        (119.0, 89.0, true),
        (118.0, 89.0, false),
        (190.0, 90.0, false),
        (190.0, 89.0, true),
        (80.0, 75.0, false),
    ] {
        let request = with(Vital::SystolicBp, now, 50.0);
        let previous = Vitals { systolic_bp: Some(before), ..Vitals::default() };
        let facts =
            Facts { request: &request, codes: &[], history: &[], red_flags: &[], previous: Some(&previous) };
        let (_, fired) = RULES.assess(&facts);
        let fell = fired.iter().find(|rule| rule.id == "cn2018.systolic_bp.fall");
        assert_eq!(fell.map(|rule| rule.level.get()), fires.then_some(1), "{before} to {now}");
    }
}

#[test]
fn adult_bands_leave_children_to_the_childrens_limits() {
    for (vital, value) in [(Vital::HeartRate, 160.0), (Vital::SystolicBp, 75.0)] {
        assert_eq!(level(&with(vital, value, 13.9), "cn2018"), 4, "{vital:?} under 14");
        assert_eq!(level(&with(vital, value, 14.0), "cn2018"), 2, "{vital:?} from 14");
    }
    // What would be too slow for an adult is too slow for a child.
    assert_eq!(level(&with(Vital::HeartRate, 39.0, 5.0), "cn2018"), 1);
    assert_eq!(level(&with(Vital::SystolicBp, 201.0, 5.0), "cn2018"), 2);
}

#[test]
fn esi_danger_zone_at_every_age_and_cut() {
    // Age in months, heart rate limit, respiratory limit, whether it decides.
    let rows = [
        (0.0, 180.0, 50.0, Effect::Raise),
        (2.9, 180.0, 50.0, Effect::Raise),
        (3.0, 160.0, 40.0, Effect::Raise),
        (35.0, 160.0, 40.0, Effect::Raise),
        (36.0, 140.0, 30.0, Effect::Raise),
        (95.0, 140.0, 30.0, Effect::Raise),
        (96.0, 100.0, 20.0, Effect::Raise),
        (191.0, 100.0, 20.0, Effect::Raise),
        (192.0, 100.0, 20.0, Effect::Consider),
        (1000.0, 100.0, 20.0, Effect::Consider),
    ];
    for (months, heart_rate, respiratory_rate, effect) in rows {
        for (vital, limit) in [(Vital::HeartRate, heart_rate), (Vital::RespiratoryRate, respiratory_rate)] {
            for (value, fires) in [(limit, false), (limit + 1.0, true)] {
                let (_, fired) = assess(&with(vital, value, months / 12.0));
                let rule = fired.iter().find(|rule| rule.id.starts_with("esi."));
                let found = rule.map(|rule| (rule.level.get(), rule.effect));
                assert_eq!(found, fires.then_some((2, effect)), "{months} months, {vital:?} {value}");
            }
        }
    }
    for (value, expected) in [(91.0, 2), (91.9, 2), (92.0, 4)] {
        for age in [0.1, 5.0, 50.0] {
            assert_eq!(level(&with(Vital::Spo2, value, age), "esi.spo2"), expected, "SpO2 {value} at {age}");
        }
    }
}

#[test]
fn paediatric_limits_at_every_age_and_cut() {
    use Vital::{HeartRate, SystolicBp, TemperatureC};
    let cases = [
        // Age in months, sign, value, level.
        (0.0, SystolicBp, 59.0, 1),
        (0.0, SystolicBp, 60.0, 4),
        (1.0, SystolicBp, 69.0, 1),
        (1.0, SystolicBp, 70.0, 4),
        (11.9, SystolicBp, 70.0, 4),
        (12.0, SystolicBp, 71.0, 1),
        (12.0, SystolicBp, 72.0, 4),
        (61.0, SystolicBp, 79.0, 1),
        (61.0, SystolicBp, 80.0, 4),
        (119.0, SystolicBp, 87.0, 1),
        (119.0, SystolicBp, 88.0, 4),
        (120.0, SystolicBp, 89.0, 1),
        (120.0, SystolicBp, 90.0, 4),
        (168.0, SystolicBp, 89.0, 4),
        (95.0, HeartRate, 59.0, 1),
        (95.0, HeartRate, 60.0, 4),
        (96.0, HeartRate, 59.0, 4),
        (2.9, TemperatureC, 38.0, 4),
        (2.9, TemperatureC, 38.1, 2),
        (3.0, TemperatureC, 38.1, 4),
    ];
    for (months, vital, value, expected) in cases {
        let request = with(vital, value, months / 12.0);
        assert_eq!(level(&request, "paediatric"), expected, "{months} months, {vital:?} {value}");
    }
}

#[test]
fn manual_criteria_of_codes_and_ages() {
    let cases: [(&str, Option<f64>, u8); 16] = [
        ("cc_cardiacarrest", Some(50.0), 1),
        ("cc_overdose-accidental", Some(50.0), 1),
        ("cc_fulltrauma", Some(50.0), 1),
        ("cc_strokealert", Some(50.0), 2),
        ("cc_respiratorydistress", Some(50.0), 2),
        ("cc_poisoning", Some(50.0), 2),
        ("cc_seizures", Some(13.9), 1),
        ("cc_seizures", Some(14.0), 3),
        ("cc_seizures", None, 1),
        ("cc_abdominalpain", Some(65.0), 4),
        ("cc_abdominalpain", Some(65.1), 3),
        ("cc_abdominalpain", None, 3),
        ("cc_headinjury", Some(50.0), 3),
        ("cc_asthma", Some(50.0), 3),
        ("cc_dehydration", Some(50.0), 3),
        ("cc_earpain", Some(50.0), 4),
    ];
    for (code, age, expected) in cases {
        let request = Request { age_months: age.map(|years| years * 12.0), ..Request::default() };
        let codes = [code.to_owned()];
        let facts = Facts { request: &request, codes: &codes, history: &[], red_flags: &[], previous: None };
        let (_, fired) = RULES.assess(&facts);
        let found = fired.iter().map(|rule| rule.level.get()).min().unwrap_or(4);
        assert_eq!(found, expected, "{code} at {age:?}");
    }
}
