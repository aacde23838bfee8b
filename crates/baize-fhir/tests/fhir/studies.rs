//! What is said of studies.

use baize_core::Population;
use baize_core::ports::{Opinion, Standing, StudyResult, Verdict};
use baize_fhir::{Links, Resource, standing};
use serde_json::Value;

use crate::fixtures::{analysed, failed, mapper, ordered, own, pneumonia, refused, review, study, text};

fn findings(result: &StudyResult) -> Vec<Value> {
    mapper().findings(result, Links::Served).into_iter().map(|made| made.json).collect()
}

fn report(result: &StudyResult) -> Value {
    let Resource { json, .. } = mapper().report(result, Links::Served);
    json
}

fn code<'a>(observation: &'a Value, member: &str) -> &'a str {
    observation[member]["coding"][0]["code"].as_str().unwrap_or("-")
}

const PRESENT: &str = "52101004";
const ABSENT: &str = "272519000";
const UNDETERMINED: &str = "373068000";

#[test]
fn a_finding_is_present_absent_or_not_to_be_told() {
    let outside = || Population::Outside(text("成人", "adult"));
    for (probability, population, value) in [
        (0.9, Population::Validated, PRESENT),
        (0.3, Population::Validated, PRESENT),
        (0.1, Population::Validated, ABSENT),
        (0.9, outside(), PRESENT),
        (0.1, outside(), UNDETERMINED),
    ] {
        let made = findings(&study(vec![analysed(vec![pneumonia(probability)], population)]));
        assert_eq!((made.len(), code(&made[0], "valueCodeableConcept")), (1, value), "{probability}");
        assert_eq!(made[0]["status"], "preliminary");
        let parts = made[0]["component"].as_array().unwrap();
        let told = |name: &str| parts.iter().find(|part| code(part, "code") == name).unwrap();
        assert_eq!(told("probability")["valueQuantity"]["value"].to_string(), probability.to_string());
        assert_eq!(told("threshold")["valueQuantity"]["value"].to_string(), "0.3");
        assert_eq!(code(told("model-verdict"), "valueCodeableConcept"), value);
        assert_eq!(told("sop-instance")["valueString"], "urn:oid:1.2.840.1.0.1");
    }
}

#[test]
fn what_could_not_run_is_never_no_finding() {
    for (outcome, reason) in [(refused(), "not-performed"), (failed(), "error")] {
        let result = study(vec![outcome]);
        let made = findings(&result);
        assert_eq!((made.len(), code(&made[0], "dataAbsentReason")), (1, reason));
        assert_eq!(made[0]["status"], "cancelled");
        assert!(made[0].get("valueCodeableConcept").is_none() && made[0].get("interpretation").is_none());
        let report = report(&result);
        let conclusion = report["conclusion"].as_str().unwrap();
        assert!(
            conclusion.contains("which is not \"no finding\"") && conclusion.contains("不等于未见异常"),
            "{conclusion}"
        );
        assert!(report.get("conclusionCode").is_none());
    }
    assert_eq!(
        findings(&study(vec![own()])),
        Vec::<Value>::new(),
        "our own results that come back are told to nobody"
    );
}

#[test]
fn what_a_physician_signs_counts_and_the_models_word_stays_beside_it() {
    let positive = || study(vec![analysed(vec![pneumonia(0.9)], Population::Validated)]);
    let negative = || study(vec![analysed(vec![pneumonia(0.1)], Population::Validated)]);
    for (result, review, status, value) in [
        (positive(), review(1, 1, Verdict::Confirmed, None, true), "final", PRESENT),
        (positive(), review(1, 1, Verdict::Corrected, Some(Opinion::Disagree), true), "corrected", ABSENT),
        (negative(), review(1, 1, Verdict::Corrected, Some(Opinion::Disagree), true), "corrected", PRESENT),
        (positive(), review(1, 1, Verdict::Confirmed, Some(Opinion::Uncertain), true), "final", UNDETERMINED),
        (positive(), review(1, 1, Verdict::Rejected, None, true), "entered-in-error", "-"),
        (positive(), review(1, 1, Verdict::Corrected, Some(Opinion::Disagree), false), "preliminary", ABSENT),
    ] {
        let by_model = code(&findings(&result)[0], "valueCodeableConcept").to_owned();
        let result = StudyResult { reviews: vec![review.clone()], standing: Standing::Final, ..result };
        let made = &findings(&result)[0];
        assert_eq!(
            (&made["status"], code(made, "valueCodeableConcept")),
            (&status.into(), value),
            "{review:?}"
        );
        let verdict =
            made["component"].as_array().unwrap().iter().find(|part| code(part, "code") == "model-verdict");
        assert_eq!(code(verdict.unwrap(), "valueCodeableConcept"), by_model);
        let codes = report(&result)["conclusionCode"].as_array().map_or(0, Vec::len);
        assert_eq!(codes, usize::from(value == PRESENT));
    }
}

