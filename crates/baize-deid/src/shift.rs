//! Dates moved by whole days. Times of day stay.

use time::{Date, Duration, Month};

/// The value of a DA or DT attribute, several values apart by `\`, moved back by `days`; `None` where one of them has no
/// whole date: what cannot be moved must not stay.
pub(crate) fn back(value: &[u8], days: u32) -> Option<String> {
    let text = str::from_utf8(value).ok()?.trim_matches(['\0', ' ']);
    let moved: Option<Vec<String>> = text.split('\\').map(|one| one_back(one, days)).collect();
    Some(moved?.join("\\"))
}

fn one_back(text: &str, days: u32) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    // `YYYY.MM.DD` is the form of the standard before DICOM (PS3.5 section 6.2 note).
    let plain = text.replace('.', "");
    let (digits, rest) = match text.as_bytes().get(4) {
        Some(b'.') => (plain.get(..8)?, plain.get(8..)?),
        _ => (text.get(..8)?, text.get(8..)?),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Behind a date stands a time of day with its offset, and no second date (a range).
    let is_time = rest.len() <= 18 && rest.bytes().all(|byte| byte.is_ascii_digit() || b".+-".contains(&byte));
    let is_range = rest.starts_with('-') && rest.len() > 5;
    if !is_time || is_range {
        return None;
    }
    let month = Month::try_from(digits[4..6].parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(digits[..4].parse().ok()?, month, digits[6..].parse().ok()?).ok()?;
    let moved = date.checked_sub(Duration::days(days.into()))?;
    let year = u16::try_from(moved.year()).ok()?;
    Some(format!("{year:04}{:02}{:02}{rest}", u8::from(moved.month()), moved.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_and_times_stay() {
        for (value, expected) in [
            ("20240301", Some("20240229")),
            ("20240101 ", Some("20231231")),
            ("2024.03.01", Some("20240229")),
            ("20240301120000.123456+0800", Some("20240229120000.123456+0800")),
            ("20240301\\20240302", Some("20240229\\20240301")),
            ("", Some("")),
            ("202403", None),
            ("20240231", None),
            ("20240301-20240302", None),
            ("王王王", None),
        ] {
            assert_eq!(back(value.as_bytes(), 1).as_deref(), expected, "{value:?}");
        }
    }
}
