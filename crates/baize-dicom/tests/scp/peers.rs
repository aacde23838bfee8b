//! Implementations of other people send to us: DCMTK's tools and pynetdicom, where they are installed.

use std::path::{Path, PathBuf};
use std::process::Output;

use baize_core::{ErrorCode, Fault};
use baize_dicom::scp::ScpConfig;
use baize_testkit::{ObjectBuilder, Syntax};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{Running, config, start};

/// DCMTK's tools by full path: pynetdicom installs namesakes.
const DCMTK: &str = "/usr/bin";

fn objects() -> Vec<ObjectBuilder> {
    Syntax::ALL.into_iter().zip(1..).map(|(syntax, seed)| ObjectBuilder::chest(seed).syntax(syntax)).collect()
}

fn write(folder: &TempDir, objects: &[ObjectBuilder]) -> Vec<PathBuf> {
    let write_one = |(number, object): (usize, &ObjectBuilder)| {
        let path = folder.path().join(format!("{number}.dcm"));
        std::fs::write(&path, object.build()).unwrap();
        path
    };
    objects.iter().enumerate().map(write_one).collect()
}

/// Runs one of DCMTK's tools as CR1 against the provider; `None` where it is not installed.
async fn dcmtk(tool: &str, server: &Running, options: &[&str], files: &[PathBuf]) -> Option<Output> {
    let program = Path::new(DCMTK).join(tool);
    if !program.exists() {
        println!("skipped: {tool} of DCMTK is not installed");
        return None;
    }
    let mut command = Command::new(program);
    command.args(["-v", "-to", "20", "-ta", "20", "-td", "20", "-aet", "CR1", "-aec", "BAIZE"]);
    command.args(options).arg("127.0.0.1").arg(server.address.port().to_string()).args(files);
    Some(command.output().await.unwrap())
}

fn assert_success(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

/// The SOP Instance UIDs that were accepted, sorted.
fn stored(server: &Running) -> Vec<String> {
    let uid_of = |object: &[u8]| {
        let parsed = dicom_object::from_reader(object).unwrap();
        parsed.meta().media_storage_sop_instance_uid().to_owned()
    };
    let mut uids: Vec<String> = server.intake.objects().iter().map(|(object, ..)| uid_of(object)).collect();
    uids.sort();
    uids
}

fn sent(objects: &[ObjectBuilder]) -> Vec<String> {
    let mut uids: Vec<String> = objects.iter().map(ObjectBuilder::sop_uid).collect();
    uids.sort();
    uids
}

#[tokio::test]
async fn dcmtk_echoes() {
    let server = start(config()).await;
    let Some(output) = dcmtk("echoscu", &server, &[], &[]).await else { return };
    assert_success(&output);
    server.ended("released", 1).await;
    let stranger = dcmtk("echoscu", &server, &["-aet", "WHO"], &[]).await.unwrap();
    let text = String::from_utf8_lossy(&stranger.stderr);
    assert!(!stranger.status.success() && text.contains("Calling AE Title Not Recognized"), "{text}");
}

#[tokio::test]
async fn dcmtk_dcmsend_sends_every_transfer_syntax() {
    let folder = TempDir::new().unwrap();
    // DCMTK knows neither HTJ2K nor JPEG XL.
    let known = |object: &ObjectBuilder| {
        ![Syntax::Htj2k.uid(), Syntax::JpegXl.uid()].contains(&object.transfer_syntax_uid())
    };
    let objects: Vec<ObjectBuilder> = objects().into_iter().filter(known).collect();
    let files = write(&folder, &objects);
    // As it does by default (converts what it can decode, where we prefer that) and unconverted.
    for options in [&[][..], &["--decompress-never"]] {
        let server = start(config()).await;
        let Some(output) = dcmtk("dcmsend", &server, options, &files).await else { return };
        assert_success(&output);
        assert_eq!(stored(&server), sent(&objects), "{options:?}");
    }
}

#[tokio::test]
async fn dcmtk_storescu_sends_and_sends_again() {
    let server = start(config()).await;
    let folder = TempDir::new().unwrap();
    let objects: Vec<ObjectBuilder> = (1..4).map(ObjectBuilder::chest).collect();
    let files = write(&folder, &objects);
    for round in 1..3 {
        // All storage classes that it knows, or only the required ones.
        let options: &[&str] = if round == 1 { &[] } else { &["-R"] };
        let Some(output) = dcmtk("storescu", &server, options, &files).await else { return };
        assert_success(&output);
        server.ended("released", round).await;
    }
    let twice: Vec<ObjectBuilder> =
        objects.iter().flat_map(|object| [object.clone(), object.clone()]).collect();
    assert_eq!(stored(&server), sent(&twice));
}

#[tokio::test]
async fn dcmtk_storescu_reports_our_refusal() {
    let server = start(ScpConfig { max_object_bytes: 5000, ..config() }).await;
    let folder = TempDir::new().unwrap();
    let files = write(&folder, &[ObjectBuilder::chest(1)]);
    let Some(output) = dcmtk("storescu", &server, &["-R", "-d"], &files).await else { return };
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("larger than 5000 bytes"), "{text}");
    assert!(server.intake.objects().is_empty());
}

