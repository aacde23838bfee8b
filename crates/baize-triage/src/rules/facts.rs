//! What rules look at, and what they say.

use serde::{Deserialize, Serialize};

use crate::level::{LevelCn, Words};
use crate::request::{Request, Vitals};

/// What is known when the rules are applied.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The request.
    pub request: &'a Request,
    /// Complaint codes that hold: those sent and those read, without the negated ones.
    pub codes: &'a [String],
    /// `pmh_*` names that were sent or that the text calls history.
    pub history: &'a [String],
    /// Ids of the red flags that hold.
    pub red_flags: &'a [String],
    /// The vital signs before these, in a re-assessment.
    pub previous: Option<&'a Vitals>,
}

impl Facts<'_> {
    /// Whether any of these codes holds.
    pub(super) fn any_code(&self, codes: &[String]) -> bool {
        self.codes.iter().any(|code| codes.contains(code))
    }

    /// Whether any of these red flags holds.
    pub(super) fn any_red_flag(&self, ids: &[String]) -> bool {
        self.red_flags.iter().any(|id| ids.contains(id))
    }

    /// Whether any of these items of history was given.
    pub(super) fn any_history(&self, names: &[String]) -> bool {
        self.history.iter().any(|name| names.contains(name))
    }
}

/// Whether a rule decides or advises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The assessment is at least as urgent as the rule's level.
    Raise,
    /// The level is to be considered by a clinician; the assessment does not change.
    Consider,
}

/// What made a rule fire.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FiredValue {
    /// A measured value or a score.
    Number(f64),
    /// A code, a word or the words of the complaint.
    Text(String),
}

/// A rule that fired.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FiredRule {
    /// Stable id.
    pub id: String,
    /// The level it asks for.
    pub level: LevelCn,
    /// Whether it decides.
    pub effect: Effect,
    /// The field whose value made it fire.
    pub field: String,
    /// That value.
    pub value: FiredValue,
    /// For people, with the value.
    pub text: Words,
    /// The citation.
    pub source: String,
}
