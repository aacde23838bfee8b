//! One end of a connection: frames in within their time, frames out.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Sleep, sleep, timeout};

use super::frame::{Frame, Unframer, framed};

/// Read at once.
const CHUNK: usize = 16 << 10;

/// How long the carriage return behind the end of a frame is waited for: some senders leave it out and wait for their
/// answer. Shorter than any sender waits, longer than a network keeps two bytes apart.
const CR_PATIENCE: Duration = Duration::from_millis(300);

/// Why there is no further frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The peer closed the connection between two frames.
    #[error("the peer closed the connection")]
    Closed,
    /// The connection ended within a frame.
    #[error("the connection ended within a frame")]
    Cut,
    /// Nothing came for too long.
    #[error("nothing came for too long")]
    Idle,
    /// A frame was begun and took too long.
    #[error("a frame took too long")]
    Slow,
    /// The system's word.
    #[error("connection lost: {0}")]
    Io(#[from] io::Error),
}

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From one message to the beginning of the next. Bytes outside of frames don't count as a sign of life.
    pub(super) idle: Duration,
    /// From the first byte of a frame to its last, however many bytes trickle in between; and for a write.
    pub(super) frame: Duration,
}

pub(super) struct Link<S> {
    stream: S,
    unframer: Unframer,
    chunk: Box<[u8]>,
    patience: Patience,
    /// When the present wait is over, kept here so that dropping `next` doesn't set it back.
    idle: Option<Pin<Box<Sleep>>>,
    frame: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Link<S> {
    pub(super) fn new(stream: S, max_bytes: usize, patience: Patience) -> Self {
        Self {
            stream,
            unframer: Unframer::new(max_bytes),
            chunk: vec![0; CHUNK].into_boxed_slice(),
            patience,
            idle: None,
            frame: None,
        }
    }

    /// Whether a frame was begun and not ended.
    pub(super) fn is_mid_frame(&self) -> bool {
        self.unframer.is_mid_frame()
    }

    /// The next frame of what was received already.
    pub(super) fn buffered(&mut self) -> Option<Frame> {
        let frame = self.unframer.next()?;
        if !matches!(frame, Frame::Garbage(_)) {
            (self.idle, self.frame) = (None, None);
        }
        Some(frame)
    }

    /// The next frame. May be dropped and asked again; nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Frame, LinkError> {
        loop {
            if let Some(frame) = self.buffered() {
                return Ok(frame);
            }
            if self.unframer.lacks_only_cr() {
                match timeout(CR_PATIENCE, self.stream.read(&mut self.chunk)).await {
                    Ok(Ok(read)) if read > 0 => self.unframer.feed(&self.chunk[..read]),
                    Ok(Err(error)) => return Err(error.into()),
                    // Nothing more comes: the frame is whole all the same.
                    Ok(Ok(_)) | Err(_) => {
                        if let Some(frame) = self.unframer.end_without_cr() {
                            (self.idle, self.frame) = (None, None);
                            return Ok(frame);
                        }
                    }
                }
                continue;
            }
            let within = self.unframer.is_mid_frame();
            let over = if within {
                self.frame.get_or_insert_with(|| Box::pin(sleep(self.patience.frame)))
            } else {
                self.frame = None;
                self.idle.get_or_insert_with(|| Box::pin(sleep(self.patience.idle)))
            };
            let read = tokio::select! {
                biased;
                read = self.stream.read(&mut self.chunk) => read?,
                () = over => return Err(if within { LinkError::Slow } else { LinkError::Idle }),
            };
            if read == 0 {
                return Err(if within { LinkError::Cut } else { LinkError::Closed });
            }
            self.unframer.feed(&self.chunk[..read]);
        }
    }

    /// What the connection holds without waiting; `None` where it is open and silent.
    pub(super) async fn poll(&mut self) -> Option<Result<Frame, LinkError>> {
        tokio::select! {
            biased;
            next = self.next() => Some(next),
            () = std::future::ready(()) => None,
        }
    }

    /// Sends a message in its frame.
    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), LinkError> {
        let write = async {
            self.stream.write_all(&framed(message)).await?;
            self.stream.flush().await
        };
        timeout(self.patience.frame, write).await.map_err(|_| LinkError::Slow)?.map_err(LinkError::Io)
    }

    /// Says goodbye.
    pub(super) async fn close(&mut self) {
        // The peer may be gone already.
        let _ = timeout(self.patience.frame, self.stream.shutdown()).await;
    }
}
