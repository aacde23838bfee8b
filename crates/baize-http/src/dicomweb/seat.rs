//! A place among the answers that hold objects, and the body that keeps it for no longer than it is used.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use baize_core::{ErrorCode, Fault};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::Instrument as _;

use crate::app::AppState;

/// Bytes that are handed to a connection at a time. They are copied, so that a client that has stopped reading keeps
/// these in memory and not the object that they are of.
const PIECE: usize = 128 * 1024;

/// The right to hold objects for an answer. Must be kept until they are gone.
pub(super) struct Seat {
    permit: OwnedSemaphorePermit,
    /// How long a client may take for one piece.
    patience: Duration,
}

impl Seat {
    /// Takes a place.
    ///
    /// # Errors
    /// `Saturated` where there is none.
    pub(super) fn take(app: &AppState) -> Result<Self, Fault> {
        let permit = Arc::clone(&app.retrievals).try_acquire_owned().map_err(|_| {
            let text = "The server is handing out as many objects as it does at once.";
            Fault::new(ErrorCode::Saturated, text).retry_after(Duration::from_secs(2))
        })?;
        Ok(Self { permit, patience: app.config.download_stall_timeout })
    }

    /// A body of these bytes, which must not be taken before they are wanted: what is read from it keeps the place. A
    /// client that stops reading, and a fault, break it off: nobody takes what went out for the whole.
    pub(super) fn body(self, content: impl Stream<Item = Result<Bytes, Fault>> + Send + 'static) -> Body {
        let (pieces, taken) = mpsc::channel(1);
        tokio::spawn(self.hand_out(content, pieces).in_current_span());
        Body::from_stream(stream::unfold(Some(taken), |taken| async move {
            let mut taken = taken?;
            match taken.recv().await {
                Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(taken))),
                Some(Piece::End) => None,
                Some(Piece::Broken(fault)) => Some((Err(io::Error::other(fault)), None)),
                None => Some((Err(io::ErrorKind::TimedOut.into()), None)),
            }
        }))
    }

    async fn hand_out(
        self,
        content: impl Stream<Item = Result<Bytes, Fault>> + Send,
        pieces: mpsc::Sender<Piece>,
    ) {
        let _kept = self.permit;
        let mut content = std::pin::pin!(content);
        while let Some(bytes) = content.next().await {
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(fault) => {
                    tracing::error!(code = %fault.code, "an answer was broken off");
                    // Whoever is gone need not know.
                    let _ = pieces.send(Piece::Broken(fault)).await;
                    return;
                }
            };
            for piece in bytes.chunks(PIECE) {
                let sent = pieces.send(Piece::Bytes(Bytes::copy_from_slice(piece)));
                match tokio::time::timeout(self.patience, sent).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => {
                        tracing::warn!("a client stopped reading an answer, its place goes to others");
                        return;
                    }
                }
            }
        }
        let _ = pieces.send(Piece::End).await;
    }
}

/// What goes from the objects to the connection.
enum Piece {
    Bytes(Bytes),
    Broken(Fault),
    End,
}
