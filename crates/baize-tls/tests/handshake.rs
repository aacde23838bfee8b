//! Who is believed and who is not, at both ends; and which file is named where one cannot be used.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something unexpected happens")]

use std::path::Path;

use baize_testkit::Certificates;
use baize_tls::{ClientTls, TlsFiles, client_config, server_config};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

fn files(certificates: &Certificates, name: &str) -> TlsFiles {
    TlsFiles { certificates: certificates.certificate(name), key: certificates.key(name) }
}

/// What one end shows, and whom it asks for.
struct Case {
    server: &'static str,
    asks_clients: bool,
    client: Option<&'static str>,
    believes_other: bool,
    name: &'static str,
    /// What the client is told; `None` where it is served.
    client_sees: Option<&'static str>,
    /// What the server is told.
    server_sees: Option<&'static str>,
}

const GOOD: Case = Case {
    server: "server",
    asks_clients: true,
    client: Some("client"),
    believes_other: false,
    name: "localhost",
    client_sees: None,
    server_sees: None,
};

#[tokio::test]
async fn each_end_believes_only_whom_it_was_told_to() {
    let folder = TempDir::new().unwrap();
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let cases = [
        GOOD,
        Case { name: "127.0.0.1", ..GOOD },
        Case { asks_clients: false, client: None, ..GOOD },
        Case { asks_clients: false, ..GOOD },
        Case {
            client: None,
            client_sees: Some("CertificateRequired"),
            server_sees: Some("no certificates"),
            ..GOOD
        },
        Case {
            client: Some("foreign"),
            client_sees: Some("UnknownCA"),
            server_sees: Some("UnknownIssuer"),
            ..GOOD
        },
        Case {
            client: Some("expired"),
            client_sees: Some("CertificateExpired"),
            server_sees: Some("expired"),
            ..GOOD
        },
        Case { server: "expired", client_sees: Some("expired"), server_sees: Some("Expired"), ..GOOD },
        Case {
            server: "foreign",
            client_sees: Some("UnknownIssuer"),
            server_sees: Some("UnknownCA"),
            ..GOOD
        },
        Case { server: "foreign", believes_other: true, ..GOOD },
        Case {
            server: "elsewhere",
            client_sees: Some("not valid for name"),
            server_sees: Some("BadCertificate"),
            ..GOOD
        },
    ];
    for (number, case) in cases.iter().enumerate() {
        let peers = certificates.authority();
        let asked = case.asks_clients.then_some(peers.as_path());
        let acceptor = TlsAcceptor::from(server_config(&files(&certificates, case.server), asked).unwrap());
        let authority =
            if case.believes_other { certificates.other_authority() } else { certificates.authority() };
        let own = case.client.map(|name| files(&certificates, name));
        let client = ClientTls::open(&authority, own.as_ref(), case.name).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await?;
            let mut stream = acceptor.accept(stream).await?;
            stream.write_all(b"served").await?;
            stream.shutdown().await
        });
        let mut said = String::new();
        let asking = async {
            let mut stream = client.connect(TcpStream::connect(address).await?).await?;
            stream.read_to_string(&mut said).await
        };
        let told = |outcome: Option<std::io::Error>| outcome.map(|error| error.to_string());
        let client_saw = told(asking.await.err());
        let server_saw = told(serving.await.unwrap().err());
        for (saw, expected) in [(&client_saw, case.client_sees), (&server_saw, case.server_sees)] {
            match (saw, expected) {
                (None, None) => {}
                (Some(saw), Some(expected)) => assert!(saw.contains(expected), "case {number}: {saw}"),
                _ => panic!("case {number}: the client saw {client_saw:?}, the server {server_saw:?}"),
            }
        }
        assert_eq!(said == "served", case.client_sees.is_none(), "case {number}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let folder = TempDir::new().unwrap();
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let missing = folder.path().join("missing.pem");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let good = files(&certificates, "server");
    let with = |certificates: &Path, key: &Path| TlsFiles {
        certificates: certificates.to_owned(),
        key: key.to_owned(),
    };
    let authority = certificates.authority();
    let cases = [
        (with(&missing, &good.key), authority.as_path(), "missing.pem"),
        (with(&empty, &good.key), &authority, "empty.pem"),
        (with(&good.certificates, &missing), &authority, "missing.pem"),
        (with(&good.certificates, &good.certificates), &authority, "server.pem"),
        (with(&good.certificates, &certificates.key("client")), &authority, "client.key"),
        (good.clone(), &missing, "missing.pem"),
        (good.clone(), &empty, "empty.pem"),
    ];
    for (own, authority, named) in cases {
        let server = server_config(&own, Some(authority)).unwrap_err().to_string();
        assert!(server.contains(named), "{server}");
        let client = client_config(authority, Some(&own)).unwrap_err().to_string();
        assert!(client.contains(named), "{client}");
    }
    let error = ClientTls::open(&authority, None, "not a name").unwrap_err();
    assert!(error.to_string().contains("'not a name'"), "{error}");
}
