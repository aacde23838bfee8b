//! Orthanc pushes into us, where it is installed.

use std::sync::Arc;

use baize_core::{ErrorCode, Fault};
use baize_dicom::scp::ScpConfig;
use baize_testkit::{ObjectBuilder, Orthanc, Syntax};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Running, config, start};

async fn provider() -> Running {
    start(ScpConfig { allowed_calling_aes: vec![Orthanc::AE_TITLE.to_owned()], ..config() }).await
}

/// An Orthanc that knows the provider as BAIZE.
async fn orthanc(folder: &TempDir, server: &Running) -> Option<Arc<Orthanc>> {
    let (folder, port) = (folder.path().to_owned(), server.address.port());
    let starting = move || Orthanc::start(&folder, &[("BAIZE", port)], "").unwrap().map(Arc::new);
    let orthanc = tokio::task::spawn_blocking(starting).await.unwrap();
    if orthanc.is_none() {
        println!("skipped: Orthanc is not installed");
    }
    orthanc
}

async fn post(orthanc: &Arc<Orthanc>, path: &'static str, body: Vec<u8>) -> (u16, Value) {
    let orthanc = Arc::clone(orthanc);
    let asked = tokio::task::spawn_blocking(move || orthanc.post(path, &body)).await.unwrap();
    let (status, body) = asked.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Gives Orthanc objects by REST; returns its names for them.
async fn upload(orthanc: &Arc<Orthanc>, objects: &[ObjectBuilder]) -> Vec<Value> {
    let mut names = Vec::new();
    for object in objects {
        let (status, answer) = post(orthanc, "/instances", object.build().to_vec()).await;
        assert_eq!(status, 200, "{answer}");
        names.push(answer["ID"].clone());
    }
    names
}

#[tokio::test]
async fn what_orthanc_has_arrives_in_every_transfer_syntax() {
    let folder = TempDir::new().unwrap();
    let server = provider().await;
    let Some(orthanc) = orthanc(&folder, &server).await else { return };
    // Orthanc 1.10 knows neither HTJ2K nor JPEG XL.
    let unknown = [Syntax::Htj2k, Syntax::JpegXl];
    let known = Syntax::ALL.into_iter().filter(|syntax| !unknown.contains(syntax));
    let objects: Vec<ObjectBuilder> = known
        .zip(1..)
        .map(|(syntax, seed)| ObjectBuilder::chest(seed).syntax(syntax).patient_name("王^小明"))
        .collect();
    let names = upload(&orthanc, &objects).await;
    let body = json!({ "Resources": names, "Synchronous": true }).to_string();
    let (status, answer) = post(&orthanc, "/modalities/BAIZE/store", body.into()).await;
    assert_eq!((status, &answer["FailedInstancesCount"]), (200, &json!(0)), "{answer}");
    let stored = server.intake.objects();
    assert_eq!(stored.len(), objects.len());
    for object in &objects {
        let (uid, original) = (object.sop_uid(), object.build());
        let sent = dicom_object::from_reader(original.as_ref()).unwrap();
        let received = stored.iter().map(|(bytes, ..)| dicom_object::from_reader(bytes.as_ref()).unwrap());
        let mut same = received.filter(|one| one.meta().media_storage_sop_instance_uid() == uid);
        let received = same.next().unwrap();
        assert_eq!(received.meta().source_application_entity_title(), Some(Orthanc::AE_TITLE));
        for name in ["PatientName", "StudyInstanceUID", "Rows", "PixelSpacing"] {
            let text = |object: &dicom_object::DefaultDicomObject| {
                object.element_by_name(name).ok().map(|element| element.to_str().unwrap().into_owned())
            };
            assert_eq!(text(&received), text(&sent), "{name}, {}", object.transfer_syntax_uid());
        }
    }
}

#[tokio::test]
async fn orthanc_is_told_what_we_do_not_take() {
    let folder = TempDir::new().unwrap();
    let server = provider().await;
    let Some(orthanc) = orthanc(&folder, &server).await else { return };
    let names = upload(&orthanc, &[ObjectBuilder::chest(1)]).await;
    let body = json!({ "Resources": names, "Synchronous": true, "Permissive": true }).to_string();
    for code in [ErrorCode::SpoolFull, ErrorCode::MissingAttribute, ErrorCode::MalformedObject] {
        server.intake.fail_with(Fault::new(code, "not taken"));
        let (_, answer) = post(&orthanc, "/modalities/BAIZE/store", body.clone().into()).await;
        assert_eq!(answer["FailedInstancesCount"], json!(1), "{code}: {answer}");
    }
    assert!(server.intake.objects().is_empty());
}
