//! `baize eval triage` over small files whose figures were worked out by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where a step fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baize_testkit::FakeAcuityModel;
use baize_train::TriageEvaluation;
use baize_triage::complaint::Lexicon;
use baize_triage::{AcuityModel, FeatureSchema, Features, ModelOutput, RuleSet, Triage};
use serde_json::Value;

/// Calls ages 30, 40, 50, 60 and 70 the levels 1 to 5. Expects an admission where a history was given. Its second
/// reader alerts where the nurse calls level 4 or 5.
fn by_age() -> FakeAcuityModel {
    let schema = FeatureSchema::builtin().unwrap();
    let at = move |patient: &Features, name: &str| patient.values()[schema.index(name).unwrap()];
    FakeAcuityModel::new([0.2; 5])
        .of_ages(0.0..=120.0)
        .predicting(move |patient| {
            let mut acuity_probabilities = [0.05; 5];
            let level = (at(patient, "age_years") / 10.0) as usize;
            acuity_probabilities[level.clamp(3, 7) - 3] = 0.8;
            let admission = if at(patient, "history_missing") == 0.0 { 0.9 } else { 0.3 };
            Ok(ModelOutput { acuity_probabilities, admission, contributions: Vec::new() })
        })
        .doubting(|nurse| Ok(if nurse.get() >= 4 { 0.95 } else { 0.1 }))
}

fn triage(with_model: bool) -> Triage {
    let model = || Arc::new(by_age()) as Arc<dyn AcuityModel>;
    let (rules, lexicon) = (RuleSet::builtin().unwrap(), Lexicon::builtin().unwrap());
    Triage::new(rules, lexicon, with_model.then(model)).unwrap()
}

/// True levels 1, 2, 2, 3, 3, 5 at ages that the model calls 1, 3, 2, 2, 3, 4.
fn yale(folder: &Path) -> PathBuf {
    let schema = FeatureSchema::builtin().unwrap();
    let asked = "block age gender arrivalmode triage_vital_hr triage_vital_sbp triage_vital_dbp triage_vital_rr \
                 triage_vital_temp triage_vital_o2 triage_vital_o2_device n_edvisits n_admissions audit_race esi \
                 disposition";
    let flags = schema.names().iter().filter(|name| name.starts_with("cc_") || name.starts_with("pmh_"));
    let names: Vec<&str> = asked.split(' ').chain(flags.map(String::as_str)).collect();
    let visits = [
        ("30", "1", "Admit"),
        ("50", "2", "Admit"),
        ("40", "2", "Discharge"),
        ("40", "3", "Admit"),
        ("50", "3", "Discharge"),
        ("60", "5", "Discharge"),
    ];
    let mut file = csv::Writer::from_path(folder.join("yale.csv")).unwrap();
    file.write_record(&names).unwrap();
    for (row, (age, esi, disposition)) in visits.into_iter().enumerate() {
        let block = (row / 2).to_string();
        let cell = |name: &&str| match *name {
            "block" => block.clone(),
            "age" => age.to_owned(),
            "gender" => "Female".to_owned(),
            "arrivalmode" => "Car".to_owned(),
            "audit_race" => "Asian".to_owned(),
            "esi" => esi.to_owned(),
            "disposition" => disposition.to_owned(),
            "cc_medicationrefill" => "1".to_owned(),
            vital if vital.starts_with("triage_vital_") => String::new(),
            _ => "0".to_owned(),
        };
        file.write_record(names.iter().map(cell)).unwrap();
    }
    file.flush().unwrap();
    folder.join("yale.csv")
}

/// Experts and nurse: 2 3, 3 4, 3 3, 4 5, 5 5, 2 2.
fn ktas(folder: &Path) -> PathBuf {
    let mut text =
        "Sex,Age,Arrival mode,Chief_complain,Mental,Pain,NRS_pain,SBP,DBP,HR,RR,BT,Saturation,KTAS_RN,\
                    Disposition,KTAS_expert\n"
            .to_owned();
    for (complaint, nurse, disposition, expert) in [
        ("headache", 3, 2, 2),
        ("headache", 4, 1, 3),
        ("zzqx", 3, 5, 3),
        ("cough", 5, 1, 4),
        ("cough", 5, 4, 5),
        ("cough", 2, 6, 2),
    ] {
        text += &format!("1,50,1,{complaint},1,0,,120,80,80,16,36.5,98,{nurse},{disposition},{expert}\n");
    }
    let path = folder.join("ktas.csv");
    fs::write(&path, text).unwrap();
    path
}

