//! Ports that do as the object's text says: `OBJ <study> <sop> <directive>`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use baize_core::ports::{
    Acceptance, Appended, Archive, ArchiveQuery, ArchiveRow, Arrival, Bulk, Delivery, DeliveryId,
    DeliveryQuery, DeliveryState, Digest, Door, Event, EventStream, Events, FindingOpinion, FusionDue,
    FusionRecords, Health, HealthCheck, Identify, InstanceRecord, Intake, Novelty, ObjectViews, Outbox,
    Progress, Reader, Reading, RecordedReview, Rendering, Review, Reviewed, Reviews, Say, Spool, SpoolKey,
    Studies, StudySummary, StudyWatch, TriageEntry, TriageRecords, TriageStep, Unacknowledged, VisitId,
};
use baize_core::{
    AgeYears, Clock, Coded, ErrorClass, ErrorCode, Extent, Fault, Finding, HeatMap, ImageFacts,
    InstanceIdentity, Lane, ModelRef, Outcome, PixelBox, Population, Report, SeriesUid, Sex, SopUid,
    StudyUid, Text, Timestamp,
};
use baize_testkit::FakeAcuityModel;
use baize_triage::complaint::Lexicon;
use baize_triage::{Contribution, ModelOutput, RuleSet, Triage};
use bytes::Bytes;
use tokio::sync::{Notify, broadcast};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::BroadcastStream;

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_772_354_281_000_250);
pub(crate) const PNG: &[u8] = b"\x89PNG fake";
pub(crate) const PATIENT: &str = "王^小明";
pub(crate) const PATIENT_ID: &str = "P000123";

/// The whole hospital.
pub(crate) struct World {
    pub(crate) accepted: Mutex<Vec<(Bytes, Door, Lane)>>,
    pub(crate) lanes_read: Mutex<Vec<Lane>>,
    pub(crate) listed: Mutex<Vec<(Option<Timestamp>, usize)>>,
    /// Whether study `1.2` is here as a whole.
    pub(crate) arrival: Mutex<Arrival>,
    /// Earlier studies of the patient of study `1.2`.
    pub(crate) earlier: Mutex<Vec<StudySummary>>,
    /// What was said about whole studies; `None`: a STOW request stored all of its objects.
    pub(crate) told: Mutex<Vec<(String, Option<u32>)>>,
    pub(crate) searched: Mutex<Vec<ArchiveQuery>>,
    pub(crate) spool_has_lost: Mutex<Option<SpoolKey>>,
    pub(crate) triage: Mutex<Vec<TriageEntry>>,
    pub(crate) triage_is_broken: AtomicBool,
    pub(crate) deliveries: Mutex<Vec<Delivery>>,
    pub(crate) reviews: Mutex<Vec<RecordedReview>>,
    /// What people said of orders and studies.
    pub(crate) said: Mutex<Vec<(String, Say)>>,
    pub(crate) ready: AtomicBool,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) micros: AtomicU64,
    pub(crate) work_began: Notify,
    pub(crate) work_dropped: Notify,
    pub(crate) release_work: Notify,
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            accepted: Mutex::default(),
            lanes_read: Mutex::default(),
            listed: Mutex::default(),
            arrival: Mutex::default(),
            earlier: Mutex::default(),
            told: Mutex::default(),
            searched: Mutex::default(),
            spool_has_lost: Mutex::default(),
            triage: Mutex::default(),
            triage_is_broken: AtomicBool::new(false),
            deliveries: Mutex::default(),
            reviews: Mutex::default(),
            said: Mutex::default(),
            ready: AtomicBool::new(true),
            events: broadcast::channel(16).0,
            micros: AtomicU64::new(NOW.as_micros()),
            work_began: Notify::new(),
            work_dropped: Notify::new(),
            release_work: Notify::new(),
        })
    }
}

pub(crate) fn object(study: &str, sop: &str, directive: &str) -> Vec<u8> {
    format!("OBJ {study} {sop} {directive}").into_bytes()
}

