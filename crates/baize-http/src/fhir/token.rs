//! Values of token and reference parameters.

/// A value such as `system|code`, `code`, `|code` or `system|`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// `None`: any. `Some("")`: none at all.
    system: Option<String>,
    /// `None`: any.
    value: Option<String>,
}

impl Token {
    /// Reads one value; `None` where it says nothing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let token = match split_once_plain(text, '|') {
            Some((system, value)) => {
                let value = unescaped(value);
                Self { system: Some(unescaped(system)), value: (!value.is_empty()).then_some(value) }
            }
            None => Self { system: None, value: Some(unescaped(text)) },
        };
        let says_nothing = token.value.as_deref().unwrap_or_default().is_empty()
            && token.system.as_deref().unwrap_or_default().is_empty();
        (!says_nothing).then_some(token)
    }

    /// The value of a reference parameter as a token: the last part of `Type/id` or of a URL.
    pub(super) fn of_reference(text: &str) -> Option<Self> {
        let last = text.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        (!last.is_empty()).then(|| Self { system: None, value: Some(unescaped(last)) })
    }

    /// The same system with another value.
    pub(super) fn with_value(&self, value: String) -> Self {
        Self { value: Some(value), ..self.clone() }
    }

    /// The value, where it names one.
    pub(super) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Whether it stands for that code of that system.
    pub(super) fn fits(&self, system: Option<&str>, value: &str) -> bool {
        let system_fits = self.system.as_deref().is_none_or(|wanted| wanted == system.unwrap_or_default());
        system_fits && self.value.as_deref().is_none_or(|wanted| wanted == value)
    }
}

/// The values of a list, which a comma parts (<http://hl7.org/fhir/R4/search.html#escaping>).
pub(super) fn list(text: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((value, behind)) = split_once_plain(rest, ',') {
        values.push(value);
        rest = behind;
    }
    values.push(rest);
    values
}

/// Parts at the first such character that no backslash precedes.
fn split_once_plain(text: &str, at: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == at => return Some((&text[..index], &text[index + character.len_utf8()..])),
            _ => {}
        }
    }
    None
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_tell_any_system_from_none() {
        for (text, system, value, fits) in [
            ("a", Some("s"), "a", true),
            ("a", None, "a", true),
            ("s|a", Some("s"), "a", true),
            ("s|a", None, "a", false),
            ("|a", None, "a", true),
            ("|a", Some("s"), "a", false),
            ("s|", Some("s"), "b", true),
            ("s|", Some("t"), "b", false),
            (r"a\|b", None, "a|b", true),
            (r"a\,b\\", None, r"a,b\", true),
        ] {
            assert_eq!(Token::parse(text).unwrap().fits(system, value), fits, "{text}");
        }
        assert_eq!((Token::parse(""), Token::parse("|"), Token::parse(" ")), (None, None, None));
    }

    #[test]
    fn lists_and_references() {
        assert_eq!(list(r"a,b\,c,"), ["a", r"b\,c", ""]);
        for text in ["7", "Patient/7", "https://his.example/fhir/Patient/7", "Patient/7/"] {
            assert_eq!(Token::of_reference(text).unwrap().value(), Some("7"), "{text}");
        }
        assert_eq!(Token::of_reference("/"), None);
    }
}
