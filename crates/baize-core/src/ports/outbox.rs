//! The outbox: what goes out to other systems, and what became of it.

use async_trait::async_trait;
use bytes::Bytes;

use super::SpoolKey;
use crate::{Fault, InstanceIdentity, Lane, ModelRef, Report, Timestamp};

/// Who shall have which results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The destination's name in the configuration. Deliveries belong to it for good.
    pub name: String,
    /// Whether it gets the results of images that a model analysed.
    pub analysed: bool,
    /// Whether it is told of images that no model may read.
    pub refused: bool,
    /// Whether it is told of images that could not be read, or on which the model could not run.
    pub failed: bool,
    /// Whether it also gets the results of studies that are here only because we fetched them to compare with.
    pub priors: bool,
}

/// Identifies a delivery in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub i64);

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Nobody has begun, or it was interrupted: it goes out at the next opportunity.
    Pending,
    /// It is under way.
    Sending,
    /// An attempt failed; there will be another one.
    Waiting,
    /// The peer has said that it keeps this very object.
    Acknowledged,
    /// The peer will not have it, or it cannot be made. Final until a person retries.
    Refused,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Sending, Self::Waiting, Self::Acknowledged, Self::Refused];

    /// The stable name used in JSON, storage and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Waiting => "waiting",
            Self::Acknowledged => "acknowledged",
            Self::Refused => "refused",
        }
    }

    /// The state of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Names an object that goes out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID; the same however often the object is made.
    pub sop_instance: String,
}

/// One object on its way to one destination. Holds UIDs but no patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its number.
    pub id: DeliveryId,
    /// Where it goes.
    pub destination: String,
    /// The image that the result is about.
    pub instance: InstanceIdentity,
    /// The model whose result it is.
    pub model: Option<ModelRef>,
    /// The object; `None` until the objects of the result have been made.
    pub object: Option<ObjectName>,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was begun.
    pub attempts: u32,
    /// When the result became durable, and this with it.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// While waiting: when the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// The status that the peer last answered, such as 0x0000 or 0xB000 (PS3.7 annex C). By STOW-RS it is the Warning
    /// Reason or Failure Reason, which have the values of a C-STORE status.
    pub status: Option<u16>,
    /// What the peer or the network last said about it. Sent by a peer: show it, do not trust it.
    pub comment: Option<String>,
}

/// What is to be sent together: the objects of one report for one destination.
#[derive(Clone, Debug)]
pub struct Consignment {
    /// The deliveries, in their order, all of them being sent. The first may be without an object: then it is
    /// the only one and stands for all that are still to be made.
    pub deliveries: Vec<Delivery>,
    /// The result.
    pub report: Report,
    /// How urgent the image is.
    pub lane: Lane,
    /// Where the image is.
    pub source: SpoolKey,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The peer keeps the object.
    Acknowledged {
        /// 0x0000, or a warning 0xBxxx.
        status: u16,
        /// The peer's Error Comment.
        comment: Option<String>,
    },
    /// Final until a person retries.
    Refused {
        /// What the peer answered; `None` where it was not even asked.
        status: Option<u16>,
        /// Why.
        comment: String,
    },
    /// To be tried again.
    Waiting {
        /// When.
        until: Timestamp,
        /// What the peer answered, if anything.
        status: Option<u16>,
        /// What went wrong.
        comment: String,
    },
    /// Not tried: the attempt does not count.
    Untried,
}

/// What waits for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxLevel {
    /// The destination.
    pub destination: String,
    /// Deliveries neither acknowledged nor refused.
    pub unfinished: u64,
    /// When the oldest of these came to be.
    pub oldest: Option<Timestamp>,
    /// Deliveries that were refused and that nobody has retried.
    pub refused: u64,
}

/// The durable side of the outbox.
///
/// The ledger makes a delivery for each recipient in the very transaction that stores a report: there is no moment at
/// which a report is durable and its delivery is not. A recipient gets what is reported from then on when it was
/// first named.
#[async_trait]
pub trait OutboxRecords: Send + Sync {
    /// Says who gets the results of the reports to come. Deliveries to a recipient that is no longer named stay as
    /// they are and go on when it is named again.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn set_recipients(&self, recipients: Vec<Recipient>) -> Result<(), Fault>;