#[test]
fn the_report_names_order_encounter_and_patient_as_the_his_does() {
    let result = study(vec![analysed(vec![pneumonia(0.9)], Population::Validated)]);
    let bare = report(&result);
    assert_eq!(bare["subject"]["identifier"]["value"], "P000123");
    assert_eq!(bare["subject"]["display"], "王小明");
    assert_eq!(bare["basedOn"].as_array().unwrap().len(), 1, "the accession number of the image");
    assert!(bare.get("encounter").is_none() && bare.get("resultsInterpreter").is_none());

    let known = StudyResult {
        context: ordered(),
        reviews: vec![review(1, 1, Verdict::Confirmed, None, true)],
        standing: Standing::Final,
        ..result
    };
    let told = report(&known);
    assert_eq!(told["subject"]["identifier"]["value"], "H-9");
    assert_eq!(told["subject"]["identifier"]["system"], "urn:oid:2.16.840.1.113883.2.23");
    assert_eq!(told["encounter"]["identifier"]["value"], "E-7");
    let numbers: Vec<(&str, &str)> = told["basedOn"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| {
            let identifier = &order["identifier"];
            (code(identifier, "type"), identifier["value"].as_str().unwrap())
        })
        .collect();
    assert_eq!(numbers, [("ACSN", "A-1"), ("PLAC", "PL-1"), ("FILL", "FI-1")]);
    assert_eq!(
        (&told["status"], &told["resultsInterpreter"][0]["display"]),
        (&"final".into(), &"dr-li".into())
    );
    let agents = mapper().provenance(&known, Links::Served).json["agent"].clone();
    let kinds: Vec<&str> = agents.as_array().unwrap().iter().map(|agent| code(agent, "type")).collect();
    assert_eq!(kinds, ["assembler", "performer", "attester"]);
}

#[test]
fn a_study_is_final_once_every_analysed_image_is_signed() {
    let two = study(vec![
        analysed(vec![pneumonia(0.9)], Population::Validated),
        analysed(vec![pneumonia(0.1)], Population::Validated),
        refused(),
    ]);
    let signed = |number, second| review(number, second, Verdict::Confirmed, None, true);
    let unsigned = |number, second| review(number, second, Verdict::Confirmed, None, false);
    let changed = |number, second| review(number, second, Verdict::Corrected, Some(Opinion::Disagree), true);
    for (reviews, expected) in [
        (vec![], Standing::Preliminary),
        (vec![signed(1, 1)], Standing::Preliminary),
        (vec![unsigned(1, 1), unsigned(2, 1)], Standing::Preliminary),
        (vec![signed(1, 1), signed(2, 2)], Standing::Final),
        (vec![signed(1, 1), signed(2, 2), unsigned(2, 3)], Standing::Corrected),
        (vec![signed(1, 1), signed(2, 2), changed(2, 3)], Standing::Amended),
        (vec![signed(1, 1), unsigned(1, 2), signed(2, 3)], Standing::Preliminary),
    ] {
        assert_eq!(standing(&two.instances, &reviews), expected, "{reviews:?}");
    }
    let mut late = two.clone();
    late.instances[1].reports[0].finished_at = review(1, 5, Verdict::Confirmed, None, true).review.at;
    assert_eq!(standing(&late.instances, &[signed(1, 1)]), Standing::Corrected, "a late image");
    assert_eq!(standing(&study(vec![refused()]).instances, &[]), Standing::Preliminary);
}
