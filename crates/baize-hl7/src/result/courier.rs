//! Messages over MLLP.

use async_trait::async_trait;
use baize_core::Lane;
use baize_core::ports::{LinkLost, MessageAnswer, MessageCourier, MessageId};
use bytes::Bytes;

use crate::codec::{Limits, Message};
use crate::mllp::{Answer, Client, Exchange};

/// Our own messages are of any length.
const OWN: usize = usize::MAX;

/// The way to one receiver. What it answers settles a message; silence, garbage and an answer to another message do not.
pub struct MllpCourier {
    client: Client,
}

impl MllpCourier {
    /// Connects with the first message.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl MessageCourier for MllpCourier {
    async fn send(&self, _id: &MessageId, _: Lane, message: &Bytes) -> Result<MessageAnswer, LinkLost> {
        let limits = Limits { max_bytes: OWN, max_segments: OWN, ..Limits::default() };
        let Ok(parsed) = Message::parse(message, &limits) else {
            let why = "what was kept is no HL7 message".to_owned();
            return Ok(MessageAnswer::Refused(String::new(), why));
        };
        let Exchange { code, answer } = self.client.exchange(&parsed.message).await;
        let code = code.unwrap_or_default();
        match answer {
            Answer::Accepted => Ok(MessageAnswer::Accepted(code)),
            Answer::Error(comment) => Ok(MessageAnswer::Later(code, comment)),
            Answer::Rejected(comment) => Ok(MessageAnswer::Refused(code, comment)),
            Answer::NoAnswer(reason) => Err(LinkLost(reason)),
        }
    }
}
