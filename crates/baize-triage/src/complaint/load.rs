//! Reads and validates the files of a lexicon.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use baize_core::Text;
use serde::de::DeserializeOwned;

use super::data::{
    AroundWords, CodesFile, ConditionsFile, FlagsFile, FoldFile, GrammarFile, LanguageFile, ModifiersFile,
};
use super::entry::{Around, Entry, Negation, SymptomWord};
use super::error::LexiconError;
use super::flags::Flag;
use super::grammar::Grammar;
use super::lexicon::{Code, Header, Inner, Lexicon};
use super::normal::{Normaliser, is_han};
use super::part::Names;
use super::reading::Side;

const CODES: &str = "codes.toml";
const GRAMMAR: &str = "grammar.toml";
const ZH: &str = "zh.toml";
const EN: &str = "en.toml";
const MODIFIERS: &str = "modifiers.toml";
const FLAGS: &str = "red_flags.toml";
const CONDITIONS: &str = "conditions.toml";
const FOLD: &str = "traditional_to_simplified.toml";

/// The text of every file by its name.
pub(super) struct Sources(HashMap<&'static str, String>);

impl Sources {
    pub(super) fn builtin() -> Self {
        let files = [
            (CODES, include_str!("../../lexicon/codes.toml")),
            (GRAMMAR, include_str!("../../lexicon/grammar.toml")),
            (ZH, include_str!("../../lexicon/zh.toml")),
            (EN, include_str!("../../lexicon/en.toml")),
            (MODIFIERS, include_str!("../../lexicon/modifiers.toml")),
            (FLAGS, include_str!("../../lexicon/red_flags.toml")),
            (CONDITIONS, include_str!("../../lexicon/conditions.toml")),
            (FOLD, include_str!("../../lexicon/traditional_to_simplified.toml")),
        ];
        Self(files.into_iter().map(|(file, text)| (file, text.to_owned())).collect())
    }

    pub(super) fn read(dir: &Path) -> Result<Self, LexiconError> {
        let files = [CODES, GRAMMAR, ZH, EN, MODIFIERS, FLAGS, CONDITIONS, FOLD];
        let texts = files.into_iter().map(|file| {
            let text = std::fs::read_to_string(dir.join(file));
            Ok((file, text.map_err(|source| LexiconError::Io { file, source })?))
        });
        Ok(Self(texts.collect::<Result<_, LexiconError>>()?))
    }

    fn parse<T: DeserializeOwned>(&self, file: &'static str) -> Result<T, LexiconError> {
        let text = self.0.get(file).map(String::as_str).unwrap_or_default();
        toml::from_str(text).map_err(|source| LexiconError::Toml { file, source: Box::new(source) })
    }
}

pub(super) fn build(sources: &Sources) -> Result<Lexicon, LexiconError> {
    let codes_file: CodesFile = sources.parse(CODES)?;
    let grammar_file: GrammarFile = sources.parse(GRAMMAR)?;
    let zh: LanguageFile = sources.parse(ZH)?;
    let en: LanguageFile = sources.parse(EN)?;
    let modifiers: ModifiersFile = sources.parse(MODIFIERS)?;
    let flags_file: FlagsFile = sources.parse(FLAGS)?;
    let conditions_file: ConditionsFile = sources.parse(CONDITIONS)?;
    let fold: FoldFile = sources.parse(FOLD)?;

    let headers = vec![
        (CODES, codes_file.header.clone()),
        (GRAMMAR, grammar_file.header.clone()),
        (ZH, zh.header.clone()),
        (EN, en.header.clone()),
        (MODIFIERS, modifiers.header.clone()),
        (FLAGS, flags_file.header.clone()),
        (CONDITIONS, conditions_file.header.clone()),
        (FOLD, fold.header.clone()),
    ];
    check_headers(&headers)?;
    let code_ids: HashMap<String, usize> = codes_file.codes.keys().cloned().zip(0..).collect();
    for rule in &codes_file.by_age {
        code_id(&code_ids, CODES, &rule.code)?;
        code_id(&code_ids, CODES, &rule.refined)?;
    }
    let sign_ids: HashMap<String, usize> = modifiers.signs.keys().cloned().zip(0..).collect();
    let grammar = Grammar::new(grammar_file, &Names { file: GRAMMAR, codes: &code_ids, signs: &sign_ids })?;
    let normaliser = Normaliser {
        fold: fold_pairs(&fold.fold.pairs)?,
        spellings: spellings(&en)?.into_iter().chain(spellings(&zh)?).collect(),
        abbreviations: en.words.abbreviations.iter().chain(&zh.words.abbreviations).cloned().collect(),
        vocabulary: HashSet::new(),
    };

    let mut table = Table { normaliser, entries: Vec::new(), patterns: Vec::new(), ids: HashMap::new(), files: Vec::new() };
    for (file, language) in [(ZH, &zh), (EN, &en)] {
        table.add_language(file, language, &grammar, &code_ids)?;
        check_coverage(file, language, &codes_file)?;
    }
    table.add_modifiers(&modifiers, &sign_ids)?;
    let flags = Flag::all(&Names { file: FLAGS, codes: &code_ids, signs: &sign_ids }, &flags_file.flags)?;
    for (id, rule) in flags_file.flags.iter().enumerate() {
        for phrase in &rule.phrases {
            table.add(FLAGS, phrase, Entry { flags: vec![id], ..Entry::default() })?;
        }
    }
    for (id, (name, words)) in conditions_file.conditions.iter().enumerate() {
        if !name.starts_with("pmh_") {
            return Err(invalid(CONDITIONS, name, "a condition is named like a history column, pmh_*"));
        }
        for word in words {
            table.add(CONDITIONS, word, Entry { condition: Some(id), ..Entry::default() })?;
        }
    }
    let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&table.patterns)?;
    let Table { mut normaliser, entries, patterns, .. } = table;
    normaliser.vocabulary = patterns.iter().flat_map(|p| p.split(' ')).filter(|w| !w.is_empty()).map(str::to_owned).collect();
    let code = |(id, names): (String, super::data::CodeNames)| Code {
        id,
        name: Text { zh: names.zh, en: names.en },
        group: names.group,
    };
    Ok(Lexicon {
        inner: Arc::new(Inner {
            headers,
            codes: codes_file.codes.into_iter().map(code).collect(),
            code_ids,
            by_age: codes_file.by_age,
            grammar,
            flags,
            conditions: conditions_file.conditions.into_keys().collect(),
            normaliser,
            entries,
            automaton,
        }),
    })
}

