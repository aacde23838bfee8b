//! One connection of the server, from its first frame to its end.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::ack::Receipt;
use super::frame::Frame;
use super::key::key;
use super::link::{Link, LinkError, Patience};
use super::server::{Inbound, Shared};
use crate::codec::{Code, Issue, Limits, Message, Parsed, Position, head};

/// Longer messages are parsed off the threads that serve connections.
const PARSED_AT_ONCE: usize = 64 << 10;

/// Serves one connection to its end: one message at a time, answered in their order.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send>(
    stream: S,
    peer: SocketAddr,
    shared: &Shared,
    shutdown: &CancellationToken,
) {
    let config = &shared.config;
    let patience = Patience { idle: config.idle_timeout, frame: config.frame_timeout };
    let mut link = Link::new(stream, config.limits.max_bytes, patience);
    let end = loop {
        let next = match link.buffered() {
            Some(frame) => Some(Ok(frame)),
            // What has begun is finished: the peer would have to ask itself what became of it.
            None if link.is_mid_frame() => Some(link.next().await),
            None => tokio::select! {
                biased;
                () = shutdown.cancelled() => None,
                next = link.next() => Some(next),
            },
        };
        let Some(next) = next else {
            // A frame may have begun while its first bytes were waited for.
            if link.is_mid_frame() {
                continue;
            }
            break "stopped";
        };
        let came = shared.clock.now();
        let answers = match next {
            Ok(Frame::Message(bytes)) => take(bytes, peer, shared).await,
            Ok(Frame::TooLong { head: bytes }) => {
                let what = format!("the message is longer than {} bytes", config.limits.max_bytes);
                let issue = Issue::error(Code::ApplicationInternal, Position::message(), what);
                answer_unread(&bytes, Receipt::Rejected(vec![issue]), shared)
            }
            Ok(Frame::Garbage(length)) => {
                warn!(length, "bytes outside of a frame");
                continue;
            }
            Err(error) => {
                if !matches!(error, LinkError::Closed) {
                    warn!(%error, "hl7 connection broken");
                }
                break "broken";
            }
        };
        let answered = !answers.is_empty();
        let mut failed = None;
        for answer in answers {
            failed = link.send(&answer).await.err();
            if failed.is_some() {
                break;
            }
        }
        if let Some(error) = failed {
            // The message is kept; the peer will send it again and hear that it was accepted.
            warn!(%error, "acknowledgement not delivered");
            break "broken";
        }
        if answered {
            shared.metrics.took(shared.clock.now().saturating_since(came));
        }
    };
    debug!(end, "hl7 connection ended");
    link.close().await;
}

/// Takes one message in; what is answered.
async fn take(bytes: Vec<u8>, peer: SocketAddr, shared: &Shared) -> Vec<Vec<u8>> {
    let limits = shared.config.limits;
    let (bytes, parsed) = parse(bytes, limits).await;
    let Parsed { message, issues } = match parsed {
        Ok(parsed) => parsed,
        Err(issue) => return answer_unread(&bytes, Receipt::refusal(vec![issue]), shared),
    };
    if message.is_acknowledgement() {
        warn!("an acknowledgement came in that nobody waits for");
        return Vec::new();
    }
    let receipt = if issues.iter().any(Issue::is_error) {
        Receipt::refusal(issues)
    } else {
        let key = key(&message, &bytes);
        let inbound = Inbound { message: &message, bytes: &bytes, key, warnings: &issues, peer };
        shared.receiver.receive(inbound).await
    };
    report(&message.message_type(), &receipt, shared);
    shared.acknowledger.answers(&message, &receipt)
}

async fn parse(bytes: Vec<u8>, limits: Limits) -> (Vec<u8>, Result<Parsed, Issue>) {
    let work = move |bytes: Vec<u8>| {
        let parsed = Message::parse(&bytes, &limits);
        (bytes, parsed)
    };
    if bytes.len() <= PARSED_AT_ONCE {
        return work(bytes);
    }
    let lost = |_| {
        let what = "the message could not be read";
        (Vec::new(), Err(Issue::error(Code::ApplicationInternal, Position::message(), what)))
    };
    tokio::task::spawn_blocking(move || work(bytes)).await.unwrap_or_else(lost)
}

/// Answers what could not be parsed, as far as its header goes.
fn answer_unread(bytes: &[u8], receipt: Receipt, shared: &Shared) -> Vec<Vec<u8>> {
    let head = head(bytes, shared.config.limits.fallback);
    report("unreadable", &receipt, shared);
    shared.acknowledger.answers(&head.message, &receipt)
}

/// The issues say where and what, never whose.
fn report(message_type: &str, receipt: &Receipt, shared: &Shared) {
    shared.metrics.answered(message_type, receipt);
    match receipt {
        Receipt::Accepted => debug!("message accepted"),
        Receipt::Error(issues) | Receipt::Rejected(issues) => {
            let first = issues.iter().find(|issue| issue.is_error()).or(issues.first());
            let issue = first.map(ToString::to_string);
            let message_type = message_type.escape_debug().to_string();
            warn!(message_type, issue, "message not accepted");
        }
    }
}
