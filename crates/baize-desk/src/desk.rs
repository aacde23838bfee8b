//! The desk's work: each step is read, assessed, made durable and then answered.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{Appended, TriageEntry, TriageRecords, TriageStep, VisitId};
use baize_core::{Clock, ErrorCode, Fault, Timestamp};
use baize_triage::Triage;
use bytes::Bytes;

use crate::metrics::{Metrics, is_raised};
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::steps::{self, Made, Sent};
use crate::visit::{Visit, unknown};

/// How often a step is tried again where others write to the same visit at the same time.
const ATTEMPTS: usize = 16;

/// How the desk is set up.
#[derive(Clone, Copy, Debug)]
pub struct DeskSettings {
    /// How many patients are assessed at a time.
    pub threads: NonZeroUsize,
    /// How many more requests may wait; one more is refused as an overload.
    pub max_waiting: usize,
}

/// Where patients are assessed.
pub struct Desk {
    triage: Arc<Triage>,
    records: Arc<dyn TriageRecords>,
    clock: Arc<dyn Clock>,
    pool: Pool,
    metrics: Metrics,
}

/// Makes a step on a whole history; `None` where nothing is to be recorded.
type Making = Arc<dyn Fn(&Triage, &[TriageEntry]) -> Result<Option<Made>, Refusal> + Send + Sync>;

/// A visit, and the step that was recorded.
pub(crate) struct Stepped {
    pub(crate) visit: Visit,
    /// `None` where there was nothing to record.
    pub(crate) entry: Option<TriageEntry>,
    /// Whether the step is more urgent than the one before.
    pub(crate) raised: bool,
}

