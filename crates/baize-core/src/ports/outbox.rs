//! The outbox: what goes out to other systems, and what became of it.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Cause, MessageId, SpoolKey, Standing, SubjectKey, Telling};
use crate::{Fault, InstanceIdentity, Lane, ModelRef, Report, Timestamp};

/// In which form a recipient gets results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Takes {
    /// As DICOM objects, some for each report.
    Objects,
    /// As messages, each about a whole subject.
    Messages {
        /// Whether it is told of studies.
        studies: bool,
        /// Whether it is told of the steps of visits to the triage desk.
        triage: bool,
    },
}

/// Who shall have which results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The destination's name in the configuration. Deliveries belong to it for good.
    pub name: String,
    /// In which form. A message about a study is owed where the study has at least one of the results below.
    pub takes: Takes,
    /// Whether it gets the results of images that a model analysed.
    pub analysed: bool,
    /// Whether it is told of images that no model may read.
    pub refused: bool,
    /// Whether it is told of images that could not be read, or on which the model could not run.
    pub failed: bool,
    /// Whether it is asked to commit itself to what it has acknowledged (PS3.4 annex J).
    pub commitment: bool,
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
    /// The peer has said that it keeps this very object, or has this very message.
    Acknowledged,
    /// The peer will not have it, or it cannot be made. Final until a person retries.
    Refused,
    /// A message that was never sent: when its turn came, the peer had acknowledged one that tells the same.
    Covered,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Sending, Self::Waiting, Self::Acknowledged, Self::Refused, Self::Covered];

    /// The stable name used in JSON, storage and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Waiting => "waiting",
            Self::Acknowledged => "acknowledged",
            Self::Refused => "refused",
            Self::Covered => "covered",
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

/// An object on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectFreight {
    /// The image that the result is about.
    pub instance: InstanceIdentity,
    /// The model whose result it is.
    pub model: Option<ModelRef>,
    /// The object; `None` until the objects of the result have been made.
    pub name: Option<ObjectName>,
    /// The status that the peer last answered, such as 0x0000 or 0xB000 (PS3.7 annex C). By STOW-RS it is the Warning
    /// Reason or Failure Reason, which have the values of a C-STORE status.
    pub status: Option<u16>,
    /// When the peer committed itself to keeping the object, where it was asked to.
    pub committed_at: Option<Timestamp>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageFreight {
    /// What it tells of.
    pub subject: SubjectKey,
    /// Why it is owed, in the order in which that happened.
    pub causes: Vec<Cause>,
    /// Its identifier; `None` until it has been made.
    pub id: Option<MessageId>,
    /// The standing that it tells; `None` until it has been made, and for a visit.
    pub standing: Option<Standing>,
    /// What the peer last answered, such as `AA` or `503`; `None` where it did not.
    pub answer: Option<String>,
}

/// What a delivery brings.
#[derive(Clone, Debug, PartialEq)]
pub enum Freight {
    /// An object of a report.
    Object(ObjectFreight),
    /// A message about a subject.
    Message(MessageFreight),
}

/// One object or one message on its way to one destination. Holds UIDs but no patient data.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its number.
    pub id: DeliveryId,
    /// Where it goes.
    pub destination: String,
    /// What goes there.
    pub freight: Freight,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was begun.
    pub attempts: u32,
    /// When its cause became durable, and this with it.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// While waiting: when the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// What the peer or the network last said about it. Sent by a peer: show it, do not trust it.
    pub comment: Option<String>,
}

impl Delivery {
    /// The object that it brings; `None` for a message.
    pub fn object(&self) -> Option<&ObjectFreight> {
        match &self.freight {
            Freight::Object(object) => Some(object),
            Freight::Message(_) => None,
        }
    }

    /// The message that it brings; `None` for an object.
    pub fn message(&self) -> Option<&MessageFreight> {
        match &self.freight {
            Freight::Message(message) => Some(message),
            Freight::Object(_) => None,
        }
    }
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

/// A message whose turn has come.
#[derive(Clone, Debug, PartialEq)]
pub struct OwedMessage {
    /// The delivery, being sent.
    pub delivery: Delivery,
    /// How urgent its subject is.
    pub lane: Lane,
    /// The message as it was made at an earlier attempt; `None` where it is still to be made.
    pub made: Option<(MessageId, Bytes)>,
    /// What the destination has acknowledged about the study before; `None` where nothing, and for a visit.
    pub told: Option<ToldBefore>,
}

/// What a destination has been told of a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldBefore {
    /// By the last message that it has acknowledged; whole also where the study has become so since.
    pub last: Telling,
    /// One of its messages told it as signed by a physician.
    pub was_final: bool,
}

/// A message that was just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeMessage {
    /// Its identifier.
    pub id: MessageId,
    /// Its bytes.
    pub payload: Bytes,
    /// What it tells of a study; `None` for a visit.
    pub telling: Option<Telling>,
}

