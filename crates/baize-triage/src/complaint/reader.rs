//! The reader: one text in, one reading out.

use super::compose::Composition;
use super::context::contexts;
use super::error::TooLong;
use super::flags::red_flags;
use super::lexicon::Lexicon;
use super::reading::{Condition, Reading, Span};
use super::time::durations;
use super::token::{Piece, Token, tokens};

/// The longest complaint that is read, in Unicode scalar values.
pub const MAX_CHARS: usize = 2_000;

/// Reads complaints with one lexicon. Cheap to clone, and any number of threads may read at once.
#[derive(Clone, Debug)]
pub struct ComplaintReader {
    lexicon: Lexicon,
}

impl ComplaintReader {
    /// A reader that uses this lexicon.
    pub fn new(lexicon: &Lexicon) -> Self {
        Self { lexicon: lexicon.clone() }
    }

    /// Reads one complaint. Time is linear in its length.
    ///
    /// # Errors
    /// [`TooLong`] beyond [`MAX_CHARS`]; nothing is cut silently.
    pub fn read(&self, text: &str) -> Result<Reading, TooLong> {
        let chars = text.chars().count();
        if chars > MAX_CHARS {
            return Err(TooLong { chars, limit: MAX_CHARS });
        }
        let inner = &*self.lexicon.inner;
        let tokens = tokens(inner, text);
        let contexts = contexts(&tokens);
        let composition = Composition::of(inner, &tokens, &contexts);
        let mentions = composition.mentions();
        let red_flags = red_flags(&inner.flags, &tokens, &contexts, &composition);
        let mut conditions = Vec::new();
        for (token, context) in tokens.iter().zip(&contexts) {
            if let Some(id) = token.entry().and_then(|entry| entry.condition) {
                conditions.push(Condition {
                    id: inner.conditions[id].clone(),
                    start: token.start,
                    end: token.end,
                    negated: context.negated,
                    history: context.history,
                });
            }
        }
        let mut unknown = unknown(&tokens, &composition.used);
        if mentions.is_empty() && unknown.is_empty() {
            unknown.extend(whole(text));
        }
        Ok(Reading {
            durations: durations(&tokens, &contexts),
            radiation: composition.radiation,
            mentions,
            red_flags,
            conditions,
            unknown,
        })
    }
}

/// Pieces that nothing matched, and body parts or symptoms that came to nothing in a clause without any complaint.
fn unknown(tokens: &[Token<'_>], used: &[bool]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut clause_start = 0;
    for clause in tokens.split_inclusive(Token::ends_clause) {
        let used = &used[clause_start..clause_start + clause.len()];
        clause_start += clause.len();
        let understood = used.contains(&true);
        let mut joins_last = false;
        for (token, used) in clause.iter().zip(used) {
            let is_unknown = match token.piece {
                Piece::Unknown => true,
                Piece::Phrase(entry) => {
                    !understood && !used && !entry.plain && (entry.body.is_some() || entry.symptom.is_some())
                }
                Piece::Number(_) | Piece::Punctuation(_) => false,
            };
            match spans.last_mut() {
                Some(last) if is_unknown && joins_last => last.end = token.end,
                _ if is_unknown => spans.push(Span { start: token.start, end: token.end }),
                _ => {}
            }
            joins_last = is_unknown;
        }
    }
    spans
}

/// The text without the spaces around it.
fn whole(text: &str) -> Option<Span> {
    let start = text.chars().take_while(|c| c.is_whitespace()).count();
    let length = text.trim().chars().count();
    (length > 0).then_some(Span { start, end: start + length })
}
