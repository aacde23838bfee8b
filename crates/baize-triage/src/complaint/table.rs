//! The phrases of a lexicon while they are collected: one pattern each, with all its roles.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::data::{AroundWords, LanguageFile, ModifiersFile};
use super::entry::{Around, Entry, Negation, SymptomWord};
use super::error::LexiconError;
use super::grammar::Grammar;
use super::load::{FLAGS, MODIFIERS, code_id, invalid};
use super::normal::Normaliser;
use super::reading::Side;

/// Patterns and entries, in the same order.
#[derive(Default)]
pub(super) struct Table {
    pub(super) normaliser: Normaliser,
    pub(super) entries: Vec<Entry>,
    pub(super) patterns: Vec<String>,
    ids: HashMap<String, usize>,
    files: Vec<&'static str>,
}

impl Table {
    pub(super) fn new(normaliser: Normaliser) -> Self {
        Self { normaliser, ..Self::default() }
    }

    pub(super) fn add(&mut self, file: &'static str, phrase: &str, entry: Entry) -> Result<(), LexiconError> {
        let pattern = self.normaliser.normalise(phrase).text;
        if pattern.is_empty() {
            return Err(invalid(file, phrase, "nothing is left of this phrase"));
        }
        match self.ids.get(&pattern) {
            Some(&id) => {
                if !self.entries[id].merge(entry) {
                    return Err(LexiconError::Conflict {
                        file,
                        phrase: phrase.to_owned(),
                        other: self.files[id],
                    });
                }
            }
            None => {
                self.ids.insert(pattern.clone(), self.entries.len());
                self.entries.push(entry);
                self.patterns.push(pattern);
                self.files.push(file);
            }
        }
        Ok(())
    }

    pub(super) fn add_all(
        &mut self,
        file: &'static str,
        phrases: &[String],
        entry: &Entry,
    ) -> Result<(), LexiconError> {
        phrases.iter().try_for_each(|phrase| self.add(file, phrase, entry.clone()))
    }

    pub(super) fn add_language(
        &mut self,
        file: &'static str,
        language: &LanguageFile,
        grammar: &Grammar,
        code_ids: &HashMap<String, usize>,
    ) -> Result<(), LexiconError> {
        let plain = Entry { plain: true, ..Entry::default() };
        self.add_all(file, &language.words.ignore, &plain)?;
        self.add_all(file, &language.words.stop, &plain)?;
        self.add_all(file, &language.words.and, &Entry { and: true, ..plain.clone() })?;
        self.add_all(file, &language.words.or, &Entry { or: true, ..plain })?;
        for (name, words) in &language.bodies {
            let body = Some(grammar.body(file, name)?);
            self.add_all(file, words, &Entry { body, ..Entry::default() })?;
        }
        for (words, bound) in [(&language.symptoms, false), (&language.bound_symptoms, true)] {
            for (name, words) in words {
                let symptom = Some(SymptomWord { symptom: grammar.symptom(file, name)?, bound });
                self.add_all(file, words, &Entry { symptom, ..Entry::default() })?;
            }
        }
        for (code, phrases) in &language.phrases {
            let codes = vec![code_id(code_ids, file, code)?];
            self.add_all(file, phrases, &Entry { codes, ..Entry::default() })?;
        }
        for joint in &language.joint {
            let codes =
                joint.codes.iter().map(|code| code_id(code_ids, file, code)).collect::<Result<_, _>>()?;
            self.add_all(file, &joint.phrases, &Entry { codes, ..Entry::default() })?;
        }
        Ok(())
    }

    /// A red flag's phrase gives `code` where it is no complaint already.
    pub(super) fn add_flag(
        &mut self,
        phrase: &str,
        id: usize,
        code: Option<usize>,
    ) -> Result<(), LexiconError> {
        let known = self.ids.get(&self.normaliser.normalise(phrase).text);
        let is_complaint = known.is_some_and(|&id| self.entries[id].is_complaint());
        let codes = code.filter(|_| !is_complaint).into_iter().collect();
        self.add(FLAGS, phrase, Entry { flags: vec![id], codes, ..Entry::default() })
    }

    /// Takes out each phrase that is a body part and its symptom and means what the grammar makes of them, so that
    /// 腰和腿疼 shares its pain between both. The phrase stays in the file, as the proof that its code can be said.
    pub(super) fn leave_to_grammar(&mut self, grammar: &Grammar) {
        let composed = |pattern: &str, entry: &Entry| {
            let parts = pattern.char_indices().skip(1).map(|(at, _)| pattern.split_at(at));
            let entries = parts.filter_map(|(a, b)| {
                Some((&self.entries[*self.ids.get(a)?], &self.entries[*self.ids.get(b)?]))
            });
            let mut codes = entries.filter_map(|(a, b)| {
                let (body, symptom) = if a.body.is_some() { (a, b) } else { (b, a) };
                grammar.compose(body.body?, symptom.symptom?.symptom)
            });
            codes.any(|code| *entry == Entry { codes: vec![code], ..Entry::default() })
        };
        let keep: Vec<bool> = self
            .patterns
            .iter()
            .zip(&self.entries)
            .map(|(pattern, entry)| !composed(pattern, entry))
            .collect();
        retain(&mut self.patterns, &keep);
        retain(&mut self.entries, &keep);
        retain(&mut self.files, &keep);
        self.ids = self.patterns.iter().cloned().zip(0..).collect();
    }

