//! A hospital in memory: visits, studies with their results, orders, readings, and what the workers did.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{
    Announce, Appended, DueVitals, Encounter, EncounterState, Event, FusionDue, FusionRecords, FusionSubject,
    HisPatient, HospitalRecords, InstanceRecord, Measurement, ReadingId, Studies, StudyContext, StudySummary,
    TriageEntry, TriageRecords, TriageStep, Unacknowledged, Urgency, VisitId, VitalsFeed,
};
use baize_core::{
    Clock, Coded, ErrorCode, Fault, Finding, ImageFacts, InstanceIdentity, Lane, ModelRef, Outcome,
    Population, Report, SeriesUid, SopUid, StudyUid, Text, Timestamp,
};
use baize_desk::{Desk, DeskSettings, Fusion, FusionParts, MonitorParts, Monitors, Visit};
use baize_fusion::FusionRules;
use baize_triage::complaint::Lexicon;
use baize_triage::{RuleSet, Triage};
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) const PNEUMOTHORAX: &str = "36118008";
pub(crate) const PNEUMONIA: &str = "233604007";
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct World {
    entries: Mutex<Vec<TriageEntry>>,
    due: Mutex<BTreeMap<(u8, String), FusionDue>>,
    put_off: Mutex<BTreeMap<(u8, String), Timestamp>>,
    studies: Mutex<BTreeMap<StudyUid, Vec<InstanceRecord>>>,
    /// Study to encounter.
    orders: Mutex<BTreeMap<StudyUid, String>>,
    pub(crate) cancelled: Mutex<BTreeSet<String>>,
    pub(crate) raised: Mutex<BTreeMap<StudyUid, Lane>>,
    pub(crate) events: Mutex<Vec<Event>>,
    readings: Mutex<Vec<DueVitals>>,
    pub(crate) settled: Mutex<Vec<(ReadingId, String)>>,
    later: Mutex<BTreeMap<ReadingId, Timestamp>>,
    clock: AtomicU64,
    /// Appends to fail before the next one.
    pub(crate) broken: AtomicU32,
    /// Raises to fail.
    pub(crate) broken_urgency: AtomicU32,
}

fn key(subject: &FusionSubject) -> (u8, String) {
    match subject {
        FusionSubject::Study(study) => (0, study.to_string()),
        FusionSubject::Encounter(number) => (1, number.clone()),
    }
}

