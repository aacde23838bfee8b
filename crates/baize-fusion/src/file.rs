//! The file as it is written. Unknown keys are refused: a misspelt condition must not silently hold for everybody.

use baize_triage::rules::Status;
use baize_triage::{Vital, Words};
use serde::Deserialize;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FusionFile {
    pub(crate) id: String,
    pub(crate) title: Words,
    pub(crate) version: String,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) rule: Vec<Spanned<RuleFile>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    pub(crate) id: String,
    pub(crate) findings: Vec<String>,
    pub(crate) strength: Strength,
    pub(crate) level: u8,
    pub(crate) others: Option<String>,
    #[serde(default)]
    pub(crate) when: WhenFile,
    pub(crate) text: Words,
    pub(crate) check: Words,
    pub(crate) source: String,
}

/// All that are given must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhenFile {
    pub(crate) from_years: Option<f64>,
    pub(crate) below_years: Option<f64>,
    #[serde(default)]
    pub(crate) any: Vec<SignFile>,
}

/// A vital sign beyond a limit.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignFile {
    pub(crate) vital: Vital,
    pub(crate) below: Option<f64>,
    pub(crate) above: Option<f64>,
}

/// How sure a finding must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// At or above the threshold of the model's version.
    Positive,
    /// At or above its critical threshold.
    Critical,
}
