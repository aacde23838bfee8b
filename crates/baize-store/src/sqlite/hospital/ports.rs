//! What the HIS tells, and what people decide about it, behind the core's ports.

use async_trait::async_trait;
use baize_core::ports::{
    DueVitals, Encounter, Hospital, HospitalLevels, HospitalMessage, HospitalRecords, HospitalWork,
    MatchingRules, OrderId, OrderQuery, PlacedOrder, ReadingId, Reconcile, ReconcileId, Reconciled,
    Reconciliation, Say, StudyContext, Taken, VitalsFeed,
};
use baize_core::{Fault, Lane, StudyUid, Timestamp};

use super::super::{SqliteLedger, matching};
use super::{context, forget, listing, take, vitals, work};

#[async_trait]
impl Hospital for SqliteLedger {
    async fn take(&self, message: HospitalMessage) -> Result<Taken, Fault> {
        self.writer.write(move |db| take(db, &message)).await
    }
}

#[async_trait]
impl HospitalRecords for SqliteLedger {
    async fn encounter(&self, number: &str) -> Result<Option<Encounter>, Fault> {
        let number = number.to_owned();
        self.readers.read(move |db| super::encounter(db, &number)).await
    }

    async fn context(&self, study: &StudyUid) -> Result<StudyContext, Fault> {
        let study = study.clone();
        self.readers.read(move |db| context::of_study(db, &study)).await
    }

    async fn contexts(&self, studies: &[StudyUid]) -> Result<Vec<StudyContext>, Fault> {
        let studies = studies.to_vec();
        let read = move |db: &_| studies.iter().map(|study| context::of_study(db, study)).collect();
        self.readers.read(read).await
    }

    async fn studies_of_encounter(&self, number: &str) -> Result<Vec<StudyUid>, Fault> {
        let number = number.to_owned();
        self.readers.read(move |db| context::studies_of(db, &number)).await
    }
}

#[async_trait]
impl Reconciliation for SqliteLedger {
    async fn orders(&self, query: OrderQuery) -> Result<Vec<PlacedOrder>, Fault> {
        self.readers.read(move |db| listing::orders(db, &query)).await
    }

    async fn unmatched(&self, before: Option<ReconcileId>, limit: usize) -> Result<Vec<Reconcile>, Fault> {
        self.readers.read(move |db| matching::queue::page(db, before, limit)).await
    }

    async fn match_by_person(
        &self,
        study: &StudyUid,
        order: OrderId,
        say: Say,
        confirmed: bool,
    ) -> Result<Reconciled, Fault> {
        let study = study.clone();
        self.writer.write(move |db| matching::match_by_person(db, &study, order, &say, confirmed)).await
    }

    async fn unmatch(&self, order: OrderId, say: Say) -> Result<Reconciled, Fault> {
        self.writer.write(move |db| matching::unmatch(db, order, &say)).await
    }

    async fn dismiss(&self, entry: ReconcileId, say: Say) -> Result<Reconciled, Fault> {
        self.writer.write(move |db| matching::dismiss(db, entry, &say)).await
    }
}

#[async_trait]
impl HospitalWork for SqliteLedger {
    async fn set_matching(&self, rules: Option<MatchingRules>) -> Result<(), Fault> {
        self.writer.write(move |db| matching::rules::set(db, rules)).await
    }

    async fn due_raises(&self, limit: usize) -> Result<Vec<(StudyUid, Lane)>, Fault> {
        self.readers.read(move |db| work::due_raises(db, limit)).await
    }

    async fn settle_raise(&self, study: &StudyUid, lane: Lane) -> Result<(), Fault> {
        let study = study.clone();
        self.writer.write(move |db| work::settle_raise(db, &study, lane)).await
    }

    async fn list_overdue(&self, now: Timestamp, limit: usize) -> Result<usize, Fault> {
        self.writer.write(move |db| matching::queue::list_overdue(db, now, limit)).await
    }

    async fn forget_messages(&self, before: Timestamp, limit: usize) -> Result<usize, Fault> {
        self.writer.write(move |db| forget(db, before, limit)).await
    }

    async fn hospital_levels(&self) -> Result<HospitalLevels, Fault> {
        self.readers.read(work::levels).await
    }
}

#[async_trait]
impl VitalsFeed for SqliteLedger {
    async fn due_vitals(&self, now: Timestamp) -> Result<Option<DueVitals>, Fault> {
        self.readers.read(move |db| vitals::due(db, now)).await
    }

    async fn settle_vitals(
        &self,
        reading: ReadingId,
        again: Option<Timestamp>,
        outcome: String,
    ) -> Result<(), Fault> {
        self.writer.write(move |db| vitals::settle(db, reading, again, &outcome)).await
    }
}
