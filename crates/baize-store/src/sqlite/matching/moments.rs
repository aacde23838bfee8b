//! Days and moments as spans of time, so that a date and a time can be compared.

use rusqlite::Connection;

use super::super::trouble::Trouble;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * 3600 * SECOND;

/// From when to when something is, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Span {
    pub(in super::super) from: i64,
    pub(in super::super) to: i64,
}

impl Span {
    pub(in super::super) fn moment(at: i64) -> Self {
        Self { from: at, to: at }
    }

    /// Whether two spans are at most so far apart.
    pub(super) fn is_near(self, other: Self, window: i64) -> bool {
        self.from <= other.to.saturating_add(window) && other.from <= self.to.saturating_add(window)
    }
}

/// What an ISO 8601 text means; a date is a whole day. `None` for a month, a year, or what is no time.
pub(in super::super) fn span(db: &Connection, text: &str, utc_offset: i64) -> Result<Option<Span>, Trouble> {
    const DATE: usize = "2026-03-15".len();
    const SECONDS: usize = "2026-03-15T09:30:00".len();
    if text.len() < DATE {
        return Ok(None);
    }
    let seconds: Option<i64> =
        db.prepare_cached("SELECT unixepoch(?1)")?.query_row([text], |row| row.get(0))?;
    let Some(seconds) = seconds else { return Ok(None) };
    let zoned = text.len() > SECONDS;
    let from = (if zoned { seconds } else { seconds - utc_offset }).saturating_mul(SECOND);
    let to = if text.len() == DATE { from.saturating_add(DAY - 1) } else { from };
    Ok(Some(Span { from, to }))
}

/// When a study was made: its day, or the moment at which its first image came in.
pub(super) fn of_study(
    db: &Connection,
    study_date: Option<&str>,
    received_at: i64,
    utc_offset: i64,
) -> Result<Span, Trouble> {
    let day = match study_date {
        Some(date) if date.len() == 8 && date.is_ascii() => {
            span(db, &format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]), utc_offset)?
        }
        _ => None,
    };
    Ok(day.unwrap_or(Span::moment(received_at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_of_the_hospital() {
        let db = Connection::open_in_memory().unwrap();
        let (offset, hour) = (8 * 3600, 3600 * SECOND);
        let read = |text: &str| span(&db, text, offset).unwrap();
        let day = read("1970-01-02").unwrap();
        assert_eq!((day.from, day.to), (16 * hour, 40 * hour - 1));
        assert_eq!(read("1970-01-02T08:00:00").unwrap(), Span::moment(24 * hour));
        assert_eq!(read("1970-01-02T08:00:00+00:00").unwrap(), Span::moment(32 * hour));
        for none in ["1970", "1970-01", "today", "1970-13-01"] {
            assert_eq!(read(none), None, "{none}");
        }
        assert_eq!(of_study(&db, Some("19700102"), 5, offset).unwrap(), day);
        assert_eq!(of_study(&db, None, 5, offset).unwrap(), Span::moment(5));
        assert_eq!(of_study(&db, Some("heute"), 5, offset).unwrap(), Span::moment(5));
    }

    #[test]
    fn near_counts_from_the_nearer_ends() {
        let (day, later) = (Span { from: 10, to: 20 }, Span { from: 25, to: 30 });
        for (window, near) in [(0, false), (4, false), (5, true), (i64::MAX, true)] {
            assert_eq!(day.is_near(later, window), near, "{window}");
            assert_eq!(later.is_near(day, window), near, "{window}");
        }
        assert!(day.is_near(Span::moment(15), 0));
    }
}