impl Desk {
    /// A desk that assesses with `triage` and keeps its record in `records`.
    pub fn new(
        triage: Arc<Triage>,
        records: Arc<dyn TriageRecords>,
        clock: Arc<dyn Clock>,
        settings: DeskSettings,
    ) -> Self {
        let pool = Pool::new(settings.threads, settings.max_waiting);
        Self { triage, records, clock, pool, metrics: Metrics::default() }
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Assesses a patient for the first time. `body` is a request as
    /// [`baize_triage::Request::from_json`] reads it.
    ///
    /// # Errors
    /// [`Refusal::Fields`] for what was sent; `Saturated`, `StorageFailed` or `Internal`.
    pub async fn assess(&self, body: Bytes, actor: &str) -> Result<Visit, Refusal> {
        let _place = self.pool.enter()?;
        let sent = self.received(body, actor);
        let began = sent.at;
        let id = VisitId::parse(&uuid::Uuid::new_v4().to_string())
            .map_err(|bad| Fault::new(ErrorCode::Internal, bad.to_string()))?;
        let triage = Arc::clone(&self.triage);
        let made = self.pool.run(move || steps::first(&triage, id, sent)).await?;
        let made = made.inspect_err(|refusal| self.note(TriageStep::Assessed, refusal))?;
        match self.records.append(made.entry.clone()).await? {
            Appended::Kept => self.recorded(Vec::new(), made, began),
            Appended::Conflict => Err(Fault::new(ErrorCode::Internal, "a new visit's id is taken").into()),
        }
    }

    /// Assesses a patient again with newer vital signs, which stand in `body` bare or as the member `vitals`. The result
    /// is at least as urgent as before.
    ///
    /// # Errors
    /// As [`Self::assess`]; `NotFound` for an unknown visit.
    pub async fn newer_vitals(&self, id: &VisitId, body: Bytes, actor: &str) -> Result<Visit, Refusal> {
        let sent = self.received(body, actor);
        let making: Making =
            Arc::new(move |triage, history| steps::vitals(triage, last(history)?, sent.clone()).map(Some));
        Ok(self.step(id, TriageStep::Vitals, making).await?.visit)
    }

    /// Records what a nurse or physician decides; `body` is read by [`baize_triage::NurseDecision::from_json`]. A level
    /// more urgent than the assessment raises it; a calmer one needs a reason and is recorded beside it. The second reader
    /// looks at it.
    ///
    /// # Errors
    /// As [`Self::newer_vitals`].
    pub async fn nurse_level(&self, id: &VisitId, body: Bytes, actor: &str) -> Result<Visit, Refusal> {
        let sent = self.received(body, actor);
        let making: Making =
            Arc::new(move |triage, history| steps::level(triage, last(history)?, sent.clone()).map(Some));
        Ok(self.step(id, TriageStep::Level, making).await?.visit)
    }

    /// Records that a nurse has seen what images told: `body` is `{"sequence": n}` with the newest step that she has
    /// looked at. Where all of it is acknowledged already, nothing is recorded.
    ///
    /// # Errors
    /// As [`Self::newer_vitals`]; a refused field where an image has told something newer since.
    pub async fn acknowledge(&self, id: &VisitId, body: Bytes, actor: &str) -> Result<Visit, Refusal> {
        let sent = self.received(body, actor);
        let making: Making =
            Arc::new(move |_, history| steps::acknowledged(history, last(history)?, sent.clone()));
        Ok(self.step(id, TriageStep::Acknowledged, making).await?.visit)
    }

    /// A visit as it stands.
    ///
    /// # Errors
    /// `NotFound`, `StorageFailed`.
    pub async fn visit(&self, id: &VisitId) -> Result<Visit, Fault> {
        Visit::of(self.records.history(id).await?)
    }

    /// Makes a step on what is known, again where others were quicker.
    pub(crate) async fn step(
        &self,
        id: &VisitId,
        step: TriageStep,
        making: Making,
    ) -> Result<Stepped, Refusal> {
        let _place = self.pool.enter()?;
        let began = self.clock.now();
        for _ in 0..ATTEMPTS {
            let history = Arc::new(self.records.history(id).await?);
            if history.is_empty() {
                return Err(unknown().into());
            }
            let (triage, making, known) =
                (Arc::clone(&self.triage), Arc::clone(&making), Arc::clone(&history));
            let made = self.pool.run(move || making(&triage, &known)).await?;
            let made = made.inspect_err(|refusal| self.note(step, refusal))?;
            let history = Arc::unwrap_or_clone(history);
            let Some(made) = made else {
                return Ok(Stepped { visit: Visit::of(history)?, entry: None, raised: false });
            };
            if self.records.append(made.entry.clone()).await? == Appended::Kept {
                let raised = history.last().is_some_and(|last| is_raised(&made.entry, last));
                let entry = Some(made.entry.clone());
                return Ok(Stepped { visit: self.recorded(history, made, began)?, entry, raised });
            }
        }
        let text = "This visit is being changed by others at the same time; send it again.";
        Err(Fault::new(ErrorCode::Saturated, text).retry_after(Duration::from_secs(1)).into())
    }

    pub(crate) fn triage(&self) -> &Triage {
        &self.triage
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn received(&self, body: Bytes, actor: &str) -> Sent {
        Sent { body, actor: actor.to_owned(), at: self.clock.now() }
    }

    fn note(&self, step: TriageStep, refusal: &Refusal) {
        if matches!(refusal, Refusal::Fields(_)) {
            self.metrics.refused(step);
        }
    }

    fn recorded(
        &self,
        mut history: Vec<TriageEntry>,
        made: Made,
        began: Timestamp,
    ) -> Result<Visit, Refusal> {
        self.metrics.recorded(&made.entry, history.last(), made.alert);
        self.metrics.took(self.clock.now().saturating_since(began));
        let TriageEntry { visit, sequence, step, .. } = &made.entry;
        tracing::info!(%visit, sequence, step = step.as_str(), "triage step recorded");
        history.push(made.entry);
        Ok(Visit::of(history)?)
    }
}

fn last(history: &[TriageEntry]) -> Result<&TriageEntry, Fault> {
    history.last().ok_or_else(unknown)
}
