//! One attempt to bring a message.

use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{
    Delivery, MadeMessage, MessageAnswer, MessageCourier, MessageId, MessageSettlement, OwedMessage, Subject,
    SubjectKey, Wording,
};
use baize_core::{ErrorCode, Fault, Timestamp};
use bytes::Bytes;
use tokio::task::spawn_blocking;
use tracing::{debug, error, info, warn};

use crate::attempt::{is_passing, record_end};
use crate::service::{DeliveryService, Road};
use crate::telling::assess;

/// The longest wait that a peer may ask for.
const LONGEST_WISH: Duration = Duration::from_secs(24 * 60 * 60);

/// What came of making a message.
enum Made {
    /// It is kept, and is to be sent.
    Kept(MessageId, Bytes),
    /// The peer has acknowledged one that tells the same.
    Covered { whole: bool },
}

impl DeliveryService {
    /// Makes the message, unless that was done before, sends it and settles it.
    pub(crate) async fn tell(
        &self,
        road: &Road,
        wording: &Arc<dyn Wording>,
        courier: &dyn MessageCourier,
        mut owed: OwedMessage,
    ) {
        let made = match owed.made.take() {
            Some((id, message)) => Ok(Made::Kept(id, message)),
            None => self.make(wording, &owed).await,
        };
        let (id, message) = match made {
            Ok(Made::Kept(id, message)) => (id, message),
            Ok(Made::Covered { whole }) => {
                return self.end(&owed.delivery, MessageSettlement::Covered { whole }).await;
            }
            Err(fault) if is_passing(&fault) => {
                warn!(destination = road.name(), %fault, "a message cannot be made now");
                let until = self.again(&owed.delivery);
                let how = MessageSettlement::Waiting { until, answer: None, comment: fault.to_string() };
                return self.end(&owed.delivery, how).await;
            }
            Err(fault) => {
                error!(destination = road.name(), %fault, "a message cannot be made");
                let comment = format!("the message cannot be made: {fault}");
                return self.end(&owed.delivery, MessageSettlement::Refused { answer: None, comment }).await;
            }
        };
        let delivery = &owed.delivery;
        let answer = courier.send(&id, owed.lane, &message).await;
        if answer.is_ok() {
            road.resume();
        }
        let how = match answer {
            Ok(MessageAnswer::Accepted(answer)) => MessageSettlement::Acknowledged { answer },
            Ok(MessageAnswer::Refused(answer, comment)) => {
                MessageSettlement::Refused { answer: Some(answer), comment }
            }
            Ok(MessageAnswer::Later(answer, comment)) => {
                MessageSettlement::Waiting { until: self.again(delivery), answer: Some(answer), comment }
            }
            Ok(MessageAnswer::LaterThan(wish, answer, comment)) => {
                let wished = self.parts.clock.now() + wish.min(LONGEST_WISH);
                road.pause(wished);
                let until = self.again(delivery).max(wished);
                MessageSettlement::Waiting { until, answer: Some(answer), comment }
            }
            Err(lost) => {
                let now = self.parts.clock.now();
                let paused = road.no_answer(delivery.id, now, self.settings.backoff);
                let until = paused.unwrap_or_else(|| self.again(delivery));
                MessageSettlement::Waiting { until, answer: None, comment: lost.0 }
            }
        };
        self.end(delivery, how).await;
    }

    /// The message, kept as it was made.
    async fn make(&self, wording: &Arc<dyn Wording>, owed: &OwedMessage) -> Result<Made, Fault> {
        let gone = |_| Fault::new(ErrorCode::Draining, "the outbox is closing");
        let permit = Arc::clone(&self.rendering).acquire_owned().await.map_err(gone)?;
        let message = owed.delivery.message();
        let message = message.ok_or_else(|| Fault::new(ErrorCode::Internal, "an object is no message"))?;
        let (subject, telling) = match &message.subject {
            SubjectKey::Study(study) => {
                let mut result = self.parts.sources.study(study).await?;
                let telling = assess(&mut result, owed.told.as_ref());
                if owed.told.as_ref().is_some_and(|told| told.last.content == telling.content) {
                    return Ok(Made::Covered { whole: telling.whole });
                }
                (Subject::Study(Box::new(result)), Some(telling))
            }
            SubjectKey::Visit(visit, sequence) => {
                let result = self.parts.sources.visit(visit, *sequence).await?;
                (Subject::Visit(Box::new(result)), None)
            }
        };
        let (id, now, wording) = (message_id(), self.parts.clock.now(), Arc::clone(wording));
        let work = {
            let id = id.clone();
            move || {
                // Held by the work: it cannot be cancelled.
                let _permit = permit;
                wording.message(&id, &subject, now)
            }
        };
        let ended = |_| Fault::new(ErrorCode::Internal, "making the message ended unexpectedly");
        let payload = spawn_blocking(work).await.map_err(ended)??;
        let made = MadeMessage { id: id.clone(), payload: payload.clone(), telling };
        self.parts.records.keep_message(owed.delivery.id, made, now).await?;
        Ok(Made::Kept(id, payload))
    }

    fn again(&self, delivery: &Delivery) -> Timestamp {
        self.parts.clock.now() + self.settings.backoff.wait(delivery.attempts, rand::random())
    }

    /// Records how an attempt ended.
    async fn end(&self, delivery: &Delivery, how: MessageSettlement) {
        self.metrics.message_settled(&delivery.destination, &how);
        let (id, destination, attempts) = (delivery.id.0, &delivery.destination, delivery.attempts);
        match &how {
            MessageSettlement::Acknowledged { answer } => {
                info!(delivery = id, destination, answer, "message acknowledged by the peer");
            }
            MessageSettlement::Refused { answer, .. } => {
                error!(delivery = id, destination, answer, "message refused");
            }
            MessageSettlement::Waiting { answer, .. } => {
                warn!(
                    delivery = id,
                    destination, answer, attempts, "message not delivered, will be tried again"
                );
            }
            MessageSettlement::Covered { .. } => {
                debug!(delivery = id, destination, "the peer knows already what the message would tell");
            }
        }
        let settle = || self.parts.records.settle_message(delivery.id, how.clone(), self.parts.clock.now());
        record_end(id, settle).await;
    }
}

/// Letters and digits that nobody takes for another, so that it can be read out over the phone.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Unique for good, and no longer than the 20 characters that MSH-10 has.
fn message_id() -> MessageId {
    let mut random = rand::random::<u128>();
    let mut id = String::from("BZ");
    while id.len() < 20 {
        id.push(char::from(ALPHABET[(random % 32) as usize]));
        random /= 32;
    }
    MessageId(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_fit_into_msh_10_and_differ() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| message_id().0).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
