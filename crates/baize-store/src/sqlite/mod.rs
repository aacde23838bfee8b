//! The ledger in one SQLite file.
//!
//! One thread writes. It takes all requests that wait, carries them out in one transaction and answers after
//! its COMMIT, so that one fsync serves many callers. Readers have connections of their own and, in WAL mode,
//! neither wait for the writer nor hold it up.

mod admit;
mod archive;
mod audit;
mod commitment;
mod completion;
mod convert;
mod deliveries;
mod fusion;
mod heat;
mod hospital;
mod inquiries;
mod jobs;
mod matching;
mod messages;
mod outbox;
mod reader;
mod readers;
mod report;
mod results;
mod reviews;
mod schema;
mod search;
mod studies;
mod subscriptions;
mod triage;
mod trouble;
mod writer;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{
    Admission, Appended, Archive, ArchiveQuery, ArchiveRow, AuditEntry, AuditQuery, AuditRecord, AuditTrail,
    CommitmentAnswer, CompletedStudy, CompletionRecords, Consignment, Delivery, DeliveryId, DeliveryQuery,
    FiledResult, FoundStep, FoundStudy, FusionDue, FusionRecords, Inquiries, Inquiry, InquiryKind,
    InstanceRecord, Job, JobId, Ledger, MadeMessage, MessageSettlement, Novelty, ObjectName, OutboxLevel,
    OutboxRecords, OwedMessage, Recipient, RecordedReview, ResultChange, ResultRecords, ResultSearch, Review,
    Reviewed, Reviews, Settlement, Silence, Studies, StudySearch, StudySummary, Subscription,
    SubscriptionWish, Subscriptions, TriageEntry, TriageRecords, Unacknowledged, VisitId, VisitSearch,
};
use baize_core::{ErrorCode, Fault, Lane, ModelRef, Report, SopUid, StudyUid, Timestamp};

use crate::OpenError;
use crate::durable::{ExclusiveLock, create_folders};
use jobs::Taken;
pub use reader::LedgerReader;
use readers::Readers;
use writer::Writer;

/// How the ledger is set up.
#[derive(Clone, Debug)]
pub struct LedgerConfig {
    /// The database file; made where it is missing. SQLite keeps `-wal` and `-shm` files beside it, and a
    /// `.lock` file is held. Must be on a local disk: WAL does not work over a network.
    pub path: PathBuf,
    /// How many write requests may wait; further callers wait for a place.
    pub queue: NonZeroUsize,
    /// How many reads may run at once.
    pub readers: NonZeroUsize,
}

/// [`Ledger`], [`Studies`], [`CompletionRecords`], [`Archive`], [`ResultRecords`], [`Reviews`], [`TriageRecords`],
/// [`FusionRecords`], [`OutboxRecords`], [`Inquiries`] and what the HIS tells
/// ([`Hospital`](baize_core::ports::Hospital), [`HospitalRecords`](baize_core::ports::HospitalRecords),
/// [`Reconciliation`](baize_core::ports::Reconciliation), [`HospitalWork`](baize_core::ports::HospitalWork),
/// [`VitalsFeed`](baize_core::ports::VitalsFeed)) in one SQLite file.
#[derive(Debug)]
pub struct SqliteLedger {
    writer: Writer,
    readers: Readers,
}

impl SqliteLedger {
    /// Locks the database, brings its schema up to date and starts the writer. Blocks shortly: call it while
    /// starting.
    ///
    /// # Errors
    /// [`OpenError::InUse`] where another process has it, [`OpenError::NewerSchema`] where a newer version
    /// wrote it, otherwise the file or SQLite's complaint.
    pub fn open(config: &LedgerConfig) -> Result<Self, OpenError> {
        let path = &config.path;
        if let Some(folder) = path.parent() {
            create_folders(folder).map_err(OpenError::path(folder))?;
        }
        let mut lock = path.clone().into_os_string();
        lock.push(".lock");
        let lock = ExclusiveLock::acquire(lock.into())?;
        let connection = schema::open_writer(path)?;
        let readers = Readers::open(path, config.readers)?;
        let writer = Writer::start(connection, lock, config.queue).map_err(OpenError::path(path))?;
        Ok(Self { writer, readers })
    }

