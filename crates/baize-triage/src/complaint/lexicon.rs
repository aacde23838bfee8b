//! The lexicon: all phrases with their meanings, validated, in one automaton.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use baize_core::Text;
use serde::Deserialize;

use super::data::ByAge;
use super::entry::Entry;
use super::error::LexiconError;
use super::flags::Flag;
use super::grammar::Grammar;
use super::load::{self, Sources};
use super::normal::Normaliser;

/// Where a lexicon file comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Publication, table or people.
    pub source: String,
    /// Version of the file.
    pub version: String,
}

/// The complaint words of a hospital. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lexicon {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) headers: Vec<(&'static str, Header)>,
    pub(super) codes: Vec<Code>,
    pub(super) code_ids: HashMap<String, usize>,
    pub(super) by_age: Vec<ByAge>,
    pub(super) grammar: Grammar,
    pub(super) flags: Vec<Flag>,
    pub(super) conditions: Vec<String>,
    pub(super) normaliser: Normaliser,
    /// One for each pattern of the automaton.
    pub(super) entries: Vec<Entry>,
    pub(super) automaton: AhoCorasick,
}

#[derive(Debug)]
pub(super) struct Code {
    pub(super) id: String,
    pub(super) name: Text,
    pub(super) group: String,
}

impl Lexicon {
    /// The lexicon that comes with Baize.
    pub fn builtin() -> Result<Self, LexiconError> {
        load::build(&Sources::builtin())
    }

    /// A hospital's own lexicon: a folder that holds every file under the same name as `crates/baize-triage/lexicon`.
    pub fn from_files(dir: &Path) -> Result<Self, LexiconError> {
        load::build(&Sources::read(dir)?)
    }

    /// All complaint codes, in alphabetical order.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.inner.codes.iter().map(|code| code.id.as_str())
    }

    /// The name of a code for people; `None` for a code that is not in the lexicon.
    pub fn name(&self, code: &str) -> Option<&Text> {
        self.code(code).map(|found| &found.name)
    }

    /// Codes with the same group say nearly the same thing (dyspnoea, shortness of breath).
    pub fn group(&self, code: &str) -> Option<&str> {
        self.code(code).map(|found| found.group.as_str())
    }

    /// The code that the data has for this complaint at this age (`cc_fever` of a man of 80 is
    /// `cc_fever-75yearsorolder`); the same code where it has no other.
    pub fn at_age<'a>(&'a self, code: &'a str, age_years: u16) -> &'a str {
        let mut refined = code;
        let mut from = None;
        for rule in self.inner.by_age.iter().filter(|rule| rule.code == code && rule.from_years <= age_years)
        {
            if from.is_none_or(|years| rule.from_years > years) {
                from = Some(rule.from_years);
                refined = &rule.refined;
            }
        }
        refined
    }

    /// The ids of the red flags that a text can raise.
    pub fn red_flags(&self) -> impl Iterator<Item = &str> {
        self.inner.flags.iter().map(Flag::id)
    }

    /// Source and version of each file, for the record of an assessment.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &Header)> {
        self.inner.headers.iter().map(|(file, header)| (*file, header))
    }

    fn code(&self, code: &str) -> Option<&Code> {
        self.inner.code_ids.get(code).map(|&at| &self.inner.codes[at])
    }
}
