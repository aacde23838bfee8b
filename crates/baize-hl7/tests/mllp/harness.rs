//! A server on a port of the system's choice, a receiver that remembers, and a socket that speaks MLLP by hand.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::SystemClock;
use baize_core::ports::MessageKey;
use baize_hl7::mllp::{Inbound, Receipt, Receiver, Server, ServerConfig};
use baize_hl7::{Charset, Code, Issue, Limits, Message, Position};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough for any machine; reached only where a test fails.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Keeps what it is given, once; a message whose control ID begins with `E` it cannot use, with `R` it never will.
#[derive(Default)]
pub(crate) struct Memory {
    kept: Mutex<Vec<String>>,
    keys: Mutex<HashSet<MessageKey>>,
}

impl Memory {
    pub(crate) fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap().clone()
    }
}

#[async_trait]
impl Receiver for Memory {
    async fn receive(&self, inbound: Inbound<'_>) -> Receipt {
        let id = inbound.message.control_id().unwrap();
        let issue = Issue::error(Code::UnknownKey, Position::field("PID", 1, 3), "nobody is known by it");
        match id.chars().next() {
            Some('E') => Receipt::Error(vec![issue]),
            Some('R') => Receipt::Rejected(vec![issue]),
            _ => {
                if self.keys.lock().unwrap().insert(inbound.key) {
                    self.kept.lock().unwrap().push(id);
                }
                Receipt::Accepted
            }
        }
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) memory: Arc<Memory>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(change: impl FnOnce(&mut ServerConfig)) -> Self {
        Self::start_as(change, |server| server).await
    }

    pub(crate) async fn start_as(
        change: impl FnOnce(&mut ServerConfig),
        furnish: impl FnOnce(Server) -> Server,
    ) -> Self {
        let mut config = ServerConfig {
            bind: "127.0.0.1:0".parse().unwrap(),
            max_connections: 8,
            limits: Limits { max_bytes: 100_000, max_segments: 1000, fallback: Charset::GB18030 },
            idle_timeout: LONG,
            frame_timeout: LONG,
            tls: None,
        };
        change(&mut config);
        let memory = Arc::new(Memory::default());
        let server = Server::bind(config, Arc::clone(&memory) as _, Arc::new(SystemClock)).await.unwrap();
        let server = furnish(server);
        let shutdown = CancellationToken::new();
        let address = server.local_addr();
        let task = tokio::spawn(server.run(shutdown.clone()));
        Self { address, memory, shutdown, task }
    }

    pub(crate) fn begin_stop(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(LONG, self.task).await.unwrap().unwrap();
    }

    pub(crate) async fn socket(&self) -> Socket {
        Socket(TcpStream::connect(self.address).await.unwrap())
    }
}

/// A peer that writes bytes as it likes.
pub(crate) struct Socket(pub(crate) TcpStream);

impl Socket {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The next answer without its frame; `None` where the server closed the connection.
    pub(crate) async fn read(&mut self) -> Option<Vec<u8>> {
        let mut answer = Vec::new();
        loop {
            let byte = tokio::time::timeout(LONG, self.0.read_u8()).await.unwrap().ok()?;
            answer.push(byte);
            if answer.ends_with(b"\x1c\r") {
                assert_eq!(answer[0], 0x0b);
                return Some(answer[1..answer.len() - 2].to_vec());
            }
        }
    }

    /// MSA-1 and MSA-2 of the next answer.
    pub(crate) async fn answer(&mut self) -> Option<(String, String)> {
        let ack = Message::parse(&self.read().await?, &Limits::default()).unwrap().message;
        let text = |path: &str| ack.text(&path.parse().unwrap()).unwrap_or_default();
        Some((text("MSA-1"), text("MSA-2")))
    }
}

/// A message that is all right.
pub(crate) fn message(id: &str) -> Vec<u8> {
    format!("MSH|^~\\&|HIS|H|BAIZE|B|20260315||ADT^A04^ADT_A01|{id}|P|2.5.1\rPID|1||X1\r").into_bytes()
}

pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [b"\x0b", message, b"\x1c\r"].concat()
}

pub(crate) fn pair(code: &str, id: &str) -> Option<(String, String)> {
    Some((code.to_owned(), id.to_owned()))
}