    /// Carries out what waits, folds the write-ahead log into the database and frees the lock. Whoever writes
    /// afterwards gets `StorageFailed`. Not needed for safety: every answer was durable when it was given.
    pub async fn close(&self) {
        self.writer.close().await;
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn admit(&self, admission: Admission) -> Result<Novelty, Fault> {
        admit::check(&admission)?;
        let sop = admission.identity.sop.clone();
        let novelty = self.writer.write(move |db| admit::admit(db, &admission)).await?;
        if novelty == Novelty::Variant {
            tracing::warn!(%sop, "another data set came in under a known sop instance uid, kept beside the first");
        }
        Ok(novelty)
    }

    async fn take_jobs(&self, limit: usize) -> Result<Vec<Job>, Fault> {
        let abandoned = self.writer.abandoned();
        let take = move |db: &_| Ok(Taken::new(jobs::take(db, limit)?, abandoned));
        Ok(self.writer.write(take).await?.keep())
    }

    async fn release(&self, job: JobId) -> Result<(), Fault> {
        self.writer.write(move |db| jobs::release(db, job)).await
    }

    async fn finish(&self, job: JobId, report: Report) -> Result<bool, Fault> {
        report::check(&report)?;
        self.writer.write(move |db| jobs::finish(db, job, &report)).await
    }

    async fn reopen_interrupted(&self) -> Result<usize, Fault> {
        self.writer.write(jobs::reopen_interrupted).await
    }

    async fn backlog(&self) -> Result<[u64; 3], Fault> {
        self.readers.read(jobs::backlog).await
    }

    async fn raise(&self, study: &StudyUid, lane: Lane, due: Duration) -> Result<bool, Fault> {
        let study = study.clone();
        self.writer.write(move |db| inquiries::raise(db, &study, lane, due)).await
    }
}

#[async_trait]
impl Studies for SqliteLedger {
    async fn list(&self, before: Option<Timestamp>, limit: usize) -> Result<Vec<StudySummary>, Fault> {
        self.readers.read(move |db| studies::list(db, before, limit)).await
    }

    async fn study(&self, study: &StudyUid) -> Result<Option<StudySummary>, Fault> {
        let study = study.clone();
        self.readers.read(move |db| studies::study(db, &study)).await
    }

    async fn earlier(&self, study: &StudyUid, limit: usize) -> Result<Vec<StudySummary>, Fault> {
        let study = study.clone();
        self.readers.read(move |db| studies::earlier(db, &study, limit)).await
    }

    async fn instances(&self, study: &StudyUid) -> Result<Vec<InstanceRecord>, Fault> {
        let study = study.clone();
        self.readers.read(move |db| studies::instances(db, &study)).await
    }
}

#[async_trait]
impl CompletionRecords for SqliteLedger {
    async fn expect(&self, study: &StudyUid, instances: u32) -> Result<(), Fault> {
        let study = study.clone();
        self.writer.write(move |db| completion::expect(db, &study, instances)).await
    }

    async fn stowed(&self, study: &StudyUid, now: Timestamp) -> Result<(), Fault> {
        let study = study.clone();
        self.writer.write(move |db| completion::stowed(db, &study, now)).await
    }

    async fn complete(&self, silence: Silence, now: Timestamp) -> Result<Vec<CompletedStudy>, Fault> {
        self.writer.write(move |db| completion::complete(db, silence, now)).await
    }
}

#[async_trait]
impl Archive for SqliteLedger {
    async fn find(&self, query: ArchiveQuery) -> Result<Vec<ArchiveRow>, Fault> {
        self.readers.read(move |db| archive::find(db, &query)).await
    }
}

#[async_trait]
impl Reviews for SqliteLedger {
    async fn review(&self, review: Review) -> Result<Reviewed, Fault> {
        self.writer.write(move |db| reviews::append(db, &review)).await
    }

    async fn reviews(&self, study: &StudyUid) -> Result<Vec<RecordedReview>, Fault> {
        let study = study.clone();
        self.readers.read(move |db| reviews::of_study(db, &study)).await
    }

    async fn reviewed_studies(&self, since: Option<Timestamp>) -> Result<Vec<StudyUid>, Fault> {
        self.readers.read(move |db| reviews::studies(db, since)).await
    }
}

#[async_trait]
impl TriageRecords for SqliteLedger {
    async fn append(&self, entry: TriageEntry) -> Result<Appended, Fault> {
        self.writer.write(move |db| triage::append(db, &entry)).await
    }

    async fn history(&self, visit: &VisitId) -> Result<Vec<TriageEntry>, Fault> {
        let visit = visit.clone();
        self.readers.read(move |db| triage::history(db, &visit)).await
    }
}

#[async_trait]
impl FusionRecords for SqliteLedger {
    async fn due_fusion(&self, now: Timestamp) -> Result<Option<FusionDue>, Fault> {
        self.readers.read(move |db| fusion::due(db, now)).await
    }

