//! The worker that brings what monitors measure to the visits of the encounter.
//!
//! A monitor sends every minute, and most of it says nothing new: a step is made where the assessment would be another
//! one (a level, a rule, the NEWS2 score), where a sign is known for the first time or crosses a limit of the fusion
//! rules, and at least every quarter of an hour, so that the record shows that the signs are fresh. What makes no step
//! stays in the ledger's list of readings for as long as messages are kept. Signs are compared with those of the last
//! step and not with the last reading, so that small changes add up to what a nurse would have seen.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{
    DueVitals, FusionRecords, Measurement, TriageEntry, TriageStep, VisitId, VitalsFeed,
};
use baize_core::{Clock, Fault, Timestamp};
use baize_fusion::FusionRules;
use baize_triage::{Assessment, Triage, Vital, Vitals};
use prometheus_client::registry::Registry;
use serde_json::{Map, Number, Value};
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::fusion::next_attempt;
use crate::metrics::{MonitorMetrics, Reading};
use crate::refusal::Refusal;
use crate::steps::{self, Made, Sent};
use crate::visit::{Known, damaged, unknown};

/// How often the ledger is asked for new readings.
const POLL: Duration = Duration::from_secs(1);
/// When a reading that waits for its visit is looked at again; doubles up to [`SELDOM`].
const SOON: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_secs(60);
/// At least so often signs that change nothing make a step.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// Under which name the record has what monitors sent.
const ACTOR: &str = "@monitor";

/// What the worker stands on.
#[derive(Clone)]
pub struct MonitorParts {
    /// Where visits are.
    pub desk: Arc<Desk>,
    /// The rules of fusion: what they look at matters, too.
    pub rules: Arc<FusionRules>,
    /// The durable list of readings.
    pub feed: Arc<dyn VitalsFeed>,
    /// Which visits belong to an encounter.
    pub records: Arc<dyn FusionRecords>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How long a reading waits for its visit: a monitor may be connected before the patient is at the desk.
    pub wait: Duration,
}

/// Brings readings to visits; see the module.
pub struct Monitors {
    parts: MonitorParts,
    metrics: MonitorMetrics,
}

impl fmt::Debug for Monitors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitors").finish_non_exhaustive()
    }
}

/// How a reading ended.
enum Ending {
    /// With this outcome.
    Settled(Reading, String),
    /// It is looked at again.
    Later(Timestamp, String),
}

impl Monitors {
    /// Nothing is looked at before [`run`](Self::run).
    pub fn new(parts: MonitorParts) -> Self {
        Self { parts, metrics: MonitorMetrics::default() }
    }

    /// Makes what it counts visible.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Works until `shutdown` is cancelled; what is under way is made again after the next start.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let working = async {
            loop {
                if let Err(fault) = self.take_due().await {
                    tracing::error!(code = %fault.code, "readings of monitors cannot be read or settled");
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = working => {}
        }
    }

