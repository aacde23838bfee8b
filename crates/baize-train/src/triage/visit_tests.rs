use std::fs;
use std::path::{Path, PathBuf};

use baize_triage::complaint::Lexicon;
use baize_triage::request::{ArrivalMode, Avpu, Sex};
use baize_triage::{Acuity, RuleSet, Triage};

use super::ktas::read_ktas;
use super::visit::Cohort;
use super::yale::read_yale;

fn triage() -> Triage {
    Triage::new(RuleSet::builtin().unwrap(), Lexicon::builtin().unwrap(), None).unwrap()
}

/// A file as it is published: every column of the vocabulary, some that the desk does not ask, and the truth.
/// Each line is given by the cells that are not empty or 0.
fn yale_file(folder: &Path, lines: &[&[(&str, &str)]], compressed: bool) -> PathBuf {
    let triage = triage();
    let schema = triage.schema();
    let asked = "block age gender arrivalmode triage_vital_hr triage_vital_sbp triage_vital_dbp triage_vital_rr \
                 triage_vital_temp triage_vital_o2 triage_vital_o2_device n_edvisits n_admissions audit_race \
                 audit_lang esi disposition cxr_count";
    let mut names: Vec<String> = asked.split(' ').map(str::to_owned).collect();
    names.extend(schema.complaints().iter().cloned());
    names.extend(schema.names().iter().filter(|name| schema.knows_history(name)).cloned());
    let mut text = csv::Writer::from_writer(Vec::new());
    text.write_record(&names).unwrap();
    for line in lines {
        let cell = |name: &String| {
            let given = line.iter().find(|(column, _)| column == name).map(|(_, cell)| *cell);
            given.unwrap_or(if name.contains("_vital_") { "" } else { "0" }).to_owned()
        };
        text.write_record(names.iter().map(cell)).unwrap();
    }
    let text = text.into_inner().unwrap();
    let path = folder.join("visits.csv");
    if compressed {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &text).unwrap();
        fs::write(&path, packed.finish().unwrap()).unwrap();
    } else {
        fs::write(&path, text).unwrap();
    }
    path
}

const WOMAN: [(&str, &str); 19] = [
    ("block", "7"),
    ("age", "84.0"),
    ("gender", "Female"),
    ("arrivalmode", "Public Transportation"),
    ("triage_vital_hr", "101.0"),
    ("triage_vital_sbp", "133.0"),
    ("triage_vital_dbp", "72.0"),
    ("triage_vital_temp", "101.3"),
    ("triage_vital_o2", "97.0"),
    ("triage_vital_o2_device", "1.0"),
    ("cc_chestpain", "1"),
    ("cc_fall>65", "2"),
    ("pmh_asthma", "1"),
    ("n_edvisits", "3.0"),
    ("cxr_count", "9"),
    ("audit_race", "Asian"),
    ("audit_lang", "English"),
    ("esi", "2"),
    ("disposition", "Admit"),
];

fn yale(lines: &[&[(&str, &str)]], compressed: bool) -> anyhow::Result<Cohort> {
    let folder = tempfile::tempdir().unwrap();
    read_yale(&yale_file(folder.path(), lines, compressed), triage().vocabulary())
}

/// The line with other cells in place of some.
fn with<'a>(cells: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = WOMAN.iter().filter(|(name, _)| !cells.iter().any(|(other, _)| other == name));
    kept.chain(cells).copied().collect()
}

#[test]
fn a_visit_is_the_request_that_a_hospital_would_send() {
    for compressed in [false, true] {
        let cohort = yale(&[&WOMAN], compressed).unwrap();
        assert_eq!((cohort.visits.len(), cohort.empty, cohort.implausible.len()), (1, 0, 0));
        let visit = &cohort.visits[0];
        let request = &visit.request;
        assert_eq!(request.age_months, Some(84.0 * 12.0));
        assert_eq!(request.sex, Some(Sex::Female));
        assert_eq!(request.arrival_mode, Some(ArrivalMode::PublicTransport));
        assert_eq!(request.vitals.temperature_c, Some(38.5), "101.3 °F");
        assert_eq!(request.vitals.heart_rate, Some(101.0));
        assert_eq!(request.vitals.respiratory_rate, None, "an empty cell was not measured");
        assert_eq!(request.vitals.on_oxygen, Some(true));
        assert_eq!(request.complaint_codes, ["cc_chestpain", "cc_fall>65"]);
        assert_eq!(request.history.as_deref(), Some(["pmh_asthma".to_owned()].as_slice()));
        assert_eq!((request.prior_ed_visits, request.prior_admissions), (Some(3.0), Some(0.0)));
        assert_eq!((request.nurse_level, visit.nurse), (None, None), "the truth is no input");
        assert_eq!((visit.acuity.get(), visit.admitted, visit.block.as_str()), (2, true, "7"));
        assert_eq!(visit.audit["audit_race"], "Asian");
        assert_eq!(visit.audit.len(), 2);
    }
}

