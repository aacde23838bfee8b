//! Reads and validates the files of a lexicon.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use baize_core::Text;
use serde::de::DeserializeOwned;

use super::data::{
    CodeNames, CodesFile, ConditionsFile, FlagsFile, FoldFile, GrammarFile, LanguageFile, ModifiersFile,
};
use super::entry::Entry;
use super::error::LexiconError;
use super::flags::Flag;
use super::grammar::Grammar;
use super::lexicon::{Code, Header, Inner, Lexicon};
use super::normal::{Normaliser, is_han};
use super::part::Names;
use super::table::Table;

const CODES: &str = "codes.toml";
const GRAMMAR: &str = "grammar.toml";
const ZH: &str = "zh.toml";
const EN: &str = "en.toml";
pub(super) const MODIFIERS: &str = "modifiers.toml";
pub(super) const FLAGS: &str = "red_flags.toml";
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
    let measured: Vec<Vec<String>> = grammar_file.measured.iter().map(|rule| rule.words.clone()).collect();
    let grammar = Grammar::new(grammar_file, &Names { file: GRAMMAR, codes: &code_ids, signs: &sign_ids })?;
    let normaliser = Normaliser {
        fold: fold_pairs(&fold.fold.pairs)?,
        spellings: spellings(&en)?.into_iter().chain(spellings(&zh)?).collect(),
        abbreviations: en.words.abbreviations.iter().chain(&zh.words.abbreviations).cloned().collect(),
        vocabulary: HashSet::new(),
    };

    let mut table = Table::new(normaliser);
    for (file, language) in [(ZH, &zh), (EN, &en)] {
        table.add_language(file, language, &grammar, &code_ids)?;
        check_coverage(file, language, &codes_file)?;
    }
    table.add_modifiers(&modifiers, &sign_ids)?;
    for (id, words) in measured.iter().enumerate() {
        table.add_all(GRAMMAR, words, &Entry { measured: Some(id), ..Entry::default() })?;
    }
    let flags = Flag::all(&Names { file: FLAGS, codes: &code_ids, signs: &sign_ids }, &flags_file.flags)?;
    for (id, rule) in flags_file.flags.iter().enumerate() {
        for phrase in &rule.phrases {
            let codes = rule.gives.as_ref().map(|code| code_id(&code_ids, FLAGS, code)).transpose()?;
            table.add_flag(phrase, id, codes)?;
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
    table.leave_to_grammar(&grammar);
    table.mark_sides();
    table.add_denials();
    let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&table.patterns)?;
    let Table { mut normaliser, entries, patterns, .. } = table;
    normaliser.vocabulary =
        patterns.iter().flat_map(|p| p.split(' ')).filter(|w| !w.is_empty()).map(str::to_owned).collect();
    let code = |(id, names): (String, CodeNames)| Code {
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

fn check_headers(headers: &[(&'static str, Header)]) -> Result<(), LexiconError> {
    for (file, header) in headers {
        if header.source.trim().is_empty() || header.version.trim().is_empty() {
            return Err(invalid(file, "header", "source and version must be given"));
        }
    }
    Ok(())
}

/// Every code can be said in this language.
fn check_coverage(
    file: &'static str,
    language: &LanguageFile,
    codes: &CodesFile,
) -> Result<(), LexiconError> {
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

pub(super) fn code_id(
    ids: &HashMap<String, usize>,
    file: &'static str,
    code: &str,
) -> Result<usize, LexiconError> {
    ids.get(code).copied().ok_or_else(|| invalid(file, code, "no such code in codes.toml"))
}

pub(super) fn invalid(file: &'static str, item: &str, problem: &'static str) -> LexiconError {
    LexiconError::Invalid { file, item: item.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each broken rule, by the file it stands in, and what the message must name.
    #[test]
    fn a_broken_lexicon_names_file_and_phrase() {
        for (file, from, to, named) in [
            (ZH, "cc_chills = [", "cc_chils = [", &["zh.toml", "cc_chils"][..]),
            (EN, "cc_chills = [", "cc_chills = [\"cough\", ", &["en.toml", "cough"]),
            (EN, "cc_wristpain = [\"wrist pain\"]", "", &["en.toml", "cc_wristpain", "no phrase"]),
            (
                EN,
                "cc_wristpain = [\"wrist pain\"]",
                "cc_wristpain = [\"  \"]",
                &["en.toml", "nothing is left"],
            ),
            (GRAMMAR, "parent = \"face\"", "parent = \"fase\"", &["grammar.toml", "fase"]),
            (GRAMMAR, "[bodies.face]", "[bodies.face]\nparent = \"jaw\"", &["grammar.toml", "circle"]),
            (GRAMMAR, "pain = \"cc_headache\"", "pian = \"cc_headache\"", &["grammar.toml", "pian"]),
            (FLAGS, "level = 1", "level = 7", &["red_flags.toml", "cardiac_arrest"]),
            (FLAGS, "\"sign:pale\"", "\"sign:pail\"", &["red_flags.toml", "sign:pail"]),
            (CONDITIONS, "pmh_htn", "htn", &["conditions.toml", "htn"]),
            (FOLD, "頭头", "頭头頭", &["traditional_to_simplified.toml", "頭头頭"]),
            (CODES, "version = \"2026.1\"", "version = \"\"", &["codes.toml", "source and version"]),
            (
                MODIFIERS,
                "[negation]",
                "[negation]\nnever_heard_of = []",
                &["modifiers.toml", "never_heard_of", "line"],
            ),
        ] {
            let mut sources = Sources::builtin();
            let text = sources.0.get_mut(file).unwrap();
            assert!(text.contains(from), "{file} no longer holds {from}");
            *text = text.replacen(from, to, 1);
            let message = build(&sources).err().map(|error| error.to_string()).unwrap_or_default();
            for name in named {
                assert!(message.contains(name), "{message} does not name {name}");
            }
        }
    }
}