pub(crate) fn identity(study: &str, sop: &str) -> InstanceIdentity {
    InstanceIdentity {
        study: StudyUid::parse(study).unwrap(),
        series: SeriesUid::parse("1.5").unwrap(),
        sop: SopUid::parse(sop).unwrap(),
        sop_class: "1.2.840.10008.5.1.4.1.1.1".into(),
        transfer_syntax: "1.2.840.10008.1.2.1".into(),
    }
}

/// Identity and directive of an object; real DICOM (as dicomweb-client sends it) is read just far enough.
fn understood(object: &[u8]) -> Result<(InstanceIdentity, String), Fault> {
    let not_dicom = || Fault::new(ErrorCode::NotDicom, "The bytes are no DICOM object.");
    if object.get(128..132) == Some(b"DICM") {
        let uid = |tag: &[u8]| {
            let at = object.windows(6).position(|window| window == tag)? + 8;
            let length = usize::from(u16::from_le_bytes([object[at - 2], object[at - 1]]));
            Some(std::str::from_utf8(&object[at..at + length]).ok()?.trim_end_matches('\0').to_owned())
        };
        let study = uid(b"\x20\x00\x0D\x00UI").ok_or_else(not_dicom)?;
        let sop = uid(b"\x08\x00\x18\x00UI").ok_or_else(not_dicom)?;
        return Ok((identity(&study, &sop), "new".into()));
    }
    let text = std::str::from_utf8(object).map_err(|_| not_dicom())?;
    match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["OBJ", study, sop, directive, ..] => Ok((identity(study, sop), (*directive).to_owned())),
        _ => Err(not_dicom()),
    }
}

#[async_trait]
impl Identify for World {
    async fn identify(&self, object: &Bytes) -> Result<InstanceIdentity, Fault> {
        understood(object).map(|(identity, _)| identity)
    }
}

#[async_trait]
impl Intake for World {
    async fn accept(&self, object: Bytes, door: Door, lane: Lane) -> Result<Acceptance, Fault> {
        let (identity, directive) = understood(&object)?;
        let novelty = match directive.as_str() {
            "new" => Novelty::New,
            "duplicate" => Novelty::Duplicate,
            "variant" => Novelty::Variant,
            "panic" => panic!("made to"),
            "wait" => {
                self.work_began.notify_one();
                self.release_work.notified().await;
                Novelty::New
            }
            code => return Err(Fault::new(ErrorCode::from_name(code).unwrap(), "As asked.")),
        };
        self.accepted.lock().unwrap().push((object, door, lane));
        Ok(Acceptance { identity, novelty })
    }
}

/// Tells when the future that holds it is dropped.
struct Dropped<'a>(&'a Notify);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[async_trait]
impl Reader for World {
    async fn read(&self, object: Bytes, lane: Lane) -> Result<Reading, Fault> {
        self.lanes_read.lock().unwrap().push(lane);
        let (identity, directive) = understood(&object)?;
        let outcome = match directive.as_str() {
            "ok" => analysed(),
            "panic" => panic!("made to"),
            "wait" => {
                let _dropped = Dropped(&self.work_dropped);
                self.work_began.notify_one();
                self.release_work.notified().await;
                analysed()
            }
            code => {
                let fault = Fault::new(ErrorCode::from_name(code).unwrap(), "As asked.");
                match fault.code.class() {
                    ErrorClass::Refused => Outcome::Refused(fault),
                    ErrorClass::Unreadable | ErrorClass::Internal => Outcome::Failed(fault),
                    ErrorClass::Overload | ErrorClass::Caller => return Err(fault),
                }
            }
        };
        let ran = matches!(outcome, Outcome::Analysed { .. });
        let report = Report {
            instance: identity,
            model: ran.then(|| model("0.1.0")),
            outcome,
            finished_at: NOW,
            gate: None,
        };
        Ok(Reading { report, overlay_png: ran.then(|| Bytes::from_static(PNG)) })
    }
}

pub(crate) fn model(version: &str) -> ModelRef {
    ModelRef { id: "cxr".into(), version: version.into() }
}

