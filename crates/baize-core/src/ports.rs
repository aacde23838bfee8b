//! The contracts through which edges and engine meet. `baize-server` plugs implementations in.
//!
//! Architecture Invariant: an edge (DICOM, HTTP, storage) imports no other edge; it sees these traits.

mod archive;
mod audit;
mod completion;
mod fusion;
mod hospital;
mod lookup;
mod matching;
mod messages;
mod news;
mod outbox;
mod results;
mod reviews;
mod search;
mod subscriptions;
mod triage;
mod vitals;

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;

use crate::{Fault, ImageFacts, InstanceIdentity, Lane, ModelRef, Report, SopUid, StudyUid, Timestamp};

pub use archive::{
    Archive, ArchiveLevel, ArchiveQuery, ArchiveRow, Bulk, DayRange, ObjectViews, PictureFormat, Rendering,
    TextMatch, Window, WindowShape,
};
pub use audit::{AuditEntry, AuditQuery, AuditRecord, AuditTrail, Audited};
pub use completion::{
    Arrival, CompletedBy, CompletedStudy, Completion, CompletionRecords, Silence, StudyWatch,
};
pub use fusion::{Announce, FusionDue, FusionRecords, FusionSubject, Unacknowledged};
pub use hospital::{
    Encounter, EncounterState, HisPatient, HospitalRecords, MatchedBy, Order, OrderId, StudyContext,
};
pub use lookup::{
    ArchivedStudy, Inquiries, Inquiry, InquiryKind, OrderKey, OrderSource, PatientIdentity, Retrieval,
    StudySource, Urgency,
};
pub use matching::{
    HospitalLevels, HospitalWork, MatchingRules, OrderQuery, OrderState, PlacedOrder, Reconcile, ReconcileId,
    ReconcileReason, Reconciled, Reconciliation, Say, Unmatched,
};
pub use messages::{
    Cause, MessageAnswer, MessageCourier, MessageId, Standing, StudyResult, Subject, SubjectKey, Telling,
    VisitResult, Wording,
};
pub use news::{
    EncounterEvent, EncounterNews, Hospital, HospitalMessage, Measurement, MessageKey, News, OrderEvent,
    OrderNews, PatientNews, Taken, Told,
};
pub use outbox::{
    CommitmentAnswer, Commitments, Consignment, Courier, Delivery, DeliveryId, DeliveryQuery, DeliveryState,
    Freight, Handover, LinkLost, MadeMessage, MessageFreight, MessageSettlement, ObjectFreight, ObjectName,
    Outbox, OutboxLevel, OutboxRecords, OwedMessage, PeerAnswer, Recipient, Rendition, Renditions,
    Settlement, Takes, ToldBefore,
};
pub use results::{FiledResult, OWN_ARCHIVE, ResultRecords};
pub use reviews::{FindingOpinion, Opinion, Presence, RecordedReview, Review, Reviewed, Reviews, Verdict};
pub use search::{
    ChangedSubject, FoundStep, FoundStudy, ResultChange, ResultSearch, Span, StudySearch, VisitSearch,
};
pub use subscriptions::{
    Criteria, Notice, Subscription, SubscriptionStatus, SubscriptionWish, Subscriptions,
};
pub use triage::{Appended, BadVisitId, TriageEntry, TriageRecords, TriageStep, VisitId};
pub use vitals::{DueVitals, ReadingId, VitalsFeed};

/// Through which door an object came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// C-STORE from this calling AE title.
    Dimse {
        /// The peer's AE title.
        calling_ae: String,
    },
    /// STOW-RS by this authenticated client.
    Stow {
        /// The API key's or the token subject's name.
        client: String,
    },
}

/// Whether an accepted object was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// First time: jobs were queued with it in one transaction.
    New,
    /// The same SOP Instance with the same data set was here already; nothing changed.
    Duplicate,
    /// The same SOP Instance UID with a different data set: the copy is kept beside the first, which
    /// stays the one that is read. No new job.
    Variant,
}

/// The receipt for an object that is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Acceptance {
    /// Where the object belongs.
    pub identity: InstanceIdentity,
    /// Whether it was new.
    pub novelty: Novelty,
}

/// The one way in for objects to be kept and analysed.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Takes one DICOM Part 10 object (preamble, file meta group and data set), makes it durable and queues
    /// its jobs. Returns only after the bytes are fsynced and the ledger has committed.
    ///
    /// # Errors
    /// A [`Fault`] of class `Unreadable` for an object that cannot be kept (not DICOM, a UID missing, over
    /// the size limit), `Overload` ([`SpoolFull`](crate::ErrorCode::SpoolFull), draining) or `Internal`.
    /// After an error nothing of the object is kept.
    async fn accept(&self, object: Bytes, door: Door, lane: Lane) -> Result<Acceptance, Fault>;
}