impl World {
    pub(crate) fn touch(&self, subject: FusionSubject) {
        let mut due = self.due.lock().unwrap();
        self.put_off.lock().unwrap().remove(&key(&subject));
        let entry = due.entry(key(&subject)).or_insert(FusionDue { subject, changes: 0, attempts: 0 });
        entry.changes += 1;
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.fetch_add(u64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// A result becomes durable.
    pub(crate) fn report(&self, study: &str, sop: &str, outcome: Outcome) {
        let study = StudyUid::parse(study).unwrap();
        let identity = InstanceIdentity {
            study: study.clone(),
            series: SeriesUid::parse("1.9").unwrap(),
            sop: SopUid::parse(sop).unwrap(),
            sop_class: String::new(),
            transfer_syntax: String::new(),
        };
        let report = Report {
            instance: identity.clone(),
            model: Some(ModelRef { id: "cxr".into(), version: "1.0.0".into() }),
            outcome,
            finished_at: self.now(),
            gate: None,
        };
        let record = InstanceRecord {
            identity,
            facts: ImageFacts::default(),
            received_at: self.now(),
            pending: 0,
            reports: vec![report],
        };
        self.studies.lock().unwrap().entry(study.clone()).or_default().push(record);
        self.touch(FusionSubject::Study(study));
    }

    /// A study is found to belong to an order of that encounter.
    pub(crate) fn order(&self, study: &str, encounter: &str) {
        let study = StudyUid::parse(study).unwrap();
        self.orders.lock().unwrap().insert(study.clone(), encounter.into());
        self.touch(FusionSubject::Study(study));
    }

    /// A person says that the study is of no order that is known.
    pub(crate) fn unmatch(&self, study: &str) {
        let study = StudyUid::parse(study).unwrap();
        self.orders.lock().unwrap().remove(&study);
        self.touch(FusionSubject::Study(study));
    }

    pub(crate) fn measure(
        &self,
        encounter: Option<&str>,
        signs: &[(&str, f64)],
        at: Option<&str>,
    ) -> ReadingId {
        let mut readings = self.readings.lock().unwrap();
        let id = ReadingId(i64::try_from(readings.len()).unwrap() + 1);
        let measurement = |(name, value): &(&str, f64)| Measurement {
            name: (*name).into(),
            value: *value,
            measured_at: at.map(Into::into),
        };
        readings.push(DueVitals {
            id,
            patient_id: "W1".into(),
            encounter: encounter.map(Into::into),
            measurements: signs.iter().map(measurement).collect(),
            received_at: self.now(),
            attempts: 0,
        });
        id
    }

    /// How a reading ended; `None` while it is due.
    pub(crate) fn outcome(&self, reading: ReadingId) -> Option<String> {
        self.settled.lock().unwrap().iter().find(|(id, _)| *id == reading).map(|(_, outcome)| outcome.clone())
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_000_000_000_000 + self.clock.fetch_add(1, Ordering::SeqCst))
    }
}

#[async_trait]
impl TriageRecords for World {
    async fn append(&self, entry: TriageEntry) -> Result<Appended, Fault> {
        fail(&self.broken)?;
        let length = self.history(&entry.visit).await?.len();
        if entry.sequence as usize != length + 1 {
            return Ok(Appended::Conflict);
        }
        let known = [TriageStep::Assessed, TriageStep::Vitals, TriageStep::Level];
        if let Some(number) = entry.encounter.clone().filter(|_| known.contains(&entry.step)) {
            self.touch(FusionSubject::Encounter(number));
        }
        self.entries.lock().unwrap().push(entry);
        Ok(Appended::Kept)
    }

    async fn history(&self, visit: &VisitId) -> Result<Vec<TriageEntry>, Fault> {
        Ok(self.entries.lock().unwrap().iter().filter(|kept| kept.visit == *visit).cloned().collect())
    }
}

fn fail(counter: &AtomicU32) -> Result<(), Fault> {
    match counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Err(Fault::new(ErrorCode::StorageFailed, "told to fail")),
        Err(_) => Ok(()),
    }
}

#[async_trait]
impl FusionRecords for World {
    async fn due_fusion(&self, now: Timestamp) -> Result<Option<FusionDue>, Fault> {
        let put_off = self.put_off.lock().unwrap();
        let is_due = |key: &(u8, String)| put_off.get(key).is_none_or(|until| *until <= now);
        Ok(self.due.lock().unwrap().iter().find(|(key, _)| is_due(key)).map(|(_, due)| due.clone()))
    }

    async fn settle_fusion(&self, due: &FusionDue, again: Option<Timestamp>) -> Result<(), Fault> {
        let (mut list, key) = (self.due.lock().unwrap(), key(&due.subject));
        if list.get(&key).is_none_or(|one| one.changes != due.changes) {
            return Ok(());
        }
        match again {
            None => drop(list.remove(&key)),
            Some(again) => {
                list.entry(key.clone()).and_modify(|one| one.attempts += 1);
                self.put_off.lock().unwrap().insert(key, again);
            }
        }
        Ok(())
    }

    async fn visits_of_encounter(&self, number: &str) -> Result<Vec<VisitId>, Fault> {
        let entries = self.entries.lock().unwrap();
        let of = entries.iter().filter(|one| one.sequence == 1 && one.encounter.as_deref() == Some(number));
        Ok(of.map(|one| one.visit.clone()).collect())
    }

