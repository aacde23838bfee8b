//! Rules and gate before the models: what they let through, and that what could not be looked at never passes.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::sync::{Arc, Mutex};

use baize_core::ports::{Door, Intake as _, Reader as _};
use baize_core::{
    ErrorCode, Fault, GateLook, Lane, Language, ModelRef, Outcome, Population, SystemClock, Text,
};
use baize_engine::{Engine, EngineConfig, EngineError, Gatekeeper, Guidance, Outside};
use baize_models::{Familiarity, Manifest};
use baize_routing::Rules;
use baize_testkit::ObjectBuilder;
use common::{Bench, FakeModel, Script, chest, config, manifest, unguided};
use ndarray::ArrayView2;

/// What the fake gate does with every image.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Pass,
    Caveat,
    Refuse,
    Fail,
    Panic,
}

/// A gate that does as it is told.
struct FakeGate {
    mood: Mutex<Mood>,
    looks: Mutex<usize>,
}

impl FakeGate {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self { mood: Mutex::new(mood), looks: Mutex::default() })
    }

    fn looks(&self) -> usize {
        *self.looks.lock().unwrap()
    }
}

fn seen() -> GateLook {
    GateLook {
        gate: ModelRef { id: "gate".to_owned(), version: "9.9.9".to_owned() },
        class: "chest-radiograph".to_owned(),
        name: Text { zh: "胸部 X 线片".to_owned(), en: "a chest radiograph".to_owned() },
        probability: 0.875,
    }
}

impl Gatekeeper for FakeGate {
    fn look(
        &self,
        pixels: ArrayView2<'_, f32>,
        wanted: &[String],
    ) -> Result<(GateLook, Result<Vec<Text>, Fault>), Fault> {
        assert_eq!(wanted, ["chest-radiograph"]);
        assert_eq!(pixels.dim(), (32, 32), "the whole image");
        *self.looks.lock().unwrap() += 1;
        let mood = *self.mood.lock().unwrap();
        let caveat = Text { zh: "注意".to_owned(), en: "mind this".to_owned() };
        match mood {
            Mood::Pass => Ok((seen(), Ok(Vec::new()))),
            Mood::Caveat => Ok((seen(), Ok(vec![caveat]))),
            Mood::Refuse => Ok((seen(), Err(Fault::new(ErrorCode::WrongContent, "a hand")))),
            Mood::Fail => Err(Fault::new(ErrorCode::InferenceFailed, "no numbers")),
            Mood::Panic => panic!("the gate breaks"),
        }
    }

    fn knows(&self, class: &str) -> bool {
        class == "chest-radiograph"
    }
}

/// The fake model's manifest, guarded.
fn guarded() -> Manifest {
    let mut file = manifest().file().clone();
    file.accepts.content = vec!["chest-radiograph".to_owned()];
    Manifest::new(file).unwrap()
}

async fn bench(rules: &str, gate: &Arc<FakeGate>) -> Bench {
    let gate: Arc<dyn Gatekeeper> = Arc::<FakeGate>::clone(gate);
    let guidance = Guidance { rules: Rules::parse(rules, "test").unwrap(), gate: Some(gate) };
    let (ledger, spool, script) = (Arc::default(), Arc::default(), Arc::default());
    let clock = Arc::new(SystemClock);
    let bench = Bench::guided(config(), guarded(), guidance, ledger, spool, script, clock).await;
    bench.engine.warmed_up().await.unwrap();
    bench
}

#[tokio::test]
async fn the_gate_decides_and_its_look_is_on_record() {
    for (mood, caveats, failure) in [
        (Mood::Pass, 0, None),
        (Mood::Caveat, 1, None),
        (Mood::Refuse, 0, Some((ErrorCode::WrongContent, true))),
        (Mood::Fail, 0, Some((ErrorCode::InferenceFailed, false))),
        (Mood::Panic, 0, Some((ErrorCode::InferenceFailed, false))),
    ] {
        let gate = FakeGate::new(mood);
        let bench = bench("", &gate).await;
        bench.accept(chest(1).build(), Lane::Routine).await.unwrap();
        bench.reported(1).await;
        let stored = bench.ledger.reports().remove(0);
        let read = bench.engine.read(chest(2).build(), Lane::Stat).await.unwrap().report;
        assert_eq!(gate.looks(), 2);
        for report in [stored, read] {
            let could_look = !matches!(mood, Mood::Fail | Mood::Panic);
            assert_eq!(report.gate, could_look.then(seen), "{mood:?}");
            match (&report.outcome, failure) {
                (Outcome::Analysed { caveats: found, .. }, None) => {
                    assert_eq!(found.len(), caveats, "{mood:?}")
                }
                (Outcome::Refused(fault), Some((code, true)))
                | (Outcome::Failed(fault), Some((code, false))) => {
                    assert_eq!(fault.code, code, "{mood:?}");
                }
                (outcome, _) => panic!("{mood:?}: {outcome:?}"),
            }
        }
        let asked: usize = bench.script.batches().iter().sum();
        assert_eq!(
            asked,
            if failure.is_none() { 2 } else { 0 },
            "{mood:?}: the model sees what passed, nothing else"
        );
    }
}

