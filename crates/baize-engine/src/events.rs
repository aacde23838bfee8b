//! Tells listeners what happens.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use baize_core::ports::{Event, EventStream};
use futures_util::{StreamExt as _, stream};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

/// How many events a slow listener may be behind before it misses some.
const BACKLOG: usize = 1024;

/// Passes events on to whoever listens.
pub(crate) struct Hub(Mutex<Option<broadcast::Sender<Event>>>);

impl Hub {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(broadcast::Sender::new(BACKLOG))))
    }

    pub(crate) fn publish(&self, event: Event) {
        if let Some(sender) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // Nobody need listen.
            let _ = sender.send(event);
        }
    }

    pub(crate) fn subscribe(&self) -> EventStream {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(sender) => {
                let events = BroadcastStream::new(sender.subscribe());
                Box::pin(events.map(|event| match event {
                    Ok(event) => event,
                    Err(BroadcastStreamRecvError::Lagged(missed)) => Event::Lagged(missed),
                }))
            }
            None => Pin::from(Box::new(stream::empty())),
        }
    }

    /// Ends all streams once they are read to their end.
    pub(crate) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
