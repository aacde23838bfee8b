//! The desk's work: each step is read, assessed, made durable and then answered.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{Appended, TriageEntry, TriageRecords, TriageStep, VisitId};
use baize_core::{Clock, ErrorCode, Fault, Timestamp};
use baize_triage::{
    Acuity, Assessment, FieldError, FieldProblem, LevelCn, NurseDecision, Request, Standing, Triage, Vitals,
    Words, read_json,
};
use bytes::Bytes;
use serde_json::Value;

use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::visit::{Decision, Known, Visit, damaged, unknown};

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

/// Who sent what, and when.
#[derive(Clone)]
struct Sent {
    body: Bytes,
    actor: String,
    at: Timestamp,
}

/// A step that was made and is not yet durable.
struct Made {
    entry: TriageEntry,
    alert: bool,
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

    /// Assesses a patient for the first time. `body` is a request as [`Request::from_json`] reads it.
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
        let made = self.pool.run(move || first(&triage, id, sent)).await?;
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
        self.step(id, TriageStep::Vitals, body, actor).await
    }

    /// Records what a nurse or physician decides; `body` is read by [`NurseDecision::from_json`]. A level more urgent than
    /// the assessment raises it; a calmer one needs a reason and is recorded beside it. The second reader looks at it.
    ///
    /// # Errors
    /// As [`Self::newer_vitals`].
    pub async fn nurse_level(&self, id: &VisitId, body: Bytes, actor: &str) -> Result<Visit, Refusal> {
        self.step(id, TriageStep::Level, body, actor).await
    }

    /// A visit as it stands.
    ///
    /// # Errors
    /// `NotFound`, `StorageFailed`.
    pub async fn visit(&self, id: &VisitId) -> Result<Visit, Fault> {
        Visit::of(self.records.history(id).await?)
    }

    async fn step(&self, id: &VisitId, step: TriageStep, body: Bytes, actor: &str) -> Result<Visit, Refusal> {
        let _place = self.pool.enter()?;
        let sent = self.received(body, actor);
        for _ in 0..ATTEMPTS {
            let history = self.records.history(id).await?;
            let last = history.last().cloned().ok_or_else(unknown)?;
            let (triage, again) = (Arc::clone(&self.triage), sent.clone());
            let made = self.pool.run(move || match step {
                TriageStep::Level => level(&triage, &last, again),
                TriageStep::Assessed | TriageStep::Vitals => vitals(&triage, &last, again),
            });
            let made = made.await?.inspect_err(|refusal| self.note(step, refusal))?;
            if self.records.append(made.entry.clone()).await? == Appended::Kept {
                return self.recorded(history, made, sent.at);
            }
        }
        let text = "This visit is being changed by others at the same time; send it again.";
        Err(Fault::new(ErrorCode::Saturated, text).retry_after(Duration::from_secs(1)).into())
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

fn first(triage: &Triage, visit: VisitId, sent: Sent) -> Result<Made, Refusal> {
    let request = Request::from_json(&read_json(&sent.body)?, triage.vocabulary())?;
    let assessment = triage.assess(&request);
    let decision = request.nurse_level.map(|acuity| decided(triage, acuity, None, &sent));
    let known = Known { request, vitals_before: None, decision };
    made(visit, 1, TriageStep::Assessed, sent, &known, &assessment)
}

fn vitals(triage: &Triage, last: &TriageEntry, sent: Sent) -> Result<Made, Refusal> {
    let sent_json = read_json(&sent.body)?;
    let wrapped = sent_json.as_object().filter(|fields| fields.len() == 1);
    let newer = wrapped.and_then(|fields| fields.get("vitals")).unwrap_or(&sent_json);
    let newer = Vitals::from_json(newer, triage.vocabulary())?;
    if newer == Vitals::default() {
        let text = Words::new(
            "没有新的生命体征：请至少填写一项",
            "there are no new vital signs: give at least one of them",
        );
        return Err(missing("vitals", text));
    }
    let known = Known::of(last)?;
    let standing = standing(last, &known.request.vitals)?;
    let (request, assessment) = triage.reassess(&standing, &known.request, &newer);
    let known = Known { request, vitals_before: Some(standing.vitals), decision: known.decision };
    following(last, TriageStep::Vitals, sent, &known, &assessment)
}

fn level(triage: &Triage, last: &TriageEntry, sent: Sent) -> Result<Made, Refusal> {
    let NurseDecision { acuity, reason } =
        NurseDecision::from_json(&read_json(&sent.body)?, triage.vocabulary())?;
    let mut known = Known::of(last)?;
    // The signs are those of the last assessment, so what was compared with them then still is: a fall of pressure
    // stays a fall.
    let before = known.vitals_before.as_ref().unwrap_or(&known.request.vitals);
    let standing = standing(last, before)?;
    if acuity > standing.acuity && reason.is_none() {
        let (called, assessed) = (acuity.get(), standing.acuity.get());
        let text = Words::new(
            format!("所定级别（{called}）比系统评估（{assessed}）更缓，请在 reason 中说明理由"),
            format!("level {called} is calmer than the assessment ({assessed}); say why in reason"),
        );
        return Err(missing("reason", text));
    }
    known.decision = Some(decided(triage, acuity, reason, &sent));
    known.request.nurse_level = Some(acuity);
    let (_, assessment) = triage.reassess(&standing, &known.request, &Vitals::default());
    following(last, TriageStep::Level, sent, &known, &assessment)
}

fn decided(triage: &Triage, acuity: Acuity, reason: Option<String>, sent: &Sent) -> Decision {
    let level_cn = triage.rules().policy.level(acuity);
    Decision { acuity, level_cn, reason, by: sent.actor.clone(), at: sent.at }
}

/// What the next assessment must not fall below.
fn standing(last: &TriageEntry, vitals: &Vitals) -> Result<Standing, Fault> {
    Ok(Standing {
        acuity: Acuity::new(last.acuity).ok_or_else(damaged)?,
        level_cn: LevelCn::new(last.level_cn).ok_or_else(damaged)?,
        vitals: vitals.clone(),
    })
}

fn missing(field: &str, text: Words) -> Refusal {
    let value = Value::Null.to_string();
    Refusal::Fields(vec![FieldError { field: field.to_owned(), problem: FieldProblem::Missing, value, text }])
}

fn following(
    last: &TriageEntry,
    step: TriageStep,
    sent: Sent,
    known: &Known,
    assessment: &Assessment,
) -> Result<Made, Refusal> {
    made(last.visit.clone(), last.sequence.saturating_add(1), step, sent, known, assessment)
}

fn made(
    visit: VisitId,
    sequence: u32,
    step: TriageStep,
    sent: Sent,
    known: &Known,
    assessment: &Assessment,
) -> Result<Made, Refusal> {
    // Both have a JSON form: their maps have text keys and their numbers are finite.
    let unwritten = |_| Fault::new(ErrorCode::Internal, "the assessment could not be written");
    let entry = TriageEntry {
        visit,
        sequence,
        step,
        at: sent.at,
        actor: sent.actor,
        // What was read as JSON is UTF-8.
        sent: String::from_utf8_lossy(&sent.body).into_owned(),
        known: serde_json::to_string(known).map_err(unwritten)?,
        assessment: serde_json::to_string(assessment).map_err(unwritten)?,
        level_cn: assessment.level_cn.get(),
        acuity: assessment.acuity.get(),
        encounter: assessment.encounter.clone(),
        model: assessment.model.clone(),
    };
    Ok(Made { entry, alert: assessment.second_reader.alert == Some(true) })
}