/// On a canvas with padding left and right of the image.
fn heat() -> HeatMap {
    let extent = Extent { left: -16.0, top: 0.0, width: 64.0, height: 64.0 };
    HeatMap::new(2, 3, vec![0.0, 0.25, 1.0, 0.5, 0.1, 0.0], extent).unwrap()
}

pub(crate) fn analysed() -> Outcome {
    let meaning = Text { zh: "肺炎".into(), en: "Pneumonia".into() };
    Outcome::Analysed {
        findings: vec![Finding {
            code: Coded { scheme: "SCT".into(), value: "233604007".into(), meaning },
            probability: 0.875,
            threshold: 0.5,
            critical: Some(0.875),
            region: Some(PixelBox { x: 1, y: 2, width: 3, height: 4 }),
            heat: Some(heat()),
        }],
        population: Population::Outside(Text { zh: "成人".into(), en: "An adult".into() }),
        caveats: vec![Text { zh: "图内有文字".into(), en: "Burned-in text".into() }],
    }
}

fn facts() -> ImageFacts {
    ImageFacts {
        modality: Some("CR".into()),
        body_part: Some("CHEST".into()),
        rows: 64,
        columns: 32,
        frames: 1,
        age: Some(AgeYears(4.5)),
        sex: Some(Sex::Male),
        patient_id: Some(PATIENT_ID.into()),
        patient_name: Some(PATIENT.into()),
        accession: Some("A1001".into()),
        ..ImageFacts::default()
    }
}

/// The only study is `1.2`.
fn summary() -> StudySummary {
    StudySummary {
        study: StudyUid::parse("1.2").unwrap(),
        facts: facts(),
        received_at: NOW,
        updated_at: NOW,
        lane: Lane::Urgent,
        progress: Progress { instances: 4, pending: 1, analysed: 2, refused: 1, failed: 0 },
        arrival: Arrival::default(),
    }
}

fn record(sop: &str, pending: u64, reports: Vec<(Option<ModelRef>, Outcome)>) -> InstanceRecord {
    let identity = identity("1.2", sop);
    let reports = reports.into_iter().map(|(model, outcome)| Report {
        instance: identity.clone(),
        model,
        outcome,
        finished_at: NOW,
        gate: None,
    });
    InstanceRecord { facts: facts(), received_at: NOW, pending, reports: reports.collect(), identity }
}

#[async_trait]
impl Studies for World {
    async fn list(&self, before: Option<Timestamp>, limit: usize) -> Result<Vec<StudySummary>, Fault> {
        self.listed.lock().unwrap().push((before, limit));
        Ok(vec![summary()])
    }

    async fn study(&self, study: &StudyUid) -> Result<Option<StudySummary>, Fault> {
        match study.as_str() {
            "9.9" => Err(Fault::new(ErrorCode::StorageFailed, "The database did not answer.")),
            "1.2" => Ok(Some(StudySummary { arrival: *self.arrival.lock().unwrap(), ..summary() })),
            _ => Ok(None),
        }
    }

    async fn earlier(&self, study: &StudyUid, _: usize) -> Result<Vec<StudySummary>, Fault> {
        if study.as_str() != "1.2" {
            return Ok(vec![]);
        }
        Ok(self.earlier.lock().unwrap().clone())
    }

    async fn instances(&self, study: &StudyUid) -> Result<Vec<InstanceRecord>, Fault> {
        if study.as_str() == "1.1" {
            return Ok(vec![record("1.1.1", 0, vec![(Some(model("0.1.0")), analysed())])]);
        }
        if study.as_str() != "1.2" {
            return Ok(vec![]);
        }
        let refused = Outcome::Refused(Fault::new(ErrorCode::WrongModality, "Modality is MR."));
        let failed = Outcome::Failed(Fault::new(ErrorCode::CorruptPixelData, "The stream ends early."));
        Ok(vec![
            record("1.2.1", 0, vec![(Some(model("0.1.0")), analysed())]),
            record("1.2.2", 0, vec![(None, refused)]),
            record("1.2.3", 1, vec![(Some(model("0.1.0")), failed)]),
            record("1.2.4", 0, vec![(Some(model("0.1.0")), analysed()), (Some(model("0.2.0")), analysed())]),
            record("1.2.5", 1, vec![]),
        ])
    }
}

