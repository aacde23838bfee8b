//! A real STOW-RS client, where it is installed: dicomweb-client with pydicom.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use baize_http::{HttpConfig, ServeOptions, serve};

use crate::harness::{app_with, config};

const SCRIPT: &str = r#"
import sys
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

def image(study, sop):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    meta.MediaStorageSOPInstanceUID = sop
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = Dataset()
    ds.file_meta = meta
    ds.preamble = b"\0" * 128
    ds.SOPClassUID = meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = sop
    ds.StudyInstanceUID = study
    ds.SeriesInstanceUID = study + ".1"
    ds.PatientName = "Test^Boundary"
    ds.PixelData = b"\r\n--0f3cf5c0\r\n" * 5000
    ds["PixelData"].VR = "OB"
    return ds

for chunk_size in (10**6, 1000):
    client = DICOMwebClient(url=sys.argv[1], chunk_size=chunk_size)
    stored = client.store_instances([image("1.2", "1.2.1"), image("1.2", "1.2.2")])
    print([str(item.ReferencedSOPInstanceUID) for item in stored.ReferencedSOPSequence])
    print(stored.RetrieveURL)
    mixed = client.store_instances([image("1.2", "1.2.1"), image("1.3", "1.3.1")], study_instance_uid="1.2")
    print([(str(item.ReferencedSOPInstanceUID), hex(item.FailureReason)) for item in mixed.FailedSOPSequence])
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dicomweb_client_stores_and_understands_the_answer() {
    let has_client = Command::new("python3").args(["-c", "import dicomweb_client, pydicom"]).output();
    if !has_client.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: python3 with dicomweb-client and pydicom is not installed");
        return;
    }
    let app = app_with(HttpConfig { max_object_bytes: 1 << 20, upload_memory_bytes: 1 << 21, ..config() });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/dicomweb", listener.local_addr().unwrap());
    let wait = Duration::from_secs(30);
    let options = ServeOptions { tls: None, header_timeout: wait, drain: wait };
    let server = tokio::spawn(serve(listener, app.router.clone(), options, app.shutdown.clone()));
    let script =
        tokio::task::spawn_blocking(move || Command::new("python3").args(["-c", SCRIPT, &url]).output());
    let output = script.await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let once = "['1.2.1', '1.2.2']\nhttps://baize.example/dicomweb/studies/1.2\n[('1.3.1', '0xa900')]\n";
    assert_eq!(text, once.repeat(2), "whole and in chunks");
    app.shutdown.cancel();
    server.await.unwrap().unwrap();
}
