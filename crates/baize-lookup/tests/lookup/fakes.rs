//! A ledger in a folder, and systems to ask.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{
    Admission, ArchivedStudy, DeliveryQuery, Digest, Door, InquiryKind, Ledger, LinkLost, OrderKey,
    OrderSource, OutboxRecords, PatientIdentity, Recipient, Retrieval, SpoolKey, StudySource, Takes, Urgency,
};
use baize_core::{
    Clock as _, Fault, ImageFacts, InstanceIdentity, Lane, ModelRef, Outcome, Population, Report, SeriesUid,
    SopUid, StudyUid,
};
use baize_lookup::{Lookup, Parts, Relevance, Source};
use baize_store::{LedgerConfig, SqliteLedger};
use baize_testkit::VirtualClock;

pub(crate) fn study(number: u32) -> StudyUid {
    StudyUid::parse(&format!("1.2.{number}")).unwrap()
}

/// What is known of Wang.
pub(crate) fn facts(date: &str) -> ImageFacts {
    ImageFacts {
        modality: Some("DX".into()),
        body_part: Some("CHEST".into()),
        frames: 1,
        rows: 16,
        columns: 16,
        patient_id: Some("W1".into()),
        birth_date: Some("19600102".into()),
        accession: Some("A1".into()),
        study_date: Some(date.into()),
        ..ImageFacts::default()
    }
}

pub(crate) fn archived(number: u32, date: &str) -> ArchivedStudy {
    ArchivedStudy {
        study: study(number),
        patient: PatientIdentity {
            id: Some("W1".into()),
            birth_date: Some("19600102".into()),
            ..PatientIdentity::default()
        },
        date: Some(date.into()),
        modalities: vec!["DX".into()],
    }
}

/// What the archive does when it is asked to send a study.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sends {
    Everything,
    Half,
    Nothing,
    HangsUp,
}

/// An archive whose sending puts images into the ledger.
pub(crate) struct FakeArchive {
    pub(crate) studies: Mutex<Vec<ArchivedStudy>>,
    pub(crate) is_down: Mutex<bool>,
    pub(crate) script: Mutex<VecDeque<Sends>>,
    pub(crate) asked: Mutex<Vec<StudyUid>>,
    ledger: Arc<SqliteLedger>,
    clock: VirtualClock,
}

#[async_trait]
impl StudySource for FakeArchive {
    async fn studies_of(&self, patient: &PatientIdentity) -> Result<Vec<ArchivedStudy>, LinkLost> {
        assert_eq!(patient.id.as_deref(), Some("W1"));
        match *self.is_down.lock().unwrap() {
            true => Err(LinkLost("nobody there".into())),
            false => Ok(self.studies.lock().unwrap().clone()),
        }
    }

    async fn body_parts(&self, asked: &StudyUid) -> Result<Vec<String>, LinkLost> {
        Ok(if *asked == study(66) { vec!["HAND".into()] } else { vec![] })
    }

    async fn retrieve(&self, asked: &StudyUid) -> Result<Retrieval, LinkLost> {
        self.asked.lock().unwrap().push(asked.clone());
        let sends = self.script.lock().unwrap().pop_front().unwrap_or(Sends::Everything);
        let number: u32 = asked.as_str()[4..].parse().unwrap();
        let (completed, failed) = match sends {
            Sends::Everything => (2, 0),
            Sends::Half | Sends::HangsUp => (1, 1),
            Sends::Nothing => (0, 0),
        };
        for image in 1..=u32::from(completed) {
            let admission = admission(number, image, facts("20230101"), &self.clock);
            self.ledger.admit(admission).await.unwrap();
        }
        match sends {
            Sends::HangsUp => Err(LinkLost("gone".into())),
            _ => Ok(Retrieval { completed, failed, ..Retrieval::default() }),
        }
    }
}

pub(crate) fn admission(number: u32, image: u32, facts: ImageFacts, clock: &VirtualClock) -> Admission {
    Admission {
        identity: InstanceIdentity {
            study: study(number),
            series: SeriesUid::parse(&format!("1.2.{number}.1")).unwrap(),
            sop: SopUid::parse(&format!("1.2.{number}.1.{image}")).unwrap(),
            sop_class: "1.2.840.10008.5.1.4.1.1.1.1".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
        },
        facts,
        digest: Digest([1; 32]),
        spool_key: SpoolKey(format!("{number}/{image}")),
        size: 16,
        door: Door::Dimse { calling_ae: "PACS".into() },
        accepted_at: clock.now(),
        lane: Lane::Routine,
        deadline: clock.now() + Duration::from_secs(7200),
        models: vec![ModelRef { id: "cxr-test".into(), version: "1.0.0".into() }],
        refusal: None,
    }
}

