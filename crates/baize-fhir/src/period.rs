//! Search by date: a value is a span of time, as exact as it is written, and so is what is compared with it
//! (<http://hl7.org/fhir/R4/search.html#date>).

use std::time::Duration;

use baize_core::Timestamp;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// How the span of a resource must lie to that of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Within it.
    Eq,
    /// Not within it.
    Ne,
    /// Some of it after it.
    Gt,
    /// Some of it before it.
    Lt,
    /// `gt` or `eq`.
    Ge,
    /// `lt` or `eq`.
    Le,
    /// All of it after it.
    Sa,
    /// All of it before it.
    Eb,
}

/// From `low`, up to but without `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub low: Timestamp,
    /// The first moment behind it.
    pub high: Timestamp,
}

/// A value of a date parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodQuery {
    /// How to compare.
    pub comparison: Comparison,
    /// With what.
    pub period: Period,
}

impl PeriodQuery {
    /// Reads a value such as `ge2024-01` or `2024-01-01T10:00:00+08:00`. What has no offset is UTC, as are the days of
    /// studies. `None` where it is no date, or one before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let (comparison, rest) = match text.get(..2) {
            Some("eq") => (Comparison::Eq, &text[2..]),
            Some("ne") => (Comparison::Ne, &text[2..]),
            Some("gt") => (Comparison::Gt, &text[2..]),
            Some("lt") => (Comparison::Lt, &text[2..]),
            Some("ge") => (Comparison::Ge, &text[2..]),
            Some("le") => (Comparison::Le, &text[2..]),
            Some("sa") => (Comparison::Sa, &text[2..]),
            Some("eb") => (Comparison::Eb, &text[2..]),
            _ => (Comparison::Eq, text),
        };
        Some(Self { comparison, period: Period::parse(rest)? })
    }

    /// Whether what lasted for that span matches.
    pub fn matches(&self, found: Period) -> bool {
        let Period { low, high } = self.period;
        let within = found.low >= low && found.high <= high;
        match self.comparison {
            Comparison::Eq => within,
            Comparison::Ne => !within,
            Comparison::Gt => found.high > high,
            Comparison::Lt => found.low < low,
            Comparison::Ge => found.high > high || within,
            Comparison::Le => found.low < low || within,
            Comparison::Sa => found.low >= high,
            Comparison::Eb => found.high <= low,
        }
    }

    /// The span outside of which nothing that begins then can match, for what lasts `longest` at most: a search by an
    /// index looks only there.
    pub fn reach(&self, longest: Duration) -> (Timestamp, Timestamp) {
        let (start, end) = (Timestamp::from_micros(0), Timestamp::from_micros(u64::MAX));
        let Period { low, high } = self.period;
        match self.comparison {
            Comparison::Eq => (low, high),
            Comparison::Ne => (start, end),
            Comparison::Gt => (high - longest, end),
            Comparison::Ge => (low.min(high - longest), end),
            Comparison::Sa => (high, end),
            Comparison::Lt => (start, low),
            Comparison::Le => (start, high),
            Comparison::Eb => (start, low),
        }
    }
}

impl Period {
    /// A moment.
    pub fn moment(at: Timestamp) -> Self {
        Self { low: at, high: at + Duration::from_micros(1) }
    }

    /// A day of DICOM, `YYYYMMDD`.
    pub fn day(day: &str) -> Option<Self> {
        let date = Date::parse(day.trim(), format_description!("[year][month][day]")).ok()?;
        Self::between(midnight(date), midnight(date.next_day()?))
    }

    fn between(low: OffsetDateTime, high: OffsetDateTime) -> Option<Self> {
        Some(Self { low: timestamp(low)?, high: timestamp(high)? })
    }

    fn parse(text: &str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        match text.len() {
            4 => {
                let year: i32 = digits(text)?;
                let first = |year| Date::from_calendar_date(year, Month::January, 1).ok();
                Self::between(midnight(first(year)?), midnight(first(year + 1)?))
            }
            7 => {
                let date =
                    Date::parse(&format!("{text}-01"), format_description!("[year]-[month]-[day]")).ok()?;
                let next = match date.month() {
                    Month::December => Date::from_calendar_date(date.year() + 1, Month::January, 1),
                    month => Date::from_calendar_date(date.year(), month.next(), 1),
                };
                Self::between(midnight(date), midnight(next.ok()?))
            }
            10 => {
                let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
                Self::between(midnight(date), midnight(date.next_day()?))
            }
            _ => Self::time(text),
        }
    }

