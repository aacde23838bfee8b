//! Negation, history and suspicion of each token: what a cue word reaches within its clause.

use super::entry::Negation;
use super::token::{Piece, Token};

/// How far ahead an "or" is looked for that keeps a negated list together across commas.
const LIST_REACH: usize = 24;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) negated: bool,
    pub(super) history: bool,
    pub(super) suspected: bool,
}

impl Context {
    /// The patient has it now, or may have it.
    pub(super) fn is_active(&self) -> bool {
        !self.negated && !self.history
    }
}

#[derive(Default)]
struct Scope {
    negation: Option<Negation>,
    /// Words without meaning since a negation of the next complaint.
    distance: usize,
    history: bool,
    suspected: bool,
    /// A question mark reaches only what follows at once.
    question: bool,
}

pub(super) fn contexts(tokens: &[Token<'_>]) -> Vec<Context> {
    let mut contexts = vec![Context::default(); tokens.len()];
    let mut scope = Scope::default();
    for (at, token) in tokens.iter().enumerate() {
        match token.piece {
            Piece::Punctuation('?') => question_mark(tokens, &mut contexts, at, &mut scope),
            Piece::Punctuation(',') => comma(tokens, at, &mut scope),
            Piece::Punctuation(_) if token.ends_clause() => scope = Scope::default(),
            Piece::Unknown => {
                scope.question = false;
                if scope.negation == Some(Negation::Next) {
                    scope.negation = None;
                }
            }
            _ => {}
        }
        let Some(entry) = token.entry() else { continue };
        if entry.ends_scope && entry.negation.is_none() {
            scope.negation = None;
            scope.history = false;
            scope.suspected = false;
        }
        if entry.denied {
            scope.negation = Some(Negation::Clause);
        }
        match entry.negation {
            Some(Negation::After) => mark_back(tokens, &mut contexts, at, |c| c.negated = true),
            Some(kind) => {
                scope.negation = Some(kind);
                scope.distance = 0;
            }
            None => {}
        }
        if let Some(around) = entry.history {
            scope.history |= around.before;
            if around.after {
                mark_back(tokens, &mut contexts, at, |c| c.history = true);
            }
        }
        if let Some(around) = entry.suspicion {
            scope.suspected |= around.before;
            if around.after {
                mark_back(tokens, &mut contexts, at, |c| c.suspected = true);
            }
        }
        if entry.is_clinical() {
            contexts[at] = Context {
                negated: scope.negation.is_some(),
                history: scope.history,
                suspected: scope.suspected || scope.question,
            };
            scope.question = false;
            let is_body_alone = entry.body.is_some() && entry.codes.is_empty() && entry.symptom.is_none();
            if scope.negation == Some(Negation::Next) && !is_body_alone {
                scope.negation = None;
            }
        } else if scope.negation == Some(Negation::Next) && entry.negation.is_none() {
            scope.distance += 1;
            if scope.distance > 1 {
                scope.negation = None;
            }
        }
    }
    contexts
}

/// A comma ends every scope, except in a negated list that an "or" closes ("no fever, chills or cough") and in a list of
/// conditions after "history of" that raise no flag of their own.
fn comma(tokens: &[Token<'_>], at: usize, scope: &mut Scope) {
    let keeps_negation = scope.negation == Some(Negation::Clause) && list_goes_on(tokens, at);
    let next = tokens[at + 1..].iter().filter_map(Token::entry).find(|entry| !entry.plain);
    let keeps_history = scope.history
        && next.is_some_and(|e| e.condition.is_some() && e.codes.is_empty() && e.flags.is_empty());
    *scope = Scope {
        negation: scope.negation.filter(|_| keeps_negation),
        history: keeps_history,
        ..Scope::default()
    };
}

fn list_goes_on(tokens: &[Token<'_>], comma: usize) -> bool {
    for token in tokens[comma + 1..].iter().take(LIST_REACH) {
        if token.is(|entry| entry.or) {
            return true;
        }
        let stops = token.is(|entry| entry.ends_scope || entry.negation.is_some());
        if stops || token.ends_clause() && !token.is_comma() {
            return false;
        }
    }
    false
}

/// One question mark marks what stands beside it; several are a typist's or a broken encoding's.
fn question_mark(tokens: &[Token<'_>], contexts: &mut [Context], at: usize, scope: &mut Scope) {
    let is_mark = |i: usize| tokens.get(i).is_some_and(|t| matches!(t.piece, Piece::Punctuation('?')));
    *scope = Scope::default();
    if is_mark(at + 1) || at.checked_sub(1).is_some_and(is_mark) {
        return;
    }
    let before = at.checked_sub(1).and_then(|i| tokens.get(i)).is_some_and(|t| t.is(|e| e.is_clinical()));
    if before {
        contexts[at - 1].suspected = true;
    } else {
        scope.question = true;
    }
}

/// Marks the complaints before a cue, back to the start of its clause or to another complaint's cue.
fn mark_back(tokens: &[Token<'_>], contexts: &mut [Context], at: usize, mark: impl Fn(&mut Context)) {
    for (token, context) in tokens[..at].iter().zip(contexts).rev().take(LIST_REACH) {
        if token.ends_clause() || token.is(|entry| entry.ends_scope || entry.negation.is_some()) {
            return;
        }
        if token.is(|entry| entry.is_clinical()) {
            mark(context);
        }
    }
}
