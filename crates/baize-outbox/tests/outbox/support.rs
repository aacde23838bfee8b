//! A hospital in a folder: ledger, spool, virtual time, and results whose objects are synthetic.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{
    Admission, CompletionRecords, Courier, Delivery, DeliveryQuery, DeliveryState, Digest, Door,
    FindingOpinion, Ledger, ObjectName, Opinion, OutboxRecords, Recipient, Rendition, Renditions, Review,
    Reviewed, Reviews, Silence, Spool, Takes, Verdict,
};
use baize_core::{
    Clock, Coded, Fault, Finding, ImageFacts, InstanceIdentity, Lane, ModelRef, Outcome, Population, Report,
    SeriesUid, SopUid, StudyUid, Text,
};
use baize_dicom::scu::{Scu, ScuConfig};
use baize_outbox::{Backoff, DeliveryService, Destination, Parts, Settings, Sources, Way};
use baize_store::{FolderSpool, LedgerConfig, SpoolConfig, SqliteLedger};
use baize_testkit::{ObjectBuilder, VirtualClock};
use bytes::Bytes;

pub(crate) const CR: &str = "1.2.840.10008.5.1.4.1.1.1";
pub(crate) const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

pub(crate) const CAP: Duration = Duration::from_secs(900);
/// From which age on a delivery is given up.
pub(crate) const GIVE_UP_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

/// The objects of a result, each of the SOP classes in turn.
pub(crate) struct SyntheticResults {
    pub(crate) classes: Vec<&'static str>,
}

/// The SOP Instance UID of the n-th object about an image.
pub(crate) fn object_uid(sop: &str, number: usize) -> String {
    format!("2.25.{}.{number}", sop.trim_start_matches("1.2."))
}

/// The n-th object about an image.
pub(crate) fn synthetic_object(image: &InstanceIdentity, number: usize, class: &str) -> ObjectBuilder {
    ObjectBuilder::chest(number as u64)
        .size(16, 16)
        .text((0x0008, 0x0016), b"UI", class)
        .sop(&object_uid(image.sop.as_str(), number))
        .study(image.study.as_str())
}

impl Renditions for SyntheticResults {
    fn objects(
        &self,
        source: &[u8],
        report: &Report,
        overlay: Option<&[u8]>,
    ) -> Result<Vec<Rendition>, Fault> {
        let analysed = matches!(report.outcome, Outcome::Analysed { .. });
        assert_eq!(overlay.is_some(), analysed, "the picture of an analysed image goes along");
        let sop = report.instance.sop.as_str();
        assert_eq!(source, sop.as_bytes(), "the image is the one of the report");
        let rendition = |(number, class): (usize, &&str)| {
            let object = synthetic_object(&report.instance, number, class);
            let name = ObjectName { sop_class: (*class).to_owned(), sop_instance: object.sop_uid() };
            // The head of the file says another class, which nobody reads.
            Rendition { name, object: object.build() }
        };
        Ok(self.classes.iter().enumerate().map(rendition).collect())
    }
}

fn finding(probability: f32) -> Finding {
    let meaning = Text { zh: "肺炎".into(), en: "Pneumonia".into() };
    let code = Coded { scheme: "SCT".into(), value: "233604007".into(), meaning };
    Finding { code, probability, threshold: 0.5, critical: None, region: None, heat: None }
}

/// Ledger, spool and clock.
pub(crate) struct Hospital {
    pub(crate) ledger: Arc<SqliteLedger>,
    pub(crate) spool: Arc<FolderSpool>,
    pub(crate) clock: VirtualClock,
}

impl Hospital {
    pub(crate) fn open(folder: &Path) -> Self {
        let few = NonZeroUsize::new(4).unwrap();
        let ledger =
            SqliteLedger::open(&LedgerConfig { path: folder.join("baize.db"), queue: few, readers: few });
        let spool =
            FolderSpool::open(&SpoolConfig { root: folder.to_owned(), quota_bytes: 1 << 30, parallel: few });
        Self {
            ledger: Arc::new(ledger.unwrap()),
            spool: Arc::new(spool.unwrap()),
            clock: VirtualClock::default(),
        }
    }

    /// Takes in an image of a study and stores the result of a model about it, which found nothing.
    pub(crate) async fn report(&self, study: u32, sop: u32, lane: Lane) {
        self.report_finding(study, sop, lane, 0.1).await;
    }

    /// The same with a finding of that probability; from 0.5 on it is positive.
    pub(crate) async fn report_finding(&self, study: u32, sop: u32, lane: Lane, probability: f32) {
        let identity = InstanceIdentity {
            study: StudyUid::parse(&format!("1.2.{study}")).unwrap(),
            series: SeriesUid::parse(&format!("1.2.{study}.1")).unwrap(),
            sop: SopUid::parse(&format!("1.2.{study}.{sop}")).unwrap(),
            sop_class: CR.into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
        };
        let digest = Digest([1; 32]);
        let image = Bytes::copy_from_slice(identity.sop.as_str().as_bytes());
        let spool_key = self.spool.put(&identity, &digest, image).await.unwrap();
        let model = ModelRef { id: "cxr-test".into(), version: "1.0.0".into() };
        let admission = Admission {
            identity: identity.clone(),
            facts: ImageFacts { rows: 16, columns: 16, ..ImageFacts::default() },
            digest,
            spool_key,
            size: 16,
            door: Door::Dimse { calling_ae: "CR1".into() },
            accepted_at: self.clock.now(),
            lane,
            deadline: self.clock.now(),
            models: vec![model.clone()],
            refusal: None,
        };
        self.ledger.admit(admission).await.unwrap();
        // Others may be left of a run that was killed.
        let jobs = self.ledger.take_jobs(100).await.unwrap();
        let job = jobs.into_iter().find(|job| job.identity == identity).unwrap();
        let picture = Bytes::from_static(b"picture");
        self.spool.put_overlay(&identity.study, &identity.sop, &model, picture).await.unwrap();
        let report = Report {
            instance: identity,
            model: Some(model),
            outcome: Outcome::Analysed {
                findings: vec![finding(probability)],
                population: Population::Validated,
                caveats: vec![],
            },
            finished_at: self.clock.now(),
            gate: None,
        };
        assert!(self.ledger.finish(job.id, report).await.unwrap());
    }

