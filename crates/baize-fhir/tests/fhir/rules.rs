//! Everything that is made holds by the rules of FHIR R4.

use std::collections::BTreeSet;

use baize_core::Population;
use baize_core::ports::{MessageId, Opinion, Standing, StudyResult, Subject, Verdict, VisitResult};
use baize_fhir::{
    AuditAction, AuditFacts, Capability, IssueKind, Kind, Links, SearchEntry, SearchParameter, audit_event,
    capability_statement, operation_outcome, search_bundle,
};
use baize_testkit::FhirValidator;
use serde_json::Value;

use crate::fixtures::{
    AT, analysed, decided, encounter, failed, mapper, ordered, own, pneumonia, refused, review, study, text,
    visit,
};

pub(crate) fn studies() -> Vec<StudyResult> {
    let outside = Population::Outside(text("成人", "adult"));
    let whole = study(vec![
        analysed(vec![pneumonia(0.9)], Population::Validated),
        analysed(vec![pneumonia(0.1)], outside),
        refused(),
        failed(),
        own(),
    ]);
    let bare = {
        let mut bare = study(vec![analysed(vec![pneumonia(0.1)], Population::Validated)]);
        bare.summary.facts = baize_core::ImageFacts::default();
        bare.instances[0].facts = baize_core::ImageFacts::default();
        bare
    };
    let signed = StudyResult {
        context: ordered(),
        reviews: vec![
            review(1, 1, Verdict::Corrected, Some(Opinion::Disagree), true),
            review(2, 2, Verdict::Rejected, None, true),
        ],
        standing: Standing::Final,
        ..whole.clone()
    };
    let corrected = StudyResult { standing: Standing::Corrected, ..whole.clone() };
    vec![whole, bare, signed, corrected, study(vec![]), study(vec![own()])]
}