    /// Takes every reading that is due now, then returns how many that were. What [`run`](Self::run) does all the time.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn take_due(&self) -> Result<usize, Fault> {
        let mut taken = 0;
        while let Some(due) = self.parts.feed.due_vitals(self.parts.clock.now()).await? {
            taken += 1;
            let (again, outcome) = match self.take(&due).await {
                Ok(Ending::Settled(reading, outcome)) => {
                    self.metrics.ended(reading);
                    (None, outcome)
                }
                Ok(Ending::Later(again, outcome)) => (Some(again), outcome),
                Err(fault) => {
                    tracing::error!(code = %fault.code, attempts = due.attempts + 1, "a monitor's reading could not be brought to triage, will be tried again");
                    (
                        Some(next_attempt(self.parts.clock.now(), due.attempts)),
                        format!("failed: {}", fault.code),
                    )
                }
            };
            self.parts.feed.settle_vitals(due.id, again, outcome).await?;
        }
        Ok(taken)
    }

    async fn take(&self, due: &DueVitals) -> Result<Ending, Fault> {
        let Some(number) = &due.encounter else {
            return Ok(self.wait(
                due,
                Reading::NoEncounter,
                "the patient has no open encounter, or more than one",
            ));
        };
        let visits = self.parts.records.visits_of_encounter(number).await?;
        if visits.is_empty() {
            return Ok(self.wait(due, Reading::NoVisit, "the encounter has no visit at the triage desk"));
        }
        let (sound, refused) = self.sound(&due.measurements);
        let mut ending = if refused.is_empty() { Reading::Unchanged } else { Reading::Refused };
        if !sound.is_empty() {
            for visit in &visits {
                if self.parts.desk.monitor(visit, &self.parts.rules, &sound).await? {
                    ending = Reading::Recorded;
                }
            }
        }
        let mut outcome = ending.as_str().to_owned();
        for (name, reason) in refused {
            outcome.push_str(&format!("; {name} refused: {reason}"));
            self.metrics.refused(reason);
        }
        Ok(Ending::Settled(ending, outcome))
    }

    fn wait(&self, due: &DueVitals, reading: Reading, why: &str) -> Ending {
        let now = self.parts.clock.now();
        match now.saturating_since(due.received_at) >= self.parts.wait {
            true => Ending::Settled(reading, why.to_owned()),
            false => {
                let wait = SOON.saturating_mul(1 << due.attempts.min(16)).min(SELDOM);
                Ending::Later(now + wait, why.to_owned())
            }
        }
    }

    /// Those that the desk's rules take, and the names of the others with the reason. One that is refused takes nothing
    /// from the others: a loose thermometer must not hide a fall of saturation.
    fn sound(&self, measurements: &[Measurement]) -> (Vec<Measurement>, Vec<(String, &'static str)>) {
        let (mut sound, mut refused) = (Vec::new(), Vec::new());
        for measurement in measurements {
            match self.parts.desk.reads(measurement) {
                Ok(()) => sound.push(measurement.clone()),
                Err(reason) => refused.push((measurement.name.clone(), reason)),
            }
        }
        (sound, refused)
    }
}

fn object(measurements: &[Measurement]) -> Value {
    let pairs = measurements
        .iter()
        .filter_map(|one| Some((one.name.clone(), Value::Number(Number::from_f64(one.value)?))));
    Value::Object(pairs.collect::<Map<_, _>>())
}

impl Desk {
    /// Whether a measurement is one that a nurse could have sent.
    fn reads(&self, measurement: &Measurement) -> Result<(), &'static str> {
        let triage = self.triage();
        let read = Vitals::from_json(&object(std::slice::from_ref(measurement)), triage.vocabulary());
        match read {
            Ok(vitals) if vitals != Vitals::default() => Ok(()),
            Ok(_) => Err("not_a_number"),
            Err(errors) => Err(errors.first().map_or("refused", |error| error.problem.as_str())),
        }
    }

    /// Tells a visit what a monitor measured; whether that made a step.
    async fn monitor(
        &self,
        id: &VisitId,
        rules: &Arc<FusionRules>,
        measurements: &[Measurement],
    ) -> Result<bool, Fault> {
        let (rules, measurements, at) = (Arc::clone(rules), measurements.to_vec(), self.now());
        let making = Arc::new(move |triage: &Triage, history: &[TriageEntry]| {
            step(triage, history, &measurements, (&rules, at))
        });
        match self.step(id, TriageStep::Vitals, making).await {
            Ok(stepped) => Ok(stepped.entry.is_some()),
            Err(Refusal::Fault(fault)) => Err(fault),
            Err(Refusal::Fields(_)) => Err(damaged()),
        }
    }
}