    /// After a start: makes every delivery that an earlier process was sending pending again. The peer may have had
    /// it; it gets it again. Returns how many.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn resume_interrupted(&self) -> Result<usize, Fault>;

    /// Takes the next report whose deliveries are due, STAT images first, then in the order of the reports; counts
    /// the attempt. A study's deliveries to one destination go out in the order of its reports: while one is being
    /// sent or waits, later ones of that study hold back.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn take_consignment(&self, destination: &str, now: Timestamp)
    -> Result<Option<Consignment>, Fault>;

    /// Puts the objects that were made in the place of the delivery that stood for them, all being sent. Returns
    /// them in their order.
    ///
    /// # Errors
    /// `StorageFailed`; `Internal` where the delivery is not being sent, already has an object, or `objects` is empty.
    async fn name_objects(
        &self,
        delivery: DeliveryId,
        objects: Vec<ObjectName>,
    ) -> Result<Vec<Delivery>, Fault>;

    /// Ends an attempt. Does nothing for a delivery that is not being sent.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn settle(&self, delivery: DeliveryId, how: Settlement, now: Timestamp) -> Result<(), Fault>;

    /// What waits, for every destination that ever had a delivery or is a recipient, by name.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn levels(&self) -> Result<Vec<OutboxLevel>, Fault>;

    /// Up to `limit` deliveries, newest first, with an id below `before` where given.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, Fault>;

    /// Makes a refused or waiting delivery pending at once. An acknowledged one, and one that is already on its way,
    /// is left as it is. Returns it as it then is; `None` where there is none.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn retry(&self, delivery: DeliveryId, now: Timestamp) -> Result<Option<Delivery>, Fault>;
}

/// Which deliveries to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those to this destination; all but those to [`OWN_ARCHIVE`](super::OWN_ARCHIVE) where absent.
    pub destination: Option<String>,
    /// Only those with a smaller id.
    pub before: Option<DeliveryId>,
    /// How many at most.
    pub limit: usize,
}

/// The outbox as people and integrators see it.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// As [`OutboxRecords::deliveries`].
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, Fault>;

    /// As [`OutboxRecords::retry`]; the attempt begins at once.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn retry(&self, delivery: DeliveryId) -> Result<Option<Delivery>, Fault>;
}

/// An object that goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendition {
    /// Its UIDs.
    pub name: ObjectName,
    /// DICOM Part 10: preamble, file meta group and data set.
    pub object: Bytes,
}

/// Makes the objects of a result. The same image and report must give objects of the same names in the same order.
pub trait Renditions: Send + Sync {
    /// The objects, at least one. `source` is the image as received, a Part 10 object; `overlay_png` its annotated
    /// picture. Computes: not for a thread that serves requests.
    ///
    /// # Errors
    /// `Unreadable` or `Internal`; trying again does not help.
    fn objects(
        &self,
        source: &[u8],
        report: &Report,
        overlay_png: Option<&[u8]>,
    ) -> Result<Vec<Rendition>, Fault>;
}

/// A peer's answer to one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAnswer {
    /// It answered about this very object with this status and comment.
    Status(u16, Option<String>),
    /// It does not take objects of that kind; the object was not sent.
    NotTaken(String),
}

/// Why a peer cannot be reached, or does not answer any more. For a person; holds no patient data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LinkLost(pub String);

/// The way to one destination.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Opens a connection for the objects that shall be sent over it.
    ///
    /// # Errors
    /// [`LinkLost`] where nobody answers or we are turned away.
    async fn connect(&self, objects: &[Rendition], lane: Lane) -> Result<Box<dyn Handover>, LinkLost>;
}

/// A connection to a peer.
#[async_trait]
pub trait Handover: Send {
    /// Sends one of the objects and waits for the peer's answer about it.
    ///
    /// # Errors
    /// [`LinkLost`] where no answer came: whether the peer keeps the object is unknown. The connection is of no
    /// further use.
    async fn send(&mut self, object: &Rendition) -> Result<PeerAnswer, LinkLost>;

    /// Takes leave. Nothing that was answered depends on it.
    async fn close(self: Box<Self>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_round_trip() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::from_name(state.as_str()), Some(state));
        }
    }
}