    async fn settle_fusion(&self, due: &FusionDue, again: Option<Timestamp>) -> Result<(), Fault> {
        let due = due.clone();
        self.writer.write(move |db| fusion::settle(db, &due, again)).await
    }

    async fn visits_of_encounter(&self, number: &str) -> Result<Vec<VisitId>, Fault> {
        let number = number.to_owned();
        self.readers.read(move |db| fusion::visits(db, &number)).await
    }

    async fn visits_told_of(&self, study: &StudyUid) -> Result<Vec<VisitId>, Fault> {
        let study = study.clone();
        self.readers.read(move |db| fusion::told(db, &study)).await
    }

    async fn unacknowledged(&self, limit: usize) -> Result<Vec<Unacknowledged>, Fault> {
        self.readers.read(move |db| fusion::unacknowledged(db, limit)).await
    }
}

#[async_trait]
impl OutboxRecords for SqliteLedger {
    async fn set_recipients(&self, recipients: Vec<Recipient>) -> Result<(), Fault> {
        self.writer.write(move |db| outbox::set_recipients(db, &recipients)).await
    }

    async fn resume_interrupted(&self) -> Result<usize, Fault> {
        self.writer.write(outbox::resume_interrupted).await
    }

    async fn take_consignment(
        &self,
        destination: &str,
        now: Timestamp,
    ) -> Result<Option<Consignment>, Fault> {
        let destination = destination.to_owned();
        self.writer.write(move |db| outbox::take(db, &destination, now)).await
    }

    async fn name_objects(
        &self,
        delivery: DeliveryId,
        objects: Vec<ObjectName>,
    ) -> Result<Vec<Delivery>, Fault> {
        self.writer.write(move |db| outbox::name_objects(db, delivery, &objects)).await
    }

    async fn settle(&self, delivery: DeliveryId, how: Settlement, now: Timestamp) -> Result<(), Fault> {
        self.writer.write(move |db| outbox::settle(db, delivery, &how, now)).await
    }

    async fn take_message(&self, destination: &str, now: Timestamp) -> Result<Option<OwedMessage>, Fault> {
        let destination = destination.to_owned();
        self.writer.write(move |db| messages::take(db, &destination, now)).await
    }

    async fn keep_message(
        &self,
        delivery: DeliveryId,
        made: MadeMessage,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.writer.write(move |db| messages::keep(db, delivery, &made, now)).await
    }

    async fn settle_message(
        &self,
        delivery: DeliveryId,
        how: MessageSettlement,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.writer.write(move |db| messages::settle(db, delivery, &how, now)).await
    }

    async fn take_uncommitted(
        &self,
        destination: &str,
        transaction: &str,
        now: Timestamp,
        again_at: Timestamp,
        limit: usize,
    ) -> Result<Vec<ObjectName>, Fault> {
        let (destination, transaction) = (destination.to_owned(), transaction.to_owned());
        self.writer
            .write(move |db| commitment::take(db, &destination, &transaction, now, again_at, limit))
            .await
    }

    async fn postpone_commitment(&self, transaction: &str, again_at: Timestamp) -> Result<(), Fault> {
        let transaction = transaction.to_owned();
        self.writer.write(move |db| commitment::postpone(db, &transaction, again_at)).await
    }

    async fn settle_commitment(
        &self,
        answer: CommitmentAnswer,
        now: Timestamp,
        again_at: Timestamp,
    ) -> Result<usize, Fault> {
        self.writer.write(move |db| commitment::settle(db, &answer, now, again_at)).await
    }

    async fn levels(&self) -> Result<Vec<OutboxLevel>, Fault> {
        self.readers.read(outbox::levels).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, Fault> {
        self.readers.read(move |db| deliveries::list(db, &query)).await
    }

    async fn retry(&self, delivery: DeliveryId, now: Timestamp) -> Result<Option<Delivery>, Fault> {
        self.writer.write(move |db| outbox::retry(db, delivery, now)).await
    }
}

#[async_trait]
impl Inquiries for SqliteLedger {
    async fn set_wanted(&self, kinds: Vec<InquiryKind>) -> Result<(), Fault> {
        self.writer.write(move |db| inquiries::set_wanted(db, &kinds)).await
    }

    async fn due_inquiry(&self, kind: InquiryKind, now: Timestamp) -> Result<Option<Inquiry>, Fault> {
        self.readers.read(move |db| inquiries::due(db, kind, now)).await
    }

    async fn settle_inquiry(
        &self,
        kind: InquiryKind,
        study: &StudyUid,
        again: Option<Timestamp>,
        outcome: String,
    ) -> Result<(), Fault> {
        let study = study.clone();
        self.writer.write(move |db| inquiries::settle(db, kind, &study, again, &outcome)).await
    }

