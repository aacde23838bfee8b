//! A visit to the triage desk.

use baize_core::{ErrorCode, Fault, Language};
use baize_desk::{Decision, Step, Visit};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::time_text;
use super::assessment::AssessmentDto;
use super::imaging::ImagingDto;
use super::why::{EffectDto, WordsDto};

/// A visit as it stands: the newest assessment, what was decided, and the history.
#[derive(Serialize, ToSchema)]
#[schema(as = TriageVisit)]
pub(crate) struct TriageVisitDto {
    #[schema(example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")]
    id: String,
    /// How many steps there are; that of the newest.
    #[schema(example = 1)]
    sequence: u32,
    /// When the patient was first assessed.
    #[schema(example = "2026-03-01T08:30:00.000250Z")]
    created_at: String,
    /// Level, response time and the first reason in the language of `Accept-Language`.
    #[schema(example = "Level Ⅱ, emergent: within 10 minutes. Chest pain with sweating.")]
    summary: String,
    #[serde(flatten)]
    assessment: AssessmentDto,
    /// What a nurse or physician decided last; null while nobody has. It may differ from the assessment.
    decision: Option<DecisionDto>,
    /// What images of the encounter told, in the order in which it came.
    imaging: Vec<ImagingDto>,
    /// Whether an image has told something that a nurse is still to acknowledge.
    #[schema(example = false)]
    to_acknowledge: bool,
    /// From the first step.
    history: Vec<StepDto>,
}

/// A nurse's or physician's level.
#[derive(Serialize, ToSchema)]
#[schema(as = TriageDecision)]
pub(crate) struct DecisionDto {
    /// The four-level category.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    level: u8,
    /// The five-level acuity.
    #[schema(example = 2, minimum = 1, maximum = 5)]
    acuity: u8,
    /// Why; always there where it was calmer than the assessment that it answers.
    #[schema(example = "面色苍白，四肢湿冷")]
    reason: Option<String>,
    /// Who decided.
    #[schema(example = "triage-desk-1")]
    by: String,
    #[schema(example = "2026-03-01T08:34:10.000000Z")]
    at: String,
}

/// One step of a visit.
#[derive(Serialize, ToSchema)]
#[schema(as = TriageStep)]
pub(crate) struct StepDto {
    #[schema(example = 1)]
    sequence: u32,
    /// `assessed`, `vitals`, `level`, `imaging` (a finding of an image speaks for a level), `imaging_note` (something to
    /// know about an image) or `acknowledged`.
    #[schema(example = "assessed")]
    kind: &'static str,
    #[schema(example = "2026-03-01T08:30:00.000250Z")]
    at: String,
    /// Who sent it; `@imaging` and `@monitor` where Baize brought it itself.
    #[schema(example = "triage-desk-1")]
    by: String,
    /// The assessment's four-level category after it.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    level_cn: u8,
    /// The assessment's acuity after it.
    #[schema(example = 2, minimum = 1, maximum = 5)]
    acuity: u8,
}

impl TriageVisitDto {
    /// # Errors
    /// `StorageFailed` for a recorded assessment that cannot be read.
    pub(crate) fn of(visit: Visit, language: Language) -> Result<Self, Fault> {
        let unreadable =
            |_| Fault::new(ErrorCode::StorageFailed, "the record of this triage visit cannot be read");
        let assessment: AssessmentDto = serde_json::from_str(&visit.assessment).map_err(unreadable)?;
        Ok(Self {
            id: visit.id.to_string(),
            sequence: visit.steps.last().map_or(0, |step| step.sequence),
            created_at: visit.steps.first().map(|step| time_text(step.at)).unwrap_or_default(),
            summary: summary(&assessment, language),
            assessment,
            imaging: ImagingDto::all_of(&visit),
            to_acknowledge: visit.is_waiting(),
            decision: visit.decision.as_ref().map(DecisionDto::of),
            history: visit.steps.iter().map(StepDto::of).collect(),
        })
    }
}

impl DecisionDto {
    fn of(decision: &Decision) -> Self {
        Self {
            level: decision.level_cn.get(),
            acuity: decision.acuity.get(),
            reason: decision.reason.clone(),
            by: decision.by.clone(),
            at: time_text(decision.at),
        }
    }
}

impl StepDto {
    fn of(step: &Step) -> Self {
        Self {
            sequence: step.sequence,
            kind: step.step.as_str(),
            at: time_text(step.at),
            by: step.by.clone(),
            level_cn: step.level_cn,
            acuity: step.acuity,
        }
    }
}

/// Level, response time and the first reason.
fn summary(assessment: &AssessmentDto, language: Language) -> String {
    let level = &assessment.level;
    let reason = first_reason(assessment, language).unwrap_or_default();
    match language {
        Language::Chinese => {
            let head = format!("{}级 {}：{}", level.roman, level.zh, level.response.zh);
            if reason.is_empty() { head } else { format!("{head}；{reason}") }
        }
        Language::English => {
            let head = format!("Level {}, {}: {}", level.roman, level.en.to_lowercase(), level.response.en);
            if reason.is_empty() { head } else { format!("{head}; {reason}") }
        }
    }
}

/// Why the level is what it is: the rule that asks for it, the nurse, the assessment before, or what weighed most for the
/// model.
fn first_reason(assessment: &AssessmentDto, language: Language) -> Option<String> {
    let words = |words: &WordsDto| match language {
        Language::Chinese => words.zh.clone(),
        Language::English => words.en.clone(),
    };
    let said = |zh: &str, en: &str| match language {
        Language::Chinese => zh.to_owned(),
        Language::English => en.to_owned(),
    };
    let decides = assessment
        .rules_fired
        .iter()
        .find(|rule| rule.effect == EffectDto::Raise && rule.level == assessment.level_cn);
    if let Some(rule) = decides {
        return Some(words(&rule.text));
    }
    let basis = &assessment.basis;
    if basis.nurse_acuity == Some(assessment.acuity) {
        return Some(said("护士定级", "the nurse's level"));
    }
    if basis.previous_acuity == Some(assessment.acuity) {
        return Some(said("维持此前的级别", "as assessed before"));
    }
    let weighed = assessment.explanation.iter().find(|part| part.contribution > 0.0).map(|part| &part.text);
    weighed.or(assessment.model_status.text.as_ref()).map(words)
}
