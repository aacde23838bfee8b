//! A FHIR server that does as a test says: one request for each connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baize_core::Lane;
use baize_core::ports::{LinkLost, MessageAnswer, MessageCourier as _, MessageId};
use baize_fhir_client::{FhirClient, FhirClientConfig, Login};
use baize_testkit::VirtualClock;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers with a status, further header lines and a body.
    Answers(u16, &'static str, String),
    /// Keeps what it is sent as a real server would, and answers for each entry.
    Keeps,
    /// Keeps it, and ends before it has answered.
    DiesAfterwards,
    /// Promises more than it sends.
    DiesMidAnswer,
    /// Says nothing.
    IsSilent,
    /// Sends a body without an end.
    Floods,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) does: Arc<Mutex<Does>>,
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
    pub(crate) bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Resources by the address that their conditional update names.
    pub(crate) kept: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    pub(crate) async fn start(does: Does) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            does: Arc::new(Mutex::new(does)),
            heads: Arc::default(),
            bodies: Arc::default(),
            kept: Arc::default(),
        });
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = Arc::clone(&serving);
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/fhir", self.address)
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
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
        self.heads.lock().unwrap().push(head);
        self.bodies.lock().unwrap().push(bytes[end..].to_vec());
        let does = self.does.lock().unwrap().clone();
        let (status, headers, body) = match does {
            Does::Answers(status, headers, body) => (status, headers, body),
            Does::Keeps => (200, "", self.keep(&bytes[end..])),
            Does::DiesAfterwards => {
                self.keep(&bytes[end..]);
                return None;
            }
            Does::DiesMidAnswer => {
                stream.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 9999\r\n\r\n{\"resource").await.ok()?;
                return stream.shutdown().await.ok();
            }
            Does::IsSilent => std::future::pending().await,
            Does::Floods => {
                stream.write_all(b"HTTP/1.1 200 x\r\n\r\n").await.ok()?;
                loop {
                    stream.write_all(&[b' '; 65_536]).await.ok()?;
                }
            }
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.shutdown().await.ok()
    }

    fn keep(&self, body: &[u8]) -> String {
        let bundle: Value = serde_json::from_slice(body).unwrap();
        let mut kept = self.kept.lock().unwrap();
        let mut answers = Vec::new();
        for entry in bundle["entry"].as_array().unwrap() {
            assert_eq!(entry["request"]["method"], "PUT");
            let url = entry["request"]["url"].as_str().unwrap().to_owned();
            let status = match kept.iter_mut().find(|(known, _)| *known == url) {
                Some((_, resource)) => {
                    *resource = entry["resource"].clone();
                    "200 OK"
                }
                None => {
                    kept.push((url, entry["resource"].clone()));
                    "201 Created"
                }
            };
            answers.push(json!({ "response": { "status": status } }));
        }
        json!({ "resourceType": "Bundle", "type": "transaction-response", "entry": answers }).to_string()
    }
}

pub(crate) fn config(url: String) -> FhirClientConfig {
    FhirClientConfig {
        url,
        login: Login::None,
        ca_file: None,
        connect_timeout: Duration::from_secs(20),
        response_timeout: Duration::from_secs(60),
    }
}

/// A transaction of two entries.
pub(crate) fn bundle() -> Bytes {
    let entry = |number: u32| {
        json!({
            "fullUrl": format!("urn:uuid:{number}"),
            "resource": { "resourceType": "Device", "status": "active" },
            "request": { "method": "PUT", "url": format!("Device?identifier=a%7C{number}") },
        })
    };
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry(1), entry(2)] });
    Bytes::from(bundle.to_string())
}

pub(crate) async fn send(client: &FhirClient) -> Result<MessageAnswer, LinkLost> {
    client.send(&MessageId("m-1".into()), Lane::Routine, &bundle()).await
}

pub(crate) fn client(config: FhirClientConfig) -> FhirClient {
    FhirClient::new(config, Arc::new(VirtualClock::default())).unwrap()
}
