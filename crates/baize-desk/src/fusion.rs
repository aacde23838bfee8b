//! The worker that brings what images show to the triage of the same encounter.
//!
//! It works off a durable list: the ledger enters a study with each result and each match to an order, and an encounter
//! with each step of its visits. Whatever comes last, result, order or visit, puts the encounter on the list, and looking
//! at it again changes nothing that was done before.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use baize_core::ports::{
    Announce, EncounterState, Event, EventStream, FusionDue, FusionRecords, FusionSubject, HospitalRecords,
    Studies, TriageRaised, TriageStep, Unacknowledged, Urgency, VisitId,
};
use baize_core::{Clock, ErrorCode, Fault, Lane, StudyUid, Timestamp};
use baize_fusion::FusionRules;
use futures_util::StreamExt as _;
use prometheus_client::registry::Registry;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::desk::{Desk, Stepped};
use crate::evidence::EvidenceKind;
use crate::metrics::FusionMetrics;
use crate::refusal::Refusal;
use crate::sight::Sight;

/// How often the ledger is asked whether something is due: a nurse waits for it.
const POLL: Duration = Duration::from_secs(1);
/// The wait after the first failed attempt; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// So many visits that wait for a nurse are counted.
const MOST_WAITING: usize = 1000;

/// What fusion stands on.
#[derive(Clone)]
pub struct FusionParts {
    /// Where visits are.
    pub desk: Arc<Desk>,
    /// The rules.
    pub rules: Arc<FusionRules>,
    /// The durable list.
    pub records: Arc<dyn FusionRecords>,
    /// Which studies belong to which encounter.
    pub hospital: Arc<dyn HospitalRecords>,
    /// What the models found.
    pub studies: Arc<dyn Studies>,
    /// Raises studies.
    pub urgency: Arc<dyn Urgency>,
    /// Tells the nurse's screen.
    pub announce: Arc<dyn Announce>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// From when on a visit that no nurse has acknowledged is a warning.
    pub warn_after: Duration,
}

/// Brings images and triage together; see the module.
pub struct Fusion {
    parts: FusionParts,
    metrics: FusionMetrics,
    waiting: Mutex<Vec<Unacknowledged>>,
}

impl fmt::Debug for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fusion").field("rules", &self.parts.rules.name()).finish_non_exhaustive()
    }
}

impl Fusion {
    /// Nothing is looked at before [`run`](Self::run).
    pub fn new(parts: FusionParts) -> Self {
        Self { parts, metrics: FusionMetrics::default(), waiting: Mutex::default() }
    }

    /// Makes what it counts visible.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// What a person should look after: visits that no nurse has acknowledged for too long. Names no visit.
    pub fn warnings(&self) -> Vec<String> {
        let overdue = self.overdue();
        let minutes = self.parts.warn_after.as_secs() / 60;
        match overdue {
            0 => Vec::new(),
            count => vec![format!(
                "{count} triage visits have a finding that no nurse has acknowledged for {minutes} minutes: \
                 GET /v1/triage/unacknowledged lists them"
            )],
        }
    }

    fn overdue(&self) -> usize {
        let now = self.parts.clock.now();
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().filter(|one| now.saturating_since(one.since) >= self.parts.warn_after).count()
    }

    /// Works until `shutdown` is cancelled; what is under way is made again after the next start. `events` tell when
    /// there is something new.
    pub async fn run(self: Arc<Self>, mut events: EventStream, shutdown: CancellationToken) {
        let wake = Notify::new();
        let listening = async {
            while let Some(event) = events.next().await {
                if matches!(event, Event::Reported(_) | Event::Lagged(_)) {
                    wake.notify_one();
                }
            }
        };
        let working = async {
            loop {
                if let Err(fault) = self.fuse_due().await {
                    tracing::error!(code = %fault.code, "what imaging tells triage cannot be read or settled");
                }
                if let Err(fault) = self.count_waiting().await {
                    tracing::error!(code = %fault.code, "unacknowledged visits cannot be counted");
                }
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    () = wake.notified() => {}
                }
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            ((), ()) = async { tokio::join!(working, listening) } => {}
        }
    }

