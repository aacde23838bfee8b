//! What the HIS tells, and which study answers which order.

mod keeping;
mod matching;
mod people;

use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{
    Admission, EncounterEvent, EncounterNews, Hospital, HospitalMessage, HospitalWork, Ledger, MatchingRules,
    MessageKey, News, OrderEvent, OrderId, OrderNews, OrderQuery, PatientNews, PlacedOrder, Reconciliation,
    Taken, Told,
};
use baize_core::{ImageFacts, Lane, Sex};
use baize_store::SqliteLedger;
use bytes::Bytes;
use tempfile::TempDir;

use crate::fixtures::{admission, at, open_ledger};

const HOUR: u64 = 3_600_000_000;
/// 2026-03-15T09:00:00+08:00.
pub(crate) const MORNING: u64 = 1_773_536_400_000_000;

pub(crate) fn said<T: From<&'static str>>(text: &'static str) -> Told<T> {
    Told::Value(text.into())
}

pub(crate) struct Site {
    _folder: TempDir,
    pub(crate) ledger: Arc<SqliteLedger>,
    sent: u32,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(open_ledger(folder.path()));
        let rules = MatchingRules {
            window: Duration::from_secs(12 * 3600),
            utc_offset_seconds: 8 * 3600,
            due: [7200, 600, 60].map(Duration::from_secs),
        };
        ledger.set_matching(Some(rules)).await.unwrap();
        Self { _folder: folder, ledger, sent: 0 }
    }

    pub(crate) async fn tell(&mut self, news: News) {
        self.sent += 1;
        assert_eq!(self.ledger.take(message(self.sent, news)).await.unwrap(), Taken::New);
    }

    pub(crate) async fn adt(
        &mut self,
        event: EncounterEvent,
        patient: PatientNews,
        encounter: EncounterNews,
    ) {
        self.tell(News::Encounter { event, patient, encounter }).await;
    }

    pub(crate) async fn order(&mut self, order: OrderNews) {
        self.order_of(wang(), order).await;
    }

    pub(crate) async fn order_of(&mut self, patient: PatientNews, order: OrderNews) {
        let encounter = EncounterNews { number: Some("V1".into()), ..EncounterNews::default() };
        self.tell(News::Orders { patient, encounter, orders: vec![order] }).await;
    }

    pub(crate) async fn image(&self, image: Admission) {
        self.ledger.admit(image).await.unwrap();
    }

    pub(crate) async fn orders(&self) -> Vec<PlacedOrder> {
        self.ledger.orders(everything()).await.unwrap()
    }

    /// Of each order its study and how it was found, oldest first.
    pub(crate) async fn matches(&self) -> Vec<Option<(String, &'static str)>> {
        let mut orders = self.orders().await;
        orders.reverse();
        let found =
            |order: PlacedOrder| order.matched.map(|(study, how, _)| (study.to_string(), how.as_str()));
        orders.into_iter().map(found).collect()
    }

    /// Why studies and orders wait, oldest first.
    pub(crate) async fn waiting(&self) -> Vec<&'static str> {
        let mut waiting: Vec<_> = self.ledger.unmatched(None, 99).await.unwrap();
        waiting.reverse();
        waiting.iter().map(|entry| entry.reason.as_str()).collect()
    }
}

pub(crate) fn everything() -> OrderQuery {
    OrderQuery {
        study: None,
        accession: None,
        patient_id: None,
        encounter: None,
        state: None,
        before: None::<OrderId>,
        limit: 99,
    }
}

pub(crate) fn message(number: u32, news: News) -> HospitalMessage {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    HospitalMessage {
        key: MessageKey { sender: "HIS|H".into(), control_id: "1".into(), digest },
        kind: "ADT^A01".into(),
        received_at: at(MORNING + u64::from(number)),
        raw: Bytes::from_static(b"MSH|^~\\&|"),
        news,
    }
}

pub(crate) fn patient(id: &str) -> PatientNews {
    PatientNews { id: id.into(), ..PatientNews::default() }
}

pub(crate) fn wang() -> PatientNews {
    PatientNews {
        family_name: said("王"),
        sex: Told::Value(Sex::Male),
        birth_date: said("19600102"),
        ..patient("W1")
    }
}

pub(crate) fn placed() -> OrderNews {
    OrderNews {
        event: OrderEvent::Placed,
        placer_number: Told::Nothing,
        filler_number: Told::Nothing,
        accession: Told::Nothing,
        study: Told::Nothing,
        modality: said("DX"),
        procedure_code: Told::Nothing,
        procedure_text: Told::Nothing,
        reason: Told::Nothing,
        scheduled_at: Told::Nothing,
        lane: None,
    }
}

/// An image of Wang's, made in the morning.
pub(crate) fn image_of_wang(study: u32, sop: u32) -> Admission {
    Admission {
        facts: ImageFacts {
            patient_id: Some("W1".into()),
            sex: Some(Sex::Male),
            birth_date: Some("19600102".into()),
            study_date: Some("20260315".into()),
            ..admission(study, sop).facts
        },
        accepted_at: at(MORNING + HOUR),
        deadline: at(MORNING + 3 * HOUR),
        ..admission(study, sop)
    }
}

pub(crate) fn with_accession(mut image: Admission, accession: &str) -> Admission {
    image.facts.accession = Some(accession.into());
    image
}

/// The lane of each open job, and when it is due after its image came in.
pub(crate) async fn jobs(ledger: &SqliteLedger) -> Vec<(Lane, u64)> {
    let jobs = ledger.take_jobs(99).await.unwrap();
    jobs.iter().map(|job| (job.lane, job.deadline.saturating_since(job.accepted_at).as_secs())).collect()
}