    async fn visits_told_of(&self, study: &StudyUid) -> Result<Vec<VisitId>, Fault> {
        let entries = self.entries.lock().unwrap();
        let told = entries.iter().filter(|one| {
            matches!(one.step, TriageStep::Imaging | TriageStep::ImagingNote)
                && one.sent.contains(&format!("\"{study}\""))
        });
        let visits: BTreeSet<VisitId> = told.map(|one| one.visit.clone()).collect();
        Ok(visits.into_iter().collect())
    }

    async fn unacknowledged(&self, limit: usize) -> Result<Vec<Unacknowledged>, Fault> {
        let entries = self.entries.lock().unwrap();
        let seen = |told: &TriageEntry| {
            let after = |one: &&TriageEntry| one.visit == told.visit && one.sequence > told.sequence;
            entries.iter().filter(after).any(|one| one.step == TriageStep::Acknowledged)
        };
        let told = entries.iter().filter(|one| one.step == TriageStep::Imaging && !seen(one));
        let row = |one: &TriageEntry| Unacknowledged {
            visit: one.visit.clone(),
            sequence: one.sequence,
            since: one.at,
            level_cn: one.level_cn,
            acuity: one.acuity,
        };
        Ok(told.map(row).take(limit).collect())
    }
}

#[async_trait]
impl HospitalRecords for World {
    async fn encounter(&self, number: &str) -> Result<Option<Encounter>, Fault> {
        Ok(self.cancelled.lock().unwrap().contains(number).then(|| Encounter {
            number: number.into(),
            patient: HisPatient::default(),
            class: None,
            location: None,
            reason: None,
            admitted_at: None,
            state: EncounterState::Cancelled,
            updated_at: Timestamp::from_micros(0),
        }))
    }

    async fn context(&self, study: &StudyUid) -> Result<StudyContext, Fault> {
        let number = self.orders.lock().unwrap().get(study).cloned();
        let encounter = number.map(|number| Encounter {
            number,
            patient: HisPatient::default(),
            class: None,
            location: None,
            reason: None,
            admitted_at: None,
            state: EncounterState::Open,
            updated_at: Timestamp::from_micros(0),
        });
        Ok(StudyContext { order: None, encounter })
    }

    async fn studies_of_encounter(&self, number: &str) -> Result<Vec<StudyUid>, Fault> {
        let orders = self.orders.lock().unwrap();
        Ok(orders.iter().filter(|(_, of)| *of == number).map(|(study, _)| study.clone()).collect())
    }
}

#[async_trait]
impl Studies for World {
    async fn list(&self, _: Option<Timestamp>, _: usize) -> Result<Vec<StudySummary>, Fault> {
        unreachable!("fusion reads studies one by one")
    }

    async fn study(&self, _: &StudyUid) -> Result<Option<StudySummary>, Fault> {
        unreachable!("fusion reads results")
    }

    async fn earlier(&self, _: &StudyUid, _: usize) -> Result<Vec<StudySummary>, Fault> {
        unreachable!("fusion compares nothing")
    }

    async fn instances(&self, study: &StudyUid) -> Result<Vec<InstanceRecord>, Fault> {
        Ok(self.studies.lock().unwrap().get(study).cloned().unwrap_or_default())
    }
}

#[async_trait]
impl Urgency for World {
    async fn raise(&self, study: &StudyUid, lane: Lane) -> Result<bool, Fault> {
        fail(&self.broken_urgency)?;
        let before = self.raised.lock().unwrap().insert(study.clone(), lane);
        assert!(before.is_none_or(|before| before <= lane), "nothing lowers");
        Ok(before.is_none_or(|before| before < lane))
    }
}

