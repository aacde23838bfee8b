//! Durations: a number with a unit, or a word such as "since yesterday".

use super::context::Context;
use super::reading::Duration;
use super::token::{Piece, Token};

pub(super) fn durations(tokens: &[Token<'_>], contexts: &[Context]) -> Vec<Duration> {
    let mut found: Vec<Duration> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        at += 1;
        if let Some(minutes) = tokens[start].entry().and_then(|entry| entry.since_minutes) {
            push(&mut found, minutes, tokens, contexts, start, start);
            continue;
        }
        let Some(mut number) = value(&tokens[start]) else { continue };
        let mut last = start;
        // "3-4 days", "1个半小时", "十二三天": the later, longer number counts.
        while let Some(token) = tokens.get(last + 1) {
            match value(token) {
                Some(more) if more < 1.0 => number += more,
                Some(more) => number = number.max(more),
                None if matches!(token.piece, Piece::Punctuation('-' | '~' | '+')) => {}
                None => break,
            }
            last += 1;
        }
        at = last + 1;
        let Some(unit) = tokens.get(last + 1).and_then(Token::entry).and_then(|entry| entry.unit_minutes)
        else {
            continue;
        };
        at = last + 2;
        let after = start.checked_sub(1).map(|before| &tokens[before]);
        let is_after = after.is_some_and(|token| token.is(|e| e.no_duration.is_some_and(|a| a.after)));
        let is_before =
            tokens.get(at).is_some_and(|token| token.is(|e| e.no_duration.is_some_and(|a| a.before)));
        if !(is_after || is_before) {
            push(&mut found, (number * unit as f32) as u32, tokens, contexts, start, last + 1);
        }
    }
    found
}

fn value(token: &Token<'_>) -> Option<f32> {
    match token.piece {
        Piece::Number(number) => Some(number),
        Piece::Phrase(entry) => entry.number,
        _ => None,
    }
}

fn push(
    found: &mut Vec<Duration>,
    minutes: u32,
    tokens: &[Token<'_>],
    contexts: &[Context],
    first: usize,
    last: usize,
) {
    // It belongs to what stands before it in the clause.
    let mut before = tokens[..first].iter().zip(contexts).rev().take_while(|(token, _)| !token.ends_clause());
    let owner = before.find(|(token, _)| token.is(|entry| entry.is_clinical() || entry.history.is_some()));
    let history = owner.is_some_and(|(token, context)| context.history || token.is(|e| e.history.is_some()));
    found.push(Duration { minutes, start: tokens[first].start, end: tokens[last].end, history });
}
