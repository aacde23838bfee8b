//! Comparing values of a header with what is looked for (PS3.4 section C.2.2.2).

use serde_json::Value;

use super::attribute::Kind;

/// Whether one of the element's values is wanted. `element` is one of the DICOM JSON model.
pub(super) fn matches(kind: Kind, wanted: &str, element: Option<&Value>) -> bool {
    let Some(values) = element.and_then(|element| element["Value"].as_array()) else { return false };
    values.iter().any(|value| match value {
        Value::String(text) => is_wanted(kind, wanted, text),
        Value::Number(number) => is_wanted(kind, wanted, &number.to_string()),
        // A name in one of its writings.
        Value::Object(writings) => {
            writings.values().filter_map(Value::as_str).any(|text| is_wanted(kind, wanted, text))
        }
        _ => false,
    })
}

fn is_wanted(kind: Kind, wanted: &str, text: &str) -> bool {
    match kind {
        Kind::Text => like(wanted, text),
        Kind::Name => {
            let plain = |name: &str| name.trim_end_matches('^').to_lowercase();
            like(&plain(wanted), &plain(text))
        }
        Kind::Date | Kind::Time => within(wanted, text),
        Kind::Number => {
            wanted == text || wanted.parse::<f64>().ok().is_some_and(|number| text.parse() == Ok(number))
        }
    }
}

/// A date or time, or a range of them. A time that is given to the minute matches the whole minute.
fn within(wanted: &str, text: &str) -> bool {
    let plain = |text: &str| text.replace([':', '.'], "");
    let (text, wanted) = (plain(text), plain(wanted));
    match wanted.split_once('-') {
        None => text.starts_with(&wanted),
        Some((from, to)) => {
            text.as_str() >= from && (to.is_empty() || text.as_str() <= to || text.starts_with(to))
        }
    }
}

/// `*` stands for any run of characters, `?` for one.
fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut in_pattern) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some('*') => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(character) if *character == '?' || *character == text[at] => {
                in_pattern += 1;
                at += 1;
            }
            _ => {
                let Some((position, taken)) = star else { return false };
                star = Some((position, taken + 1));
                (in_pattern, at) = (position + 1, taken + 1);
            }
        }
    }
    pattern[in_pattern..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_by_their_kind() {
        for (kind, wanted, value, expected) in [
            (Kind::Text, "CHEST", json!("CHEST"), true),
            (Kind::Text, "chest", json!("CHEST"), false),
            (Kind::Text, "C*T", json!("CHEST"), true),
            (Kind::Text, "*E?T*", json!("CHEST"), true),
            (Kind::Text, "C*E", json!("CHEST"), false),
            (Kind::Text, "", json!("CHEST"), false),
            (Kind::Text, "胸?", json!("胸部"), true),
            (Kind::Name, "doe^j*", json!({ "Alphabetic": "Doe^Jane" }), true),
            (Kind::Name, "李^娜", json!({ "Alphabetic": "Li^Na", "Ideographic": "李^娜^^" }), true),
            (Kind::Name, "Doe", json!({ "Alphabetic": "Doe^Jane" }), false),
            (Kind::Date, "20240102", json!("20240102"), true),
            (Kind::Date, "20240101-20240131", json!("20240131"), true),
            (Kind::Date, "-20240101", json!("20240102"), false),
            (Kind::Date, "20240101-", json!("20240102"), true),
            (Kind::Time, "0830-0900", json!("090059.5"), true),
            (Kind::Time, "0830-0900", json!("0901"), false),
            (Kind::Time, "08:30", json!("083012"), true),
            (Kind::Number, "1", json!(1), true),
            (Kind::Number, "1", json!(11), false),
        ] {
            let element = json!({ "Value": [null, value] });
            assert_eq!(matches(kind, wanted, Some(&element)), expected, "{wanted} in {element}");
        }
        assert!(!matches(Kind::Text, "*", None));
        assert!(!matches(Kind::Text, "*", Some(&json!({ "vr": "SH" }))));
    }
}