pub(crate) fn visits() -> Vec<VisitResult> {
    let first = visit(
        r#"{"age_years": 70, "chief_complaint": "胸痛2小时伴大汗", "vitals": {"heart_rate": 190, "systolic_bp": 80,
            "respiratory_rate": 30, "spo2": 85, "temperature_c": 36.5}}"#,
        Some(encounter()),
    );
    let mut unreadable = first.clone();
    unreadable.entry.assessment = "null".into();
    unreadable.encounter = None;
    vec![decided(&first), first, visit(r#"{"chief_complaint": "头痛"}"#, None), unreadable]
}

/// All resources that can be made, in both ways to refer to one another.
fn everything() -> Vec<Value> {
    let mapper = mapper();
    let mut made = Vec::new();
    for result in &studies() {
        let mut served = mapper.findings(result, Links::Served);
        served.push(mapper.report(result, Links::Served));
        served.push(mapper.provenance(result, Links::Served));
        served.push(mapper.imaging_study(result));
        served.extend(mapper.devices(result, Links::Served));
        let served: Vec<_> = served.into_iter().map(|resource| resource.served(AT)).collect();
        made.extend(served.iter().map(|resource| resource.json.clone()));
        let entries = served.into_iter().map(|resource| SearchEntry { resource, included: false }).collect();
        let links = [("self", "https://baize.example/fhir/Observation".to_owned())];
        made.push(search_bundle("https://baize.example/fhir", &links, Some(1), entries));
        made.push(mapper.transaction(
            &MessageId("m-1".into()),
            &Subject::Study(Box::new(result.clone())),
            AT,
        ));
    }
    for visit in visits() {
        made.extend(mapper.step(&visit, Links::Served).into_iter().map(|resource| resource.served(AT).json));
        made.push(mapper.transaction(&MessageId("m-2".into()), &Subject::Visit(Box::new(visit)), AT));
    }
    made.push(search_bundle("https://baize.example/fhir", &[], Some(0), Vec::new()));
    let capabilities = Kind::ALL.map(|kind| Capability {
        kind,
        interactions: vec!["read", "search-type"],
        search: vec![SearchParameter { name: "_id", kind: "token", about: "The id" }],
        include: vec!["DiagnosticReport:result"],
    });
    made.push(capability_statement("https://baize.example/fhir", "0.1.0", AT, &capabilities));
    for kind in [IssueKind::Invalid, IssueKind::NotSupported, IssueKind::Login, IssueKind::Exception] {
        made.push(operation_outcome(kind, "无效 / Invalid", "patient: is empty"));
    }
    for (action, query) in [
        (AuditAction::Read, None),
        (AuditAction::Search, Some("Observation?patient=王")),
        (AuditAction::Search, Some("")),
        (AuditAction::Export, None),
    ] {
        let facts = AuditFacts {
            sequence: 7,
            at: AT,
            action,
            who: "his",
            address: Some("10.0.0.7"),
            request_id: Some("r-1"),
            what: "Observation/7",
            query,
            patients: vec!["https://his.example/patients|P1".into(), "|P2".into()],
            succeeded: true,
            software: "0.1.0",
        };
        made.push(audit_event(&facts).served(AT).json);
    }
    made
}

#[test]
fn an_independent_validator_finds_nothing_to_complain_of() {
    let validator = match FhirValidator::find() {
        Ok(validator) => validator,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let made: Vec<String> = everything().iter().map(Value::to_string).collect();
    assert!(made.len() > 60, "{}", made.len());
    let complaints = validator.complaints(&made).unwrap();
    assert_eq!(complaints, Vec::<String>::new());
    // It would have found something.
    let bad = [
        r#"{"resourceType": "Observation", "status": "final"}"#,
        r#"{"resourceType": "Observation", "status": "x", "code": {"text": "y"}}"#,
    ];
    assert_eq!(validator.complaints(&bad.map(str::to_owned)).unwrap().len(), 2);
}

/// Null, "", [] and {} are no FHIR.
#[test]
fn nothing_is_empty() {
    fn check(value: &Value, path: &str) {
        match value {
            Value::Null => panic!("{path} is null"),
            Value::String(text) => assert!(!text.trim().is_empty(), "{path} is empty"),
            Value::Array(items) => {
                assert!(!items.is_empty(), "{path} is empty");
                items.iter().for_each(|item| check(item, path));
            }
            Value::Object(members) => {
                assert!(!members.is_empty(), "{path} is empty");
                members.iter().for_each(|(name, member)| check(member, &format!("{path}.{name}")));
            }
            Value::Bool(_) | Value::Number(_) => {}
        }
    }
    everything().iter().for_each(|resource| check(resource, &resource["resourceType"].to_string()));
}

/// All that refers to something within a Bundle finds it there, and what is sent twice is the same.
#[test]
fn a_transaction_holds_together_and_comes_out_the_same_each_time() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("reference") {
                    found.insert(target.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let mapper = mapper();
    let subjects = studies().into_iter().map(|result| Subject::Study(Box::new(result)));
    for subject in subjects.chain(visits().into_iter().map(|visit| Subject::Visit(Box::new(visit)))) {
        let bundle = mapper.transaction(&MessageId("m".into()), &subject, AT);
        assert_eq!(bundle, mapper.transaction(&MessageId("m".into()), &subject, AT));
        let entries = bundle["entry"].as_array().unwrap();
        let names: BTreeSet<String> =
            entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap().to_owned()).collect();
        let urls: BTreeSet<&str> =
            entries.iter().map(|entry| entry["request"]["url"].as_str().unwrap()).collect();
        assert_eq!(
            (names.len(), urls.len()),
            (entries.len(), entries.len()),
            "each entry has a name of its own"
        );
        assert!(
            entries
                .iter()
                .all(|entry| entry["request"]["method"] == "PUT" && entry["resource"].get("id").is_none())
        );
        let mut referred = BTreeSet::new();
        references(&bundle, &mut referred);
        assert!(!referred.is_empty() && referred.is_subset(&names), "{referred:?}");
    }
}

#[test]
fn what_a_model_made_says_so() {
    for resource in everything() {
        let kind = resource["resourceType"].as_str().unwrap();
        let made_by_model =
            matches!(kind, "Observation" | "DiagnosticReport" | "RiskAssessment" | "Provenance");
        let label = &resource["meta"]["security"][0];
        assert_eq!(label["code"] == "AIAST", made_by_model, "{resource}");
        if made_by_model {
            assert_eq!(label["system"], "http://terminology.hl7.org/CodeSystem/v3-ObservationValue");
        }
    }
}
