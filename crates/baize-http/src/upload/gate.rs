//! The body as the multipart parser gets it: bounded in total, between parts, and in how far it runs ahead.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::BodyDataStream;
use bytes::Bytes;
use futures_core::Stream;

/// The most bytes of preamble, boundary and part headers in a row. The parser keeps these in memory and
/// searches them from the start each time.
const MOST_BETWEEN_PARTS: u64 = 64 * 1024;

/// Why the gate closed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    #[error("the body is larger than the limit")]
    TooLarge,
    #[error("the headers of a part, or what precedes the first part, are larger than 64 KiB")]
    HeadersTooLarge,
    #[error("the connection broke off")]
    BrokenOff,
}

/// Tells the gate whether the parser is inside a part.
#[derive(Clone, Default)]
pub(super) struct Position(Arc<AtomicU64>);

impl Position {
    const INSIDE: u64 = u64::MAX;

    pub(super) fn enter_part(&self) {
        self.0.store(Self::INSIDE, Ordering::Relaxed);
    }

    pub(super) fn leave_part(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A body stream that the parser cannot drain faster than it uses it up.
pub(super) struct Gate {
    body: BodyDataStream,
    left: u64,
    position: Position,
    pause: bool,
}

impl Gate {
    pub(super) fn new(body: BodyDataStream, most: u64, position: Position) -> Self {
        Self { body, left: most, position, pause: false }
    }
}

impl Stream for Gate {
    type Item = Result<Bytes, Closed>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The parser asks again and again until it hears "pending" and keeps all that it got, which would be
        // the whole body where the network is quick. One chunk at a time is enough for it.
        if std::mem::take(&mut self.pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let since_part = self.position.0.load(Ordering::Relaxed);
        if since_part != Position::INSIDE && since_part >= MOST_BETWEEN_PARTS {
            return Poll::Ready(Some(Err(Closed::HeadersTooLarge)));
        }
        let chunk = match Pin::new(&mut self.body).poll_next(context) {
            Poll::Ready(Some(Ok(chunk))) => chunk,
            Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(Closed::BrokenOff))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        let length = chunk.len() as u64;
        let Some(left) = self.left.checked_sub(length) else {
            return Poll::Ready(Some(Err(Closed::TooLarge)));
        };
        self.left = left;
        if since_part != Position::INSIDE {
            self.position.0.store(since_part + length, Ordering::Relaxed);
        }
        self.pause = true;
        Poll::Ready(Some(Ok(chunk)))
    }
}
