//! Our results stand beside the images that they are about, for whoever asks over DICOMweb.

use std::collections::BTreeSet;

use baize_testkit::ObjectBuilder;
use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::Server;

fn text<'a>(row: &'a Value, tag: &str) -> &'a str {
    row[tag]["Value"][0].as_str().unwrap_or_else(|| panic!("{tag} in {row}"))
}

/// The rows of a search.
async fn rows(server: &Server, path: &str) -> Vec<Value> {
    let (status, body) = server.get(path).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    body.as_array().unwrap().clone()
}

/// The modalities of a study once its results are filed.
async fn until_filed(server: &Server, study: &str) {
    let wanted = format!("/dicomweb/studies/{study}/instances?Modality=KO");
    server.until("filed", async || server.get(&wanted).await.0 == StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_found_and_handed_out_with_their_images_and_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let image = ObjectBuilder::chest(1).charset("GB18030").patient_name("Cheng^Wei=乗^伟");
    let study = image.study_uid();
    let mut server = Server::start(data.path(), &[]).await;
    assert_eq!(server.stow(&[image.build()]).await.unwrap().0, StatusCode::OK);
    until_filed(&server, &study).await;
    assert!(server.terminate().success());
    drop(server);
    let server = Server::start(data.path(), &[]).await;

    let [found] = &rows(&server, "/dicomweb/studies?ModalitiesInStudy=SR").await[..] else {
        panic!("one study has results")
    };
    let modalities: BTreeSet<&str> =
        found["00080061"]["Value"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let image_modality = "CR";
    assert_eq!(modalities, BTreeSet::from([image_modality, "KO", "OT", "PR", "SR"]), "{found}");
    assert_eq!((&found["00201206"]["Value"][0], &found["00201208"]["Value"][0]), (&5.into(), &5.into()));

    let series = rows(&server, &format!("/dicomweb/studies/{study}/series")).await;
    assert_eq!(text(&series[0], "00080060"), image_modality, "the image comes first");
    assert!(series.iter().all(|row| row["00201209"]["Value"][0] == 1), "{series:#?}");

    // Each row's address leads to the object that it speaks of.
    for row in rows(&server, "/dicomweb/instances?PatientName=*乗*&includefield=00080070").await {
        let address = text(&row, "00081190").strip_prefix(&server.http).unwrap().to_owned();
        let (status, metadata) = server.get(&format!("{address}/metadata")).await;
        assert_eq!(status, StatusCode::OK, "{address}");
        for tag in ["00080016", "00080018", "0020000D", "0020000E", "00080060"] {
            assert_eq!(text(&metadata[0], tag), text(&row, tag), "{address}");
        }
        assert_eq!(metadata[0]["00100010"]["Value"][0]["Ideographic"], "乗^伟");
        assert_eq!(server.get_bytes(&address).await.0, StatusCode::OK);
    }

    // They are nobody's images and go nowhere.
    let (_, worklist) = server.get("/v1/studies").await;
    assert_eq!(worklist["studies"][0]["progress"]["instances"], 1, "{worklist}");
    assert_eq!(server.get("/v1/outbox").await.1["deliveries"], Value::Array(vec![]));
    let (_, filed) = server.get("/v1/outbox?destination=@archive").await;
    assert!(
        filed["deliveries"].as_array().unwrap().iter().all(|one| one["state"] == "acknowledged"),
        "{filed}"
    );
    assert_eq!(server.get("/health/ready").await.1["warnings"], Value::Array(vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_sent_back_stands_there_once_as_it_was_made() {
    let data = tempfile::tempdir().unwrap();
    let image = ObjectBuilder::chest(2);
    let study = image.study_uid();
    let server = Server::start(data.path(), &[]).await;
    assert_eq!(server.stow(&[image.build()]).await.unwrap().0, StatusCode::OK);
    until_filed(&server, &study).await;
    let instances = format!("/dicomweb/studies/{study}/instances");
    let before = rows(&server, &instances).await;
    let report = rows(&server, &format!("{instances}?Modality=SR")).await.remove(0);
    let address = text(&report, "00081190").strip_prefix(&server.http).unwrap().to_owned();
    let own = server.dicom_object(&address).await;
    assert_eq!(server.stow(&[&own]).await.unwrap().0, StatusCode::OK);
    // As another system would have changed it.
    let mut changed = own.clone();
    let at = changed.windows(8).position(|bytes| bytes == b"ISO_IR 1").unwrap();
    changed[at + 7] = b'0';
    server.stow(&[&changed]).await.unwrap();
    assert_eq!(rows(&server, &instances).await, before);
    assert_eq!(server.dicom_object(&address).await, own, "byte for byte");
    let results = server.results(&study).await;
    let analysed = results.iter().filter(|result| result["status"] == "ok").count();
    assert_eq!(analysed, 1, "what came back was not analysed: {results:?}");
}
