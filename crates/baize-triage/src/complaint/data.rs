//! The files of a lexicon as they are written.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::lexicon::Header;

type Words = BTreeMap<String, Vec<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodesFile {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) by_age: Vec<ByAge>,
    pub(super) codes: BTreeMap<String, CodeNames>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeNames {
    pub(super) zh: String,
    pub(super) en: String,
    pub(super) group: String,
}

/// From this age on a code has a more precise one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByAge {
    pub(super) code: String,
    pub(super) from_years: u16,
    pub(super) refined: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrammarFile {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) together: Vec<TogetherRule>,
    #[serde(default)]
    pub(super) yields: Vec<YieldRule>,
    #[serde(default)]
    pub(super) measured: Vec<MeasuredRule>,
    pub(super) symptoms: BTreeMap<String, SymptomRule>,
    pub(super) bodies: BTreeMap<String, BodyRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TogetherRule {
    pub(super) code: String,
    pub(super) all: Vec<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct YieldRule {
    pub(super) code: String,
    #[serde(default)]
    pub(super) to: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MeasuredRule {
    pub(super) words: Vec<String>,
    pub(super) plausible: [f32; 2],
    pub(super) above: Option<Bound>,
    pub(super) below: Option<Bound>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bound {
    pub(super) value: f32,
    pub(super) code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SymptomRule {
    pub(super) code: Option<String>,
    pub(super) like: Option<String>,
    #[serde(default)]
    pub(super) weak: bool,
    #[serde(default)]
    pub(super) cause: bool,
}

#[derive(Deserialize)]
pub(super) struct BodyRule {
    pub(super) parent: Option<String>,
    #[serde(default)]
    pub(super) generic: bool,
    /// Symptom to code.
    #[serde(flatten)]
    pub(super) codes: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LanguageFile {
    pub(super) header: Header,
    pub(super) words: PlainWords,
    #[serde(default)]
    pub(super) spellings: Words,
    pub(super) bodies: Words,
    pub(super) symptoms: Words,
    #[serde(default)]
    pub(super) bound_symptoms: Words,
    #[serde(default)]
    pub(super) joint: Vec<Joint>,
    pub(super) phrases: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlainWords {
    #[serde(default)]
    pub(super) abbreviations: Vec<String>,
    pub(super) ignore: Vec<String>,
    pub(super) stop: Vec<String>,
    pub(super) and: Vec<String>,
    pub(super) or: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Joint {
    pub(super) codes: Vec<String>,
    pub(super) phrases: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModifiersFile {
    pub(super) header: Header,
    pub(super) negation: NegationWords,
    pub(super) history: AroundWords,
    pub(super) suspicion: AroundWords,
    pub(super) sides: SideWords,
    pub(super) radiation: RadiationWords,
    pub(super) signs: Words,
    pub(super) units: BTreeMap<String, Unit>,
    pub(super) no_duration: AroundWords,
    pub(super) numbers: Words,
    pub(super) since: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NegationWords {
    pub(super) clause: Vec<String>,
    pub(super) next: Vec<String>,
    pub(super) after: Vec<String>,
    pub(super) end: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AroundWords {
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SideWords {
    pub(super) left: Vec<String>,
    pub(super) right: Vec<String>,
    pub(super) both: Vec<String>,
    pub(super) one: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RadiationWords {
    pub(super) cue: Vec<String>,
    pub(super) towards: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unit {
    pub(super) minutes: u32,
    pub(super) words: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlagsFile {
    pub(super) header: Header,
    pub(super) flags: Vec<FlagRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlagRule {
    pub(super) id: String,
    pub(super) level: u8,
    pub(super) suspected_level: Option<u8>,
    pub(super) gives: Option<String>,
    pub(super) zh: String,
    pub(super) en: String,
    #[serde(default)]
    pub(super) codes: Vec<String>,
    #[serde(default)]
    pub(super) phrases: Vec<String>,
    #[serde(default)]
    pub(super) when: Vec<Vec<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionsFile {
    pub(super) header: Header,
    pub(super) conditions: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FoldFile {
    pub(super) header: Header,
    pub(super) fold: Fold,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fold {
    pub(super) pairs: String,
}