/// Tells where an object belongs before it is taken in.
#[async_trait]
pub trait Identify: Send + Sync {
    /// Reads the identifying attributes of one DICOM Part 10 object; keeps nothing.
    ///
    /// # Errors
    /// A [`Fault`] of class `Unreadable`.
    async fn identify(&self, object: &Bytes) -> Result<InstanceIdentity, Fault>;
}

/// An answer to "read this image now and wait".
#[derive(Clone, Debug)]
pub struct Reading {
    /// The result.
    pub report: Report,
    /// The annotated PNG, where the model ran.
    pub overlay_png: Option<Bytes>,
}

/// Reads one image without keeping it.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Runs the whole pipeline over one DICOM Part 10 object. Dropping the future cancels the work at the
    /// next stage boundary.
    ///
    /// # Errors
    /// Overload, draining or cancelled. An object that cannot be read or that no model may read is no
    /// error: the report says so.
    async fn read(&self, object: Bytes, lane: Lane) -> Result<Reading, Fault>;
}

/// Names one stored object. Opaque outside the spool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpoolKey(pub String);

/// Where the bytes live: objects as received, and the pictures made from them.
#[async_trait]
pub trait Spool: Send + Sync {
    /// Writes the object and fsyncs file and folder before returning. Writing the same identity and digest
    /// again returns the same key.
    ///
    /// # Errors
    /// `SpoolFull` when the configured share is used up, `StorageFailed` otherwise.
    async fn put(
        &self,
        identity: &InstanceIdentity,
        digest: &Digest,
        object: Bytes,
    ) -> Result<SpoolKey, Fault>;

    /// Reads an object back.
    ///
    /// # Errors
    /// `NotFound` or `StorageFailed`.
    async fn get(&self, key: &SpoolKey) -> Result<Bytes, Fault>;

    /// Reads the first `most` bytes of an object, or all of a shorter one.
    ///
    /// # Errors
    /// `NotFound` or `StorageFailed`.
    async fn start(&self, key: &SpoolKey, most: usize) -> Result<Bytes, Fault> {
        let mut object = self.get(key).await?;
        object.truncate(most);
        Ok(object)
    }

    /// Writes the annotated picture durably, replacing an earlier one.
    ///
    /// # Errors
    /// `SpoolFull` or `StorageFailed`.
    async fn put_overlay(
        &self,
        study: &StudyUid,
        sop: &SopUid,
        model: &ModelRef,
        png: Bytes,
    ) -> Result<(), Fault>;

    /// The annotated picture; `None` where there is none.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn overlay(&self, study: &StudyUid, sop: &SopUid, model: &ModelRef)
    -> Result<Option<Bytes>, Fault>;
}

/// SHA-256 of the data set (file meta group excluded) and its transfer syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

/// One object for the ledger, with the jobs to queue for it.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Where it belongs.
    pub identity: InstanceIdentity,
    /// What its header says.
    pub facts: ImageFacts,
    /// What its data set hashes to.
    pub digest: Digest,
    /// Where its bytes are.
    pub spool_key: SpoolKey,
    /// Its size in bytes.
    pub size: u64,
    /// How it came in.
    pub door: Door,
    /// When it came in.
    pub accepted_at: Timestamp,
    /// How urgent it is.
    pub lane: Lane,
    /// When its results are due.
    pub deadline: Timestamp,
    /// The models that shall look at it. Empty: no installed model reads this kind of object, and
    /// `refusal` says why.
    pub models: Vec<ModelRef>,
    /// The final report for an object that no model reads, stored in the same transaction.
    pub refusal: Option<Fault>,
}

/// Identifies a job in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub i64);

/// A durable piece of work: one model's look at one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// The image.
    pub identity: InstanceIdentity,
    /// Where the bytes are.
    pub spool_key: SpoolKey,
    /// The model to run.
    pub model: ModelRef,
    /// How urgent it is.
    pub lane: Lane,
    /// When the object came in.
    pub accepted_at: Timestamp,
    /// When the result is due.
    pub deadline: Timestamp,
    /// How often it was begun before; more than a few means that it takes the process down.
    pub attempts: u32,
}