    fn time(text: &str) -> Option<Self> {
        let (day, clock) = text.split_once('T')?;
        let at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
        let (clock, zone) = clock.split_at(at);
        let zone = if zone.is_empty() { "Z" } else { zone };
        let (whole, span) = match clock.len() {
            5 => (format!("{clock}:00"), Duration::from_secs(60)),
            8 => (clock.to_owned(), Duration::from_secs(1)),
            // As exact as the digits behind the second; we keep microseconds.
            more @ 10.. => {
                let digits = u32::try_from(more - 9).ok()?.min(6);
                (clock.to_owned(), Duration::from_micros(10_u64.pow(6 - digits)))
            }
            _ => return None,
        };
        let low = OffsetDateTime::parse(&format!("{day}T{whole}{zone}"), &Rfc3339).ok()?;
        let low = timestamp(low)?;
        Some(Self { low, high: low + span })
    }
}

fn digits(text: &str) -> Option<i32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn midnight(date: Date) -> OffsetDateTime {
    PrimitiveDateTime::new(date, time::Time::MIDNIGHT).assume_utc()
}

fn timestamp(at: OffsetDateTime) -> Option<Timestamp> {
    let micros = at.to_offset(UtcOffset::UTC).unix_timestamp_nanos() / 1000;
    u64::try_from(micros).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_compare_spans() {
        let day = Period::day("20240115").unwrap();
        for (value, matches) in [
            ("2024-01-15", true),
            ("eq2024-01", true),
            ("2024", true),
            ("2024-01-16", false),
            ("2024-01-15T10:00", false),
            ("ne2024-01-15", false),
            ("ne2024-01-14", true),
            ("gt2024-01-15", false),
            ("gt2024-01-14", true),
            ("gt2024-01-15T10:00:00", true),
            ("ge2024-01-15", true),
            ("ge2024-01-16", false),
            ("lt2024-01-15", false),
            ("lt2024-01-16", true),
            ("lt2024-01-15T10:00:00Z", true),
            ("le2024-01-15", true),
            ("le2024-01-14", false),
            ("sa2024-01-14", true),
            ("sa2024-01-15", false),
            ("eb2024-01-16", true),
            ("eb2024-01-15", false),
            ("2024-01-15T08:00:00+08:00", false),
        ] {
            let query = PeriodQuery::parse(value).unwrap_or_else(|| panic!("{value}"));
            assert_eq!(query.matches(day), matches, "{value}");
            let (from, to) = query.reach(Duration::from_secs(86_400));
            assert!(!matches || (from <= day.low && day.low < to), "{value} looks where it matches");
        }
    }

    #[test]
    fn a_time_is_as_exact_as_it_is_written() {
        let span = |text: &str| {
            let period = PeriodQuery::parse(text).unwrap().period;
            period.high.saturating_since(period.low)
        };
        for (text, micros) in [
            ("2024-01-15T10:00Z", 60_000_000),
            ("2024-01-15T10:00:01Z", 1_000_000),
            ("2024-01-15T10:00:01.5Z", 100_000),
            ("2024-01-15T10:00:01.500+08:00", 1_000),
            ("2024-01-15T10:00:01.500123Z", 1),
            ("2024-01-15T10:00:01.500123456Z", 1),
        ] {
            assert_eq!(span(text), Duration::from_micros(micros), "{text}");
        }
        let east = PeriodQuery::parse("2024-01-15T18:00:00+08:00").unwrap().period;
        assert_eq!(east, PeriodQuery::parse("2024-01-15T10:00:00Z").unwrap().period);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for bad in [
            "",
            "eq",
            "24",
            "2024-13",
            "2024-02-30",
            "2024-1-1",
            "yesterday",
            "2024-01-15T",
            "2024-01-15T10",
            "2024-01-15T25:00:00Z",
            "1969-12-31",
            "ge",
            "二〇二四",
            "gt2024-01-15T10:00:00+99:00",
            "+024",
        ] {
            assert_eq!(PeriodQuery::parse(bad), None, "{bad}");
        }
    }
}
