//! Normalised text: case, width, traditional characters, punctuation and spelling folded, with the way back to the
//! original offsets.
//!
//! Each word of an alphabetic script is written with a space on both sides, Chinese characters stand bare. So a phrase
//! written the same way matches whole words only, and two phrases that follow each other share no space.

use std::collections::{HashMap, HashSet};

/// Folds texts and phrases alike.
#[derive(Debug, Default)]
pub(super) struct Normaliser {
    pub(super) fold: HashMap<char, char>,
    pub(super) spellings: HashMap<String, String>,
    pub(super) abbreviations: HashSet<String>,
    /// Every word of the lexicon's phrases: a plural is cut only when this makes a word that is known.
    pub(super) vocabulary: HashSet<String>,
}

/// A text after folding.
#[derive(Debug, Default)]
pub(super) struct Normalised {
    pub(super) text: String,
    /// For each byte of `text`, the character span of the original that it stands for.
    spans: Vec<(u32, u32)>,
}

impl Normalised {
    /// The original span of a byte range of the folded text.
    pub(super) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        let from = self.spans.get(start).map_or(0, |s| s.0 as usize);
        let to = end.checked_sub(1).and_then(|last| self.spans.get(last)).map_or(from, |s| s.1 as usize);
        (from, to.max(from))
    }

    fn push(&mut self, piece: &str, span: (u32, u32)) {
        self.text.push_str(piece);
        self.spans.resize(self.text.len(), span);
    }

    fn push_char(&mut self, c: char, at: u32) {
        self.push(c.encode_utf8(&mut [0; 4]), (at, at + 1));
    }
}

impl Normaliser {
    /// Folds a text. Linear in its length.
    pub(super) fn normalise(&self, text: &str) -> Normalised {
        let chars: Vec<(char, u32)> = text
            .chars()
            .zip(0u32..)
            .flat_map(|(c, at)| self.fold_char(c).map(move |folded| (folded, at)))
            .collect();
        let mut out = Normalised::default();
        let mut after_abbreviation = false;
        let mut i = 0;
        while let Some(&(c, at)) = chars.get(i) {
            let mut next = i + 1;
            if is_letter(c) {
                next = run_end(&chars, i, |c, ahead| {
                    is_letter(c) || (c == '\'' && ahead.is_some_and(is_letter))
                });
                let word: String = chars[i..next].iter().map(|p| p.0).collect();
                let span = (at, chars[next - 1].1 + 1);
                after_abbreviation = self.abbreviations.contains(&word);
                let canonical = self.canonical(&word);
                out.push(" ", span);
                out.push(canonical, span);
                out.push(" ", span);
            } else if c.is_ascii_digit() {
                next = run_end(&chars, i, |c, ahead| {
                    c.is_ascii_digit() || (c == '.' && ahead.is_some_and(|a| a.is_ascii_digit()))
                });
                let digits: String = chars[i..next].iter().map(|p| p.0).collect();
                let span = (at, chars[next - 1].1 + 1);
                out.push(" ", span);
                out.push(&digits, span);
                out.push(" ", span);
                after_abbreviation = false;
            } else if !(c == ' ' || c == '.' && after_abbreviation || joins_words(&chars, i)) {
                out.push_char(c, at);
                after_abbreviation = false;
            }
            i = next;
        }
        out
    }

    fn fold_char(&self, c: char) -> impl Iterator<Item = char> + use<> {
        let narrow = match c {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
            '\r' | '\u{2028}' | '\u{2029}' => '\n',
            '\n' => '\n',
            '。' | '｡' | '…' => '.',
            '﹐' | '､' => ',',
            '‘' | '’' | '`' | '´' => '\'',
            '–' | '—' | '−' | '‐' | '‑' => '-',
            '×' | '✕' => 'x',
            '·' | '•' | '_' | '*' => ' ',
            c if c.is_whitespace() => ' ',
            c => c,
        };
        let simplified = self.fold.get(&narrow).copied().unwrap_or(narrow);
        let hidden = matches!(simplified, '\u{200B}'..='\u{200F}' | '\u{FEFF}' | '\u{AD}' | '\u{2060}')
            || (simplified.is_control() && simplified != '\n');
        simplified.to_lowercase().filter(move |_| !hidden)
    }

    fn canonical<'a>(&'a self, word: &'a str) -> &'a str {
        if let Some(known) = self.known(word) {
            return known;
        }
        for ending in ["'s", "s", "es"] {
            if let Some(known) = word.strip_suffix(ending).and_then(|stem| self.known(stem)) {
                return known;
            }
        }
        word
    }

    fn known<'a>(&'a self, word: &'a str) -> Option<&'a str> {
        let canonical = self.spellings.get(word).map(String::as_str);
        canonical.or_else(|| self.vocabulary.get(word).map(String::as_str))
    }
}

/// A letter that forms words with its neighbours; Chinese characters don't.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !is_han(c)
}

pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' | '〇' | '々')
}

fn run_end(chars: &[(char, u32)], start: usize, belongs: impl Fn(char, Option<char>) -> bool) -> usize {
    let mut end = start + 1;
    while let Some(&(c, _)) = chars.get(end) {
        if !belongs(c, chars.get(end + 1).map(|p| p.0)) {
            break;
        }
        end += 1;
    }
    end
}

/// A hyphen or slash between two words is no punctuation: n/v/d, follow-up.
fn joins_words(chars: &[(char, u32)], i: usize) -> bool {
    let is_word = |c: &(char, u32)| is_letter(c.0) || c.0.is_ascii_digit();
    matches!(chars[i].0, '-' | '/')
        && i.checked_sub(1).and_then(|before| chars.get(before)).is_some_and(is_word)
        && chars.get(i + 1).is_some_and(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normaliser() -> Normaliser {
        Normaliser {
            fold: [('頭', '头'), ('熱', '热')].into(),
            spellings: [("abd".to_owned(), "abdominal".to_owned())].into(),
            abbreviations: ["abd".to_owned()].into(),
            vocabulary: ["pain".to_owned(), "eye".to_owned(), "rash".to_owned()].into(),
        }
    }

    #[test]
    fn texts_fold_and_keep_the_way_back() {
        for (text, folded) in [
            ("Abd. PAIN", " abdominal  pain "),
            ("ＡＢＤ，pains", " abdominal , pain "),
            ("頭 熱。", "头热."),
            ("N/V/D", " n  v  d "),
            ("３８．５度", " 38.5 度"),
            ("rashes (-)", " rash (-)"),
            ("x3days", " x  3  days "),
            ("eye\u{200B}s\u{0}", " eye "),
        ] {
            assert_eq!(normaliser().normalise(text).text, folded, "{text}");
        }
        let normalised = normaliser().normalise("頭，Abd. pains");
        let at = normalised.text.find(" pain ").unwrap();
        assert_eq!(normalised.original(at, at + 6), (7, 12));
    }
}