impl Announce for World {
    fn announce(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

#[async_trait]
impl VitalsFeed for World {
    async fn due_vitals(&self, now: Timestamp) -> Result<Option<DueVitals>, Fault> {
        let (settled, later) = (self.settled.lock().unwrap(), self.later.lock().unwrap());
        let is_due = |one: &&DueVitals| {
            !settled.iter().any(|(id, _)| *id == one.id)
                && later.get(&one.id).is_none_or(|until| *until <= now)
        };
        Ok(self.readings.lock().unwrap().iter().find(is_due).cloned())
    }

    async fn settle_vitals(
        &self,
        reading: ReadingId,
        again: Option<Timestamp>,
        outcome: String,
    ) -> Result<(), Fault> {
        match again {
            Some(again) => drop(self.later.lock().unwrap().insert(reading, again)),
            None => self.settled.lock().unwrap().push((reading, outcome)),
        }
        Ok(())
    }
}

pub(crate) fn finding(value: &str, probability: f32, critical: Option<f32>) -> Finding {
    let meaning = Text { zh: "气胸".into(), en: "Pneumothorax".into() };
    let code = Coded { scheme: "SCT".into(), value: value.into(), meaning };
    Finding { code, probability, threshold: 0.5, critical, region: None, heat: None }
}

pub(crate) fn found(findings: Vec<Finding>) -> Outcome {
    Outcome::Analysed { findings, population: Population::Validated, caveats: vec![] }
}

pub(crate) fn pneumothorax() -> Outcome {
    found(vec![finding(PNEUMOTHORAX, 0.95, Some(0.9))])
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::builtin().unwrap());

pub(crate) struct Stage {
    pub(crate) world: Arc<World>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) fusion: Fusion,
    pub(crate) monitors: Monitors,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::over(Arc::default())
    }

    /// As after a restart: everything but the world is new.
    pub(crate) fn over(world: Arc<World>) -> Self {
        let triage = Triage::new(RuleSet::builtin().unwrap(), LEXICON.clone(), None).unwrap();
        let settings = DeskSettings { threads: NonZeroUsize::new(2).unwrap(), max_waiting: 64 };
        let desk = Arc::new(Desk::new(Arc::new(triage), world.clone(), world.clone(), settings));
        let rules = Arc::new(FusionRules::builtin().unwrap());
        let fusion = Fusion::new(FusionParts {
            desk: desk.clone(),
            rules: rules.clone(),
            records: world.clone(),
            hospital: world.clone(),
            studies: world.clone(),
            urgency: world.clone(),
            announce: world.clone(),
            clock: world.clone(),
            warn_after: 5 * MINUTE,
        });
        let monitors = Monitors::new(MonitorParts {
            desk: desk.clone(),
            rules,
            feed: world.clone(),
            records: world.clone(),
            clock: world.clone(),
            wait: 60 * MINUTE,
        });
        Self { world, desk, fusion, monitors }
    }

    /// An adult with a sprained ankle, level Ⅲ without a model.
    pub(crate) async fn arrives(&self, encounter: Option<&str>) -> Visit {
        self.arrives_with(encounter, json!({ "heart_rate": 80, "systolic_bp": 124, "spo2": 98 })).await
    }

    pub(crate) async fn arrives_with(&self, encounter: Option<&str>, vitals: Value) -> Visit {
        let mut request = json!({
            "age_years": 34, "sex": "male", "chief_complaint": "twisted ankle", "vitals": vitals,
        });
        if let Some(number) = encounter {
            request["encounter"] = json!(number);
        }
        self.desk.assess(Bytes::from(request.to_string()), "desk-1").await.unwrap()
    }

    pub(crate) async fn fuse(&self) {
        self.fusion.fuse_due().await.unwrap();
    }

    pub(crate) async fn visit(&self, visit: &Visit) -> Visit {
        self.desk.visit(&visit.id).await.unwrap()
    }

    pub(crate) async fn steps(&self, visit: &Visit) -> Vec<(TriageStep, u8)> {
        self.visit(visit).await.steps.iter().map(|step| (step.step, step.level_cn)).collect()
    }
}

pub(crate) fn body(value: Value) -> Bytes {
    Bytes::from(value.to_string())
}