fn evaluation(folder: &Path) -> TriageEvaluation {
    TriageEvaluation {
        yale: Some(yale(folder)),
        ktas: Some(ktas(folder)),
        out: Some(folder.join("report")),
        bootstrap: 50,
    }
}

fn json(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("report/triage.json")).unwrap()).unwrap()
}

fn diagrams(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".svg")).collect();
    names.sort();
    names
}

#[track_caller]
fn check(report: &Value, path: &str, expected: f64) {
    let figure = report.pointer(path).unwrap_or_else(|| panic!("no {path}"));
    let value = figure["value"].as_f64().unwrap_or_else(|| panic!("{path} is {figure}"));
    // Probabilities are held in single precision.
    assert!((value - expected).abs() < 1e-6, "{path} is {value}, not {expected}");
    assert!(figure["low"].as_f64().unwrap() <= figure["high"].as_f64().unwrap(), "{path}: {figure}");
}

#[test]
fn the_figures_are_those_worked_out_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let table = evaluation(folder.path()).run(&triage(true)).unwrap().to_string();
    let report = json(folder.path());
    assert_eq!(report["model"], "triage@0.1.0");
    let yale = |figure: &str| format!("/yale/with_history/overall/{figure}");
    for (figure, expected) in [
        ("most_probable/accuracy", 3.0 / 6.0),
        ("most_probable/under_triage", 1.0 / 6.0),
        ("most_probable/over_triage", 2.0 / 6.0),
        ("most_probable/recall_urgent", 2.0 / 3.0),
        ("most_probable/quadratic_kappa", 0.8),
        ("least_cost/quadratic_kappa", 0.8),
        ("shown/mistriage", 0.5),
        // 0.85 for the called levels 1 and 2 (truth 1, 2, 3), 0.1 for the others (truth 2, 3, 5): of nine pairs four
        // are won, four tie, one is lost.
        ("urgent/auc", (4.0 + 4.0 / 2.0) / 9.0),
        ("urgent/brier", (0.15f64.powi(2) * 2.0 + 0.85f64.powi(2) + 0.9f64.powi(2) + 2.0 * 0.01) / 6.0),
        ("urgent/ece", (3.0 * (0.85 - 2.0 / 3.0) + 3.0 * (1.0 / 3.0 - 0.1)) / 6.0),
        ("admission/auc", 0.5),
        ("admission/predicted", 0.9),
        ("admission/observed", 0.5),
        ("admission/ece", 0.4),
    ] {
        check(&report, &yale(figure), expected);
    }
    check(&report, "/yale/without_history/overall/admission/predicted", 0.3);
    let bins = &report["yale"]["with_history"]["overall"]["urgent"]["reliability"];
    assert_eq!((bins[0]["cases"].as_u64(), bins[1]["cases"].as_u64()), (Some(3), Some(3)));
    assert_eq!(report["yale"]["source"]["resampled_units"], 3);
    let fairness = &report["yale"]["with_history"]["fairness"][0];
    assert_eq!(
        (&fairness["by"], &fairness["value"], &fairness["visits"]),
        (&"race".into(), &"Asian".into(), &6.into())
    );
    assert!(fairness["figures"].is_null() && table.contains("too few"));

    for (figure, expected) in [
        ("nurses/levels/under_triage", 3.0 / 6.0),
        ("nurses/levels/mistriage", 3.0 / 6.0),
        // Admitted with levels 3, 3, 2; sent home with 4, 5, 5.
        ("nurses/admission_auc", 1.0),
        // Urgent with levels 3, 2; the others with 4, 3, 5, 5: one tie in eight pairs.
        ("nurses/urgent_auc", 7.5 / 8.0),
        ("second_reader/alert_rate", 3.0 / 6.0),
        ("second_reader/caught", 2.0 / 3.0),
        ("second_reader/precision", 2.0 / 3.0),
        ("second_reader/before/under_triage", 3.0 / 6.0),
        ("second_reader/after/under_triage", 1.0 / 6.0),
        ("second_reader/after/mistriage", 2.0 / 6.0),
        ("complaints/accounted", 1.0),
    ] {
        check(&report, &format!("/ktas/{figure}"), expected);
    }
    let complaints = &report["ktas"]["complaints"];
    assert_eq!(
        (&complaints["texts"], &complaints["coded"], &complaints["unknown"]),
        (&6.into(), &5.into(), &1.into())
    );

    let out = folder.path().join("report");
    assert_eq!(diagrams(&out).len(), 5 + 6, "{:?}", diagrams(&out));
    for name in diagrams(&out) {
        let svg = fs::read_to_string(out.join(&name)).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
    }
    evaluation(folder.path()).run(&triage(true)).unwrap();
    assert_eq!(json(folder.path()), report, "the same visits, the same figures");
}

