//! Making steps: from what was sent, or what images told, to an entry that is not yet durable.

use baize_core::ports::{TriageEntry, TriageStep, VisitId};
use baize_core::{ErrorCode, Fault, Timestamp};
use baize_triage::rules::FiredRule;
use baize_triage::{
    Acuity, Assessment, FieldError, FieldProblem, LevelCn, NurseDecision, Request, Standing, Triage, Vitals,
    Words, read_json,
};
use bytes::Bytes;
use serde_json::Value;

use crate::evidence::{EvidenceKind, ImagingEvidence};
use crate::refusal::Refusal;
use crate::visit::{Decision, Known, damaged};

/// Who sent what, and when.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) body: Bytes,
    pub(crate) actor: String,
    pub(crate) at: Timestamp,
}

/// A step that was made and is not yet durable.
pub(crate) struct Made {
    pub(crate) entry: TriageEntry,
    pub(crate) alert: bool,
}

/// Assessed for the first time.
pub(crate) fn first(triage: &Triage, visit: VisitId, sent: Sent) -> Result<Made, Refusal> {
    let request = Request::from_json(&read_json(&sent.body)?, triage.vocabulary())?;
    let assessment = triage.assess(&request);
    let decision = request.nurse_level.map(|acuity| decided(triage, acuity, None, &sent));
    let known = Known { request, decision, ..Known::default() };
    made(visit, 1, TriageStep::Assessed, sent, &known, &assessment)
}

/// Measured again, by somebody who sent the signs.
pub(crate) fn vitals(triage: &Triage, last: &TriageEntry, sent: Sent) -> Result<Made, Refusal> {
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
    let (known, assessment) = measured(triage, last, known, &newer)?;
    following(last, TriageStep::Vitals, sent, &known, &assessment)
}

/// What is known, and the assessment, after newer signs.
pub(crate) fn measured(
    triage: &Triage,
    last: &TriageEntry,
    known: Known,
    newer: &Vitals,
) -> Result<(Known, Assessment), Refusal> {
    let standing = standing(last, &known.request.vitals)?;
    let (request, assessment) =
        triage.reassess_seeing(&standing, &known.request, newer, &fired(&known.imaging));
    Ok((Known { request, vitals_before: Some(standing.vitals), ..known }, assessment))
}

/// Decided upon.
pub(crate) fn level(triage: &Triage, last: &TriageEntry, sent: Sent) -> Result<Made, Refusal> {
    let NurseDecision { acuity, reason } =
        NurseDecision::from_json(&read_json(&sent.body)?, triage.vocabulary())?;
    let mut known = Known::of(last)?;
    let standing = unmeasured(last, &known)?;
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
    let (_, assessment) =
        triage.reassess_seeing(&standing, &known.request, &Vitals::default(), &fired(&known.imaging));
    following(last, TriageStep::Level, sent, &known, &assessment)
}

/// Images told something: `None` where the visit knows all of it.
pub(crate) fn imaging(
    triage: &Triage,
    last: &TriageEntry,
    told: Vec<ImagingEvidence>,
    (actor, at): (&str, Timestamp),
) -> Result<Option<Made>, Refusal> {
    let mut known = Known::of(last)?;
    let sequence = last.sequence.saturating_add(1);
    let mut news: Vec<ImagingEvidence> = Vec::new();
    for evidence in told {
        if !known.imaging.iter().chain(&news).any(|one| one.repeats(&evidence)) {
            news.push(ImagingEvidence { sequence, at, ..evidence });
        }
    }
    if news.is_empty() {
        return Ok(None);
    }
    let body = serde_json::to_vec(&news).map_err(|_| unwritten())?;
    let raises = news.iter().any(|one| one.kind == EvidenceKind::Raise);
    let step = if raises { TriageStep::Imaging } else { TriageStep::ImagingNote };
    known.imaging.extend(news);
    let standing = unmeasured(last, &known)?;
    let (_, assessment) =
        triage.reassess_seeing(&standing, &known.request, &Vitals::default(), &fired(&known.imaging));
    let sent = Sent { body: body.into(), actor: actor.to_owned(), at };
    following(last, step, sent, &known, &assessment).map(Some)
}