    /// Looks at everything that is due now, then returns how much that was. What [`run`](Self::run) does all the time.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn fuse_due(&self) -> Result<usize, Fault> {
        let parts = &self.parts;
        let mut looked_at = 0;
        while let Some(due) = parts.records.due_fusion(parts.clock.now()).await? {
            looked_at += 1;
            let again = match self.fuse(&due).await {
                Ok(()) => None,
                Err(fault) => {
                    self.metrics.failed();
                    tracing::error!(code = %fault.code, attempts = due.attempts + 1, "imaging could not be brought to triage, will be tried again");
                    Some(next_attempt(parts.clock.now(), due.attempts))
                }
            };
            parts.records.settle_fusion(&due, again).await?;
        }
        Ok(looked_at)
    }

    /// Reads which visits wait for a nurse, for [`warnings`](Self::warnings) and the metrics.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn count_waiting(&self) -> Result<(), Fault> {
        let waiting = self.parts.records.unacknowledged(MOST_WAITING).await?;
        let count = waiting.len();
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
        self.metrics.waiting(count, self.overdue());
        Ok(())
    }

    async fn fuse(&self, due: &FusionDue) -> Result<(), Fault> {
        let number = self.encounter_of(&due.subject).await?;
        let visits = match &number {
            Some(number) => self.parts.records.visits_of_encounter(number).await?,
            None => Vec::new(),
        };
        if let FusionSubject::Study(study) = &due.subject {
            self.part(study, &visits).await?;
        }
        let Some(number) = number else { return Ok(()) };
        if visits.is_empty() {
            return Ok(());
        }
        let encounter = self.parts.hospital.encounter(&number).await?;
        if encounter.is_some_and(|encounter| encounter.state == EncounterState::Cancelled) {
            return Ok(());
        }
        let mut studies = self.parts.hospital.studies_of_encounter(&number).await?;
        if let FusionSubject::Study(study) = &due.subject
            && !studies.contains(study)
        {
            // The HIS has told of the order and not yet of its encounter.
            studies.push(study.clone());
        }
        let mut sights = Vec::new();
        for study in &studies {
            let instances = self.parts.studies.instances(study).await?;
            sights.push(Sight { study: study.clone(), instances });
        }
        let sights = Arc::new(sights);
        let mut lane = None;
        for visit in &visits {
            lane = lane.max(self.tell(visit, &sights).await?);
        }
        if let Some(lane) = lane {
            self.raise(&studies, lane).await?;
        }
        Ok(())
    }

    /// The encounter that something belongs to. A study without an order belongs to none.
    async fn encounter_of(&self, subject: &FusionSubject) -> Result<Option<String>, Fault> {
        match subject {
            FusionSubject::Encounter(number) => Ok(Some(number.clone())),
            FusionSubject::Study(study) => {
                let context = self.parts.hospital.context(study).await?;
                let known = context.encounter.map(|encounter| encounter.number);
                Ok(known.or_else(|| context.order.and_then(|(order, _)| order.encounter)))
            }
        }
    }

    /// Tells a visit, and those who listen. Returns the lane of the encounter's studies.
    async fn tell(&self, id: &VisitId, sights: &Arc<Vec<Sight>>) -> Result<Option<Lane>, Fault> {
        let Stepped { visit, entry, raised } =
            self.parts.desk.tell(id, &self.parts.rules, sights).await.map_err(unexpected)?;
        if let Some(entry) = entry {
            for evidence in visit.imaging.iter().filter(|one| one.sequence == entry.sequence) {
                self.metrics.told(evidence.kind);
            }
            if entry.step == TriageStep::Imaging {
                self.parts.announce.announce(Event::TriageRaised(TriageRaised {
                    visit: id.clone(),
                    sequence: entry.sequence,
                    level_cn: entry.level_cn,
                    acuity: entry.acuity,
                    raised,
                    at: entry.at,
                }));
            }
        }
        Ok(visit.lane_of_others())
    }

    /// Tells the visits that heard of a study and are not of its encounter, because a person has undone its match.
    async fn part(&self, study: &StudyUid, its: &[VisitId]) -> Result<(), Fault> {
        for visit in self.parts.records.visits_told_of(study).await? {
            if its.contains(&visit) {
                continue;
            }
            let parted = self.parts.desk.part(&visit, &self.parts.rules, study).await.map_err(unexpected)?;
            if parted.entry.is_some() {
                self.metrics.told(EvidenceKind::Parted);
            }
        }
        Ok(())
    }

    async fn raise(&self, studies: &[StudyUid], lane: Lane) -> Result<(), Fault> {
        for study in studies {
            if self.parts.urgency.raise(study, lane).await? {
                self.metrics.study_raised();
                tracing::info!(%study, lane = lane.as_str(), "study raised for a finding of its encounter");
            }
        }
        Ok(())
    }
}

/// Nobody sent a field.
fn unexpected(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Fault(fault) => fault,
        Refusal::Fields(_) => {
            Fault::new(ErrorCode::Internal, "an imaging step was refused as if it had fields")
        }
    }
}

pub(crate) fn next_attempt(now: Timestamp, attempts: u32) -> Timestamp {
    now + FIRST_WAIT.saturating_mul(1 << attempts.min(16)).min(LONGEST_WAIT)
}
