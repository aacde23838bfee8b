//! Messages of the HIS on their way into the ledger: read with a profile, kept, acknowledged.

mod news;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use baize_core::Clock;
use baize_core::ports::{Hospital, HospitalMessage, Taken};
use bytes::Bytes;
use tracing::{debug, info, warn};

use crate::codec::{Code, Issue, Position};
use crate::mllp::{Inbound, Receipt, Receiver};
use crate::profile::Profile;

pub use news::news;

/// Reads messages with a profile and hands them to the hospital's port. What the profile doesn't read is rejected, what
/// lacks something is answered with an error, and what cannot be kept now is to be sent again.
pub struct HospitalReceiver {
    profile: Profile,
    hospital: Arc<dyn Hospital>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HospitalReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HospitalReceiver").field("profile", &self.profile.name()).finish_non_exhaustive()
    }
}

impl HospitalReceiver {
    /// Reads with this profile.
    pub fn new(profile: Profile, hospital: Arc<dyn Hospital>, clock: Arc<dyn Clock>) -> Self {
        Self { profile, hospital, clock }
    }
}

#[async_trait]
impl Receiver for HospitalReceiver {
    async fn receive(&self, inbound: Inbound<'_>) -> Receipt {
        let message = inbound.message;
        let mapping = match self.profile.map(message) {
            Ok(mapping) => mapping,
            Err(issue) => return Receipt::refusal(vec![issue]),
        };
        if mapping.issues.iter().any(Issue::is_error) {
            return Receipt::refusal(mapping.issues);
        }
        // What is merely odd is said here; positions and codes only.
        for issue in inbound.warnings.iter().chain(&mapping.issues) {
            debug!(%issue, "message read with a reservation");
        }
        let news = match news(mapping.content) {
            Ok(news) => news,
            Err(issue) => return Receipt::refusal(vec![issue]),
        };
        let message = HospitalMessage {
            key: inbound.key,
            kind: message.message_type(),
            received_at: self.clock.now(),
            raw: Bytes::copy_from_slice(inbound.bytes),
            news,
        };
        match self.hospital.take(message).await {
            Ok(Taken::New) => Receipt::Accepted,
            Ok(Taken::Duplicate) => {
                info!("a message that was accepted before came again");
                Receipt::Accepted
            }
            Err(fault) => {
                warn!(%fault, "a message could not be kept");
                let what = "the message could not be kept; send it again later";
                Receipt::Error(vec![Issue::error(Code::ApplicationInternal, Position::message(), what)])
            }
        }
    }
}
