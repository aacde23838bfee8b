//! Results as FHIR resources, from the image to the signed report, by the real server.

use baize_testkit::{FhirValidator, ObjectBuilder};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::Server;

fn entries(bundle: &Value) -> Vec<Value> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.map(|entry| entry["resource"].clone()).collect()
}

async fn search(server: &Server, query: &str) -> Vec<Value> {
    let (status, bundle) = server.get(&format!("/fhir/{query}")).await;
    assert_eq!(status, StatusCode::OK, "{query}: {bundle}");
    entries(&bundle)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_and_a_visit_are_found_as_resources_and_a_signature_makes_the_report_final() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(
        data.path(),
        &[
            "fhir.patient_system=https://his.example/patients",
            "fhir.accession_system=https://ris.example/accessions",
        ],
    )
    .await;
    let object = ObjectBuilder::chest(1);
    let study = object.study_uid();
    assert_eq!(server.stow(&[object.build()]).await.unwrap().0, StatusCode::OK);
    let results = server.results(&study).await;
    assert_eq!(results[0]["status"], "ok");
    let visit =
        json!({ "encounter": "E-1", "chief_complaint": "胸痛", "vitals": { "spo2": 82, "heart_rate": 140 } });
    let (status, made) = server.post("/v1/triage/assessments", visit.to_string()).await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{made}");

    let report = search(&server, &format!("DiagnosticReport?study={study}")).await.remove(0);
    assert_eq!(report["status"], "preliminary");
    let patient = report["subject"]["identifier"]["value"].as_str().unwrap().to_owned();
    let findings = report["result"].as_array().unwrap().len();
    for (query, found) in [
        (format!("DiagnosticReport?patient={patient}"), 1),
        (format!("DiagnosticReport?patient:identifier=https://his.example/patients%7C{patient}"), 1),
        (format!("DiagnosticReport?patient:identifier=https://other.example%7C{patient}"), 0),
        ("DiagnosticReport?patient=nobody".into(), 0),
        ("DiagnosticReport?_lastUpdated=ge2020-01-01".into(), 1),
        ("DiagnosticReport?_lastUpdated=lt2020-01-01".into(), 0),
        (format!("Observation?study={study}"), findings),
        (format!("Observation?derived-from=ImagingStudy/{study}&status=preliminary"), findings),
        (format!("ImagingStudy?identifier=urn:dicom:uid%7Curn:oid:{study}"), 1),
        (format!("Provenance?study={study}"), 1),
        ("RiskAssessment?encounter=E-1".into(), 1),
        ("RiskAssessment?encounter=E-2".into(), 0),
        ("Observation?encounter=E-1&category=survey".into(), 1),
        ("Device?device-name=Baize".into(), 1),
        (format!("Device?device-name={}", results[0]["model"]["id"].as_str().unwrap()), 1),
    ] {
        assert_eq!(search(&server, &query).await.len(), found, "{query}");
    }
    let model =
        search(&server, &format!("Device?device-name={}", results[0]["model"]["id"].as_str().unwrap())).await;
    assert_eq!(
        model[0]["property"][0]["valueCode"][0]["text"].as_str().map(str::len),
        Some(64),
        "{}",
        model[0]
    );

    let sop = object.sop_uid();
    let review = json!({ "model": results[0]["model"], "verdict": "confirmed", "sign": true });
    let path = format!("/v1/studies/{study}/instances/{sop}/reviews");
    let (status, told) = server.post(&path, review.to_string()).await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{told}");
    let signed = search(&server, &format!("DiagnosticReport?study={study}&status=final")).await.remove(0);
    assert_eq!(signed["resultsInterpreter"][0]["display"], "one-time");
    assert_ne!(signed["meta"]["lastUpdated"], report["meta"]["lastUpdated"]);
    assert_eq!(search(&server, &format!("Observation?study={study}&status=final")).await.len(), findings);

    let mut all = vec![server.get("/fhir/metadata").await.1];
    for kind in ["DiagnosticReport", "Observation", "ImagingStudy", "RiskAssessment", "Provenance", "Device"]
    {
        let (_, bundle) = server.get(&format!("/fhir/{kind}")).await;
        for resource in entries(&bundle) {
            let path = format!("/fhir/{kind}/{}", resource["id"].as_str().unwrap());
            assert_eq!(server.get(&path).await, (StatusCode::OK, resource), "{path}");
        }
        all.extend(entries(&bundle));
        all.push(bundle);
    }
    match FhirValidator::find() {
        Err(why) => println!("skipped: {why}"),
        Ok(validator) => {
            let all: Vec<String> = all.iter().map(Value::to_string).collect();
            let complaints =
                tokio::task::spawn_blocking(move || validator.complaints(&all)).await.unwrap().unwrap();
            assert_eq!(complaints, Vec::<String>::new());
        }
    }
}