/// The fake model's manifest, guarded, validated on children from an AP view.
fn paediatric() -> Manifest {
    let mut file = guarded().file().clone();
    file.population.from_years = 1.0;
    file.population.below_years = 6.0;
    file.population.views = vec!["AP".to_owned()];
    Manifest::new(file).unwrap()
}

#[tokio::test]
async fn who_is_outside_the_validated_population_gets_a_score_in_research_only() {
    let child = || chest(1).age("004Y").view("AP");
    let outside = [
        (chest(2).age("034Y").view("AP"), "the patient's age is outside"),
        (chest(3).age("004Y").view("PA"), "not validated on PA views"),
        (chest(4).view("AP").age("").remove((0x0010, 0x0030)), "the patient's age is not known"),
        (chest(5).age("004Y").view(""), "the view is not stated"),
    ];
    for mode in [Outside::Refuse, Outside::Score] {
        let gate = FakeGate::new(Mood::Pass);
        let guidance = Guidance {
            rules: Rules::parse("", "test").unwrap(),
            gate: Some(Arc::<FakeGate>::clone(&gate) as Arc<dyn Gatekeeper>),
        };
        let config = EngineConfig { outside: mode, ..config() };
        let (ledger, spool, script) = (Arc::default(), Arc::default(), Arc::default());
        let clock = Arc::new(SystemClock);
        let bench = Bench::guided(config, paediatric(), guidance, ledger, spool, script, clock).await;
        bench.engine.warmed_up().await.unwrap();
        bench.accept(child().build(), Lane::Stat).await.unwrap();
        for (object, _) in &outside {
            bench.accept(object.build(), Lane::Stat).await.unwrap();
        }
        bench.reported(1 + outside.len()).await;
        assert!(matches!(
            bench.ledger.outcome(&child().sop_uid()),
            Outcome::Analysed { population: Population::Validated, .. }
        ));
        for (object, words) in &outside {
            assert_eq!(bench.ledger.lane(&object.sop_uid()), Lane::Stat, "a refusal lowers nothing");
            let mut reports = bench.ledger.reports().into_iter();
            let stored = reports.find(|one| one.instance.sop.as_str() == object.sop_uid()).unwrap();
            let read = bench.engine.read(object.build(), Lane::Routine).await.unwrap();
            assert_eq!(read.overlay_png.is_some(), mode == Outside::Score, "{words}");
            for report in [stored, read.report] {
                assert!(
                    report.model.is_some() && report.gate == Some(seen()),
                    "the gate has looked: {words}"
                );
                match (mode, report.outcome) {
                    (Outside::Refuse, Outcome::Refused(fault)) => {
                        assert_eq!(fault.code, ErrorCode::OutsidePopulation);
                        assert!(fault.message.contains(words), "{fault}");
                    }
                    (Outside::Score, Outcome::Analysed { population: Population::Outside(why), .. }) => {
                        assert!(why.en.contains(words), "{}", why.en);
                    }
                    (_, outcome) => panic!("{mode:?}, {words}: {outcome:?}"),
                }
            }
        }
        let asked: usize = bench.script.batches().iter().sum();
        let expected = if mode == Outside::Score { 1 + 2 * outside.len() } else { 1 };
        assert_eq!(asked, expected, "{mode:?}: the model sees what it may score, nothing else");
    }
}

