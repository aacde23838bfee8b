//! The reasons of an assessment.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The same words in both languages.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Words)]
pub(crate) struct WordsDto {
    /// Simplified Chinese.
    #[schema(example = "心率 186 次/分（急危）")]
    pub(crate) zh: String,
    /// English.
    #[schema(example = "heart rate 186/min (critical)")]
    pub(crate) en: String,
}

/// NEWS2 (Royal College of Physicians 2017).
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageNews2)]
pub(crate) struct News2Dto {
    /// Whether the score is made for this patient: not for children, not in pregnancy.
    applies: bool,
    /// Why it is not, or what was assumed.
    reason: Option<WordsDto>,
    /// The sum over the parameters that are there; null where the score does not apply or none is there.
    #[schema(example = 7)]
    score: Option<u8>,
    /// `low`, `low_medium`, `medium` or `high`; of an incomplete score the least that it can be.
    #[schema(example = "high")]
    band: Option<String>,
    /// Whether all seven parameters are there.
    complete: bool,
    /// The fields of those that are not.
    #[schema(example = json!(["temperature_c"]))]
    missing: Vec<String>,
}

/// Whether a rule decides or advises.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TriageRuleEffect)]
pub(super) enum EffectDto {
    /// The assessment is at least as urgent as the rule's level.
    Raise,
    /// The level is to be considered by a clinician.
    Consider,
}

/// What made a rule fire: a measured value or a score, or a code or words.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TriageRuleValue, example = json!(131.0))]
pub(crate) enum RuleValueDto {
    Number(f64),
    Text(String),
}

/// A rule that fired.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageRule)]
pub(crate) struct RuleDto {
    #[schema(example = "cn.heart_rate.1")]
    id: String,
    /// The four-level category that it asks for.
    #[schema(example = 1, minimum = 1, maximum = 4)]
    pub(super) level: u8,
    pub(super) effect: EffectDto,
    /// The field whose value made it fire.
    #[schema(example = "heart_rate")]
    field: String,
    value: RuleValueDto,
    pub(super) text: WordsDto,
    /// The citation.
    #[schema(example = "中华急诊医学杂志 2018, 27(6): 599-604")]
    source: String,
}

/// A part of the complaint's text, in Unicode characters from 0; the end is excluded.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageSpan)]
pub(crate) struct SpanDto {
    #[schema(example = 0)]
    start: usize,
    #[schema(example = 2)]
    end: usize,
}

/// Words of the complaint that were not understood.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageUnknownWords)]
pub(crate) struct UnknownWordsDto {
    #[schema(example = "像石头压着")]
    text: String,
    span: SpanDto,
}

/// How a complaint is meant: `sent` as a code, `present`, `history` (counts for nothing here) or `suspected`.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TriageComplaintKind)]
pub(crate) enum ComplaintKindDto {
    Sent,
    Present,
    History,
    Suspected,
}

/// A complaint that was read in the text, or sent as a code.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageComplaint)]
pub(crate) struct ComplaintDto {
    #[schema(example = "cc_chestpain")]
    code: String,
    name: WordsDto,
    /// Where it was read; null for a code that was sent.
    span: Option<SpanDto>,
    /// Whether the text says that it is not there.
    negated: bool,
    kind: ComplaintKindDto,
}

/// A phrase that meets a manual criterion of the four-level standard.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageRedFlag)]
pub(crate) struct RedFlagDto {
    #[schema(example = "cardiac_chest_pain")]
    id: String,
    /// The four-level category that it asks for.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    level: u8,
    text: WordsDto,
    /// The words themselves.
    #[schema(example = "胸痛2小时伴大汗")]
    words: String,
    span: SpanDto,
    /// Whether the text says that it is not there; then it raises nothing.
    negated: bool,
    /// Whether the text only suspects it.
    suspected: bool,
}

/// Since when, on which side, where to.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageCircumstances)]
pub(crate) struct CircumstancesDto {
    #[schema(example = 120)]
    duration_minutes: Option<u32>,
    /// `left`, `right`, `both` or `one`.
    #[schema(example = "left")]
    side: Option<String>,
    /// Whether a pain radiates.
    radiates: bool,
    /// Where to, as far as the text says.
    #[schema(example = json!(["shoulder"]))]
    radiates_to: Vec<String>,
}

/// One feature's part in the model's opinion.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageExplanation)]
pub(crate) struct ExplanationDto {
    #[schema(example = "spo2")]
    feature: String,
    #[schema(example = 93.0)]
    value: f32,
    /// Towards urgency where positive.
    #[schema(example = 0.41)]
    pub(super) contribution: f32,
    pub(super) text: WordsDto,
}

/// Something to ask or measure.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageMissing)]
pub(crate) struct MissingDto {
    /// The field of the request.
    #[schema(example = "vitals.glucose_mmol_l")]
    field: String,
    /// Why it matters.
    text: WordsDto,
}
