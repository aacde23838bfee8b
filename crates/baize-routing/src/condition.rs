//! The conditions of a rule.

use baize_core::ImageFacts;
use baize_core::ports::Door;
use regex::{Regex, RegexBuilder};

use crate::file::WhenFile;

/// Longer patterns are taken for a mistake; a compiled one may take this much memory.
const LONGEST_PATTERN: usize = 1024;
const LARGEST_PATTERN_BYTES: usize = 1 << 20;

/// The keys of `when`, in the order in which they are looked at.
pub(crate) const KEYS: [&str; 6] = ["modality", "body_part", "view", "station", "calling_ae", "client"];

/// One key with its accepted values.
#[derive(Clone, Debug)]
struct Words {
    key: &'static str,
    /// As written, for messages.
    written: Vec<String>,
    fits: Vec<Regex>,
}

/// The conditions of one rule.
#[derive(Clone, Debug)]
pub(crate) struct When {
    words: Vec<Words>,
    description: Option<Regex>,
}

/// The lists of a rule by their keys.
pub(crate) fn lists(file: &WhenFile) -> [(&'static str, Option<&Vec<String>>); 6] {
    let lists = [&file.modality, &file.body_part, &file.view, &file.station, &file.calling_ae, &file.client];
    let mut place = KEYS.iter();
    lists.map(|list| (place.next().copied().unwrap_or_default(), list.as_ref()))
}

impl When {
    /// # Errors
    /// A sentence that names the key and the remedy.
    pub(crate) fn new(file: &WhenFile) -> Result<Self, String> {
        let mut words = Vec::new();
        for (key, list) in lists(file) {
            let Some(list) = list else { continue };
            if list.is_empty() {
                return Err(format!("when.{key} is an empty list: no image fits it; remove the key"));
            }
            let fits = list.iter().map(|word| wildcard(word)).collect::<Result<_, _>>();
            let fits = fits.map_err(|error| format!("when.{key}: {error}"))?;
            words.push(Words { key, written: list.clone(), fits });
        }
        Ok(Self { words, description: file.description.as_deref().map(pattern).transpose()? })
    }

    /// Why the conditions don't hold for an image; `None` where they do.
    pub(crate) fn misfit(&self, facts: &ImageFacts, door: Option<&Door>) -> Option<String> {
        for words in &self.words {
            let value = value_of(words.key, facts, door);
            if !words.fits.iter().any(|fits| fits.is_match(value)) {
                let shown = if value.is_empty() { "not stated".to_owned() } else { format!("\"{value}\"") };
                return Some(format!("{} is {shown}, not {}", words.key, words.written.join(" or ")));
            }
        }
        let pattern = self.description.as_ref()?;
        let found = descriptions(facts).any(|text| pattern.is_match(text));
        (!found).then(|| format!("no description fits {}", pattern.as_str()))
    }
}

/// What a condition looks at; empty where it is not stated.
fn value_of<'a>(key: &str, facts: &'a ImageFacts, door: Option<&'a Door>) -> &'a str {
    let of = |value: &'a Option<String>| value.as_deref().unwrap_or_default().trim();
    match (key, door) {
        ("modality", _) => of(&facts.modality),
        ("body_part", _) => of(&facts.body_part),
        ("view", _) => of(&facts.view),
        ("station", _) => of(&facts.station),
        ("calling_ae", Some(Door::Dimse { calling_ae })) => calling_ae.trim(),
        ("client", Some(Door::Stow { client })) => client.trim(),
        _ => "",
    }
}

/// The texts that a description pattern is looked for in.
pub(crate) fn descriptions(facts: &ImageFacts) -> impl Iterator<Item = &str> {
    let texts =
        [&facts.study_description, &facts.series_description, &facts.protocol, &facts.anatomic_region];
    texts.into_iter().filter_map(|text| text.as_deref())
}

/// A word with the wildcards `*` (any characters) and `?` (one), whole, whatever the case.
fn wildcard(word: &str) -> Result<Regex, String> {
    let mut pattern = String::from("^");
    for character in word.trim().chars() {
        match character {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            other => pattern.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push('$');
    build(&pattern).map_err(|_| format!("\"{word}\" is too long"))
}

/// A pattern that is looked for anywhere in a text, whatever the case.
fn pattern(written: &str) -> Result<Regex, String> {
    if written.is_empty() {
        return Err("when.description is empty: it would fit every text; remove the key".to_owned());
    }
    let pattern = build(written).map_err(|error| {
        // The first line draws the pattern; the last one says what is wrong.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!(
            "when.description: \"{written}\" is no pattern ({reason}); words are parted by |, and \\ goes before \
             ( ) [ ] * + ? . that are meant as such"
        )
    })?;
    // `胸部|` holds for every text, which nobody means.
    if pattern.is_match("") {
        return Err(format!("when.description: \"{written}\" fits every text; remove the empty alternative"));
    }
    Ok(pattern)
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    if pattern.len() > LONGEST_PATTERN {
        return Err(regex::Error::CompiledTooBig(LONGEST_PATTERN));
    }
    RegexBuilder::new(pattern).case_insensitive(true).size_limit(LARGEST_PATTERN_BYTES).build()
}
