//! On a real socket: disconnects, shutdown, TLS.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use baize_http::{ServeError, ServeOptions, serve};
use baize_tls::TlsFiles;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::fakes::object;
use crate::harness::{App, app};

fn options() -> ServeOptions {
    ServeOptions { tls: None, header_timeout: Duration::from_secs(30), drain: Duration::from_secs(30) }
}

fn start(app: &App, options: ServeOptions) -> (SocketAddr, JoinHandle<Result<(), ServeError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(serve(listener, app.router.clone(), options, app.shutdown.clone())))
}

fn post(directive: &str) -> Vec<u8> {
    let body = object("1.2", "1.3", directive);
    let head = "POST /v1/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\nContent-Length:";
    let mut request = format!("{head} {}\r\n\r\n", body.len()).into_bytes();
    request.extend_from_slice(&body);
    request
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A peer may close without TLS's close_notify; what came is what counts.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_caller_that_hangs_up_cancels_the_work() {
    let app = app();
    let (address, _server) = start(&app, options());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&post("wait")).await.unwrap();
    app.world.work_began.notified().await;
    drop(stream);
    app.world.work_dropped.notified().await;
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_takes_no_new_ones() {
    let app = app();
    let (address, server) = start(&app, options());
    let mut waiting = TcpStream::connect(address).await.unwrap();
    waiting.write_all(&post("wait")).await.unwrap();
    app.world.work_began.notified().await;
    let mut listening = TcpStream::connect(address).await.unwrap();
    listening.write_all(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    listening.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");

    app.shutdown.cancel();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    app.world.release_work.notify_waiters();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut rest = Vec::new();
    listening.read_to_end(&mut rest).await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn headers_that_never_end_close_the_connection() {
    let app = app();
    let (address, _server) =
        start(&app, ServeOptions { header_timeout: Duration::from_millis(50), ..options() });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /version HTTP/1.1\r\nHost:").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn https_with_a_certificate_from_files() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificates: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificates, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let app = app();
    let (address, _server) = start(&app, ServeOptions { tls: Some(files), ..options() });

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    let answer =
        exchange(stream, "GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"name\":\"baize\""), "{answer}");

    let plain = TcpStream::connect(address).await.unwrap();
    let answer =
        exchange(plain, "GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn unusable_tls_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let good = folder.path().join("cert.pem");
    std::fs::write(&good, made.cert.pem()).unwrap();
    let other_key = folder.path().join("other.pem");
    std::fs::write(&other_key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let missing = folder.path().join("missing.pem");
    for (certificates, key, named) in [
        (&missing, &other_key, "missing.pem"),
        (&empty, &other_key, "empty.pem"),
        (&good, &missing, "missing.pem"),
        (&good, &empty, "empty.pem"),
        (&good, &other_key, "other.pem"),
    ] {
        let tls = TlsFiles { certificates: certificates.clone(), key: key.clone() };
        let (_, server) = start(&app(), ServeOptions { tls: Some(tls), ..options() });
        let error = server.await.unwrap().unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
