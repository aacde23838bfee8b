//! What triage says about a patient.

use baize_core::ModelRef;
use serde::{Serialize, Serializer};

use crate::level::{Acuity, LevelCn, Words};
use crate::request::Vitals;
use crate::rules::{Department, FiredRule, Missing, News2Result};

/// An assessment. A clinician confirms it; nothing in it lowers what a nurse, a rule or an earlier assessment has set.
/// Holds patient data: never log it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    /// The visit, as sent.
    pub encounter: Option<String>,
    /// The four-level category.
    pub level_cn: LevelCn,
    /// Its name, colour and response time.
    pub level: LevelWords,
    /// The five-level acuity.
    pub acuity: Acuity,
    /// Of acuity 1 to 5; absent where the model could not run.
    pub acuity_probabilities: Option<[f32; 5]>,
    /// Absent where the model could not run.
    pub admission_probability: Option<f32>,
    /// NEWS2.
    pub news2: News2Result,
    /// The rules that fired, most urgent first.
    pub rules_fired: Vec<FiredRule>,
    /// What was read in the complaint, or sent as a code.
    pub complaints: Vec<Complaint>,
    /// Phrases of the complaint that meet a manual criterion, or are negated.
    pub red_flags: Vec<RedFlag>,
    /// Since when, on which side, where to.
    pub circumstances: Circumstances,
    /// Words of the complaint that were not understood.
    pub unknown_words: Vec<TextSpan>,
    /// Where to send the patient.
    pub department: Department,
    /// Within how many minutes the patient is seen.
    pub target_minutes: u32,
    /// The second reader of the nurse's level.
    pub second_reader: SecondReader,
    /// The features that weighed most, greatest first; five at most.
    pub explanation: Vec<Explanation>,
    /// What is not known and would matter, most important first.
    pub missing: Vec<Missing>,
    /// The model that ran, or is installed and could not.
    #[serde(serialize_with = "model")]
    pub model: Option<ModelRef>,
    /// Whether it ran, and if not why.
    pub model_status: ModelStatus,
    /// What the levels were made from.
    pub basis: Basis,
    /// Which scores do not apply, and what was assumed.
    pub notes: Vec<Words>,
    /// That a clinician must confirm.
    pub notice: Words,
}

/// A level for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LevelWords {
    /// 急危, 急重, 急症, 非急症.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// Ⅰ to Ⅳ, with a or b for Ⅳ.
    pub roman: String,
    /// `red`, `orange`, `yellow`, `green`.
    pub colour: String,
    /// The response time in words.
    pub response: Words,
}

/// A part of the complaint text, in Unicode characters from 0; the end is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first character.
    pub start: usize,
    /// Behind the last.
    pub end: usize,
}

/// Words at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TextSpan {
    /// The words.
    pub text: String,
    /// Where they stand.
    pub span: Span,
}

/// A complaint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// `cc_*`.
    pub code: String,
    /// For people.
    pub name: Words,
    /// Where it was read; absent for a code that was sent.
    pub span: Option<Span>,
    /// Whether the text says that it is not there.
    pub negated: bool,
    /// How it is meant.
    pub kind: ComplaintKind,
}

/// How a complaint is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ComplaintKind {
    /// Sent as a code.
    Sent,
    /// The patient has it now.
    Present,
    /// It belongs to the past; it counts for nothing here.
    History,
    /// The text suspects it.
    Suspected,
}

/// What the text says around the complaints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Circumstances {
    /// How long the complaint has lasted.
    pub duration_minutes: Option<u32>,
    /// The side of the body.
    pub side: Option<Side>,
    /// Whether a pain radiates.
    pub radiates: bool,
    /// The parts of the body that it radiates to, as far as the text says.
    pub radiates_to: Vec<String>,
}

/// A side of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
    /// Both.
    Both,
    /// One, not said which.
    One,
}

/// A phrase that meets a manual criterion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedFlag {
    /// Stable id.
    pub id: String,
    /// The level that it asks for.
    pub level: LevelCn,
    /// For people.
    pub text: Words,
    /// The words themselves.
    pub words: String,
    /// Where it was read.
    pub span: Span,
    /// Whether the text says that it is not there; then it raises nothing.
    pub negated: bool,
    /// Whether the text only suspects it.
    pub suspected: bool,
}

/// The second reader's opinion of the nurse's level; absent without a nurse's level or a model that could run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SecondReader {
    /// Whether to speak up.
    pub alert: Option<bool>,
    /// That experts would call the patient more urgent.
    pub probability: Option<f32>,
}

/// One feature's part in the model's opinion.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The feature.
    pub feature: String,
    /// Its value.
    pub value: f32,
    /// Towards urgency where positive.
    pub contribution: f32,
    /// For people.
    pub text: Words,
}

/// Whether the model ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelStatus {
    /// The stable word.
    pub state: ModelState,
    /// For people, where it did not run.
    pub text: Option<Words>,
}

/// Whether the model ran, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// It ran.
    Ran,
    /// None is installed.
    NotInstalled,
    /// The patient's age is outside of what it was validated on.
    OutsidePopulation,
    /// It failed.
    Failed,
}

/// What the levels were made from: the most urgent of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Basis {
    /// By expected cost from the model's probabilities.
    pub model_acuity: Option<Acuity>,
    /// The cautious level that stands in for a model that could not run, or that knew neither complaint nor vital sign.
    pub fallback_acuity: Option<Acuity>,
    /// The most urgent rule that decides.
    pub rules_level: Option<LevelCn>,
    /// What the nurse set.
    pub nurse_acuity: Option<Acuity>,
    /// What was set before, in a re-assessment.
    pub previous_acuity: Option<Acuity>,
}

/// What a re-assessment must not fall below.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The five-level acuity so far.
    pub acuity: Acuity,
    /// The four-level category so far.
    pub level_cn: LevelCn,
    /// The vital signs so far.
    pub vitals: Vitals,
}

impl Assessment {
    /// What the next assessment of this patient, whose vital signs were `vitals`, must not fall below.
    pub fn standing(&self, vitals: &Vitals) -> Standing {
        Standing { acuity: self.acuity, level_cn: self.level_cn, vitals: vitals.clone() }
    }
}

fn model<S: Serializer>(model: &Option<ModelRef>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Written<'a> {
        id: &'a str,
        version: &'a str,
    }
    model.as_ref().map(|model| Written { id: &model.id, version: &model.version }).serialize(serializer)
}
