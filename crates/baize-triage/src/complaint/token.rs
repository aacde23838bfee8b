//! Cuts a folded text into phrases of the lexicon, numbers, punctuation and the unknown.

use super::entry::Entry;
use super::lexicon::Inner;

#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    Phrase(&'a Entry),
    Number(f32),
    Punctuation(char),
    Unknown,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) piece: Piece<'a>,
    /// Original characters, end exclusive.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'a> Token<'a> {
    pub(super) fn entry(&self) -> Option<&'a Entry> {
        match self.piece {
            Piece::Phrase(entry) => Some(entry),
            _ => None,
        }
    }

    pub(super) fn is(&self, test: impl Fn(&Entry) -> bool) -> bool {
        self.entry().is_some_and(test)
    }

    /// A mark that ends a clause; a comma does, the enumeration comma and word joiners don't.
    pub(super) fn ends_clause(&self) -> bool {
        matches!(self.piece, Piece::Punctuation(mark) if !matches!(mark, '、' | '/' | '&' | '+' | '~' | '\'' | '"' | '-'))
    }

    pub(super) fn is_comma(&self) -> bool {
        matches!(self.piece, Piece::Punctuation(','))
    }
}

pub(super) fn tokens<'a>(inner: &'a Inner, text: &str) -> Vec<Token<'a>> {
    let normalised = inner.normaliser.normalise(text);
    let mut found = Vec::new();
    let mut at = 0;
    let gap = |from: usize, to: usize, found: &mut Vec<Token<'a>>| {
        let mut at = from;
        while at < to {
            let rest = &normalised.text[at..to];
            let Some(first) = rest.chars().next() else { break };
            let (piece, length) = if first == ' ' {
                let word = rest[1..].split(' ').next().unwrap_or_default();
                let piece = word.parse().map_or(Piece::Unknown, Piece::Number);
                let is_digits = word.starts_with(|c: char| c.is_ascii_digit());
                (if is_digits { piece } else { Piece::Unknown }, (word.len() + 2).min(rest.len()))
            } else if first.is_alphanumeric() {
                (Piece::Unknown, first.len_utf8())
            } else {
                (Piece::Punctuation(first), first.len_utf8())
            };
            let (start, end) = normalised.original(at, at + length);
            found.push(Token { piece, start, end });
            at += length;
        }
    };
    for hit in inner.automaton.find_iter(&normalised.text) {
        gap(at, hit.start(), &mut found);
        let (start, end) = normalised.original(hit.start(), hit.end());
        found.push(Token { piece: Piece::Phrase(&inner.entries[hit.pattern().as_usize()]), start, end });
        at = hit.end();
    }
    gap(at, normalised.text.len(), &mut found);
    found
}