/// The durable list of what is to be done and what was found; the engine's side.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Records the object and its jobs in one durable transaction.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn admit(&self, admission: Admission) -> Result<Novelty, Fault>;

    /// Takes up to `limit` open jobs, STAT jobs first and then by earliest deadline (else a STAT job would wait
    /// behind every routine job that is overdue), marks them begun (counting the attempt)
    /// and returns them. A job taken is not handed out again by this process unless released.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn take_jobs(&self, limit: usize) -> Result<Vec<Job>, Fault>;

    /// Gives a taken job back unfinished (no room, shutting down); does not count as an attempt.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn release(&self, job: JobId) -> Result<(), Fault>;

    /// Stores the result and closes the job in one durable transaction. A second call for the same (SOP
    /// Instance, model, version) changes nothing and returns `false`.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn finish(&self, job: JobId, report: Report) -> Result<bool, Fault>;

    /// After a start: makes every job that an earlier process had begun open again. Returns how many.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn reopen_interrupted(&self) -> Result<usize, Fault>;

    /// How many jobs are open or begun, per lane, in the order of [`Lane::ALL`].
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn backlog(&self) -> Result<[u64; 3], Fault>;

    /// Raises a study and all that is still to be done for it. Nothing is lowered, no deadline moves back. Images that
    /// come later are raised as they come. `due`: within which time of its arrival an image of that lane is due.
    /// Returns whether the study is known and was less urgent.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn raise(&self, study: &StudyUid, lane: Lane, due: Duration) -> Result<bool, Fault>;
}

/// How far a study is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Images received.
    pub instances: u64,
    /// Jobs not finished yet.
    pub pending: u64,
    /// Images analysed.
    pub analysed: u64,
    /// Images that no model may read.
    pub refused: u64,
    /// Images that could not be read.
    pub failed: u64,
}

/// One line of the work list.
#[derive(Clone, Debug, PartialEq)]
pub struct StudySummary {
    /// The study.
    pub study: StudyUid,
    /// Facts of its first image.
    pub facts: ImageFacts,
    /// When its first image came in.
    pub received_at: Timestamp,
    /// When its last image came in.
    pub updated_at: Timestamp,
    /// The most urgent lane of its images.
    pub lane: Lane,
    /// How far it is.
    pub progress: Progress,
    /// Whether all of its images are here.
    pub arrival: Arrival,
}

/// One image of a study, with its results.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceRecord {
    /// Where it belongs.
    pub identity: InstanceIdentity,
    /// What its header says.
    pub facts: ImageFacts,
    /// When it came in.
    pub received_at: Timestamp,
    /// Jobs not finished yet.
    pub pending: u64,
    /// One report per model; empty while pending.
    pub reports: Vec<Report>,
}

/// The read side for people and integrators.
#[async_trait]
pub trait Studies: Send + Sync {
    /// Up to `limit` studies, newest first, strictly older than `before` where given.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn list(&self, before: Option<Timestamp>, limit: usize) -> Result<Vec<StudySummary>, Fault>;

    /// One study; `None` where it is unknown.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn study(&self, study: &StudyUid) -> Result<Option<StudySummary>, Fault>;

    /// Up to `limit` earlier studies under the Patient ID of this study's first image, newest first; none where it has
    /// no Patient ID. A study is earlier by its Study Date; where that does not decide, by when it came in.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn earlier(&self, study: &StudyUid, limit: usize) -> Result<Vec<StudySummary>, Fault>;

    /// The images of a study with their reports, in the order of arrival; empty where it is unknown.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn instances(&self, study: &StudyUid) -> Result<Vec<InstanceRecord>, Fault>;
}

/// What happens, for screens and integrators that listen. Holds UIDs but no patient data.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An object became durable.
    Received {
        /// Where it belongs.
        identity: InstanceIdentity,
        /// How urgent it is.
        lane: Lane,
        /// When.
        at: Timestamp,
    },
    /// A result became durable.
    Reported(Box<Report>),
    /// A study is here as a whole, for the first time or again.
    Completed(CompletedStudy),
    /// A finding of an image was brought to a visit at the triage desk: a nurse is to look and to acknowledge it.
    TriageRaised(TriageRaised),
    /// The listener was too slow and missed this many events; it should read the list again.
    Lagged(u64),
}

/// What an image told the triage desk. Holds no patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriageRaised {
    /// The visit.
    pub visit: VisitId,
    /// The step that was made.
    pub sequence: u32,
    /// The four-level category after it, 1 to 4.
    pub level_cn: u8,
    /// The acuity after it, 1 to 5.
    pub acuity: u8,
    /// Whether the level is more urgent than before.
    pub raised: bool,
    /// When.
    pub at: Timestamp,
}

/// A stream of events.
pub type EventStream = Pin<Box<dyn Stream<Item = Event> + Send>>;

/// Where events can be listened to.
pub trait Events: Send + Sync {
    /// Events from now on; ends when the server drains.
    fn subscribe(&self) -> EventStream;
}

/// What the health page shows about the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// All models are warm, the device answers, and new work is taken.
    pub ready: bool,
    /// Why not, for a person; empty when ready.
    pub reasons: Vec<String>,
    /// What a person should look after although new work is taken, such as results that do not reach a destination.
    pub warnings: Vec<String>,
    /// What computes, such as `cpu (burn-flex)`.
    pub device: String,
    /// The models that are loaded.
    pub models: Vec<ModelRef>,
}

/// Tells whether the server can work.
pub trait HealthCheck: Send + Sync {
    /// The present state; answers at once.
    fn health(&self) -> Health;
}
