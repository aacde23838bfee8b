//! A rule file with a mistake is refused when it is loaded, and the message says where.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;

use baize_triage::rules::Facts;
use baize_triage::{LevelCn, Request, RuleSet};

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/rules/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// What loading says after one replacement of text in one file.
fn refusal(name: &str, from: &str, to: &str) -> String {
    let text = file(name);
    assert!(text.contains(from), "{name} has no {from:?}");
    let replacements = HashMap::from([(name.to_owned(), text.replacen(from, to, 1))]);
    match RuleSet::with_replacements(&replacements) {
        Ok(_) => "loaded".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_builtin_files_load_and_say_where_they_come_from() {
    let rules = RuleSet::builtin().unwrap();
    for header in rules.headers() {
        assert!(!header.source.is_empty() && !header.version.is_empty());
        assert!(!header.title.zh.is_ascii() && header.title.en.is_ascii(), "{}", header.id);
    }
    let names: Vec<&str> = (1..=4)
        .map(|level| rules.chinese.name(LevelCn::new(level).unwrap()).unwrap().name.zh.as_str())
        .collect();
    assert_eq!(names, ["急危", "急重", "急症", "非急症"]);
}

#[test]
fn mistakes_are_refused() {
    let cases = [
        // File, text, replacement, part of the message.
        (
            "news2.toml",
            "{ from = 9, to = 11, score = 1 }",
            "{ from = 10, to = 11, score = 1 }",
            "gap or overlap",
        ),
        (
            "news2.toml",
            "{ from = 9, to = 11, score = 1 }",
            "{ from = 7, to = 11, score = 1 }",
            "gap or overlap",
        ),
        ("news2.toml", "{ from = 25, score = 3 }", "{ from = 25, to = 99, score = 3 }", "open"),
        ("news2.toml", "{ to = 8, score = 3 }", "{ to = 8, score = 4 }", "red_score"),
        ("news2.toml", "spo2_scale = 1\n", "spo2_scale = 2\n", "tables for scale"),
        ("news2.toml", "vital = \"heart_rate\"", "vital = \"pulse\"", "pulse"),
        ("news2.toml", "version = \"2017\"", "version = \"\"", "version is empty"),
        ("news2.toml", "step = 1", "step = 1\ncolour = \"red\"", "unknown field"),
        ("news2.toml", "oxygen_score = 2", "", "oxygen_score"),
        (
            "cn_2018.toml",
            "from = 150, to = 180, level = 2",
            "from = 150, to = 170, level = 2",
            "gap or overlap",
        ),
        ("cn_2018.toml", "level = 2, min_age_years = 14", "level = 7, min_age_years = 14", "not a level"),
        ("cn_2018.toml", "cn2018.heart_rate.ii_low", "cn2018.heart_rate.i_low", "stands twice"),
        ("cn_2018.toml", "cc_strokealert", "cc_stroke", "no complaint code cc_stroke"),
        ("cn_2018.toml", "status = \"secondary_source\"", "status = \"fine\"", "fine"),
        ("esi_danger_zone.toml", "below_months = 36", "below_months = 40", "gap or overlap of ages"),
        ("paediatric.toml", "below = 60\n", "below = 60\nabove = 90\n", "either below or above"),
        ("departments.toml", "\"cc_toepain\", ", "", "cc_toepain leads to no department"),
        ("departments.toml", "department = \"neurology\"", "department = \"brain\"", "no department brain"),
        ("departments.toml", "id = \"dept.child\"", "id = \"dept.overdose\"", "stands twice"),
        (
            "missing.toml",
            "field = \"vitals.spo2\"",
            "field = \"vitals.saturation\"",
            "no field vitals.saturation",
        ),
        ("missing.toml", "pmh_diabmelnoc", "pmh_diabetes", "no history name pmh_diabetes"),
        ("policy.toml", "under_triage_weight = 2.0", "under_triage_weight = 0.5", "under_triage_weight"),
        ("policy.toml", "alert_budget = 0.10", "alert_budget = 10", "alert_budget"),
        ("policy.toml", "target_minutes = 120", "target_minutes = 5", "calmer acuity"),
        ("vitals_ranges.toml", "lowest = 0\nhighest = 350", "lowest = 350\nhighest = 0", "is empty"),
        ("vitals_ranges.toml", "name = \"heart_rate\"", "name = \"pulse\"", "heart_rate has no range"),
    ];
    for (name, from, to, message) in cases {
        let said = refusal(name, from, to);
        assert!(said.contains(message), "{name}: {from:?} became {to:?}: {said}");
        assert!(said.contains(name), "the message names the file: {said}");
    }
}

#[test]
fn a_hospital_replaces_a_file_and_only_that() {
    let dir = tempfile::tempdir().unwrap();
    let stricter = file("cn_2018.toml").replace("above = 200, level = 2", "above = 200, level = 1");
    std::fs::write(dir.path().join("cn_2018.toml"), stricter).unwrap();
    std::fs::write(dir.path().join("README.md"), "not a rule").unwrap();
    let rules = RuleSet::from_dir(dir.path()).unwrap();
    let mut request = Request::default();
    request.vitals.systolic_bp = Some(210.0);
    let facts = Facts { request: &request, codes: &[], history: &[], red_flags: &[], previous: None };
    let (_, fired) = rules.assess(&facts);
    assert_eq!(fired[0].level, LevelCn::MOST_URGENT);
    assert_eq!(rules.news2.header.version, "2017");

    std::fs::write(dir.path().join("cn2018.toml"), "").unwrap();
    let error = RuleSet::from_dir(dir.path()).unwrap_err().to_string();
    assert!(error.contains("cn2018.toml") && error.contains("cn_2018.toml"), "{error}");
    assert!(RuleSet::from_dir(&dir.path().join("absent")).is_err());
}
