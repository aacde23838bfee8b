//! What came in already: a sender that missed an acknowledgement sends the same message again.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use baize_core::Fault;
use sha2::{Digest as _, Sha256};

use crate::codec::Message;

/// What makes two messages the same: sender, control ID and every byte. The control ID alone doesn't: some senders
/// count from 1 again every day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageKey {
    /// MSH-3 and MSH-4 as they were written.
    pub sender: String,
    /// MSH-10.
    pub control_id: String,
    /// SHA-256 of the bytes.
    pub digest: [u8; 32],
}

impl MessageKey {
    pub(super) fn new(message: &Message, bytes: &[u8]) -> Self {
        let header = message.segments().first();
        let raw =
            |field| header.and_then(|header| header.field(field, message.delimiters())).unwrap_or_default();
        Self {
            sender: format!("{}|{}", raw(3), raw(4)),
            control_id: message.control_id().unwrap_or_default(),
            digest: Sha256::digest(bytes).into(),
        }
    }
}

/// Remembers messages that were accepted. Between the receiver's commit and `record` the process may die, so that a
/// message can reach the receiver twice: the receiver must be able to stand that.
#[async_trait]
pub trait Seen: Send + Sync {
    /// Whether this very message was accepted before.
    ///
    /// # Errors
    /// Storage that doesn't answer; the message is then not accepted.
    async fn contains(&self, key: &MessageKey) -> Result<bool, Fault>;

    /// Remembers that this message was accepted.
    ///
    /// # Errors
    /// Storage that doesn't answer; the message stays accepted.
    async fn record(&self, key: MessageKey) -> Result<(), Fault>;
}

/// The last messages of this process, in memory.
#[derive(Debug)]
pub struct RecentlySeen {
    capacity: usize,
    seen: Mutex<(HashSet<MessageKey>, VecDeque<MessageKey>)>,
}

impl RecentlySeen {
    /// Remembers up to `capacity` messages and forgets the oldest.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, seen: Mutex::default() }
    }
}

#[async_trait]
impl Seen for RecentlySeen {
    async fn contains(&self, key: &MessageKey) -> Result<bool, Fault> {
        Ok(self.seen.lock().unwrap_or_else(PoisonError::into_inner).0.contains(key))
    }

    async fn record(&self, key: MessageKey) -> Result<(), Fault> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *seen;
        if known.insert(key.clone()) {
            order.push_back(key);
        }
        while order.len() > self.capacity {
            if let Some(oldest) = order.pop_front() {
                known.remove(&oldest);
            }
        }
        Ok(())
    }
}
