//! One segment, written field by field.

use baize_core::{Coded, Language, Timestamp};
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use super::codes::Code;
use crate::codec::{Delimiters, escape};

/// A segment with the delimiters that HL7 recommends.
pub(super) struct Row {
    name: &'static str,
    fields: Vec<String>,
}

impl Row {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new() }
    }

    /// Writes what is escaped already.
    pub(super) fn raw(mut self, number: usize, raw: impl Into<String>) -> Self {
        if self.fields.len() < number {
            self.fields.resize(number, String::new());
        }
        if let Some(field) = number.checked_sub(1).and_then(|index| self.fields.get_mut(index)) {
            *field = raw.into();
        }
        self
    }

    pub(super) fn text(self, number: usize, text: &str) -> Self {
        self.raw(number, escaped(text))
    }

    pub(super) fn maybe(self, number: usize, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(number, text),
            None => self,
        }
    }

    /// Components, each escaped; empty ones at the end are left out.
    pub(super) fn parts(self, number: usize, parts: &[&str]) -> Self {
        self.raw(number, components(parts))
    }

    pub(super) fn code(self, number: usize, code: &Code, language: Language) -> Self {
        self.parts(number, &[&code.code, code.meaning(language), &code.system])
    }

    /// A finding's code; its meaning in the other language as Original Text (CWE.9).
    pub(super) fn coded(self, number: usize, code: &Coded, language: Language) -> Self {
        let other = match language {
            Language::Chinese => Language::English,
            Language::English => Language::Chinese,
        };
        let (meaning, original) = (code.meaning.get(language), code.meaning.get(other));
        self.parts(number, &[&code.value, meaning, &code.scheme, "", "", "", "", "", original])
    }

    /// The segment's text.
    pub(super) fn end(self) -> String {
        let mut text = self.name.to_owned();
        for field in self.fields {
            text.push('|');
            text.push_str(&field);
        }
        text.truncate(text.trim_end_matches('|').len());
        text
    }
}

/// Components as one field.
pub(super) fn components(parts: &[&str]) -> String {
    let escaped: Vec<String> = parts.iter().map(|part| escaped(part)).collect();
    let joined = escaped.join("^");
    joined.trim_end_matches('^').to_owned()
}

fn escaped(text: &str) -> String {
    escape(text, &Delimiters::default())
}

/// Reads an offset such as `+08:00` or `-03:30`.
pub fn utc_offset(text: &str) -> Option<UtcOffset> {
    UtcOffset::parse(text, format_description!("[offset_hour sign:mandatory]:[offset_minute]")).ok()
}

/// `20260315173000+0800`.
pub(super) fn moment(at: Timestamp, offset: UtcOffset) -> String {
    let seconds = i64::try_from(at.as_micros() / 1_000_000).unwrap_or(i64::MAX);
    let format = format_description!(
        "[year][month][day][hour][minute][second][offset_hour sign:mandatory][offset_minute]"
    );
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|when| when.to_offset(offset).format(&format).ok())
        .unwrap_or_default()
}

/// A share of one as percent: `87.25`.
pub(super) fn percent(share: f32) -> String {
    number(f64::from(share) * 100.0)
}

/// With at most four digits behind the point, and no more than it needs.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_short_as_they_can_be() {
        let row = Row::new("OBX").raw(1, "1").text(3, "a|b^c\\").parts(5, &["x", "", "", ""]).raw(7, "");
        assert_eq!(row.end(), r"OBX|1||a\F\b\S\c\E\||x");
        assert_eq!(Row::new("PID").end(), "PID");
    }

    #[test]
    fn offsets_are_read_or_refused() {
        assert_eq!(utc_offset("+08:00"), UtcOffset::from_hms(8, 0, 0).ok());
        assert_eq!(utc_offset("-03:30"), UtcOffset::from_hms(-3, -30, 0).ok());
        for bad in ["", "CST", "8", "08:00", "+8", "+0800", "+08:00 ", "+99:00"] {
            assert_eq!(utc_offset(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_and_moments() {
        for (share, text) in [(0.0, "0"), (1.0, "100"), (0.5, "50"), (0.8725, "87.25"), (0.500_01, "50.001")]
        {
            assert_eq!(percent(share), text);
        }
        let at = Timestamp::from_micros(1_773_567_000_999_999);
        assert_eq!(moment(at, UtcOffset::from_hms(8, 0, 0).unwrap()), "20260315173000+0800");
        assert_eq!(moment(at, UtcOffset::UTC), "20260315093000+0000");
        assert_eq!(moment(at, UtcOffset::from_hms(-3, -30, 0).unwrap()), "20260315060000-0330");
    }
}
