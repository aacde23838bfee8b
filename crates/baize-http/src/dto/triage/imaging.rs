//! What images told a visit, and which visits wait for a nurse.

use baize_core::ports::Unacknowledged;
use baize_desk::{ImagingEvidence, SeenFinding, SeenModel, Visit, Words};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::finding::picture;
use super::super::{ModelDto, time_text};
use super::why::WordsDto;

/// What an image told the visit.
#[derive(Serialize, ToSchema)]
#[schema(as = TriageImaging)]
pub(crate) struct ImagingDto {
    /// The step that it came with.
    #[schema(example = 3)]
    sequence: u32,
    /// When it came to the visit.
    #[schema(example = "2026-03-01T08:41:00.000250Z")]
    at: String,
    /// `raise`: a rule asks for `level_cn` because of it, and a nurse is to acknowledge it. `measure`: a rule would, if a
    /// sign that nobody has measured were beyond its limit. `outside_population`: the model was not validated on such
    /// patients, so the finding raises nothing. `not_read`: the images could not be read, which is not "no finding". `parted`: a person has undone the
    /// match of study and order, so that what the study told may be of another patient; the level stays.
    #[schema(example = "raise")]
    kind: &'static str,
    /// The rule; null for images that could not be read.
    #[schema(example = "fusion.pneumothorax")]
    rule: Option<String>,
    /// Name and version of the rules.
    #[schema(example = "fusion 1")]
    rules: String,
    /// The four-level category that the rule asks for; only of `raise`.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    level_cn: Option<u8>,
    text: WordsDto,
    /// What to look at next.
    check: WordsDto,
    /// Where the rule comes from; empty without a rule.
    #[schema(example = "Roberts ME et al. Thorax 2023;78(Suppl 3):s1-s42")]
    source: String,
    /// Study Instance UID.
    #[schema(example = "1.2.840.113619.2.1")]
    study: String,
    /// SOP Instance UID; null where it is about the whole study.
    #[schema(example = "1.2.840.113619.2.1.1.1")]
    sop: Option<String>,
    model: Option<ModelDto>,
    finding: Option<SeenFindingDto>,
    /// What limits the reading.
    caveats: Vec<WordsDto>,
    /// Where the annotated picture is, relative to the server; null where there is none.
    #[schema(example = "/v1/studies/1.2.3/instances/1.2.3.4/overlay.png?model=cxr%401.0.0")]
    picture: Option<String>,
    /// Who has acknowledged it; null while nobody has.
    acknowledged: Option<AcknowledgedDto>,
}

/// A finding as the model's version saw it.
#[derive(Serialize, ToSchema)]
#[schema(as = TriageSeenFinding)]
pub(crate) struct SeenFindingDto {
    #[schema(example = "SCT")]
    scheme: String,
    #[schema(example = "36118008")]
    value: String,
    name: WordsDto,
    /// Calibrated, 0 to 1.
    #[schema(example = 0.94)]
    probability: f32,
    /// The cut of the model's version.
    #[schema(example = 0.5)]
    threshold: f32,
    /// Its cut for critical findings; null where the version has none.
    #[schema(example = 0.9)]
    critical_threshold: Option<f32>,
}

/// A nurse has seen it.
#[derive(Serialize, ToSchema)]
#[schema(as = TriageAcknowledged)]
pub(crate) struct AcknowledgedDto {
    /// Who.
    #[schema(example = "triage-desk-1")]
    by: String,
    #[schema(example = "2026-03-01T08:43:10.000000Z")]
    at: String,
}

/// What a nurse has looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TriageAcknowledgement)]
#[expect(dead_code, reason = "describes what another crate reads")]
pub(crate) struct AcknowledgementDto {
    /// The newest step that she has looked at.
    #[schema(example = 3, minimum = 1)]
    sequence: u32,
}

/// Visits that wait for a nurse.
#[derive(Serialize, ToSchema)]
#[schema(as = TriageUnacknowledged)]
pub(crate) struct UnacknowledgedDto {
    /// The most urgent first, and of these the longest waiting.
    pub(crate) visits: Vec<WaitingDto>,
}

/// A visit with a finding that no nurse has acknowledged. Holds no patient data.
#[derive(Serialize, ToSchema)]
#[schema(as = TriageWaitingVisit)]
pub(crate) struct WaitingDto {
    #[schema(example = "3f0c6d0e-0d3f-4f0e-9f57-0b7f0b0f7f11")]
    id: String,
    /// The newest step that an image made.
    #[schema(example = 3)]
    sequence: u32,
    /// When the oldest was made that nobody has acknowledged.
    #[schema(example = "2026-03-01T08:41:00.000250Z")]
    since: String,
    /// The visit's four-level category now.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    level_cn: u8,
    /// The visit's acuity now.
    #[schema(example = 2, minimum = 1, maximum = 5)]
    acuity: u8,
}

impl ImagingDto {
    pub(crate) fn all_of(visit: &Visit) -> Vec<Self> {
        visit.imaging.iter().map(|evidence| Self::of(evidence, visit)).collect()
    }

    fn of(evidence: &ImagingEvidence, visit: &Visit) -> Self {
        let acknowledged = visit.acknowledgement(evidence.sequence);
        let picture = evidence.sop.as_ref().zip(evidence.model.as_ref());
        Self {
            sequence: evidence.sequence,
            at: time_text(evidence.at),
            kind: evidence.kind.as_str(),
            rule: evidence.rule.clone(),
            rules: evidence.rules.clone(),
            level_cn: evidence.level_cn.map(|level| level.get()),
            text: words(&evidence.text),
            check: words(&evidence.check),
            source: evidence.source.clone(),
            study: evidence.study.clone(),
            sop: evidence.sop.clone(),
            model: evidence.model.as_ref().map(model),
            finding: evidence.finding.as_ref().map(SeenFindingDto::of),
            caveats: evidence.caveats.iter().map(words).collect(),
            picture: picture.map(|(sop, model)| picture_of(evidence, sop, model)),
            acknowledged: acknowledged
                .map(|step| AcknowledgedDto { by: step.by.clone(), at: time_text(step.at) }),
        }
    }
}

fn picture_of(evidence: &ImagingEvidence, sop: &str, model: &SeenModel) -> String {
    picture(&evidence.study, sop, &format!("{}@{}", model.id, model.version))
}

fn model(model: &SeenModel) -> ModelDto {
    ModelDto { id: model.id.clone(), version: model.version.clone() }
}

impl SeenFindingDto {
    fn of(seen: &SeenFinding) -> Self {
        Self {
            scheme: seen.scheme.clone(),
            value: seen.value.clone(),
            name: words(&seen.name),
            probability: seen.probability,
            threshold: seen.threshold,
            critical_threshold: seen.critical,
        }
    }
}

impl WaitingDto {
    pub(crate) fn of(waiting: &Unacknowledged) -> Self {
        Self {
            id: waiting.visit.to_string(),
            sequence: waiting.sequence,
            since: time_text(waiting.since),
            level_cn: waiting.level_cn,
            acuity: waiting.acuity,
        }
    }
}

fn words(words: &Words) -> WordsDto {
    WordsDto { zh: words.zh.clone(), en: words.en.clone() }
}
