//! The rules: what they say, what they never say, and which files are refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use baize_core::{
    Coded, ErrorCode, Fault, Finding, InstanceIdentity, Lane, ModelRef, Outcome, Population, Report,
    SeriesUid, SopUid, StudyUid, Text, Timestamp,
};
use baize_fusion::{FusionRules, Patient, Strength, Verdict};
use baize_triage::{LevelCn, Vital, Vitals};
use proptest::prelude::*;

const PNEUMOTHORAX: &str = "36118008";
const PNEUMONIA: &str = "233604007";
const EDEMA: &str = "19242006";
const EFFUSION: &str = "60046008";

fn finding(value: &str, probability: f32, critical: Option<f32>) -> Finding {
    let meaning = Text { zh: "发现".into(), en: "Finding".into() };
    let code = Coded { scheme: "SCT".into(), value: value.into(), meaning };
    Finding { code, probability, threshold: 0.5, critical, region: None, heat: None }
}

fn report(outcome: Outcome) -> Report {
    Report {
        instance: InstanceIdentity {
            study: StudyUid::parse("1.2").unwrap(),
            series: SeriesUid::parse("1.3").unwrap(),
            sop: SopUid::parse("1.4").unwrap(),
            sop_class: String::new(),
            transfer_syntax: String::new(),
        },
        model: Some(ModelRef { id: "cxr".into(), version: "1.0.0".into() }),
        outcome,
        finished_at: Timestamp::from_micros(1),
        gate: None,
    }
}

fn analysed(findings: Vec<Finding>, population: Population) -> Report {
    report(Outcome::Analysed { findings, population, caveats: vec![] })
}

fn vitals(set: &[(Vital, f64)]) -> Vitals {
    let mut vitals = Vitals::default();
    for (vital, value) in set {
        vitals.set(*vital, Some(*value));
    }
    vitals
}

/// Ids of the rules that raise, and of those that ask for a measurement.
fn said(report: &Report, age_years: Option<f64>, vitals: &Vitals) -> (Vec<String>, Vec<String>) {
    let rules = FusionRules::builtin().unwrap();
    let (mut raise, mut measure) = (Vec::new(), Vec::new());
    for judgement in rules.judge(report, &Patient { age_years, vitals }) {
        match judgement.verdict {
            Verdict::Raise => raise.push(judgement.rule.id.clone()),
            Verdict::Measure(_) => measure.push(judgement.rule.id.clone()),
            Verdict::OutsidePopulation(_) => panic!("all of these are inside"),
        }
    }
    (raise, measure)
}

/// A finding, age and signs; the rules that raise, and those that ask for a measurement.
type Case<'a> = (Finding, f64, &'a [(Vital, f64)], &'a [&'a str], &'a [&'a str]);

