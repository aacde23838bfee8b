//! A DICOMweb service that does as a test says: one request for each connection.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baize_core::Lane;
use baize_core::ports::{Courier as _, LinkLost, ObjectName, PeerAnswer, Rendition};
use baize_stow::{StowClient, StowConfig};
use baize_testkit::ObjectBuilder;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the service does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers with a status and a body.
    Answers(u16, String),
    /// Answers with a status and a header line.
    Redirects(String),
    /// Promises more than it sends.
    DiesMidAnswer,
    /// Closes the connection.
    HangsUp,
    /// Says nothing.
    IsSilent,
    /// Sends a body without an end.
    Floods,
}

/// A request as it came in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Service {
    pub(crate) async fn start(does: Does, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (does, kept, tls) = (does.clone(), Arc::clone(&kept), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, does, &kept).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, does, &kept).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    does: Does,
    seen: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        // A connection that only looks whether somebody is there ends here.
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length: usize =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    seen.lock().unwrap().push(Seen {
        head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
        body: bytes[end..].to_vec(),
    });
    let answer = match does {
        Does::Answers(status, body) => {
            format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
        }
        Does::Redirects(to) => {
            format!("HTTP/1.1 307 x\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        Does::DiesMidAnswer => "HTTP/1.1 200 x\r\ncontent-length: 9999\r\n\r\n{\"00081199\":".to_owned(),
        Does::HangsUp => return None,
        Does::IsSilent => std::future::pending().await,
        Does::Floods => {
            stream.write_all(b"HTTP/1.1 200 x\r\n\r\n").await.ok()?;
            loop {
                stream.write_all(&[b' '; 65_536]).await.ok()?;
            }
        }
    };
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

/// The object that is sent.
pub(crate) fn object() -> Rendition {
    let builder = ObjectBuilder::chest(7).size(16, 16);
    let name = ObjectName { sop_class: "1.2.840.10008.5.1.4.1.1.1".into(), sop_instance: builder.sop_uid() };
    Rendition { name, object: builder.build() }
}

/// An answer that lists the object in one of the sequences.
pub(crate) fn listed(sequence: &str, reason: Option<(&str, u16)>) -> String {
    let mut item = json!({ "00081155": { "vr": "UI", "Value": [object().name.sop_instance] } });
    if let Some((attribute, status)) = reason {
        item[attribute] = json!({ "vr": "US", "Value": [status] });
    }
    json!({ sequence: { "vr": "SQ", "Value": [item] } }).to_string()
}

pub(crate) fn config(url: String) -> StowConfig {
    StowConfig {
        url,
        authorization_file: None,
        ca_file: None,
        connect_timeout: Duration::from_secs(20),
        response_timeout: Duration::from_secs(60),
    }
}

pub(crate) async fn send(config: StowConfig) -> Result<PeerAnswer, LinkLost> {
    let client = StowClient::new(config).unwrap();
    let object = object();
    let mut handover = client.connect(std::slice::from_ref(&object), Lane::Routine).await?;
    let answer = handover.send(&object).await;
    handover.close().await;
    answer
}

/// A certificate for `localhost`: what serves it, and the file of its authority.
pub(crate) fn certificate(folder: &tempfile::TempDir) -> (TlsAcceptor, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_der();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.try_into().unwrap())
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority)
}