/// An earlier study of the same patient, unless `change` makes it another's.
pub(crate) fn earlier(study: &str, change: impl FnOnce(&mut ImageFacts)) -> StudySummary {
    let mut earlier = summary();
    earlier.study = StudyUid::parse(study).unwrap();
    earlier.facts.study_date = Some("20250301".into());
    change(&mut earlier.facts);
    earlier
}

#[async_trait]
impl StudyWatch for World {
    async fn expect(&self, study: &StudyUid, instances: u32) -> Result<(), Fault> {
        self.told.lock().unwrap().push((study.to_string(), Some(instances)));
        Ok(())
    }

    async fn stowed(&self, study: &StudyUid) -> Result<(), Fault> {
        self.told.lock().unwrap().push((study.to_string(), None));
        Ok(())
    }
}

#[async_trait]
impl Spool for World {
    async fn put(&self, _: &InstanceIdentity, _: &Digest, _: Bytes) -> Result<SpoolKey, Fault> {
        unreachable!("the edge stores through the intake")
    }

    async fn get(&self, key: &SpoolKey) -> Result<Bytes, Fault> {
        if self.spool_has_lost.lock().unwrap().as_ref() == Some(key) {
            return Err(Fault::new(ErrorCode::StorageFailed, "The disk did not answer."));
        }
        Ok(Bytes::from(format!("object {}", key.0)))
    }

    async fn put_overlay(&self, _: &StudyUid, _: &SopUid, _: &ModelRef, _: Bytes) -> Result<(), Fault> {
        unreachable!("the edge makes no pictures")
    }

    async fn overlay(&self, _: &StudyUid, _: &SopUid, model: &ModelRef) -> Result<Option<Bytes>, Fault> {
        Ok((model.version == "0.1.0").then(|| Bytes::from_static(PNG)))
    }
}

/// The instances of the only study, one row each at every level.
#[async_trait]
impl Archive for World {
    async fn find(&self, query: ArchiveQuery) -> Result<Vec<ArchiveRow>, Fault> {
        self.searched.lock().unwrap().push(query.clone());
        let rows = ["1.2.1", "1.2.2", "1.2.3"].map(|sop| ArchiveRow {
            identity: identity("1.2", sop),
            spool_key: SpoolKey(sop.into()),
            modalities: vec!["CR".into()],
            study_series: 1,
            study_instances: 3,
            series_instances: 3,
        });
        let is_wanted = |row: &ArchiveRow| {
            let ArchiveQuery { studies, sops, .. } = &query;
            (studies.is_empty() || studies.contains(&row.identity.study))
                && (sops.is_empty() || sops.contains(&row.identity.sop))
        };
        Ok(rows.into_iter().filter(is_wanted).skip(query.offset).take(query.limit).collect())
    }
}

#[async_trait]
impl ObjectViews for World {
    async fn header(&self, start: Bytes) -> Result<Option<String>, Fault> {
        let sop = String::from_utf8_lossy(&start).replace("object ", "");
        let number = sop.rsplit('.').next().unwrap().to_owned();
        Ok(Some(
            serde_json::json!({
                "00080030": { "vr": "TM", "Value": [format!("08{number}000")] },
                "00100010": { "vr": "PN", "Value": [{ "Ideographic": PATIENT }] },
                "00180015": { "vr": "CS", "Value": ["CHEST"] },
                "00280010": { "vr": "US", "Value": [64] },
            })
            .to_string(),
        ))
    }

    async fn metadata(&self, object: Bytes, bulk_url: String) -> Result<String, Fault> {
        let object = String::from_utf8_lossy(&object).into_owned();
        Ok(serde_json::json!({ "object": object, "bulk": bulk_url }).to_string())
    }

