//! The rules as a hospital would write them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where a step fails")]

use baize_core::ports::Door;
use baize_core::{ImageFacts, Lane, ModelRef};
use baize_routing::{BodyPartFrom, Choice, Rules, Verdict};

fn model(id: &str) -> ModelRef {
    ModelRef { id: id.to_owned(), version: "0.1.0".to_owned() }
}

fn facts(change: impl FnOnce(&mut ImageFacts)) -> ImageFacts {
    let mut facts = ImageFacts { modality: Some("DX".to_owned()), ..ImageFacts::default() };
    change(&mut facts);
    facts
}

fn text(words: &str) -> Option<String> {
    Some(words.to_owned())
}

#[test]
fn the_built_in_rules_send_chests_to_the_pixels_and_emergencies_ahead() {
    let rules = Rules::builtin().unwrap();
    rules.check(&[], &[]).unwrap();
    let check = |facts: ImageFacts, route: Option<&str>, from: BodyPartFrom, lane: Option<Lane>| {
        let decision = rules.route(&facts, None);
        assert_eq!(decision.route.as_deref(), route, "{facts:?}");
        assert_eq!((decision.body_part_from, decision.lane), (from, lane), "{facts:?}");
        assert_eq!(decision.choice, Choice::ByManifest);
    };
    use BodyPartFrom::{Header, Pixels};
    let by_words = Some("chest by description");
    check(facts(|f| f.study_description = text("床旁胸部正位")), by_words, Pixels, None);
    check(facts(|f| f.series_description = text("Chest PA")), by_words, Pixels, None);
    check(facts(|f| f.protocol = text("THORAX AP")), by_words, Pixels, None);
    check(facts(|f| f.study_description = text("急诊胸片")), by_words, Pixels, Some(Lane::Urgent));
    check(facts(|_| ()), Some("radiograph without body part"), Pixels, None);
    check(facts(|f| f.body_part = text("HAND")), None, Header, None);
    let cxr = |words: &str| facts(|f| (f.body_part, f.study_description) = (text("X"), text(words)));
    check(cxr("CXR 1 view"), by_words, Pixels, None);
    check(cxr("cxray"), None, Header, None);
    let ct = facts(|f| (f.modality, f.study_description) = (text("CT"), text("chest, emergency")));
    check(ct, None, Header, Some(Lane::Urgent));
}

#[test]
fn the_first_route_decides_and_the_most_urgent_lane_counts() {
    let rules = Rules::parse(
        r#"
        [[route]]
        name = "test room"
        when.station = ["TEST*", "DR-?9"]
        models = []

        [[route]]
        name = "bedside"
        when.calling_ae = ["portable*"]
        models = ["cxr"]

        [[route]]
        name = "rest"

        [[urgency]]
        name = "bedside is urgent"
        when.calling_ae = ["PORTABLE*"]
        lane = "urgent"

        [[urgency]]
        name = "resuscitation"
        when.station = ["DR-?9"]
        lane = "stat"
        "#,
        "test",
    )
    .unwrap();
    rules.check(&[model("cxr")], &[]).unwrap();
    let bedside = Door::Dimse { calling_ae: "PORTABLE_2 ".to_owned() };
    let stow = Door::Stow { client: "portable".to_owned() };
    let check = |station: &str, door: Option<&Door>, route: &str, choice: Choice, lane: Option<Lane>| {
        let decision = rules.route(&facts(|f| f.station = text(station)), door);
        assert_eq!(decision.route.as_deref(), Some(route), "{station}");
        assert_eq!((decision.choice, decision.lane), (choice, lane), "{station}");
    };
    let cxr = || Choice::Named(vec!["cxr".to_owned()]);
    check("test-1", None, "test room", Choice::Named(vec![]), None);
    check("DR-19", Some(&bedside), "test room", Choice::Named(vec![]), Some(Lane::Stat));
    check("DR-1", Some(&bedside), "bedside", cxr(), Some(Lane::Urgent));
    check("DR-1", Some(&stow), "rest", Choice::ByManifest, None);
    check("DR-1", None, "rest", Choice::ByManifest, None);
    assert!(cxr().includes(&model("cxr")) && !cxr().includes(&model("hand")));
    assert!(Choice::Named(vec!["cxr@0.1.0".to_owned()]).includes(&model("cxr")));
    assert!(!Choice::Named(vec!["cxr@0.2.0".to_owned()]).includes(&model("cxr")));

    let steps = rules.explain(&facts(|f| f.station = text("DR-19")), Some(&bedside));
    let verdicts: Vec<_> = steps.iter().map(|step| (step.rule.as_str(), step.line, &step.verdict)).collect();
    assert_eq!(verdicts[0], ("test room", 2, &Verdict::Decides));
    assert_eq!(verdicts[1].2, &Verdict::TooLate);
    assert_eq!(verdicts[3].2, &Verdict::Decides);
    let steps = rules.explain(&facts(|_| ()), None);
    assert!(steps[0].to_string().contains("station is not stated, not TEST* or DR-?9"), "{}", steps[0]);
}

