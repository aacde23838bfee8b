//! What a combination asks for: a code, a code of one side, a sign, a radiation.

use std::collections::HashMap;

use super::compose::Composition;
use super::context::Context;
use super::error::LexiconError;
use super::reading::Side;
use super::token::Token;

/// One member of a group.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Code(usize),
    OneSided(usize),
    Sign(usize),
    Radiation,
}

/// Each group must have a member in the text.
pub(super) type Groups = Vec<Vec<Part>>;

/// The names that parts are written with.
pub(super) struct Names<'a> {
    pub(super) file: &'static str,
    pub(super) codes: &'a HashMap<String, usize>,
    pub(super) signs: &'a HashMap<String, usize>,
}

impl Names<'_> {
    pub(super) fn invalid(&self, item: &str, problem: &'static str) -> LexiconError {
        LexiconError::Invalid { file: self.file, item: item.to_owned(), problem }
    }

    pub(super) fn code(&self, name: &str) -> Result<usize, LexiconError> {
        self.codes.get(name).copied().ok_or_else(|| self.invalid(name, "no such code in codes.toml"))
    }

    /// Parses the groups of the rule `id`.
    pub(super) fn groups(&self, id: &str, all: &[Vec<String>]) -> Result<Groups, LexiconError> {
        if all.is_empty() || all.iter().any(Vec::is_empty) {
            return Err(self.invalid(id, "a combination needs groups, and a group needs members"));
        }
        all.iter().map(|members| members.iter().map(|name| self.part(name)).collect()).collect()
    }

    fn part(&self, name: &str) -> Result<Part, LexiconError> {
        if name == "radiation" {
            return Ok(Part::Radiation);
        }
        if let Some(sign) = name.strip_prefix("sign:") {
            let id = self.signs.get(sign).copied();
            return id.map(Part::Sign).ok_or_else(|| self.invalid(name, "no such sign in modifiers.toml"));
        }
        match name.strip_prefix("one_sided:") {
            Some(code) => self.code(code).map(Part::OneSided),
            None => self.code(name).map(Part::Code),
        }
    }
}

/// Where a part was found: its tokens, and what is said about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) context: Context,
}

/// The hit of the first group, where every group has one that is neither negated nor history.
pub(super) fn find_all(
    groups: &Groups,
    tokens: &[Token<'_>],
    contexts: &[Context],
    composition: &Composition<'_>,
) -> Option<Hit> {
    let mut first = None;
    for group in groups {
        let hit = group.iter().find_map(|part| find(*part, tokens, contexts, composition))?;
        first = first.or(Some(hit));
    }
    first
}

fn find(
    part: Part,
    tokens: &[Token<'_>],
    contexts: &[Context],
    composition: &Composition<'_>,
) -> Option<Hit> {
    let code_found = |code: usize, one_sided: bool| {
        let is_one_sided = |side| matches!(side, Some(Side::Left | Side::Right | Side::One));
        let mut hits = composition.found.iter().filter(|f| f.code == code && f.context.is_active());
        let found = hits.find(|f| !one_sided || is_one_sided(f.side))?;
        Some(Hit { first: found.first, last: found.last, context: found.context })
    };
    let token_found = |test: &dyn Fn(&super::entry::Entry) -> bool| {
        let mut hits = tokens.iter().zip(contexts).enumerate();
        let (at, (_, context)) = hits.find(|(_, (token, context))| context.is_active() && token.is(test))?;
        Some(Hit { first: at, last: at, context: *context })
    };
    match part {
        Part::Code(code) => code_found(code, false),
        Part::OneSided(code) => code_found(code, true),
        Part::Radiation => token_found(&|entry| entry.radiates),
        Part::Sign(sign) => token_found(&|entry| entry.signs.contains(&sign)),
    }
}