/// A nurse has seen all that images told up to a step. `None` where it is acknowledged already.
pub(crate) fn acknowledged(
    history: &[TriageEntry],
    last: &TriageEntry,
    sent: Sent,
) -> Result<Option<Made>, Refusal> {
    let seen = acknowledged_step(&read_json(&sent.body)?)?;
    if seen > last.sequence {
        let text = Words::new(
            format!("没有第 {seen} 步，该次就诊目前共 {} 步", last.sequence),
            format!("there is no step {seen}; this visit has {}", last.sequence),
        );
        return Err(refused("sequence", FieldProblem::OutOfRange, &seen.to_string(), text));
    }
    let newest = |step| history.iter().rfind(|entry| entry.step == step).map_or(0, |entry| entry.sequence);
    let (told, before) = (newest(TriageStep::Imaging), newest(TriageStep::Acknowledged));
    if told <= before {
        return Ok(None);
    }
    if told > seen {
        let text = Words::new(
            format!("第 {told} 步有更新的影像提示，请查看后再确认"),
            format!("step {told} brought something newer from an image; look at it, then acknowledge that"),
        );
        return Err(refused("sequence", FieldProblem::Contradiction, &seen.to_string(), text));
    }
    let entry = TriageEntry {
        sequence: last.sequence.saturating_add(1),
        step: TriageStep::Acknowledged,
        at: sent.at,
        actor: sent.actor,
        sent: String::from_utf8_lossy(&sent.body).into_owned(),
        // Nothing is assessed anew: what is known and the assessment stand.
        ..last.clone()
    };
    Ok(Some(Made { entry, alert: false }))
}

/// Reads `{"sequence": 3}`.
fn acknowledged_step(json: &Value) -> Result<u32, Refusal> {
    let text = || {
        Words::new(
            "请在 sequence 中填写所看到的最新一步的序号",
            "give as sequence the number of the newest step that was looked at",
        )
    };
    let fields = json.as_object().ok_or_else(|| refused("", FieldProblem::WrongType, "", text()))?;
    if let Some(unknown) = fields.keys().find(|key| *key != "sequence") {
        return Err(refused(unknown, FieldProblem::UnknownField, "", text()));
    }
    let value = fields.get("sequence").ok_or_else(|| missing("sequence", text()))?;
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
    number.ok_or_else(|| refused("sequence", FieldProblem::WrongType, &value.to_string(), text()))
}

/// The rules that images have fired so far, each with its most telling finding.
pub(crate) fn fired(imaging: &[ImagingEvidence]) -> Vec<FiredRule> {
    imaging.iter().filter(|one| one.kind == EvidenceKind::Raise).filter_map(ImagingEvidence::fired).collect()
}

fn decided(triage: &Triage, acuity: Acuity, reason: Option<String>, sent: &Sent) -> Decision {
    let level_cn = triage.rules().policy.level(acuity);
    Decision { acuity, level_cn, reason, by: sent.actor.clone(), at: sent.at }
}

/// What a step that measures nothing must not fall below. The signs are those of the last assessment, so what was
/// compared with them then still is: a fall of pressure stays a fall.
fn unmeasured(last: &TriageEntry, known: &Known) -> Result<Standing, Fault> {
    standing(last, known.vitals_before.as_ref().unwrap_or(&known.request.vitals))
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
    refused(field, FieldProblem::Missing, &Value::Null.to_string(), text)
}

fn refused(field: &str, problem: FieldProblem, value: &str, text: Words) -> Refusal {
    // A field's name and value are as long as the caller made them.
    let shown = |text: &str| text.chars().take(64).collect::<String>();
    Refusal::Fields(vec![FieldError { field: shown(field), problem, value: shown(value), text }])
}

fn unwritten() -> Fault {
    Fault::new(ErrorCode::Internal, "the assessment could not be written")
}

pub(crate) fn following(
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
    let entry = TriageEntry {
        visit,
        sequence,
        step,
        at: sent.at,
        actor: sent.actor,
        // What was read as JSON is UTF-8.
        sent: String::from_utf8_lossy(&sent.body).into_owned(),
        // Both have a JSON form: their maps have text keys and their numbers are finite.
        known: serde_json::to_string(known).map_err(|_| unwritten())?,
        assessment: serde_json::to_string(assessment).map_err(|_| unwritten())?,
        level_cn: assessment.level_cn.get(),
        acuity: assessment.acuity.get(),
        encounter: assessment.encounter.clone(),
        model: assessment.model.clone(),
    };
    Ok(Made { entry, alert: assessment.second_reader.alert == Some(true) })
}