/// The fake model sees pneumonia in every image, with a probability of 0.75, and its features are 3 and 4.
#[tokio::test]
async fn what_the_model_does_not_know_gets_no_calm_answer_and_hides_no_finding() {
    let known = |mean: f32| Familiarity {
        model: "fake@1.0.0".to_owned(),
        weights_sha256: String::new(),
        images: 100,
        limit: 2.0,
        mean: vec![mean, 4.0],
        deviation: vec![1.0, 1.0],
    };
    let threshold = |threshold: f32| {
        let mut file = manifest().file().clone();
        file.labels[0].threshold = threshold;
        Manifest::new(file).unwrap()
    };
    // (the features' mean, the threshold, whether the answer is a refusal, caveats)
    for (mean, cut, refused, count) in
        [(3.0, 0.9, false, 0), (3.0, 0.5, false, 0), (9.0, 0.9, true, 0), (9.0, 0.5, false, 1)]
    {
        let model = FakeModel::new(threshold(cut), Arc::<Script>::default()).knowing(known(mean));
        let clock = Arc::new(SystemClock);
        let engine =
            Engine::start(config(), vec![Box::new(model)], unguided(), "fake".to_owned(), clock, None)
                .await
                .unwrap();
        engine.warmed_up().await.unwrap();
        let report = engine.read(chest(1).build(), Lane::Stat).await.unwrap().report;
        match report.outcome {
            Outcome::Refused(fault) if refused => {
                assert_eq!(fault.code, ErrorCode::UnfamiliarImage);
                assert!(fault.message.contains("distance 4.24, at most 2.00"), "{fault}");
                let told = fault.told(Language::Chinese);
                assert!(told.starts_with("fake@1.0.0 在该图像中所见"), "{told}");
            }
            Outcome::Analysed { findings, caveats, .. } if !refused => {
                assert_eq!((findings[0].is_positive(), caveats.len()), (cut < 0.75, count));
                assert!(caveats.iter().all(|one| one.en.contains("4.24") && !one.zh.is_ascii()));
            }
            outcome => panic!("{mean} {cut}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_image_shows_is_told_before_whose_it_is() {
    let gate = FakeGate::new(Mood::Refuse);
    let guidance = Guidance {
        rules: Rules::parse("", "test").unwrap(),
        gate: Some(Arc::<FakeGate>::clone(&gate) as Arc<dyn Gatekeeper>),
    };
    let config = EngineConfig { outside: Outside::Refuse, ..config() };
    let (ledger, spool, script) = (Arc::default(), Arc::default(), Arc::default());
    let clock = Arc::new(SystemClock);
    let bench = Bench::guided(config, paediatric(), guidance, ledger, spool, script, clock).await;
    bench.engine.warmed_up().await.unwrap();
    let report = bench.engine.read(chest(1).age("034Y").build(), Lane::Stat).await.unwrap().report;
    let Outcome::Refused(fault) = report.outcome else { panic!("{report:?}") };
    assert_eq!(fault.code, ErrorCode::WrongContent);
}

#[tokio::test]
async fn rules_choose_the_models_and_raise_the_lane() {
    let rules = r#"
        [[route]]
        name = "test room"
        when.calling_ae = ["TEST"]
        models = []

        [[route]]
        name = "odd words"
        when.body_part = ["T*"]
        body_part_from = "pixels"

        [[urgency]]
        name = "emergency"
        when.calling_ae = ["ER*"]
        lane = "stat"
    "#;
    let gate = FakeGate::new(Mood::Pass);
    let bench = bench(rules, &gate).await;
    let from = |ae: &str| Door::Dimse { calling_ae: ae.to_owned() };
    let odd = |seed| chest(seed).body_part("TORAX");
    let send = async |object: ObjectBuilder, ae: &str| {
        let sop = object.sop_uid();
        bench.engine.accept(object.build(), from(ae), Lane::Routine).await.unwrap();
        sop
    };
    let test_room = send(chest(1), "TEST").await;
    let unknown_word = send(odd(2), "ER1").await;
    let other_part = send(chest(3).body_part("HAND"), "ER1").await;
    let plain = send(chest(4), "PACS").await;
    bench.reported(4).await;
    let refused = |sop: &str| match bench.ledger.outcome(sop) {
        Outcome::Refused(fault) => fault.code,
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(refused(&test_room), ErrorCode::NotRouted);
    assert_eq!(refused(&other_part), ErrorCode::WrongBodyPart);
    assert!(matches!(bench.ledger.outcome(&unknown_word), Outcome::Analysed { .. }));
    assert!(matches!(bench.ledger.outcome(&plain), Outcome::Analysed { .. }));
    assert_eq!(bench.ledger.lane(&unknown_word), Lane::Stat);
    assert_eq!(bench.ledger.lane(&plain), Lane::Routine);
    // Who waits for an answer has no calling AE; the body part is left to the pixels all the same.
    let read = bench.engine.read(odd(5).build(), Lane::Urgent).await.unwrap().report;
    assert!(matches!(read.outcome, Outcome::Analysed { .. }));
}

#[tokio::test]
async fn guidance_that_does_not_fit_the_models_is_no_start() {
    let rules = |text: &str| Rules::parse(text, "routing.toml").unwrap();
    let gate = || Some(FakeGate::new(Mood::Pass) as Arc<dyn Gatekeeper>);
    let mut unknown = guarded().file().clone();
    unknown.accepts.content = vec!["knee".to_owned()];
    let unknown = Manifest::new(unknown).unwrap();
    let nowhere = "[[route]]\nname = \"a\"\nmodels = [\"nowhere\"]";
    for (model, guidance, words) in [
        (guarded(), unguided(), "must not run without a gate"),
        (unknown, Guidance { rules: rules(""), gate: gate() }, "\"knee\""),
        (
            guarded(),
            Guidance { rules: rules(nowhere), gate: gate() },
            "routing.toml line 1: models: 'nowhere'",
        ),
    ] {
        let model = FakeModel::new(model, Arc::<Script>::default());
        let clock = Arc::new(SystemClock);
        let started =
            Engine::start(config(), vec![Box::new(model)], guidance, "fake".to_owned(), clock, None).await;
        match started {
            Err(EngineError::Guidance(problem)) => assert!(problem.contains(words), "{problem}"),
            other => panic!("{other:?}"),
        }
    }
}
