//! Orthanc takes our results and gives them back, where it is installed.

use std::collections::HashMap;
use std::sync::Arc;

use baize_core::Lane;
use baize_core::ports::DeliveryState::{Acknowledged, Waiting};
use baize_dicom::scu::{Scu, ScuConfig};
use baize_testkit::Orthanc;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::{CR, Hospital, PATIENT, SECONDARY_CAPTURE, destination, scu_config, synthetic_object};

/// An Orthanc that knows BAIZE behind a port.
pub(crate) async fn orthanc(folder: &TempDir, port: u16) -> Option<Arc<Orthanc>> {
    let folder = folder.path().to_owned();
    let starting = move || Orthanc::start(&folder, &[("BAIZE", port)], "").unwrap().map(Arc::new);
    let orthanc = spawn_blocking(starting).await.unwrap();
    if orthanc.is_none() {
        println!("skipped: Orthanc is not installed");
    }
    orthanc
}

pub(crate) fn courier(orthanc: &Orthanc, calling_ae: &str) -> Arc<Scu> {
    Arc::new(Scu::new(ScuConfig {
        called_ae: Orthanc::AE_TITLE.into(),
        calling_ae: calling_ae.into(),
        ..scu_config(orthanc.dicom_address(), PATIENT)
    }))
}

pub(crate) async fn get(orthanc: &Arc<Orthanc>, path: String) -> Vec<u8> {
    let orthanc = Arc::clone(orthanc);
    let (status, body) = spawn_blocking(move || orthanc.get(&path)).await.unwrap().unwrap();
    assert_eq!(status, 200);
    body
}

#[tokio::test]
async fn orthanc_keeps_results_as_they_were_sent() {
    let (folder, archive) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // Nobody listens behind the port: it calls for storage commitment alone.
    let Some(orthanc) = orthanc(&archive, 9).await else { return };
    let hospital = Hospital::open(folder.path());
    let classes = [CR, SECONDARY_CAPTURE];
    let stranger = courier(&orthanc, "WHO");
    assert!(stranger.echo().await.is_err(), "it answers to those alone whom it knows");
    let service = hospital.service(&classes, vec![destination("pacs", 1, stranger)]).await;
    hospital.report(1, 1, Lane::Stat).await;
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await[0], Waiting);

    let known = courier(&orthanc, "BAIZE");
    known.echo().await.unwrap();
    let service = hospital.service(&classes, vec![destination("pacs", 1, known)]).await;
    hospital.wait_out();
    service.deliver_due("pacs").await.unwrap();
    assert_eq!(hospital.states().await, [Acknowledged, Acknowledged]);

    let names: Vec<String> = serde_json::from_slice(&get(&orthanc, "/instances".into()).await).unwrap();
    let mut kept = HashMap::new();
    for name in names {
        let file = get(&orthanc, format!("/instances/{name}/file")).await;
        let object = dicom_object::from_reader(file.as_slice()).unwrap();
        kept.insert(object.meta().media_storage_sop_instance_uid().to_owned(), object);
    }
    assert_eq!(kept.len(), classes.len());
    let image = hospital.deliveries().await.remove(0).object().unwrap().instance.clone();
    for (number, class) in classes.into_iter().enumerate() {
        let sent = synthetic_object(&image, number, class);
        let kept = &kept[&sent.sop_uid()];
        for element in &*dicom_object::from_reader(sent.build().as_ref()).unwrap() {
            let found = kept.element(element.header().tag).unwrap();
            assert_eq!(found.to_bytes().unwrap(), element.to_bytes().unwrap(), "{}", element.header().tag);
        }
    }
}