    async fn frames(&self, _: Bytes) -> Result<Bulk, Fault> {
        Ok(Bulk {
            media_type: "image/jp2".into(),
            transfer_syntax: "1.2.840.10008.1.2.4.90".into(),
            parts: vec![Bytes::from_static(b"first"), Bytes::from_static(b"second")],
        })
    }

    async fn native_frames(&self, _: Bytes, numbers: Vec<usize>) -> Result<Bulk, Fault> {
        Ok(Bulk {
            media_type: "application/octet-stream".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            parts: numbers.iter().map(|number| Bytes::from(format!("samples {number}"))).collect(),
        })
    }

    async fn transcode(&self, object: Bytes) -> Result<Bytes, Fault> {
        if object.ends_with(b"1.2.3") {
            return Err(Fault::new(ErrorCode::UnsupportedPixelFormat, "JPEG Extended with 12 bits"));
        }
        Ok([b"transcoded ", &object[..]].concat().into())
    }

    async fn bulk(&self, object: Bytes, path: String) -> Result<Bulk, Fault> {
        if path != "7FE00010" {
            return Err(Fault::new(ErrorCode::NotFound, "bulk: nothing there"));
        }
        let (media_type, transfer_syntax) = ("application/octet-stream".into(), "1.2.840.10008.1.2.1".into());
        Ok(Bulk { media_type, transfer_syntax, parts: vec![object] })
    }

    async fn render(&self, _: Bytes, rendering: Rendering) -> Result<Bytes, Fault> {
        Ok(Bytes::from(format!("{rendering:?}")))
    }

    async fn heat_layer(&self, map: HeatMap, rows: u32, columns: u32) -> Result<Bytes, Fault> {
        Ok(Bytes::from(format!("{:?} on {rows} by {columns}", map.values())))
    }
}

impl Events for World {
    fn subscribe(&self) -> EventStream {
        Box::pin(BroadcastStream::new(self.events.subscribe()).filter_map(Result::ok))
    }
}

impl HealthCheck for World {
    fn health(&self) -> Health {
        let ready = self.ready.load(Ordering::SeqCst);
        let reasons = if ready { vec![] } else { vec!["models are warming up".to_owned()] };
        Health {
            ready,
            reasons,
            warnings: Vec::new(),
            device: "cpu (fake)".into(),
            models: vec![model("0.1.0")],
        }
    }
}

#[async_trait]
impl Outbox for World {
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, Fault> {
        let wanted = |delivery: &&Delivery| {
            query.state.is_none_or(|state| delivery.state == state)
                && query.destination.as_ref().is_none_or(|name| delivery.destination == *name)
                && query.before.is_none_or(|before| delivery.id < before)
        };
        let deliveries = self.deliveries.lock().unwrap();
        Ok(deliveries.iter().rev().filter(wanted).take(query.limit).cloned().collect())
    }

    async fn retry(&self, id: DeliveryId) -> Result<Option<Delivery>, Fault> {
        let mut deliveries = self.deliveries.lock().unwrap();
        let found = deliveries.iter_mut().find(|delivery| delivery.id == id);
        Ok(found.map(|delivery| {
            if matches!(delivery.state, DeliveryState::Refused | DeliveryState::Waiting) {
                delivery.state = DeliveryState::Pending;
                delivery.next_attempt_at = None;
            }
            delivery.clone()
        }))
    }
}

