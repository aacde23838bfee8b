//! Red flags: phrases, codes and combinations of the manual criteria.

use std::collections::HashSet;

use baize_core::Text;

use super::compose::Composition;
use super::context::Context;
use super::data::FlagRule;
use super::error::LexiconError;
use super::part::{Groups, Names, find_all};
use super::reading::RedFlagMention;
use super::token::Token;

#[derive(Debug)]
pub(super) struct Flag {
    id: String,
    level: u8,
    suspected_level: u8,
    text: Text,
    codes: HashSet<usize>,
    /// Any of these, each of whose groups must have a member.
    when: Vec<Groups>,
}

impl Flag {
    pub(super) fn all(names: &Names<'_>, rules: &[FlagRule]) -> Result<Vec<Self>, LexiconError> {
        let mut seen = HashSet::new();
        let mut flags = Vec::new();
        for rule in rules {
            let suspected_level = rule.suspected_level.unwrap_or(rule.level);
            if !seen.insert(&rule.id) {
                return Err(names.invalid(&rule.id, "two flags have this id"));
            }
            if !(1..=3).contains(&rule.level) || !(rule.level..=3).contains(&suspected_level) {
                return Err(
                    names.invalid(&rule.id, "the level must be 1 to 3, the suspected one not more urgent")
                );
            }
            flags.push(Self {
                id: rule.id.clone(),
                level: rule.level,
                suspected_level,
                text: Text { zh: rule.zh.clone(), en: rule.en.clone() },
                codes: rule.codes.iter().map(|name| names.code(name)).collect::<Result<_, _>>()?,
                when: rule.when.iter().map(|all| names.groups(&rule.id, all)).collect::<Result<_, _>>()?,
            });
        }
        Ok(flags)
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    fn mention(&self, start: usize, end: usize, context: Context) -> RedFlagMention {
        RedFlagMention {
            id: self.id.clone(),
            level: if context.suspected { self.suspected_level } else { self.level },
            start,
            end,
            negated: context.negated,
            suspected: context.suspected,
            text: self.text.clone(),
        }
    }
}

/// Each flag at most once: where it counts most, else where it is denied. The most urgent first.
pub(super) fn red_flags(
    flags: &[Flag],
    tokens: &[Token<'_>],
    contexts: &[Context],
    composition: &Composition<'_>,
) -> Vec<RedFlagMention> {
    let mut mentions: Vec<RedFlagMention> = Vec::new();
    for (token, context) in tokens.iter().zip(contexts).filter(|(_, context)| !context.history) {
        for &id in token.entry().map(|entry| entry.flags.as_slice()).unwrap_or_default() {
            mentions.push(flags[id].mention(token.start, token.end, *context));
        }
    }
    for flag in flags {
        for found in composition.found.iter().filter(|found| !found.context.history) {
            if flag.codes.contains(&found.code) {
                mentions.push(flag.mention(tokens[found.first].start, tokens[found.last].end, found.context));
            }
        }
        for groups in &flag.when {
            if let Some(hit) = find_all(groups, tokens, contexts, composition) {
                mentions.push(flag.mention(tokens[hit.first].start, tokens[hit.last].end, hit.context));
            }
        }
    }
    mentions.sort_by(|a, b| {
        (a.negated, a.level, a.suspected, a.start).cmp(&(b.negated, b.level, b.suspected, b.start))
    });
    let mut seen = HashSet::new();
    mentions.retain(|mention| seen.insert(mention.id.clone()));
    mentions
}