    async fn expect_prior(&self, prior: &StudyUid, now: Timestamp) -> Result<bool, Fault> {
        let prior = prior.clone();
        self.writer.write(move |db| inquiries::expect_prior(db, &prior, now)).await
    }

    async fn end_prior(&self, prior: &StudyUid, whole: bool) -> Result<(), Fault> {
        let prior = prior.clone();
        self.writer.write(move |db| inquiries::end_prior(db, &prior, whole)).await
    }
}

#[async_trait]
impl ResultRecords for SqliteLedger {
    async fn file(&self, result: FiledResult) -> Result<(), Fault> {
        self.writer.write(move |db| results::file(db, &result)).await
    }

    async fn owe_earlier(&self, now: Timestamp) -> Result<usize, Fault> {
        self.writer.write(move |db| results::owe_earlier(db, now)).await
    }
}

#[async_trait]
impl AuditTrail for SqliteLedger {
    async fn record(&self, entry: AuditEntry) -> Result<(), Fault> {
        self.writer.write(move |db| audit::record(db, &entry)).await
    }

    async fn audited(&self, query: AuditQuery) -> Result<Vec<AuditRecord>, Fault> {
        self.readers.read(move |db| audit::list(db, &query)).await
    }
}

#[async_trait]
impl ResultSearch for SqliteLedger {
    async fn find_studies(&self, search: StudySearch) -> Result<Vec<FoundStudy>, Fault> {
        self.readers.read(move |db| search::studies(db, &search)).await
    }

    async fn find_steps(&self, search: VisitSearch) -> Result<Vec<FoundStep>, Fault> {
        self.readers.read(move |db| search::steps(db, &search)).await
    }

    async fn study_of_image(&self, sop: &SopUid) -> Result<Option<StudyUid>, Fault> {
        let sop = sop.clone();
        self.readers.read(move |db| search::study_of_image(db, &sop)).await
    }

    async fn told_models(&self) -> Result<Vec<(ModelRef, Timestamp)>, Fault> {
        self.readers.read(search::told_models).await
    }

    async fn changes(&self, behind: u64, limit: usize) -> Result<Vec<ResultChange>, Fault> {
        self.readers.read(move |db| search::changes(db, behind, limit)).await
    }

    async fn last_change(&self) -> Result<u64, Fault> {
        self.readers.read(search::last_change).await
    }
}

#[async_trait]
impl Subscriptions for SqliteLedger {
    async fn subscribe(
        &self,
        id: String,
        owner: String,
        wish: SubscriptionWish,
        most: usize,
        now: Timestamp,
    ) -> Result<Option<Subscription>, Fault> {
        self.writer.write(move |db| subscriptions::add(db, &id, &owner, &wish, most, now)).await
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, Fault> {
        self.readers.read(subscriptions::all).await
    }

    async fn subscription(&self, id: &str) -> Result<Option<Subscription>, Fault> {
        let id = id.to_owned();
        self.readers.read(move |db| subscriptions::one(db, &id)).await
    }

    async fn replace_subscription(
        &self,
        id: &str,
        wish: SubscriptionWish,
        now: Timestamp,
    ) -> Result<Option<Subscription>, Fault> {
        let id = id.to_owned();
        self.writer.write(move |db| subscriptions::replace(db, &id, &wish, now)).await
    }

    async fn unsubscribe(&self, id: &str) -> Result<bool, Fault> {
        let id = id.to_owned();
        self.writer.write(move |db| subscriptions::remove(db, &id)).await
    }

    async fn due_subscriptions(&self, now: Timestamp, limit: usize) -> Result<Vec<Subscription>, Fault> {
        self.readers.read(move |db| subscriptions::due(db, now, limit)).await
    }

    async fn told(&self, id: &str, revision: u64, cursor: u64, now: Timestamp) -> Result<(), Fault> {
        let id = id.to_owned();
        self.writer.write(move |db| subscriptions::told(db, &id, revision, cursor, now)).await
    }

    async fn not_told(
        &self,
        id: &str,
        revision: u64,
        why: String,
        again_at: Timestamp,
        alarm_before: Timestamp,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let failed = subscriptions::Failed { id: id.to_owned(), revision, why, again_at, alarm_before, now };
        self.writer.write(move |db| subscriptions::not_told(db, &failed)).await
    }
}

/// A mistake of the caller that must not become a row.
fn mistake(message: &str) -> Fault {
    Fault::new(ErrorCode::Internal, message)
}