/// Every result of the findings above may be reviewed; that of `1.2.3` failed.
#[async_trait]
impl Reviews for World {
    async fn review(&self, review: Review) -> Result<Reviewed, Fault> {
        let records = self.instances(&review.study).await?;
        let Some(record) = records.iter().find(|record| record.identity.sop == review.sop) else {
            return Ok(Reviewed::UnknownImage);
        };
        let of_model = |report: &&Report| report.model.as_ref() == Some(&review.model);
        match record.reports.iter().find(of_model).map(|report| &report.outcome) {
            None => return Ok(Reviewed::NoSuchResult),
            Some(Outcome::Analysed { findings, .. }) => {
                let unknown = review
                    .findings
                    .iter()
                    .find(|opinion| !findings.iter().any(|finding| finding.code.value == opinion.value));
                if let Some(FindingOpinion { scheme, value, .. }) = unknown.cloned() {
                    return Ok(Reviewed::NoSuchFinding { scheme, value });
                }
            }
            Some(_) => return Ok(Reviewed::NotAnalysed),
        }
        let mut reviews = self.reviews.lock().unwrap();
        if let Some(last) = reviews.last().filter(|last| last.review.says_the_same(&review)) {
            return Ok(Reviewed::Repeated(last.clone()));
        }
        let recorded = RecordedReview { sequence: u32::try_from(reviews.len()).unwrap() + 1, review };
        reviews.push(recorded.clone());
        Ok(Reviewed::Kept(recorded))
    }

    async fn reviews(&self, study: &StudyUid) -> Result<Vec<RecordedReview>, Fault> {
        let reviews = self.reviews.lock().unwrap();
        Ok(reviews.iter().filter(|recorded| recorded.review.study == *study).cloned().collect())
    }

    async fn reviewed_studies(&self, _: Option<Timestamp>) -> Result<Vec<StudyUid>, Fault> {
        unreachable!("the edge exports nothing")
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl TriageRecords for World {
    async fn append(&self, entry: TriageEntry) -> Result<Appended, Fault> {
        if self.triage_is_broken.load(Ordering::SeqCst) {
            return Err(Fault::new(ErrorCode::StorageFailed, "The database did not answer."));
        }
        self.triage.lock().unwrap().push(entry);
        Ok(Appended::Kept)
    }

    async fn history(&self, visit: &VisitId) -> Result<Vec<TriageEntry>, Fault> {
        Ok(self.triage.lock().unwrap().iter().filter(|entry| entry.visit == *visit).cloned().collect())
    }
}

#[async_trait]
impl FusionRecords for World {
    async fn due_fusion(&self, _: Timestamp) -> Result<Option<FusionDue>, Fault> {
        unreachable!("the edge does no fusion")
    }

    async fn settle_fusion(&self, _: &FusionDue, _: Option<Timestamp>) -> Result<(), Fault> {
        unreachable!("the edge does no fusion")
    }

    async fn visits_of_encounter(&self, _: &str) -> Result<Vec<VisitId>, Fault> {
        unreachable!("the edge does no fusion")
    }

    async fn visits_told_of(&self, _: &StudyUid) -> Result<Vec<VisitId>, Fault> {
        unreachable!("the edge does no fusion")
    }

    async fn unacknowledged(&self, limit: usize) -> Result<Vec<Unacknowledged>, Fault> {
        let entries = self.triage.lock().unwrap();
        let told = entries.iter().filter(|entry| entry.step == TriageStep::Imaging);
        let row = |entry: &TriageEntry| Unacknowledged {
            visit: entry.visit.clone(),
            sequence: entry.sequence,
            since: entry.at,
            level_cn: entry.level_cn,
            acuity: entry.acuity,
        };
        Ok(told.map(row).take(limit).collect())
    }
}

/// The built-in rules with a model; made once, since its lexicon is large.
pub(crate) fn triage() -> Arc<Triage> {
    static TRIAGE: LazyLock<Arc<Triage>> = LazyLock::new(|| {
        // Calls every adult acuity 4, and doubts every nurse.
        let output = ModelOutput {
            acuity_probabilities: [0.01, 0.02, 0.07, 0.8, 0.1],
            admission: 0.1,
            contributions: (0..9).map(|feature| Contribution { feature, weight: 0.3 }).collect(),
        };
        let model = FakeAcuityModel::new(output.acuity_probabilities)
            .predicting(move |_| Ok(output.clone()))
            .doubting(|_| Ok(0.9));
        let (rules, lexicon) = (RuleSet::builtin().unwrap(), Lexicon::builtin().unwrap());
        Arc::new(Triage::new(rules, lexicon, Some(Arc::new(model))).unwrap())
    });
    TRIAGE.clone()
}