#[test]
fn implausible_values_and_empty_lines_are_counted() {
    let hot = with(&[("triage_vital_temp", "986"), ("triage_vital_o2_device", "")]);
    let swapped = with(&[("triage_vital_sbp", "70"), ("triage_vital_dbp", "120")]);
    let no_vitals = ["hr", "sbp", "dbp", "temp", "o2"].map(|sign| format!("triage_vital_{sign}"));
    let mut empty: Vec<(&str, &str)> = no_vitals.iter().map(|name| (name.as_str(), "")).collect();
    empty.extend([("cc_chestpain", "0"), ("cc_fall>65", "0"), ("age", "")]);
    let empty = with(&empty);
    let cohort = yale(&[&hot, &empty, &swapped], false).unwrap();
    assert_eq!((cohort.visits.len(), cohort.empty), (2, 1));
    assert_eq!(cohort.implausible["vitals.temperature_f"], 1);
    assert_eq!(cohort.implausible["vitals.diastolic_bp"], 1);
    let vitals = &cohort.visits[0].request.vitals;
    assert_eq!((vitals.temperature_c, vitals.heart_rate, vitals.on_oxygen), (None, Some(101.0), None));
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_refused_by_line_and_column() {
    let cases: [(&str, &str, &str); 5] = [
        ("esi", "6", "line 3: \"6\" is no level"),
        ("disposition", "LWBS", "line 3: disposition"),
        ("gender", "X", "line 3: sex"),
        ("triage_vital_hr", "fast", "line 3: \"fast\" is not a number"),
        ("cc_chestpain", "yes", "line 3: \"yes\" is not a number"),
    ];
    for (column, cell, expected) in cases {
        let bad = with(&[(column, cell)]);
        let error = format!("{:#}", yale(&[&WOMAN, &bad], false).unwrap_err());
        assert!(error.contains(expected), "{column}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.csv");
    fs::write(&path, "age,gender\n1,Male\n").unwrap();
    let error = format!("{:#}", read_yale(&path, triage().vocabulary()).unwrap_err());
    assert!(error.contains("has no column n_edvisits"), "{error}");
}

const KTAS_HEADER: &str = "Sex,Age,Arrival mode,Chief_complain,Mental,Pain,NRS_pain,SBP,DBP,HR,RR,BT,Saturation,\
                           KTAS_RN,Disposition,KTAS_expert,mistriage";

fn ktas(text: &[u8]) -> anyhow::Result<Cohort> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ktas.csv");
    fs::write(&path, text).unwrap();
    read_ktas(&path, triage().vocabulary())
}

#[test]
fn a_korean_visit_is_read_from_its_text() {
    let lines = "2,58,4,\"distension, abd\",1,1,3,91,67,93,18,36.5,,4,1,5,1\n\
                 1,16,6,syncope,2,0,#BO\u{de}!,??,??,??,22,37.4,78,2,7,1,2\n";
    let text = format!("{KTAS_HEADER}\n{lines}");
    // As another tool would save it: semicolons, decimal commas, one byte a letter.
    let old = "2;58;4;\"distension, abd\";1;1;3;91;67;93;18;36,5;;4;1;5;1\n\
               1;16;6;syncope;2;0;#BO";
    let mut latin = format!("{}\n{old}", KTAS_HEADER.replace(',', ";")).into_bytes();
    latin.push(0xde);
    latin.extend(b"!;??;??;??;22;37,4;78;2;7;1;2\n");
    for bytes in [text.into_bytes(), latin] {
        let cohort = ktas(&bytes).unwrap();
        let [man, girl] = cohort.visits.as_slice() else { panic!("two visits") };
        assert_eq!(man.request.chief_complaint.as_deref(), Some("distension, abd"));
        assert_eq!(man.request.sex, Some(Sex::Male));
        assert_eq!(man.request.arrival_mode, Some(ArrivalMode::Ambulance));
        assert_eq!((man.request.vitals.temperature_c, man.request.vitals.spo2), (Some(36.5), None));
        assert_eq!(man.request.vitals.pain_score, Some(3.0));
        assert_eq!((man.request.nurse_level, &man.request.history), (None, &None));
        assert_eq!((man.nurse, man.acuity, man.admitted), (Acuity::new(4), Acuity::LEAST_URGENT, false));
        assert_eq!(girl.request.vitals.avpu, Some(Avpu::Voice));
        assert_eq!(girl.request.vitals.pain_score, Some(0.0));
        assert_eq!((girl.request.vitals.heart_rate, girl.request.vitals.systolic_bp), (None, None));
        assert_eq!((girl.nurse, girl.acuity, girl.admitted), (Acuity::new(2), Acuity::MOST_URGENT, true));
        assert_ne!(man.block, girl.block);
    }
    let error = ktas(format!("{KTAS_HEADER}\n2,58,9,x,1,0,,,,,,,,4,1,5,0\n").as_bytes()).unwrap_err();
    assert!(format!("{error:#}").contains("line 2: Arrival mode has no code \"9\""), "{error:#}");
}

/// The files themselves, where they are there.
#[test]
fn the_real_files_are_read_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/triage");
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let triage = triage();
    let yale = read_yale(&folder.join("yale_val.csv.gz"), triage.vocabulary()).unwrap();
    assert_eq!((yale.visits.len(), yale.empty), (9087, 0));
    assert!(yale.implausible.values().sum::<usize>() < 20, "{:?}", yale.implausible);
    let unlike = |column: &str| yale.visits.iter().any(|visit| !visit.audit.contains_key(column));
    assert!(
        !["audit_race", "audit_ethnicity", "audit_lang", "audit_insurance_status"].into_iter().any(unlike)
    );
    let ktas = read_ktas(&folder.join("ktas_dev.csv"), triage.vocabulary()).unwrap();
    assert_eq!((ktas.visits.len(), ktas.empty), (634, 0));
    assert_eq!(ktas.implausible.values().sum::<usize>(), 0, "{:?}", ktas.implausible);
}
