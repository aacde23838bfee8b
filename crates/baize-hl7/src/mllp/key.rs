//! By what a message is known when it comes again.

use baize_core::ports::MessageKey;
use sha2::{Digest as _, Sha256};

use crate::codec::Message;

/// Sender as it was written (MSH-3 and MSH-4), control ID (MSH-10) and every byte.
pub(super) fn key(message: &Message, bytes: &[u8]) -> MessageKey {
    let header = message.segments().first();
    let raw = |field| header.and_then(|header| header.field(field, message.delimiters())).unwrap_or_default();
    MessageKey {
        sender: format!("{}|{}", raw(3), raw(4)),
        control_id: message.control_id().unwrap_or_default(),
        digest: Sha256::digest(bytes).into(),
    }
}
