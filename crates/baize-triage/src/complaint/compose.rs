//! Joins body parts with symptoms and collects the complaints of a text.

use super::context::Context;
use super::entry::{Entry, SymptomWord};
use super::grammar::Grammar;
use super::lexicon::Inner;
use super::part::find_all;
use super::reading::{Kind, Mention, Radiation, Side};
use super::token::{Piece, Token};

/// Unknown pieces that may stand between a body part and its symptom.
const MAX_UNKNOWN_BETWEEN: usize = 4;
/// Tokens that are searched for what a cue points at.
const REACH: usize = 6;

/// A complaint with the tokens that it came from.
pub(super) struct Found {
    pub(super) code: usize,
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) context: Context,
    pub(super) side: Option<Side>,
    weak: bool,
}

pub(super) struct Composition<'a> {
    inner: &'a Inner,
    tokens: &'a [Token<'a>],
    contexts: &'a [Context],
    /// The token has been understood as part of a complaint or a radiation.
    pub(super) used: Vec<bool>,
    pub(super) found: Vec<Found>,
    pub(super) radiation: Vec<Radiation>,
}

impl<'a> Composition<'a> {
    pub(super) fn of(inner: &'a Inner, tokens: &'a [Token<'a>], contexts: &'a [Context]) -> Self {
        let used = vec![false; tokens.len()];
        let mut this = Self { inner, tokens, contexts, used, found: Vec::new(), radiation: Vec::new() };
        this.radiations();
        this.symptoms();
        this.phrases();
        this.measurements();
        this.combinations();
        this.yield_to_narrower();
        this.found.sort_by_key(|f| (tokens[f.first].start, f.last, f.code));
        this.found.dedup_by_key(|f| (f.code, f.first, f.last));
        this
    }

    pub(super) fn mentions(&self) -> Vec<Mention> {
        let mention = |found: &Found| Mention {
            code: self.inner.codes[found.code].id.clone(),
            start: self.tokens[found.first].start,
            end: self.tokens[found.last].end,
            negated: found.context.negated,
            kind: match found.context {
                Context { history: true, .. } => Kind::History,
                Context { suspected: true, .. } => Kind::Suspected,
                _ => Kind::Present,
            },
            side: found.side,
        };
        self.found.iter().map(mention).collect()
    }

    fn grammar(&self) -> &'a Grammar {
        &self.inner.grammar
    }

