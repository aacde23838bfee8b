//! The port for TLS: DCMTK and pynetdicom come through it, and whoever has not the right certificate does not.

use std::path::{Path, PathBuf};
use std::process::Output;

use baize_dicom::scp::{ScpConfig, ScpTls};
use baize_testkit::{Certificates, ObjectBuilder};
use baize_tls::{TlsFiles, server_config};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::support::{Peer, Running, config, start};

/// DCMTK's tools by full path: pynetdicom installs namesakes.
const DCMTK: &str = "/usr/bin";

fn files(certificates: &Certificates, name: &str) -> TlsFiles {
    TlsFiles { certificates: certificates.certificate(name), key: certificates.key(name) }
}

/// A provider that shows the certificate of `name` and, where asked, wants one that the authority has issued.
async fn provider(certificates: &Certificates, name: &str, wants_certificate: bool) -> Running {
    let authority = certificates.authority();
    let asked = wants_certificate.then_some(authority.as_path());
    let tls = server_config(&files(certificates, name), asked).unwrap();
    start(ScpConfig { tls: Some(ScpTls { bind: ([127, 0, 0, 1], 0).into(), config: tls }), ..config() }).await
}

fn tls_port(server: &Running) -> u16 {
    server.tls_address.unwrap().port()
}

fn object_file(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("object.dcm");
    std::fs::write(&path, ObjectBuilder::chest(1).build()).unwrap();
    path
}

/// What the peer shows, what it believes, and whether it gets through.
struct Case {
    server: &'static str,
    wants_certificate: bool,
    own: Option<&'static str>,
    believes_other: bool,
    served: bool,
}

const CASES: [Case; 7] = [
    Case {
        server: "server",
        wants_certificate: true,
        own: Some("client"),
        believes_other: false,
        served: true,
    },
    Case { server: "server", wants_certificate: false, own: None, believes_other: false, served: true },
    Case { server: "server", wants_certificate: true, own: None, believes_other: false, served: false },
    Case {
        server: "server",
        wants_certificate: true,
        own: Some("foreign"),
        believes_other: false,
        served: false,
    },
    Case {
        server: "server",
        wants_certificate: true,
        own: Some("expired"),
        believes_other: false,
        served: false,
    },
    Case { server: "server", wants_certificate: false, own: None, believes_other: true, served: false },
    Case { server: "expired", wants_certificate: false, own: None, believes_other: false, served: false },
];

async fn dcmtk(tool: &str, port: u16, options: &[String], file: Option<&Path>) -> Option<Output> {
    let program = Path::new(DCMTK).join(tool);
    if !program.exists() {
        println!("skipped: {tool} of DCMTK is not installed");
        return None;
    }
    let mut command = Command::new(program);
    command.args(["-v", "-to", "20", "-ta", "20", "-td", "20", "-aet", "CR1", "-aec", "BAIZE"]);
    command.args(options).args(["127.0.0.1", &port.to_string()]).args(file);
    Some(command.output().await.unwrap())
}

/// What was accepted, and what the metrics say about refused handshakes.
async fn assert_outcome(case: &Case, server: &Running, objects: usize, told: &str) {
    assert_eq!(server.intake.objects().len(), if case.served { objects } else { 0 }, "{told}");
    if !case.served {
        server.ended("tls_failed", 1).await;
    }
}

#[tokio::test]
async fn dcmtk_comes_through_with_the_right_certificate_only() {
    let folder = TempDir::new().unwrap();
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let file = object_file(&folder);
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    for (number, case) in CASES.iter().enumerate() {
        let server = provider(&certificates, case.server, case.wants_certificate).await;
        let mut options = match case.own {
            Some(name) => {
                vec!["+tls".to_owned(), text(certificates.key(name)), text(certificates.certificate(name))]
            }
            None => vec!["+tla".to_owned()],
        };
        let authority =
            if case.believes_other { certificates.other_authority() } else { certificates.authority() };
        options.extend(["+cf".to_owned(), text(authority)]);
        for (tool, file) in [("echoscu", None), ("storescu", Some(file.as_path()))] {
            let Some(output) = dcmtk(tool, tls_port(&server), &options, file).await else { return };
            let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.success(), case.served, "case {number}, {tool}: {told}");
        }
        assert_outcome(case, &server, 1, &format!("case {number}")).await;
    }
}

/// Sends a file over TLS; prints the status of the C-STORE, or why there is no association.
const PYNETDICOM: &str = r"
import ssl, sys
from pydicom import dcmread
from pynetdicom import AE

port, authority, certificate, key, path = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
if certificate:
    context.load_cert_chain(certificate, key)
file = dcmread(path)
ae = AE(ae_title='CR1')
ae.add_requested_context(file.SOPClassUID, file.file_meta.TransferSyntaxUID)
association = ae.associate('127.0.0.1', int(port), ae_title='BAIZE', tls_args=(context, 'localhost'))
if association.is_established:
    print('%04X' % association.send_c_store(file).Status)
    association.release()
else:
    print('none')
";

#[tokio::test]
async fn pynetdicom_comes_through_with_the_right_certificate_only() {
    let importable = Command::new("python3").args(["-c", "import pynetdicom, pydicom"]).output().await;
    if !importable.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 cannot import pynetdicom and pydicom");
        return;
    }
    let folder = TempDir::new().unwrap();
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let file = object_file(&folder);
    for (number, case) in CASES.iter().enumerate() {
        let server = provider(&certificates, case.server, case.wants_certificate).await;
        let authority =
            if case.believes_other { certificates.other_authority() } else { certificates.authority() };
        let own = case.own.map(|name| (certificates.certificate(name), certificates.key(name)));
        let (certificate, key) = own.unwrap_or_default();
        let mut command = Command::new("python3");
        command.args(["-c", PYNETDICOM, &tls_port(&server).to_string()]);
        let output = command.arg(authority).arg(certificate).arg(key).arg(&file).output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let expected = if case.served { "0000" } else { "none" };
        assert!(output.stdout.starts_with(expected.as_bytes()), "case {number}: {told}");
        assert_outcome(case, &server, 1, &told).await;
    }
}

#[tokio::test]
async fn both_ports_serve_and_neither_speaks_the_others_language() {
    let folder = TempDir::new().unwrap();
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let server = provider(&certificates, "server", true).await;
    // A plain association request on the port for TLS ends with a TLS alert (record type 21), not with an object.
    let mut stream = TcpStream::connect(server.tls_address.unwrap()).await.unwrap();
    stream.write_all(&[1, 0, 0, 0, 0, 4, 0, 1, 0, 0]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    server.ended("tls_failed", 1).await;
    // A TLS greeting on the plain port ends with an A-ABORT.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.first(), Some(&7), "{answer:?}");
    server.ended("protocol_error", 1).await;
    let mut plain = Peer::for_images(server.address).await;
    assert_eq!(plain.store(&ObjectBuilder::chest(1)).await, (0, None));
}

#[tokio::test]
async fn a_caller_that_never_greets_does_not_hold_up_the_end() {
    let folder = TempDir::new().unwrap();
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let server = provider(&certificates, "server", false).await;
    let _silent = TcpStream::connect(server.tls_address.unwrap()).await.unwrap();
    // Served after it, so that the silent one has been accepted.
    let mut peer = Peer::for_images(server.address).await;
    assert_eq!(peer.store(&ObjectBuilder::chest(1)).await, (0, None));
    peer.release().await;
    server.shutdown.cancel();
    server.task.await.unwrap();
}