#[test]
fn a_file_that_does_not_hold_names_line_and_remedy() {
    let cases = [
        ("[[route]]\nname = \"a\"\nwhen.modalty = [\"CR\"]", "line 3", "modalty"),
        ("[[route]]\nname = \"a\"\nwhen.description = \"(胸\"", "line 1", "is no pattern"),
        ("[[route]]\nname = \"a\"\nwhen.description = \"chest|\"", "line 1", "fits every text"),
        ("[[route]]\nname = \"a\"\nwhen.description = \"\"", "line 1", "remove the key"),
        ("[[route]]\nname = \"a\"\nwhen.view = []", "line 1", "empty list"),
        ("[[route]]\nname = \" \"", "line 1", "name is empty"),
        ("[[route]]\nname = \"a\"\n\n[[route]]\nname = \"b\"\nwhen.modality = [\"CR\"]", "line 4", "'a' in line 1"),
        (
            "[[route]]\nname = \"a\"\nwhen.modality = [\"CR\", \"dx\"]\n[[route]]\nname = \"b\"\n\
             when.modality = [\"DX\"]\nwhen.view = [\"PA\"]",
            "line 4",
            "no image reaches the route 'b'",
        ),
        ("[[route]]\nname = \"a\"\n[[urgency]]\nname = \"a\"\nlane = \"stat\"", "line 3", "there twice"),
        ("[[urgency]]\nname = \"a\"\nlane = \"soon\"", "line 1", "use routine, urgent or stat"),
        ("[[urgency]]\nname = \"a\"\nlane = \"routine\"", "line 1", "only raises"),
        ("[[route]]\nname = \"a\"\nbody_part_from = \"guess\"", "line 3", "guess"),
        ("[[route]", "line 1", ""),
    ];
    for (text, place, words) in cases {
        let error = Rules::parse(text, "routing.toml").unwrap_err().to_string();
        assert!(error.starts_with(&format!("routing.toml {place}")), "{text}: {error}");
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn rules_that_are_only_alike_are_all_reachable() {
    let text = "[[route]]\nname = \"a\"\nwhen.modality = [\"CR\"]\nwhen.description = \"hand\"\n\
                [[route]]\nname = \"b\"\nwhen.modality = [\"CR\"]\n[[route]]\nname = \"c\"\nwhen.body_part = [\"\"]";
    assert_eq!(Rules::parse(text, "x").unwrap().len(), (3, 0));
}

#[test]
fn a_model_that_is_not_installed_or_not_guarded_is_named() {
    let text = "[[route]]\nname = \"a\"\nmodels = [\"cxr\"]\nbody_part_from = \"pixels\"";
    let rules = Rules::parse(text, "routing.toml").unwrap();
    rules.check(&[model("cxr")], &[model("cxr")]).unwrap();
    let error = rules.check(&[model("hand")], &[]).unwrap_err().to_string();
    assert!(error.contains("line 1") && error.contains("'cxr' is not installed; there are: hand@0.1.0"), "{error}");
    let error = rules.check(&[model("cxr")], &[]).unwrap_err().to_string();
    assert!(error.contains("no accepts.content"), "{error}");
}
