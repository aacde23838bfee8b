//! Escape sequences (HL7 2.5.1 section 2.7).

use super::charset::Charset;
use super::delimiters::Delimiters;

/// Most blanks and lines that one command leaves: a number must not fill the memory.
const MAX_SKIP: usize = 99;

/// The text that a raw value stands for. `\.br\` becomes a line feed and other formatting what it leaves in plain
/// text, highlighting (`\H\`, `\N\`) disappears, hex data are read in `charset`; a sequence that is unknown or broken
/// stays as it is.
pub fn unescape(raw: &str, delimiters: &Delimiters, charset: Charset) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = rest.find(delimiters.escape) {
        text.push_str(&rest[..start]);
        let after = &rest[start + delimiters.escape.len_utf8()..];
        let Some(length) = after.find(delimiters.escape) else {
            text.push_str(&rest[start..]);
            return text;
        };
        let sequence = &after[..length];
        let behind = &after[length + delimiters.escape.len_utf8()..];
        if let Some(meaning) = meaning(sequence, delimiters, charset) {
            text.push_str(&meaning);
            rest = behind;
        } else {
            // The closing character may open the next sequence: a lone backslash must not hide what follows it.
            text.push(delimiters.escape);
            text.push_str(sequence);
            if known_shape(sequence) {
                text.push(delimiters.escape);
                rest = behind;
            } else {
                rest = &after[length..];
            }
        }
    }
    text.push_str(rest);
    text
}

fn meaning(sequence: &str, delimiters: &Delimiters, charset: Charset) -> Option<String> {
    Some(match sequence {
        "F" => delimiters.field.to_string(),
        "S" => delimiters.component.to_string(),
        "T" => delimiters.subcomponent.to_string(),
        "R" => delimiters.repetition.to_string(),
        "E" => delimiters.escape.to_string(),
        "P" => delimiters.truncation?.to_string(),
        "H" | "N" => String::new(),
        _ => {
            return match sequence.strip_prefix('.') {
                Some(command) => format(command),
                None => hex(sequence.strip_prefix(['X', 'x'])?, charset),
            };
        }
    })
}

/// Formatting of FT fields (HL7 2.5.1 section 2.7.6) in plain text: line breaks and blanks; indents and filling leave
/// nothing.
fn format(command: &str) -> Option<String> {
    let (name, number) = command.split_at_checked(2)?;
    let count = match number.trim_start_matches(' ') {
        "" => 1,
        signed => signed.strip_prefix(['+', '-']).unwrap_or(signed).parse::<usize>().ok()?.min(MAX_SKIP),
    };
    match (name.to_ascii_lowercase().as_str(), number) {
        ("br", "") | ("ce", "") => Some("\n".to_owned()),
        ("sp", _) => Some("\n".repeat(count)),
        ("sk", _) => Some(" ".repeat(count)),
        ("in" | "ti", _) | ("fi" | "nf", "") => Some(String::new()),
        _ => None,
    }
}

fn hex(digits: &str, charset: Charset) -> Option<String> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = digits.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?;
    charset.decode(&bytes)
}

/// Whether this looks like a sequence of the standard (formatting, character sets, local ones) that is kept.
fn known_shape(sequence: &str) -> bool {
    let short = sequence.len() <= 64;
    short
        && (sequence.starts_with(['.', 'C', 'M', 'X', 'Z', 'P']))
        && sequence.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | ' ' | '_'))
}

/// The raw value for a text: delimiters, line breaks and what would end an MLLP frame are escaped.
pub fn escape(text: &str, delimiters: &Delimiters) -> String {
    let mut raw = String::with_capacity(text.len());
    // Delimiters are punctuation: of all sequences only `.br` can hold one.
    let has_dot = delimiters.all().contains(&'.');
    for c in text.chars() {
        let letter = if c == delimiters.field {
            "F"
        } else if c == delimiters.component {
            "S"
        } else if c == delimiters.subcomponent {
            "T"
        } else if c == delimiters.repetition {
            "R"
        } else if c == delimiters.escape {
            "E"
        } else if delimiters.truncation == Some(c) {
            "P"
        } else {
            match c {
                '\n' if has_dot => "X0A",
                '\n' => ".br",
                '\r' => "X0D",
                '\u{b}' => "X0B",
                '\u{1c}' => "X1C",
                _ => {
                    raw.push(c);
                    continue;
                }
            }
        };
        raw.push(delimiters.escape);
        raw.push_str(letter);
        raw.push(delimiters.escape);
    }
    raw
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_mean_what_the_standard_says() {
        for (raw, text) in [
            (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
            (r"one\.br\two", "one\ntwo"),
            (r"\H\loud\N\ quiet", "loud quiet"),
            (r"\X41\\X0D0A\", "A\r\n"),
            (r"\XCDF5\", "王"),
            (r"\Zlocal\\C2842\\M24213B\\.xy\", r"\Zlocal\\C2842\\M24213B\\.xy\"),
            (r"a\.sp2\b\.sp\c\.ce\d\.sk3\e\.in+4\f\.ti-2\g\.fi\h\.nf\", "a\n\nb\nc\nd   efgh"),
            (
                r"\.sp999999999\\.sk99999999999999999999\",
                &format!("{}\\.sk99999999999999999999\\", "\n".repeat(99)),
            ),
            (r"\E\F\E\ \E\E\E\", r"\F\ \E\"),
            (r"\x41\\X0d\\X0D\", "A\r\r"),
            (r"C:\dir\file\T\x", r"C:\dir\file&x"),
            (r"\X4\ \XZZ\ \P\ open\", r"\X4\ \XZZ\ \P\ open\"),
            ("", ""),
        ] {
            assert_eq!(unescape(raw, &Delimiters::default(), Charset::GB18030), text, "{raw}");
        }
        assert_eq!(unescape(r"\XCDF5\", &Delimiters::default(), Charset::UTF_8), r"\XCDF5\");
    }

    proptest! {
        #[test]
        fn what_was_escaped_comes_back(text in any::<String>(), odd in any::<bool>()) {
            let (field, repetition) = if odd { ('.', '+') } else { ('|', '~') };
            let delimiters = Delimiters { truncation: Some('#'), field, repetition, ..Delimiters::default() };
            let raw = escape(&text, &delimiters);
            let forbidden = [field, '^', repetition, '&', '#', '\r', '\n', '\u{b}', '\u{1c}'];
            prop_assert!(!raw.contains(forbidden));
            prop_assert_eq!(unescape(&raw, &delimiters, Charset::UTF_8), text);
        }

        #[test]
        fn any_text_can_be_unescaped(text in any::<String>()) {
            let _ = unescape(&text, &Delimiters::default(), Charset::GB18030);
        }
    }
}