/// Sends an echo and files, one context for each transfer syntax; prints the statuses.
const PYNETDICOM: &str = r"
import sys
from pydicom import dcmread
from pynetdicom import AE

ae = AE(ae_title='CR1')
files = [dcmread(path) for path in sys.argv[2:]]
ae.add_requested_context('1.2.840.10008.1.1')
for file in files:
    ae.add_requested_context(file.SOPClassUID, file.file_meta.TransferSyntaxUID)
association = ae.associate('127.0.0.1', int(sys.argv[1]), ae_title='BAIZE')
assert association.is_established, 'no association'
print('%04X' % association.send_c_echo().Status)
for file in files:
    print('%04X' % association.send_c_store(file).Status)
association.release()
";

#[tokio::test]
async fn pynetdicom_sends_every_transfer_syntax() {
    let importable = Command::new("python3").args(["-c", "import pynetdicom, pydicom"]).output().await;
    if !importable.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 cannot import pynetdicom and pydicom");
        return;
    }
    let server = start(config()).await;
    let folder = TempDir::new().unwrap();
    let objects = objects();
    let files = write(&folder, &objects);
    let port = server.address.port().to_string();
    let output =
        Command::new("python3").args(["-c", PYNETDICOM]).arg(port).args(&files).output().await.unwrap();
    assert_success(&output);
    let statuses = String::from_utf8_lossy(&output.stdout);
    assert_eq!(statuses.split_whitespace().collect::<Vec<_>>(), vec!["0000"; objects.len() + 1]);
    server.ended("released", 1).await;
    assert_eq!(stored(&server), sent(&objects));
}

/// Sends one file; prints the status and the comment.
const PYNETDICOM_ASKS_WHY: &str = r"
import sys
from pydicom import dcmread
from pynetdicom import AE

file = dcmread(sys.argv[2])
ae = AE(ae_title='CR1')
ae.add_requested_context(file.SOPClassUID, file.file_meta.TransferSyntaxUID)
association = ae.associate('127.0.0.1', int(sys.argv[1]), ae_title='BAIZE')
answer = association.send_c_store(file)
print('%04X %s' % (answer.Status, answer.ErrorComment))
association.release()
";

#[tokio::test]
async fn pynetdicom_is_told_why_an_object_is_not_taken() {
    let importable = Command::new("python3").args(["-c", "import pynetdicom, pydicom"]).output().await;
    if !importable.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 cannot import pynetdicom and pydicom");
        return;
    }
    let server = start(config()).await;
    let folder = TempDir::new().unwrap();
    let files = write(&folder, &[ObjectBuilder::chest(1)]);
    let port = server.address.port().to_string();
    for (code, status) in [
        (ErrorCode::SpoolFull, "A700"),
        (ErrorCode::Saturated, "A710"),
        (ErrorCode::MissingAttribute, "A900"),
        (ErrorCode::MalformedObject, "C000"),
        (ErrorCode::UnsupportedTransferSyntax, "C000"),
    ] {
        server.intake.fail_with(Fault::new(code, format!("because of {code}")));
        let mut command = Command::new("python3");
        let output =
            command.args(["-c", PYNETDICOM_ASKS_WHY]).arg(&port).args(&files).output().await.unwrap();
        assert_success(&output);
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(told.trim(), format!("{status} because of {code}"));
    }
    assert!(server.intake.objects().is_empty());
}