/// The phrases while they are collected.
struct Table {
    normaliser: Normaliser,
    entries: Vec<Entry>,
    patterns: Vec<String>,
    ids: HashMap<String, usize>,
    files: Vec<&'static str>,
}

impl Table {
    fn add(&mut self, file: &'static str, phrase: &str, entry: Entry) -> Result<(), LexiconError> {
        let pattern = self.normaliser.normalise(phrase).text;
        if pattern.is_empty() {
            return Err(invalid(file, phrase, "nothing is left of this phrase"));
        }
        match self.ids.get(&pattern) {
            Some(&id) => {
                if !self.entries[id].merge(entry) {
                    return Err(LexiconError::Conflict { file, phrase: phrase.to_owned(), other: self.files[id] });
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

    fn add_all(&mut self, file: &'static str, phrases: &[String], entry: &Entry) -> Result<(), LexiconError> {
        phrases.iter().try_for_each(|phrase| self.add(file, phrase, entry.clone()))
    }

    fn add_language(
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
            let codes = joint.codes.iter().map(|code| code_id(code_ids, file, code)).collect::<Result<_, _>>()?;
            self.add_all(file, &joint.phrases, &Entry { codes, ..Entry::default() })?;
        }
        Ok(())
    }

    fn add_modifiers(&mut self, file: &ModifiersFile, sign_ids: &HashMap<String, usize>) -> Result<(), LexiconError> {
        let negation = &file.negation;
        for (words, kind) in
            [(&negation.clause, Negation::Clause), (&negation.next, Negation::Next), (&negation.after, Negation::After)]
        {
            self.add_all(MODIFIERS, words, &Entry { negation: Some(kind), ..Entry::default() })?;
        }
        self.add_all(MODIFIERS, &negation.end, &Entry { ends_scope: true, ..Entry::default() })?;
        self.add_around(&file.history, |around| Entry { history: Some(around), ..Entry::default() })?;
        self.add_around(&file.suspicion, |around| Entry { suspicion: Some(around), ..Entry::default() })?;
        self.add_around(&file.no_duration, |around| Entry { no_duration: Some(around), plain: true, ..Entry::default() })?;
        let sides = &file.sides;
        for (words, side) in
            [(&sides.left, Side::Left), (&sides.right, Side::Right), (&sides.both, Side::Both), (&sides.one, Side::One)]
        {
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
            let number = Some(number.ok_or_else(|| invalid(MODIFIERS, value, "a number above zero is wanted"))?);
            self.add_all(MODIFIERS, words, &Entry { number, ..Entry::default() })?;
        }
        for (minutes, words) in &file.since {
            let minutes = minutes.parse().map_err(|_| invalid(MODIFIERS, minutes, "whole minutes are wanted"))?;
            self.add_all(MODIFIERS, words, &Entry { since_minutes: Some(minutes), ..Entry::default() })?;
        }
        Ok(())
    }

    fn add_around(&mut self, words: &AroundWords, entry: impl Fn(Around) -> Entry) -> Result<(), LexiconError> {
        self.add_all(MODIFIERS, &words.before, &entry(Around { before: true, after: false }))?;
        self.add_all(MODIFIERS, &words.after, &entry(Around { before: false, after: true }))
    }
}

fn check_headers(headers: &[(&'static str, Header)]) -> Result<(), LexiconError> {
    for (file, header) in headers {
        if header.source.trim().is_empty() || header.version.trim().is_empty() {
            return Err(invalid(file, "header", "source and version must be given"));
        }
    }
    Ok(())
}

/// Every code can be said in this language.
fn check_coverage(file: &'static str, language: &LanguageFile, codes: &CodesFile) -> Result<(), LexiconError> {
    let wants_han = file == ZH;
    for code in codes.codes.keys() {
        let phrases = language.phrases.get(code).map(Vec::as_slice).unwrap_or_default();
        if !phrases.iter().any(|phrase| phrase.chars().any(is_han) == wants_han) {
            return Err(invalid(file, code, "no phrase gives this code"));
        }
    }
    Ok(())
}

fn spellings(language: &LanguageFile) -> Result<HashMap<String, String>, LexiconError> {
    let mut forms = HashMap::new();
    for (canonical, written) in &language.spellings {
        for form in written {
            if !form.chars().all(|c| c.is_lowercase() || c == '\'') {
                return Err(invalid(EN, form, "a spelling is one word in lower case"));
            }
            if forms.insert(form.clone(), canonical.clone()).is_some_and(|other| other != *canonical) {
                return Err(invalid(EN, form, "two words claim this spelling"));
            }
        }
    }
    Ok(forms)
}

fn fold_pairs(pairs: &str) -> Result<HashMap<char, char>, LexiconError> {
    let mut fold = HashMap::new();
    for pair in pairs.split_whitespace() {
        let mut chars = pair.chars();
        let (Some(from), Some(to), None) = (chars.next(), chars.next(), chars.next()) else {
            return Err(invalid(FOLD, pair, "a pair is two characters"));
        };
        if fold.insert(from, to).is_some_and(|other| other != to) {
            return Err(invalid(FOLD, pair, "this character is already folded to another"));
        }
    }
    Ok(fold)
}

fn code_id(ids: &HashMap<String, usize>, file: &'static str, code: &str) -> Result<usize, LexiconError> {
    ids.get(code).copied().ok_or_else(|| invalid(file, code, "no such code in codes.toml"))
}

fn invalid(file: &'static str, item: &str, problem: &'static str) -> LexiconError {
    LexiconError::Invalid { file, item: item.to_owned(), problem }
}