    /// Takes every study as complete that has no image newer than now.
    pub(crate) async fn silence(&self) {
        let now = self.clock.now();
        self.ledger.complete(Silence { quiet: now, stow: now }, now).await.unwrap();
    }

    /// A physician's word on the only result of an image.
    pub(crate) async fn review(&self, study: u32, sop: u32, verdict: Verdict, signed: bool) {
        let opinion = if verdict == Verdict::Corrected { Opinion::Disagree } else { Opinion::Agree };
        let code = finding(0.0).code;
        let review = Review {
            study: StudyUid::parse(&format!("1.2.{study}")).unwrap(),
            sop: SopUid::parse(&format!("1.2.{study}.{sop}")).unwrap(),
            model: ModelRef { id: "cxr-test".into(), version: "1.0.0".into() },
            verdict,
            findings: vec![FindingOpinion { scheme: code.scheme, value: code.value, opinion }],
            comment: None,
            signed,
            reviewer: "dr-wang".into(),
            at: self.clock.now(),
        };
        assert!(matches!(self.ledger.review(review).await.unwrap(), Reviewed::Kept(_)));
    }

    /// A service that sends objects of these classes to those destinations.
    pub(crate) async fn service(
        &self,
        classes: &[&'static str],
        destinations: Vec<Destination>,
    ) -> Arc<DeliveryService> {
        self.service_with(Arc::new(SyntheticResults { classes: classes.to_vec() }), destinations).await
    }

    pub(crate) async fn service_with(
        &self,
        renditions: Arc<dyn Renditions>,
        destinations: Vec<Destination>,
    ) -> Arc<DeliveryService> {
        let getting = |destination: Destination| match destination.way {
            Way::Objects { courier, .. } => {
                let way = Way::Objects { renditions: Arc::clone(&renditions), courier };
                Destination { way, ..destination }
            }
            Way::Messages { .. } => destination,
        };
        let destinations = destinations.into_iter().map(getting).collect();
        let parts = Parts {
            records: self.ledger.clone(),
            spool: self.spool.clone(),
            sources: Sources {
                studies: self.ledger.clone(),
                reviews: self.ledger.clone(),
                triage: self.ledger.clone(),
                hospital: self.ledger.clone(),
            },
            clock: Arc::new(self.clock.clone()),
        };
        let settings = Settings {
            backoff: Backoff { cap: CAP },
            alarm_after: Duration::from_secs(3600),
            give_up_after: Some(GIVE_UP_AFTER),
            drain: Duration::from_secs(30),
        };
        Arc::new(DeliveryService::open(parts, settings, destinations).await.unwrap())
    }

    /// All deliveries, oldest first.
    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        let query = DeliveryQuery { state: None, destination: None, before: None, limit: 10_000 };
        let mut deliveries = self.ledger.deliveries(query).await.unwrap();
        deliveries.reverse();
        deliveries
    }

    pub(crate) async fn states(&self) -> Vec<DeliveryState> {
        self.deliveries().await.iter().map(|delivery| delivery.state).collect()
    }

    /// Lets time pass until whatever waits is due.
    pub(crate) fn wait_out(&self) {
        self.clock.advance(CAP);
    }
}

/// A destination; the service says which objects it gets.
pub(crate) fn destination(name: &str, concurrency: usize, courier: Arc<dyn Courier>) -> Destination {
    Destination {
        recipient: Recipient {
            name: name.into(),
            takes: Takes::Objects,
            analysed: true,
            refused: true,
            failed: true,
            commitment: false,
            priors: false,
        },
        way: Way::Objects { renditions: Arc::new(SyntheticResults { classes: Vec::new() }), courier },
        concurrency: NonZeroUsize::new(concurrency).unwrap(),
    }
}

/// The image that a delivery's object is about.
pub(crate) fn image(delivery: &Delivery) -> &InstanceIdentity {
    &delivery.object().unwrap().instance
}

/// A delivery's object, once it is made.
pub(crate) fn object_name(delivery: &Delivery) -> Option<&ObjectName> {
    delivery.object().unwrap().name.as_ref()
}

/// The status that the peer last answered about an object.
pub(crate) fn status(delivery: &Delivery) -> Option<u16> {
    delivery.object().unwrap().status
}

/// The way to a peer by DIMSE; `response` is how long it may take for an answer.
pub(crate) fn scu(address: SocketAddr, response: Duration) -> Scu {
    Scu::new(scu_config(address, response))
}

pub(crate) fn scu_config(address: SocketAddr, response: Duration) -> ScuConfig {
    ScuConfig {
        address: address.to_string(),
        called_ae: "PACS".into(),
        calling_ae: "BAIZE".into(),
        max_pdu: 16_384,
        tls: None,
        connect_timeout: Duration::from_secs(20),
        response_timeout: response,
    }
}

/// A peer that takes its time.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);