fn step(
    triage: &Triage,
    history: &[TriageEntry],
    measurements: &[Measurement],
    (rules, at): (&FusionRules, Timestamp),
) -> Result<Option<Made>, Refusal> {
    let last = history.last().ok_or_else(unknown)?;
    let mut known = Known::of(last)?;
    let mut newest: Vec<Measurement> = Vec::new();
    for one in measurements {
        let before = newest.iter().find(|other| other.name == one.name);
        let before = before.and_then(|other| other.measured_at.as_ref()).or(known.measured_at.get(&one.name));
        if is_earlier(one.measured_at.as_deref(), before.map(String::as_str)) {
            continue;
        }
        newest.retain(|other| other.name != one.name);
        newest.push(one.clone());
    }
    if newest.is_empty() {
        return Ok(None);
    }
    for one in &newest {
        match &one.measured_at {
            Some(measured) => known.measured_at.insert(one.name.clone(), measured.clone()),
            None => known.measured_at.remove(&one.name),
        };
    }
    let body = object(&newest);
    let newer = Vitals::from_json(&body, triage.vocabulary())?;
    let before = known.request.vitals.clone();
    let (known, assessment) = steps::measured(triage, last, known, &newer)?;
    let now = &known.request.vitals;
    let learnt = Vital::ALL.iter().any(|sign| before.get(*sign).is_none() && now.get(*sign).is_some());
    let measured =
        history.iter().rfind(|entry| matches!(entry.step, TriageStep::Assessed | TriageStep::Vitals));
    let fresh = measured.is_some_and(|entry| at.saturating_since(entry.at) < FRESH);
    if fresh && !learnt && !rules.are_touched(&before, now) && says_the_same(last, &assessment) {
        return Ok(None);
    }
    let sent = Sent { body: body.to_string().into(), actor: ACTOR.to_owned(), at };
    steps::following(last, TriageStep::Vitals, sent, &known, &assessment).map(Some)
}

/// Whether a nurse would read the same: levels, rules and score.
fn says_the_same(last: &TriageEntry, assessment: &Assessment) -> bool {
    let Ok(before) = serde_json::from_str::<Value>(&last.assessment) else { return false };
    let fired = before["rules_fired"].as_array().map(Vec::as_slice).unwrap_or_default();
    let before_ids: BTreeSet<&str> = fired.iter().filter_map(|rule| rule["id"].as_str()).collect();
    let now_ids: BTreeSet<&str> = assessment.rules_fired.iter().map(|rule| rule.id.as_str()).collect();
    let score = assessment.news2.score.map(u64::from);
    (last.level_cn, last.acuity) == (assessment.level_cn.get(), assessment.acuity.get())
        && before_ids == now_ids
        && before["news2"]["score"].as_u64() == score
}

/// Whether something was measured before something else, as far as two times in ISO 8601 of the same zone tell.
fn is_earlier(this: Option<&str>, that: Option<&str>) -> bool {
    let (Some(this), Some(that)) = (this, that) else { return false };
    let parts = |text: &str| {
        let zone = text.char_indices().skip(10).find(|(_, letter)| matches!(letter, 'Z' | '+' | '-'));
        let at = zone.map_or(text.len(), |(at, _)| at);
        (text[..at].to_owned(), text[at..].to_owned())
    };
    let ((this, this_zone), (that, that_zone)) = (parts(this), parts(that));
    this_zone == that_zone && this < that
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_one_zone_are_compared_and_others_are_not() {
        for (this, that, earlier) in [
            (Some("2026-03-01T08:30:00"), Some("2026-03-01T08:31:00"), true),
            (Some("2026-03-01T08:31:00"), Some("2026-03-01T08:31:00"), false),
            (Some("2026-03-01T08:30:00+08:00"), Some("2026-03-01T08:31:00+08:00"), true),
            (Some("2026-03-01T08:30:00+08:00"), Some("2026-03-01T08:31:00Z"), false),
            (Some("2026-03-01T08:30"), Some("2026-03-01T08:30:59"), true),
            (None, Some("2026-03-01T08:30:59"), false),
            (Some("2026-03-01T08:30:59"), None, false),
            (Some("三月一日上午八点三十分"), Some(""), false),
        ] {
            assert_eq!(is_earlier(this, that), earlier, "{this:?} {that:?}");
        }
    }
}