#[test]
fn the_built_in_rules_say_what_they_should() {
    use Vital::{Spo2, SystolicBp};
    let [air, tension] = ["fusion.pneumothorax", "fusion.pneumothorax_compromised"];
    let [adult, child] = ["fusion.pneumonia_hypoxia_adult", "fusion.pneumonia_hypoxia_child"];
    let critical = |value| finding(value, 0.95, Some(0.9));
    let all = &[(SystolicBp, 130.0), (Spo2, 97.0)];
    let cases: &[Case<'_>] = &[
        (critical(PNEUMOTHORAX), 40.0, all, &[air], &[]),
        (critical(PNEUMOTHORAX), 40.0, &[], &[air], &[tension]),
        (critical(PNEUMOTHORAX), 40.0, &[(SystolicBp, 130.0)], &[air], &[tension]),
        (critical(PNEUMOTHORAX), 40.0, &[(SystolicBp, 89.0)], &[air, tension], &[]),
        (critical(PNEUMOTHORAX), 4.0, &[(SystolicBp, 90.0), (Spo2, 89.9)], &[air, tension], &[]),
        // Above its threshold, and above no critical one.
        (finding(PNEUMOTHORAX, 0.95, None), 40.0, &[], &[], &[]),
        (finding(PNEUMOTHORAX, 0.95, Some(0.96)), 40.0, &[], &[], &[]),
        (finding(PNEUMONIA, 0.5, None), 40.0, &[(Spo2, 91.9)], &[adult], &[]),
        (finding(PNEUMONIA, 0.5, None), 40.0, &[(Spo2, 92.0)], &[], &[]),
        (finding(PNEUMONIA, 0.5, None), 40.0, &[], &[], &[adult]),
        (finding(PNEUMONIA, 0.49, None), 40.0, &[(Spo2, 80.0)], &[], &[]),
        (finding(PNEUMONIA, 0.5, None), 3.0, &[(Spo2, 91.0)], &[child], &[]),
        (finding(PNEUMONIA, 0.5, None), 16.0, &[(Spo2, 91.0)], &[adult], &[]),
        (finding(EDEMA, 0.7, None), 70.0, &[(Spo2, 88.0)], &["fusion.pulmonary_edema_hypoxia"], &[]),
        (finding(EDEMA, 0.7, None), 7.0, &[(Spo2, 88.0)], &[], &[]),
        (finding(EFFUSION, 0.7, None), 70.0, &[(Spo2, 88.0)], &["fusion.pleural_effusion_hypoxia"], &[]),
        (finding("8186001", 0.99, Some(0.9)), 70.0, &[(Spo2, 70.0)], &[], &[]),
    ];
    for (found, age, signs, raise, measure) in cases {
        let report = analysed(vec![found.clone()], Population::Validated);
        let said = said(&report, Some(*age), &vitals(signs));
        let expected = (raise.to_vec(), measure.to_vec());
        let said = (
            said.0.iter().map(String::as_str).collect::<Vec<_>>(),
            said.1.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        assert_eq!(said, expected, "{found:?} at {age} with {signs:?}");
    }
}

#[test]
fn where_nobody_knows_the_age_every_rule_that_might_hold_does() {
    let report = analysed(vec![finding(PNEUMONIA, 0.9, None)], Population::Validated);
    let (raise, _) = said(&report, None, &vitals(&[(Vital::Spo2, 85.0)]));
    assert_eq!(raise, ["fusion.pneumonia_hypoxia_adult", "fusion.pneumonia_hypoxia_child"]);
}

#[test]
fn outside_the_validated_population_nothing_is_raised_and_it_is_said_why() {
    let why = Text { zh: "成人".into(), en: "an adult".into() };
    let report = analysed(vec![finding(PNEUMOTHORAX, 0.99, Some(0.9))], Population::Outside(why.clone()));
    let rules = FusionRules::builtin().unwrap();
    let low = vitals(&[(Vital::Spo2, 80.0)]);
    let judgements = rules.judge(&report, &Patient { age_years: Some(40.0), vitals: &low });
    assert_eq!(judgements.len(), 2);
    assert!(judgements.iter().all(|one| one.verdict == Verdict::OutsidePopulation(why.clone())));
}

#[test]
fn what_could_not_be_read_says_nothing_either_way() {
    let rules = FusionRules::builtin().unwrap();
    let low = vitals(&[(Vital::Spo2, 60.0)]);
    let patient = Patient { age_years: Some(40.0), vitals: &low };
    let fault = Fault::new(ErrorCode::CorruptPixelData, "");
    for outcome in [Outcome::Refused(fault.clone()), Outcome::Failed(fault)] {
        assert_eq!(rules.judge(&report(outcome), &patient), []);
    }
    assert_eq!(rules.judge(&analysed(vec![], Population::Validated), &patient), []);
}

#[test]
fn the_nurse_reads_the_finding_and_its_probability() {
    let rules = FusionRules::builtin().unwrap();
    let text = rules.rules()[0].text_of(&finding(PNEUMOTHORAX, 0.954, Some(0.9)));
    assert_eq!(text.en, "Finding on the image (critical, probability 0.95)");
    assert_eq!(text.zh, "影像提示发现（危急，概率 0.95）");
}

#[test]
fn signs_touch_the_rules_where_they_cross_a_limit() {
    use Vital::{HeartRate, Spo2, SystolicBp};
    let rules = FusionRules::builtin().unwrap();
    for (before, after, touched) in [
        (&[(Spo2, 97.0)][..], &[(Spo2, 92.0)][..], false),
        (&[(Spo2, 97.0)], &[(Spo2, 91.0)], true),
        (&[(Spo2, 91.0)], &[(Spo2, 97.0)], true),
        (&[(Spo2, 91.0)], &[(Spo2, 89.0)], true),
        (&[], &[(Spo2, 97.0)], true),
        (&[], &[(HeartRate, 190.0)], false),
        (&[(SystolicBp, 90.0)], &[(SystolicBp, 89.0)], true),
    ] {
        assert_eq!(rules.are_touched(&vitals(before), &vitals(after)), touched, "{before:?} {after:?}");
    }
}

/// The reviewed codes, so that none is ever mistyped; and that every rule raises and says where it comes from.
#[test]
fn the_built_in_rules_are_those_that_were_written_down() {
    const REVIEWED: [&str; 5] = [PNEUMOTHORAX, PNEUMONIA, EDEMA, EFFUSION, "95436008"];
    let rules = FusionRules::builtin().unwrap();
    assert_eq!(rules.name(), "fusion 1");
    assert_eq!(rules.rules().len(), 6);
    for rule in rules.rules() {
        assert!(rule.level <= LevelCn::new(2).unwrap(), "{}", rule.id);
        assert!(rule.others >= Some(Lane::Urgent), "{}", rule.id);
        assert!(rule.source.contains("20"), "{} names the year of its source", rule.id);
        for (scheme, value) in &rule.findings {
            assert!(scheme == "SCT" && REVIEWED.contains(&value.as_str()), "{scheme}:{value}");
        }
        let critical = rule.strength == Strength::Critical;
        assert_eq!(critical, rule.id.starts_with("fusion.pneumothorax"), "{}", rule.id);
    }
}

#[test]
fn a_file_that_does_not_hold_is_refused_by_line_and_key() {
    const SOUND: &str = r#"id = "x"
title = { zh = "规则", en = "Rules" }
version = "1"
status = "draft"

[[rule]]
id = "a"
findings = ["SCT:1"]
strength = "positive"
level = 2
others = "stat"
when.from_years = 1
when.any = [{ vital = "spo2", below = 92 }]
text = { zh = "甲", en = "A" }
check = { zh = "查", en = "check" }
source = "somebody 2020"
"#;
    FusionRules::parse(SOUND, "test").unwrap();
    let twice = format!("{SOUND}{}", &SOUND[SOUND.find("[[rule]]").unwrap()..]);
    let cases = [
        ("level = 2", "level = 4", "level"),
        ("level = 2", "level = 0", "level"),
        ("others = \"stat\"", "others = \"routine\"", "others"),
        ("others = \"stat\"", "others = \"STAT\"", "others"),
        ("findings = [\"SCT:1\"]", "findings = []", "findings"),
        ("findings = [\"SCT:1\"]", "findings = [\"36118008\"]", "findings"),
        ("strength = \"positive\"", "strength = \"likely\"", "likely"),
        ("when.from_years = 1", "when.from_years = -1", "when.from_years"),
        ("when.from_years = 1", "when.from_years = 9\nwhen.below_years = 9", "when.from_years"),
        ("below = 92 ", "", "below or above"),
        ("below = 92", "below = 92, above = 3", "below or above"),
        ("below = 92", "below = nan", "limit"),
        ("\"spo2\"", "\"pain_score\"", "pain_score"),
        ("\"spo2\"", "\"spo3\"", "spo3"),
        ("en = \"A\"", "en = \" \"", "text"),
        ("source = \"somebody 2020\"", "source = \"\"", "source"),
        ("when.from_years = 1", "when.from_year = 1", "from_year"),
        ("version = \"1\"", "version = \"\"", "version"),
    ];
    for (from, to, named) in cases {
        assert!(SOUND.contains(from), "the test's own text has {from}");
        let error = FusionRules::parse(&SOUND.replace(from, to), "fusion.toml").unwrap_err().to_string();
        assert!(error.starts_with("fusion.toml") && error.contains(named), "{to}: {error}");
    }
    let error = FusionRules::parse(&twice, "fusion.toml").unwrap_err().to_string();
    assert!(error.contains("line 17") && error.contains("twice"), "{error}");
}

proptest! {
    /// More of a finding, or worse signs, never silences a rule that spoke.
    #[test]
    fn more_never_says_less(
        probability in 0.0_f32..=1.0, more in 0.0_f32..=1.0,
        spo2 in 40.0_f64..100.0, drop in 0.0_f64..40.0, age in proptest::option::of(0.0_f64..110.0),
    ) {
        for value in [PNEUMOTHORAX, PNEUMONIA, EDEMA, EFFUSION] {
            let raised = |probability: f32, spo2: f64| {
                let report = analysed(vec![finding(value, probability, Some(0.9))], Population::Validated);
                said(&report, age, &vitals(&[(Vital::Spo2, spo2), (Vital::SystolicBp, 120.0)])).0
            };
            let before = raised(probability, spo2);
            let after = raised((probability + more).min(1.0), spo2 - drop);
            prop_assert!(before.iter().all(|rule| after.contains(rule)), "{before:?} then {after:?}");
        }
    }
}
