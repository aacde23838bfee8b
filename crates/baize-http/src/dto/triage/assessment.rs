//! An assessment on the wire. It is recorded in the same form, so a record is read straight into it: what was recorded is
//! what is shown, whatever the rules have become.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::ModelDto;
use super::why::{
    CircumstancesDto, ComplaintDto, ExplanationDto, MissingDto, News2Dto, RedFlagDto, RuleDto,
    UnknownWordsDto, WordsDto,
};

/// What triage says about a patient. A clinician confirms it. Holds patient data.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageAssessment)]
pub(crate) struct AssessmentDto {
    /// The hospital's identifier of the visit, as sent.
    #[schema(example = "E-1001")]
    encounter: Option<String>,
    /// The four-level category of the 2018 Chinese consensus; 1 is the most urgent.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    pub(super) level_cn: u8,
    pub(super) level: LevelDto,
    /// The five-level acuity; 1 is the most urgent. 4 and 5 are Ⅳa and Ⅳb.
    #[schema(example = 2, minimum = 1, maximum = 5)]
    pub(super) acuity: u8,
    /// Of acuity 1 to 5; null where the model could not run.
    #[schema(min_items = 5, max_items = 5, example = json!([0.05, 0.61, 0.28, 0.05, 0.01]))]
    acuity_probabilities: Option<Vec<f32>>,
    /// Null where the model could not run.
    #[schema(example = 0.47)]
    admission_probability: Option<f32>,
    news2: News2Dto,
    /// The rules that fired, most urgent first.
    pub(super) rules_fired: Vec<RuleDto>,
    complaints: Vec<ComplaintDto>,
    red_flags: Vec<RedFlagDto>,
    circumstances: CircumstancesDto,
    unknown_words: Vec<UnknownWordsDto>,
    department: DepartmentDto,
    /// Within how many minutes the patient is seen.
    #[schema(example = 10)]
    target_minutes: u32,
    second_reader: SecondReaderDto,
    /// The features that weighed most, greatest first; five at most.
    pub(super) explanation: Vec<ExplanationDto>,
    /// What is not known and would matter, most important first.
    missing: Vec<MissingDto>,
    /// The model that ran, or is installed and could not; null where none is.
    model: Option<ModelDto>,
    pub(super) model_status: ModelStatusDto,
    pub(super) basis: BasisDto,
    /// Which scores do not apply, and what was assumed.
    notes: Vec<WordsDto>,
    /// That a clinician must confirm.
    notice: WordsDto,
}

/// A level for people.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageLevel)]
pub(crate) struct LevelDto {
    #[schema(example = "急重")]
    pub(super) zh: String,
    #[schema(example = "Emergent")]
    pub(super) en: String,
    /// Ⅰ to Ⅳ, with a or b for Ⅳ.
    #[schema(example = "Ⅱ")]
    pub(super) roman: String,
    /// `red`, `orange`, `yellow` or `green`.
    #[schema(example = "orange")]
    colour: String,
    /// The response time in words.
    pub(super) response: WordsDto,
}

/// Where to send the patient.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageDepartment)]
pub(crate) struct DepartmentDto {
    #[schema(example = "chest_pain_centre")]
    code: String,
    #[schema(example = "胸痛中心")]
    zh: String,
    #[schema(example = "Chest pain centre")]
    en: String,
}

/// The second reader's opinion of the nurse's level; null without a nurse's level or a model that could run.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageSecondReader)]
pub(crate) struct SecondReaderDto {
    /// Whether to speak up.
    alert: Option<bool>,
    /// That experts would call the patient more urgent than the nurse does.
    #[schema(example = 0.37)]
    probability: Option<f32>,
}

/// Whether the model ran.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageModelStatus)]
pub(crate) struct ModelStatusDto {
    /// `ran`, `not_installed`, `outside_population` or `failed`. Without a model the level is a cautious one.
    #[schema(example = "ran")]
    state: String,
    /// For people, where it did not run.
    pub(super) text: Option<WordsDto>,
}

/// What the levels were made from: the most urgent of these.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TriageBasis)]
pub(crate) struct BasisDto {
    /// By expected cost from the model's probabilities.
    #[schema(example = 3, minimum = 1, maximum = 5)]
    model_acuity: Option<u8>,
    /// The cautious level that stands in for a model that could not run.
    #[schema(minimum = 1, maximum = 5)]
    fallback_acuity: Option<u8>,
    /// The most urgent rule that decides, as a four-level category.
    #[schema(example = 2, minimum = 1, maximum = 4)]
    rules_level: Option<u8>,
    /// What the nurse set.
    #[schema(minimum = 1, maximum = 5)]
    pub(super) nurse_acuity: Option<u8>,
    /// What was set before, in a re-assessment.
    #[schema(minimum = 1, maximum = 5)]
    pub(super) previous_acuity: Option<u8>,
}