    /// A phrase that begins with a side has that side: 双下肢水肿.
    pub(super) fn mark_sides(&mut self) {
        let sides = self.patterns.iter().zip(&self.entries);
        let sides: Vec<(String, Side)> =
            sides.filter_map(|(pattern, entry)| Some((pattern.clone(), entry.side?))).collect();
        for (pattern, entry) in self.patterns.iter().zip(&mut self.entries) {
            if entry.side.is_none() && entry.is_clinical() {
                entry.side =
                    sides.iter().find(|(cue, _)| pattern.starts_with(cue.as_str())).map(|(_, side)| *side);
            }
        }
    }

    /// 没有尿 (retention) would hide the negation of 没有尿痛: where a phrase is a negation and the start of another
    /// phrase, the negation of that other phrase becomes a longer phrase of its own.
    pub(super) fn add_denials(&mut self) {
        let known: BTreeSet<String> = self.patterns.iter().cloned().collect();
        let is_cue = |entry: &Entry| matches!(entry.negation, Some(Negation::Clause | Negation::Next));
        let cues: Vec<&String> =
            known.iter().filter(|pattern| is_cue(&self.entries[self.ids[*pattern]])).collect();
        let mut denials: BTreeMap<String, Entry> = BTreeMap::new();
        let starting = |start: &String| {
            known.range(start.clone()..).take_while({
                let start = start.clone();
                move |pattern| pattern.starts_with(&start)
            })
        };
        for (cue, pattern) in cues.iter().flat_map(|cue| starting(cue).map(move |pattern| (cue, pattern))) {
            let Some(rest) = pattern.strip_prefix(cue.as_str()) else { continue };
            let longer = known.range(rest.to_owned()..).take_while(|phrase| phrase.starts_with(rest));
            for phrase in longer.filter(|phrase| !rest.is_empty() && phrase.len() > rest.len()) {
                let entry = &self.entries[self.ids[phrase]];
                let denial = format!("{cue}{phrase}");
                if entry.is_clinical() && !known.contains(&denial) {
                    denials.insert(denial, Entry { denied: true, ..entry.clone() });
                }
            }
        }
        for (pattern, entry) in denials {
            self.entries.push(entry);
            self.patterns.push(pattern);
            self.files.push(MODIFIERS);
        }
    }

    pub(super) fn add_modifiers(
        &mut self,
        file: &ModifiersFile,
        sign_ids: &HashMap<String, usize>,
    ) -> Result<(), LexiconError> {
        let negation = &file.negation;
        for (words, kind) in [
            (&negation.clause, Negation::Clause),
            (&negation.next, Negation::Next),
            (&negation.after, Negation::After),
        ] {
            self.add_all(MODIFIERS, words, &Entry { negation: Some(kind), ..Entry::default() })?;
        }
        self.add_all(MODIFIERS, &negation.end, &Entry { ends_scope: true, ..Entry::default() })?;
        self.add_around(&file.history, |around| Entry { history: Some(around), ..Entry::default() })?;
        self.add_around(&file.suspicion, |around| Entry { suspicion: Some(around), ..Entry::default() })?;
        self.add_around(&file.no_duration, |around| Entry {
            no_duration: Some(around),
            plain: true,
            ..Entry::default()
        })?;
        let sides = &file.sides;
        for (words, side) in [
            (&sides.left, Side::Left),
            (&sides.right, Side::Right),
            (&sides.both, Side::Both),
            (&sides.one, Side::One),
        ] {
            self.add_all(MODIFIERS, words, &Entry { side: Some(side), ..Entry::default() })?;
        }
        self.add_all(MODIFIERS, &file.radiation.cue, &Entry { radiates: true, ..Entry::default() })?;
        self.add_all(MODIFIERS, &file.radiation.towards, &Entry { towards: true, ..Entry::default() })?;
        for (name, words) in &file.signs {
            let signs = sign_ids.get(name).copied().into_iter().collect();
            self.add_all(MODIFIERS, words, &Entry { signs, ..Entry::default() })?;
        }
        for unit in file.units.values() {
            let entry = Entry { unit_minutes: Some(unit.minutes), ..Entry::default() };
            self.add_all(MODIFIERS, &unit.words, &entry)?;
        }
        for (value, words) in &file.numbers {
            let number = value.parse::<f32>().ok().filter(|n| n.is_finite() && *n > 0.0);
            let number =
                Some(number.ok_or_else(|| invalid(MODIFIERS, value, "a number above zero is wanted"))?);
            self.add_all(MODIFIERS, words, &Entry { number, ..Entry::default() })?;
        }
        for (minutes, words) in &file.since {
            let minutes =
                minutes.parse().map_err(|_| invalid(MODIFIERS, minutes, "whole minutes are wanted"))?;
            self.add_all(MODIFIERS, words, &Entry { since_minutes: Some(minutes), ..Entry::default() })?;
        }
        Ok(())
    }

    fn add_around(
        &mut self,
        words: &AroundWords,
        entry: impl Fn(Around) -> Entry,
    ) -> Result<(), LexiconError> {
        self.add_all(MODIFIERS, &words.before, &entry(Around { before: true, after: false }))?;
        self.add_all(MODIFIERS, &words.after, &entry(Around { before: false, after: true }))
    }
}

fn retain<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    items.retain(|_| keep.next().is_some_and(|kept| *kept));
}