#[test]
fn without_a_model_there_is_no_number_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let table = evaluation(folder.path()).run(&triage(false)).unwrap().to_string();
    let report = json(folder.path());
    assert!(report["model"].is_null());
    for figure in [
        "/yale/with_history/overall/urgent/auc",
        "/yale/without_history/overall/admission/ece",
        "/yale/with_history/overall/most_probable/accuracy",
        "/yale/with_history/overall/acuity_ece",
        "/ktas/second_reader/alert_rate",
        "/ktas/second_reader/after/under_triage",
    ] {
        assert_eq!(report.pointer(figure).unwrap()["absent"], "model did not run", "{figure}");
    }
    assert_eq!(report["yale"]["with_history"]["overall"]["model_ran"], 0);
    check(&report, "/ktas/nurses/levels/under_triage", 0.5);
    // The cautious level 3 for everybody: truth 1, 2, 2 is called calmer, 5 more urgent.
    check(&report, "/yale/with_history/overall/shown/under_triage", 3.0 / 6.0);
    check(&report, "/yale/with_history/overall/shown/over_triage", 1.0 / 6.0);
    assert!(table.contains("model did not run") && table.contains("the rules stand alone"), "{table}");
    let drawn = diagrams(&folder.path().join("report"));
    assert!(drawn.iter().all(|name| name.starts_with("confusion_")), "{drawn:?}");
    assert_eq!(drawn.len(), 4, "none of the second reader: {drawn:?}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = |yale: Option<PathBuf>| {
        let evaluation = TriageEvaluation { yale, ktas: None, out: None, bootstrap: 10 };
        format!("{:#}", evaluation.run(&triage(false)).unwrap_err())
    };
    assert!(run(None).contains("nothing to evaluate"));
    let error = run(Some(folder.path().join("absent.csv")));
    assert!(error.contains("cannot read") && error.contains("absent.csv"), "{error}");
    let path = folder.path().join("no_visit.csv");
    let whole = fs::read_to_string(yale(folder.path())).unwrap();
    fs::write(&path, whole.lines().next().unwrap()).unwrap();
    assert!(run(Some(path)).contains("holds no visit"));
}

/// The files themselves, where they are there; the report stays in the build's folder to be looked at.
#[test]
fn the_real_files_are_measured_whole() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/triage");
    if !data.exists() {
        println!("skipped: {} is not there", data.display());
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("triage_evaluation");
    let evaluation = TriageEvaluation {
        yale: Some(data.join("yale_val.csv.gz")),
        ktas: Some(data.join("ktas_dev.csv")),
        out: Some(out.clone()),
        bootstrap: 20,
    };
    let table = evaluation.run(&triage(true)).unwrap().to_string();
    println!("{table}");
    let report: Value = serde_json::from_slice(&fs::read(out.join("triage.json")).unwrap()).unwrap();
    assert_eq!(report["yale"]["source"]["visits"], 9087);
    assert_eq!(report["ktas"]["source"]["visits"], 634);
    // The study's own figures for the nurses.
    let nurses = &report["ktas"]["nurses"];
    assert!((nurses["levels"]["accuracy"]["value"].as_f64().unwrap() - 0.8454).abs() < 1e-3, "{nurses}");
    assert!((nurses["admission_auc"]["value"].as_f64().unwrap() - 0.7078).abs() < 1e-3, "{nurses}");
    let groups = report["yale"]["with_history"]["by_age_and_sex"].as_array().unwrap();
    let of_age = groups.iter().filter(|group| group["by"] == "age");
    assert_eq!(of_age.map(|group| group["visits"].as_u64().unwrap()).sum::<u64>(), 9087);
}