    fn entry(&self, at: usize) -> Option<&'a Entry> {
        self.tokens.get(at).and_then(Token::entry)
    }

    /// Takes the body parts beside "radiating" out of the grammar's reach.
    fn radiations(&mut self) {
        for cue in 0..self.tokens.len() {
            if !self.tokens[cue].is(|entry| entry.radiates) {
                continue;
            }
            let mut parts = self.bodies_beside(cue, true);
            if parts.is_empty() {
                parts = self.bodies_beside(cue, false);
            }
            for &part in &parts {
                self.used[part] = true;
            }
            self.used[cue] = true;
            let ends = parts.iter().copied().chain([cue]);
            let (first, last) = ends.fold((cue, cue), |(a, b), at| (a.min(at), b.max(at)));
            let names = parts.iter().filter_map(|&at| self.entry(at)?.body);
            self.radiation.push(Radiation {
                start: self.tokens[first].start,
                end: self.tokens[last].end,
                negated: self.contexts[cue].negated,
                bodies: names.map(|body| self.grammar().bodies[body].name.clone()).collect(),
                side: self.side(first, last),
            });
        }
    }

    fn bodies_beside(&self, cue: usize, ahead: bool) -> Vec<usize> {
        let mut parts = Vec::new();
        for step in 1..=REACH {
            let at = if ahead { Some(cue + step) } else { cue.checked_sub(step) };
            let Some(entry) = at.and_then(|at| self.entry(at)) else { break };
            if entry.body.is_some() && entry.symptom.is_none() {
                parts.extend(at);
                continue;
            }
            // Behind the cue a word that joins nothing ends the list: "胳膊抬起来时腿放射痛".
            let ends_list =
                !ahead && !parts.is_empty() && !entry.and && entry.side.is_none() && !entry.towards;
            if entry.is_clinical() || entry.ends_scope || ends_list {
                break;
            }
        }
        parts
    }

    /// Every symptom word, with the body parts before it, or after it ("pain in the knee"), or before the last comma
    /// ("twisted ankle, swollen").
    fn symptoms(&mut self) {
        let mut group: Vec<usize> = Vec::new();
        let mut carried: Vec<usize> = Vec::new();
        let mut group_composed = false;
        let mut unknown = 0;
        for at in 0..self.tokens.len() {
            let token = self.tokens[at];
            if token.ends_clause() {
                if !token.is_comma() {
                    carried.clear();
                } else if !group.is_empty() {
                    carried.clone_from(&group);
                }
                group.clear();
                continue;
            }
            if matches!(token.piece, Piece::Unknown) {
                unknown += 1;
                if unknown > MAX_UNKNOWN_BETWEEN {
                    group.clear();
                }
                continue;
            }
            let Some(entry) = token.entry() else { continue };
            if let Some(word) = entry.symptom {
                let bodies =
                    if group.is_empty() { self.bodies_after(at, word.symptom) } else { group.clone() };
                let carries =
                    bodies.is_empty() && self.tokens.get(at + 1).is_none_or(|t| !t.is(|e| e.body.is_some()));
                let composed = if carries {
                    self.compose_carried(at, word, &carried)
                } else {
                    self.compose(at, word.symptom, &bodies)
                };
                group_composed |= composed && !group.is_empty();
                if composed && !carries {
                    carried = bodies;
                }
                if !composed
                    && !word.bound
                    && entry.codes.is_empty()
                    && let Some(code) = self.grammar().alone(word.symptom)
                {
                    self.push(code, at, at, self.contexts[at], self.grammar().symptoms[word.symptom].weak);
                }
            } else if entry.body.is_some() && !self.used[at] {
                if group_composed || !group.last().is_some_and(|&last| self.is_list(last, at)) {
                    group.clear();
                    group_composed = false;
                }
                group.push(at);
                unknown = 0;
            }
        }
    }

    /// Only words that join stand between two body parts, so that they share a symptom.
    fn is_list(&self, first: usize, second: usize) -> bool {
        self.tokens[first + 1..second].iter().all(|token| match token.piece {
            Piece::Phrase(entry) => entry.and || entry.side.is_some() || entry.plain && !entry.is_clinical(),
            Piece::Punctuation(_) => !token.ends_clause(),
            Piece::Number(_) | Piece::Unknown => false,
        })
    }

    /// A symptom after a comma, at the body part before it: where the grammar knows the two together, or where the
    /// word needs a body part.
    fn compose_carried(&mut self, at: usize, word: SymptomWord, carried: &[usize]) -> bool {
        let fits = |body| word.bound || self.grammar().compose(body, word.symptom).is_some();
        let known = |&&part: &&usize| self.entry(part).and_then(|entry| entry.body).is_some_and(fits);
        let Some(&part) = carried.iter().rev().find(known) else { return false };
        self.compose(at, word.symptom, &[part])
    }

    fn bodies_after(&self, symptom_at: usize, symptom: usize) -> Vec<usize> {
        let cause = self.grammar().symptoms[symptom].cause;
        let mut parts = Vec::new();
        let mut commas = 0;
        for at in symptom_at + 1..(symptom_at + 1 + REACH).min(self.tokens.len()) {
            let token = self.tokens[at];
            if token.is_comma() && parts.is_empty() && commas == 0 {
                commas = 1;
                continue;
            }
            let Some(entry) = token.entry() else { break };
            if entry.body.is_some() && entry.symptom.is_none() && !self.used[at] {
                if (!cause || commas > 0) && self.has_own_symptom(at) {
                    break;
                }
                parts.push(at);
            } else if entry.negation.is_some() || !entry.codes.is_empty() || (entry.ends_scope && commas > 0)
            {
                break;
            }
        }
        parts
    }

    fn has_own_symptom(&self, body_at: usize) -> bool {
        let ahead = self.tokens[body_at + 1..].iter().take(REACH).map_while(Token::entry);
        ahead.take_while(|e| e.is_soft() || e.symptom.is_some()).any(|entry| entry.symptom.is_some())
    }

    /// The codes of one symptom at several body parts; a generic part yields to a named one.
    fn compose(&mut self, at: usize, symptom: usize, bodies: &[usize]) -> bool {
        let mut hits: Vec<(usize, usize, bool)> = Vec::new();
        for &part in bodies {
            let Some(body) = self.entry(part).and_then(|entry| entry.body) else { continue };
            let generic = self.grammar().bodies[body].generic;
            let code = self.grammar().compose(body, symptom).or_else(|| self.grammar().alone(symptom));
            hits.extend(code.map(|code| (part, code, generic)));
        }
        if hits.iter().any(|hit| !hit.2) {
            hits.retain(|hit| !hit.2);
        }
        for &(part, code, _) in &hits {
            self.used[part] = true;
            self.used[at] = true;
            self.push(code, part.min(at), part.max(at), self.contexts[at], false);
        }
        !hits.is_empty()
    }

    /// Phrases that have codes of their own.
    fn phrases(&mut self) {
        for at in 0..self.tokens.len() {
            let Some(entry) = self.entry(at) else { continue };
            let composed = self.used[at];
            let own = entry.symptom.and_then(|word| self.grammar().alone(word.symptom));
            for &code in &entry.codes {
                let said_already = composed && (entry.body.is_some() || own == Some(code));
                if !said_already {
                    self.push(code, at, at, self.contexts[at], false);
                }
            }
            self.used[at] |= !entry.codes.is_empty() || !entry.flags.is_empty() || entry.condition.is_some();
        }
    }

    /// Values that are complaints of themselves ("BP 210/110", 血糖33).
    fn measurements(&mut self) {
        for at in 0..self.tokens.len() {
            let Some(id) = self.entry(at).and_then(|entry| entry.measured) else { continue };
            for (token, value_at) in self.tokens[at + 1..].iter().take(REACH / 2).zip(at + 1..) {
                match token.piece {
                    Piece::Number(value) => {
                        if let Some(code) = self.grammar().measured[id].code(value) {
                            self.push(code, at, value_at, self.contexts[at], false);
                        }
                        break;
                    }
                    Piece::Phrase(entry) if entry.plain => {}
                    Piece::Punctuation(':' | '=' | '>' | '-') => {}
                    _ => break,
                }
            }
        }
    }

    /// Codes that several complaints or signs make together.
    fn combinations(&mut self) {
        for (code, groups) in &self.inner.grammar.together {
            if let Some(hit) = find_all(groups, self.tokens, self.contexts, self) {
                self.push(*code, hit.first, hit.last, hit.context, false);
            }
        }
    }

    /// Takes out what adds nothing beside another complaint that the patient has.
    fn yield_to_narrower(&mut self) {
        let active: Vec<(usize, bool)> =
            self.found.iter().filter(|f| f.context.is_active()).map(|f| (f.code, f.weak)).collect();
        let yields = &self.inner.grammar.yields;
        let is_broad = |code: usize| yields.get(&code).is_some_and(Vec::is_empty);
        self.found.retain(|f| {
            let others = || active.iter().filter(|other| other.0 != f.code && !other.1 && !is_broad(other.0));
            let narrower = |to: &Vec<usize>| others().any(|other| to.is_empty() || to.contains(&other.0));
            !(f.weak && (others().next().is_some() || active.contains(&(f.code, false))))
                && !(f.context.is_active() && yields.get(&f.code).is_some_and(narrower))
        });
    }

    fn push(&mut self, code: usize, first: usize, last: usize, context: Context, weak: bool) {
        self.used[first] = true;
        self.used[last] = true;
        let side = self.side(first, last);
        self.found.push(Found { code, first, last, context, side, weak });
    }

    /// The side inside the mention, else right before it, else right after it ("abdominal pain, Rt").
    fn side(&self, first: usize, last: usize) -> Option<Side> {
        let inside = (first..=last).take(REACH * 2).find_map(|at| self.entry(at)?.side);
        inside.or_else(|| self.side_before(first)).or_else(|| self.side_after(last))
    }

    fn side_before(&self, first: usize) -> Option<Side> {
        for at in (0..first).rev().take(REACH) {
            let entry = self.entry(at)?;
            if entry.side.is_some() {
                return entry.side;
            }
            let generic = entry.body.is_some_and(|body| self.grammar().bodies[body].generic);
            if !(entry.plain || generic || entry.body.is_some() && self.used[at]) {
                return None;
            }
        }
        None
    }

    fn side_after(&self, last: usize) -> Option<Side> {
        let mut side = None;
        for (token, at) in self.tokens[last + 1..].iter().take(REACH).zip(last + 1..) {
            match token.entry() {
                Some(entry) if entry.side.is_some() && side.is_none() => side = entry.side,
                Some(entry) if entry.plain => {}
                // The side belongs to what follows it.
                Some(_) if side.is_some() && self.tokens[at].is(|e| e.is_clinical()) => return None,
                Some(_) => break,
                None if token.is_comma() && side.is_none() => {}
                None => break,
            }
        }
        side
    }
}