/// A worklist with one answer for everything.
pub(crate) struct FakeWorklist(pub(crate) Mutex<Result<Option<Lane>, LinkLost>>);

#[async_trait]
impl OrderSource for FakeWorklist {
    async fn lane_of(&self, key: &OrderKey) -> Result<Option<Lane>, LinkLost> {
        assert_eq!((key.accession.as_deref(), key.patient_id.as_deref()), (Some("A1"), Some("W1")));
        self.0.lock().unwrap().clone()
    }
}

/// Raises in the ledger, as the engine does.
struct Raises(Arc<SqliteLedger>);

#[async_trait]
impl Urgency for Raises {
    async fn raise(&self, study: &StudyUid, lane: Lane) -> Result<bool, Fault> {
        self.0.raise(study, lane, Duration::from_secs(60)).await
    }
}

pub(crate) struct Hospital {
    pub(crate) ledger: Arc<SqliteLedger>,
    pub(crate) clock: VirtualClock,
    pub(crate) archive: Arc<FakeArchive>,
    pub(crate) worklist: Arc<FakeWorklist>,
    pub(crate) lookup: Lookup,
}

impl Hospital {
    pub(crate) async fn open(folder: &Path) -> Self {
        let few = NonZeroUsize::new(4).unwrap();
        let config = LedgerConfig { path: folder.join("baize.db"), queue: few, readers: few };
        let ledger = Arc::new(SqliteLedger::open(&config).unwrap());
        let clock = VirtualClock::default();
        let archive = Arc::new(FakeArchive {
            studies: Mutex::default(),
            is_down: Mutex::default(),
            script: Mutex::default(),
            asked: Mutex::default(),
            ledger: ledger.clone(),
            clock: clock.clone(),
        });
        let worklist = Arc::new(FakeWorklist(Mutex::new(Ok(None))));
        let parts = Parts {
            inquiries: ledger.clone(),
            urgency: Arc::new(Raises(ledger.clone())),
            sources: vec![Source { name: "pacs".into(), archive: archive.clone() }],
            relevance: Relevance { most: 2, months: 60, same_modality: true, same_body_part: true },
            orders: Some(worklist.clone()),
            clock: Arc::new(clock.clone()),
        };
        let recipient = Recipient {
            name: "pacs".into(),
            takes: Takes::Objects,
            analysed: true,
            refused: true,
            failed: true,
            priors: false,
            commitment: false,
        };
        ledger.set_recipients(vec![recipient]).await.unwrap();
        let lookup = Lookup::open(parts).await.unwrap();
        Self { ledger, clock, archive, worklist, lookup }
    }

    /// A study comes in.
    pub(crate) async fn receive(&self, number: u32, facts: ImageFacts) {
        self.ledger.admit(admission(number, 1, facts, &self.clock)).await.unwrap();
    }

    /// Everything that is due is asked; returns how much that was.
    pub(crate) async fn ask(&self, kind: InquiryKind) -> usize {
        self.lookup.answer_due(kind).await.unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.archive.asked.lock().unwrap().iter().map(|study| study.as_str().to_owned()).collect()
    }

    /// Reads all images, and tells of which studies results go out.
    pub(crate) async fn read_all(&self) -> Vec<String> {
        for job in self.ledger.take_jobs(100).await.unwrap() {
            let outcome =
                Outcome::Analysed { findings: vec![], population: Population::Validated, caveats: vec![] };
            let report = Report {
                instance: job.identity,
                model: Some(job.model),
                outcome,
                finished_at: self.clock.now(),
                gate: None,
            };
            self.ledger.finish(job.id, report).await.unwrap();
        }
        let query = DeliveryQuery { state: None, destination: None, before: None, limit: 100 };
        let mut studies: Vec<String> = self
            .ledger
            .deliveries(query)
            .await
            .unwrap()
            .into_iter()
            .filter_map(|delivery| Some(delivery.object()?.instance.study.as_str().to_owned()))
            .collect();
        studies.sort();
        studies.dedup();
        studies
    }
}