/// How an attempt to deliver a message ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageSettlement {
    /// The peer has it.
    Acknowledged {
        /// What it answered: `AA`, `201`.
        answer: String,
    },
    /// Final until a person retries; it is then made anew.
    Refused {
        /// What the peer answered; `None` where it was not even asked.
        answer: Option<String>,
        /// Why.
        comment: String,
    },
    /// To be tried again, as it was made.
    Waiting {
        /// When.
        until: Timestamp,
        /// What the peer answered, if anything.
        answer: Option<String>,
        /// What went wrong.
        comment: String,
    },
    /// Not sent: the peer has acknowledged a message that tells the same.
    Covered {
        /// That is now all of a complete study, of which nothing is pending.
        whole: bool,
    },
}

/// What a peer says about its commitment to keep objects (PS3.4 section J.3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitmentAnswer {
    /// The request that is answered.
    pub transaction: String,
    /// SOP Instance UIDs of the objects that it answers for.
    pub committed: Vec<String>,
    /// SOP Instance UIDs of those that it does not, with the Failure Reason (0008,1197).
    pub failed: Vec<(String, u16)>,
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
/// The ledger makes a delivery for each recipient in the very transaction that stores its cause: there is no moment at
/// which a report is durable and its delivery is not. A recipient gets what is reported from then on when it was
/// first named.
///
/// A recipient of objects is owed those of each report. A recipient of messages is owed one when a study is complete and
/// nothing of it is pending, at once when a report has a positive finding, when a physician signs or corrects a result,
/// and for each step at the triage desk. While a message about a study has not been made, further causes join it: it will
/// tell what is known when it is made.
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

    /// Takes the next message that is due, those about STAT subjects first, then in the order of their causes; counts the
    /// attempt. Messages about one subject go to one destination in their order: while one is being sent or waits, later
    /// ones of that subject hold back.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn take_message(&self, destination: &str, now: Timestamp) -> Result<Option<OwedMessage>, Fault>;

    /// Keeps a message as it was made, until the peer has acknowledged it: every attempt sends these bytes.
    ///
    /// # Errors
    /// `StorageFailed`; `Internal` where the delivery is no message, is not being sent, or was made already.
    async fn keep_message(
        &self,
        delivery: DeliveryId,
        made: MadeMessage,
        now: Timestamp,
    ) -> Result<(), Fault>;

    /// Ends an attempt to deliver a message. Does nothing for a delivery that is not being sent.
    ///
    /// # Errors
    /// `StorageFailed`; a message that was not made is not acknowledged.
    async fn settle_message(
        &self,
        delivery: DeliveryId,
        how: MessageSettlement,
        now: Timestamp,
    ) -> Result<(), Fault>;

    /// Takes up to `limit` objects that the destination has acknowledged and shall commit itself to, and notes that
    /// it is asked about them in this `transaction`. Where no answer comes, they are taken again from `again_at` on.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn take_uncommitted(
        &self,
        destination: &str,
        transaction: &str,
        now: Timestamp,
        again_at: Timestamp,
        limit: usize,
    ) -> Result<Vec<ObjectName>, Fault>;

    /// Has the objects of a transaction taken again from `again_at` on: the peer could not be asked.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn postpone_commitment(&self, transaction: &str, again_at: Timestamp) -> Result<(), Fault>;

    /// Notes the peer's answer. What it does not commit itself to goes out again from `again_at` on. Does nothing for
    /// objects that the transaction, or the last one about them, did not name. Returns how many it was about.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn settle_commitment(
        &self,
        answer: CommitmentAnswer,
        now: Timestamp,
        again_at: Timestamp,
    ) -> Result<usize, Fault>;

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

    /// Makes a refused or waiting delivery pending at once; a message that was refused is made anew, so that it tells what
    /// is known then. An acknowledged or covered one, and one that is already on its way, is left as it is. Returns it as
    /// it then is; `None` where there is none.
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

    /// Asks the peer to commit itself to keeping objects that it has acknowledged. `None` where it will answer later,
    /// through [`Commitments`].
    ///
    /// # Errors
    /// [`LinkLost`] where it could not be asked or will not be.
    async fn ask_commitment(
        &self,
        _transaction: &str,
        _objects: &[ObjectName],
    ) -> Result<Option<CommitmentAnswer>, LinkLost> {
        Err(LinkLost("this way to the peer has no storage commitment".to_owned()))
    }
}

/// Where a peer's later answers about its commitment go.
#[async_trait]
pub trait Commitments: Send + Sync {
    /// Notes the answer for good; only then is the peer told that it arrived.
    ///
    /// # Errors
    /// `StorageFailed`; the peer will say it again.
    async fn committed(&self, answer: CommitmentAnswer) -> Result<(), Fault>;
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
