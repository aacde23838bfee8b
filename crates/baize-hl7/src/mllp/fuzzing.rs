//! Ways in for the fuzz targets (`crates/fuzz`): whole conversations with a peer that may say anything. Built only under
//! `cargo fuzz`, which sets `cfg(fuzzing)`.

use std::io::Cursor;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::SystemClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::ack::{Acknowledger, Receipt};
use super::client::{Answer, Client, ClientConfig};
use super::connection::serve;
use super::frame::{Frame, Unframer};
use super::link::{Link, Patience};
use super::metrics::Metrics;
use super::server::{Inbound, Receiver, ServerConfig, Shared};
use crate::codec::{Charset, Issue, Limits, Message};

const PATIENCE: Duration = Duration::from_secs(5);

/// What fits between the two ends at once.
const PIPE: usize = 4096;

/// Takes every message, and sees that only such come to it as can be used.
struct Glance;

#[async_trait]
impl Receiver for Glance {
    async fn receive(&self, inbound: Inbound<'_>) -> Receipt {
        let message = inbound.message;
        assert!(
            message.code().is_some() && message.control_id().is_some(),
            "a message without type or control ID"
        );
        assert!(!inbound.warnings.iter().any(Issue::is_error), "a message with an error was passed on");
        Receipt::Accepted
    }
}

fn limits() -> Limits {
    Limits { max_bytes: 16 << 10, max_segments: 500, fallback: Charset::GB18030 }
}

fn block_on<T>(conversation: impl Future<Output = T>) -> Option<T> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Builder::new_current_thread().enable_all().build().ok());
    Some(runtime.as_ref()?.block_on(conversation))
}

/// The server hears `conversation` from a peer that then waits for the end: whatever it answers, each answer is an
/// acknowledgement in a frame of its own.
pub fn server(conversation: &[u8]) {
    let config = ServerConfig {
        bind: ([127, 0, 0, 1], 0).into(),
        max_connections: 1,
        limits: limits(),
        idle_timeout: PATIENCE,
        frame_timeout: PATIENCE,
        tls: None,
    };
    let shared = Shared {
        config,
        receiver: Arc::new(Glance),
        acknowledger: Acknowledger::new(Arc::new(SystemClock)),
        clock: Arc::new(SystemClock),
        metrics: Metrics::new(std::iter::empty()),
    };
    let answers = block_on(async {
        let (near, far) = tokio::io::duplex(PIPE);
        let (mut read, mut write) = tokio::io::split(far);
        let mut answers = Vec::new();
        let says = async {
            // The server may have hung up.
            let _ = write.write_all(conversation).await;
            let _ = write.shutdown().await;
        };
        let shutdown = CancellationToken::new();
        let peer = ([127, 0, 0, 1], 1).into();
        let _ = tokio::join!(serve(near, peer, &shared, &shutdown), says, read.read_to_end(&mut answers));
        answers
    });
    let mut unframer = Unframer::new(1 << 20);
    unframer.feed(&answers.unwrap_or_default());
    while let Some(frame) = unframer.next() {
        let Frame::Message(answer) = frame else { panic!("something that is no frame: {frame:?}") };
        let parsed = Message::parse(&answer, &limits());
        assert!(parsed.is_ok_and(|parsed| parsed.message.is_acknowledgement()), "an answer that is none");
    }
    assert!(!unframer.is_mid_frame(), "an answer without an end");
}

/// The client hears `answers` to a message: it takes none for an acceptance that doesn't say so.
pub fn client(answers: &[u8]) {
    const SENT: &[u8] = b"MSH|^~\\&|B|B|H|H|2026||ORU^R01^ORU_R01|7|P|2.5.1||||||UNICODE UTF-8\rPID|1||X1\r";
    let Ok(sent) = Message::parse(SENT, &limits()) else { return };
    let config = ClientConfig {
        address: String::new(),
        connect_timeout: PATIENCE,
        answer_timeout: PATIENCE,
        limits: limits(),
        tls: None,
    };
    let stream = tokio::io::join(Cursor::new(answers.to_vec()), tokio::io::sink());
    let patience = Patience { idle: PATIENCE, frame: PATIENCE };
    let mut link = Link::new(Box::new(stream) as _, limits().max_bytes, patience);
    let answer = block_on(Client::new(config).answer(&mut link, &sent.message, "7"));
    if answer.is_some_and(|exchange| exchange.answer == Answer::Accepted) {
        let says = |code: &[u8]| answers.windows(code.len()).any(|window| window == code);
        assert!(says(b"AA") || says(b"CA") || says(b"\\X"), "an acceptance that nobody gave");
    }
}
