//! The FHIR read side.

use std::collections::BTreeSet;

use axum::body::Body;
use baize_http::Role;
use baize_testkit::FhirValidator;
use http::{Request, StatusCode};
use serde_json::Value;

use crate::harness::{Answer, App, app, app_with_keys};

const VISIT: &str = r#"{"encounter": "V1", "chief_complaint": "胸痛", "vitals": {"spo2": 80}}"#;

async fn page(app: &App, path: &str) -> Value {
    let answer = app.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
    assert_eq!(answer.header("content-type"), "application/fhir+json");
    answer.json()
}

fn entries(bundle: &Value) -> Vec<&Value> {
    bundle["entry"].as_array().into_iter().flatten().collect()
}

fn link<'a>(bundle: &'a Value, relation: &str) -> Option<&'a str> {
    let links = bundle["link"].as_array()?;
    links.iter().find(|link| link["relation"] == relation)?["url"].as_str()
}

#[track_caller]
fn outcome(answer: &Answer, status: u16, code: &str) -> String {
    assert_eq!(answer.status.as_u16(), status, "{:?}", answer.body);
    assert_eq!(answer.header("content-type"), "application/fhir+json");
    let body = answer.json();
    assert_eq!(body["resourceType"], "OperationOutcome");
    assert_eq!(body["issue"][0]["code"], code, "{body}");
    body["issue"][0]["diagnostics"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn searches_find_what_matches_and_nothing_else() {
    let app = app();
    app.triage(VISIT).await;
    let visit = app.world.triage.lock().unwrap()[0].visit.to_string();
    for (search, found) in [
        // Two images were analysed, one of them by two models; one was refused, one failed.
        ("Observation", 6),
        ("Observation?patient=P000123", 5),
        ("Observation?subject=Patient/P000123", 5),
        ("Observation?patient:identifier=https://his.example/patients%7CP000123", 5),
        ("Observation?patient.identifier=https://other.example%7CP000123", 0),
        ("Observation?patient=W1", 6),
        ("Observation?patient=W1,other", 6),
        ("Observation?patient=W1&patient=other", 0),
        ("Observation?patient=P00012", 0),
        ("Observation?encounter=V1", 6),
        ("Observation?encounter=E-8", 0),
        ("Observation?accession=A1", 5),
        ("Observation?based-on:identifier=P1", 5),
        ("Observation?accession=A2", 0),
        ("Observation?study=1.2", 5),
        ("Observation?derived-from=ImagingStudy/1.2", 5),
        ("Observation?study=1.3", 0),
        ("Observation?category=imaging", 5),
        ("Observation?category=survey", 1),
        ("Observation?code=http://snomed.info/sct%7C233604007", 3),
        ("Observation?code=225390008", 1),
        ("Observation?status=preliminary", 4),
        ("Observation?status=cancelled,final", 2),
        ("Observation?value-concept=52101004", 3),
        ("Observation?device=Device/cxr-0.2.0", 1),
        ("Observation?_lastUpdated=ge2026-03-01", 6),
        ("Observation?_lastUpdated=lt2026-03-01", 0),
        ("Observation?date=2026-03-01", 1),
        ("Observation?unknown=1", 6),
        ("DiagnosticReport?patient=W1&status=preliminary", 1),
        ("DiagnosticReport?conclusion-code=233604007", 1),
        ("DiagnosticReport?_id=1.2", 1),
        ("DiagnosticReport?_id=1.3", 0),
        ("DiagnosticReport?code=18748-4&category=IMG", 1),
        ("ImagingStudy?modality=CR&identifier=urn:dicom:uid%7Curn:oid:1.2", 1),
        ("ImagingStudy?modality=MR", 0),
        ("RiskAssessment?encounter=V1", 1),
        ("RiskAssessment?date=2026-03-01&patient=W1", 1),
        ("RiskAssessment?date=ge2026-03-02", 0),
        ("Provenance", 2),
        ("Provenance?study=1.2", 1),
        ("Device", 2),
        ("Device?device-name=cxr", 1),
    ] {
        let bundle = page(&app, &format!("/fhir/{search}")).await;
        assert_eq!((entries(&bundle).len(), &bundle["total"]), (found, &found.into()), "{search}");
        let kind = search.split('?').next().unwrap();
        assert!(entries(&bundle).iter().all(|entry| entry["resource"]["resourceType"] == kind));
    }
    let by_id = page(&app, &format!("/fhir/Observation?_id={visit}.1")).await;
    assert_eq!(entries(&by_id).len(), 1);
}

#[tokio::test]
async fn every_resource_is_read_where_its_search_says_and_holds_by_the_rules() {
    let app = app();
    app.triage(VISIT).await;
    let mut all = vec![app.get("/fhir/metadata").await.json()];
    for kind in ["DiagnosticReport", "Observation", "ImagingStudy", "RiskAssessment", "Provenance", "Device"]
    {
        let bundle = page(&app, &format!("/fhir/{kind}")).await;
        assert!(!entries(&bundle).is_empty());
        for entry in entries(&bundle) {
            let url = entry["fullUrl"].as_str().unwrap();
            let path = url.strip_prefix("https://baize.example").unwrap();
            let answer = app.get(path).await;
            assert_eq!(&answer.json(), &entry["resource"], "{path}");
            let tag = answer.header("etag").to_owned();
            assert!(tag.starts_with("W/\"") && answer.header("last-modified").ends_with("GMT"), "{path}");
            let again = Request::get(path).header("if-none-match", &tag).body(Body::empty()).unwrap();
            assert_eq!(app.send(again).await.status, StatusCode::NOT_MODIFIED);
            all.push(entry["resource"].clone());
        }
        all.push(bundle);
    }
    for path in [
        "DiagnosticReport/1.3",
        "DiagnosticReport/x",
        "Observation/AAAAAAAAAAAAAAAA",
        "Device/x",
        "RiskAssessment/1.2",
    ] {
        outcome(&app.get(&format!("/fhir/{path}")).await, 404, "not-found");
    }
    match FhirValidator::find() {
        Err(why) => println!("skipped: {why}"),
        Ok(validator) => {
            let all: Vec<String> = all.iter().map(Value::to_string).collect();
            assert_eq!(validator.complaints(&all).unwrap(), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn what_resources_refer_to_is_served() {
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
    let app = app();
    app.triage(VISIT).await;
    let mut found = BTreeSet::new();
    for kind in ["DiagnosticReport", "RiskAssessment", "Provenance"] {
        references(&page(&app, &format!("/fhir/{kind}")).await, &mut found);
    }
    assert!(found.len() > 8, "{found:?}");
    // The fakes list one model, which none of their results is by.
    for path in found.iter().filter(|path| {
        !path.starts_with("Device/cxr") && !path.starts_with("Device/m") && !path.starts_with("Device/triage")
    }) {
        assert_eq!(app.get(&format!("/fhir/{path}")).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let app = app();
    for _ in 0..3 {
        app.triage(VISIT).await;
    }
    let mut next = Some("/fhir/Observation?_count=2&status=preliminary,cancelled&unknown=7".to_owned());
    let (mut seen, mut pages) = (Vec::new(), 0);
    while let Some(path) = next {
        let bundle = page(&app, &path).await;
        let own = link(&bundle, "self").unwrap();
        assert!(own.contains("_count=2") && own.contains("status=") && !own.contains("unknown"), "{own}");
        assert!(bundle.get("total").is_none(), "what is known only by looking at all is not said");
        seen.extend(entries(&bundle).iter().map(|entry| entry["fullUrl"].as_str().unwrap().to_owned()));
        next = link(&bundle, "next").map(|url| url.strip_prefix("https://baize.example").unwrap().to_owned());
        pages += 1;
        assert!(pages < 9);
    }
    let distinct: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len(), pages), (8, 8, 4));

    let counted = page(&app, "/fhir/Observation?_summary=count").await;
    assert_eq!((&counted["total"], counted.get("entry")), (&8.into(), None));
    let included = page(&app, "/fhir/DiagnosticReport?_include=DiagnosticReport:result").await;
    let modes: Vec<&str> =
        entries(&included).iter().map(|entry| entry["search"]["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["match", "include", "include", "include", "include", "include"]);
    assert_eq!(included["total"], 1);
}

#[tokio::test]
async fn what_is_not_understood_is_told_as_an_outcome() {
    let app = app();
    for (path, status, code) in [
        ("/fhir/Observation?patient=", 400, "invalid"),
        ("/fhir/Observation?date=tomorrow", 400, "invalid"),
        ("/fhir/Observation?status:not=final", 400, "invalid"),
        ("/fhir/Observation?_format=xml", 406, "not-supported"),
        ("/fhir/Patient", 404, "not-found"),
        ("/fhir/Observation/x", 404, "not-found"),
    ] {
        outcome(&app.get(path).await, status, code);
    }
    let strict =
        |path: &str| Request::get(path).header("prefer", "handling=strict").body(Body::empty()).unwrap();
    outcome(&app.send(strict("/fhir/Observation?unknown=1")).await, 400, "invalid");
    assert_eq!(app.send(strict("/fhir/Observation?status=final")).await.status, StatusCode::OK);
    let xml =
        Request::get("/fhir/metadata").header("accept", "application/fhir+xml").body(Body::empty()).unwrap();
    outcome(&app.send(xml).await, 406, "not-supported");
    let deleted = Request::delete("/fhir/Observation/x").body(Body::empty()).unwrap();
    outcome(&app.send(deleted).await, 405, "invalid");
    let told = app.get_in("/fhir/Observation/x", "zh-CN").await;
    assert_eq!(told.json()["issue"][0]["details"]["text"], "未找到");
}

#[tokio::test]
async fn parameters_may_come_in_the_body() {
    let app = app();
    let form = "application/x-www-form-urlencoded";
    let found =
        app.post("/fhir/Observation/_search?_count=2", form, "patient=P000123&status=cancelled").await;
    assert_eq!(entries(&found.json()).len(), 2);
    let none = app.post("/fhir/Observation/_search", form, "patient=%E7%8E%8B").await;
    assert_eq!((none.status, entries(&none.json()).len()), (StatusCode::OK, 0));
    outcome(&app.post("/fhir/Observation/_search", "application/json", "{}").await, 415, "not-supported");
    let long = format!("patient={}", "x".repeat(70_000));
    outcome(&app.post("/fhir/Observation/_search", form, long).await, 400, "invalid");
}

#[tokio::test]
async fn results_need_a_login_and_the_statement_does_not() {
    let (app, keys) = app_with_keys();
    let statement = app.get("/fhir/metadata").await.json();
    assert_eq!((&statement["fhirVersion"], &statement["kind"]), (&"4.0.1".into(), &"instance".into()));
    let reports = statement["rest"][0]["resource"].as_array().unwrap();
    let report = reports.iter().find(|resource| resource["type"] == "DiagnosticReport").unwrap();
    let parameters: BTreeSet<&str> =
        report["searchParam"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(
        ["patient", "encounter", "accession", "study", "date", "_lastUpdated"]
            .iter()
            .all(|name| parameters.contains(name))
    );
    assert_eq!(app.get("/fhir/.well-known/smart-configuration").await.status, StatusCode::OK);
    outcome(&app.get("/fhir/Observation").await, 401, "login");
    for (role, key) in keys {
        let request = Request::get("/fhir/Observation").header("x-api-key", key).body(Body::empty()).unwrap();
        assert_eq!(app.send(request).await.status, StatusCode::OK, "{role}");
        assert!(Role::ALL.contains(&role));
    }
}

#[tokio::test]
async fn who_saw_whom_is_on_record_before_it_is_shown() {
    let (app, keys) = app_with_keys();
    let key = |wanted: Role| keys.iter().find(|(role, _)| *role == wanted).unwrap().1.clone();
    let get = |path: &str, role: Role| {
        Request::get(path)
            .header("x-api-key", key(role))
            .header("x-request-id", format!("r-{role}"))
            .body(Body::empty())
            .unwrap()
    };
    app.send(get("/fhir/DiagnosticReport?patient=W1", Role::Nurse)).await;
    app.send(get("/fhir/DiagnosticReport/1.2", Role::Radiologist)).await;
    app.send(get("/fhir/DiagnosticReport/1.3", Role::Radiologist)).await;
    outcome(&app.send(get("/fhir/AuditEvent", Role::Nurse)).await, 403, "forbidden");
    let trail = app.send(get("/fhir/AuditEvent", Role::Admin)).await.json();
    let records = entries(&trail);
    assert_eq!(records.len(), 2, "what was not found was not shown: {trail}");
    let (read, searched) = (&records[0]["resource"], &records[1]["resource"]);
    assert_eq!((&read["action"], &searched["action"]), (&"R".into(), &"E".into()));
    for (record, who) in [(read, "radiologist"), (searched, "nurse")] {
        let text = record.to_string();
        assert!(text.contains(&format!("key-{who}")) && text.contains(&format!("\"r-{who}\"")), "{text}");
        assert!(text.contains("https://his.example/patients") && text.contains("W1"), "{text}");
    }
    assert_eq!(read["entity"][1]["what"]["reference"], "DiagnosticReport/1.2");
    let found = app.send(get("/fhir/AuditEvent?patient=W1&action=R", Role::Admin)).await.json();
    assert_eq!(entries(&found).len(), 1);
    match FhirValidator::find() {
        Err(why) => println!("skipped: {why}"),
        Ok(validator) => {
            assert_eq!(validator.complaints(&[trail.to_string()]).unwrap(), Vec::<String>::new())
        }
    }
}
