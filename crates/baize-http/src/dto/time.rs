//! Points in time as RFC 3339 text in UTC, to the microsecond.

use baize_core::Timestamp;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// Such as `2026-03-01T08:30:00.000250Z`. All of one length, so that the text sorts as the time does.
pub(crate) fn time_text(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let nanos = i128::from(at.as_micros()) * 1000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(format).ok())
        // Past the year 9999, which no clock says.
        .unwrap_or_else(|| "9999-12-31T23:59:59.999999Z".to_owned())
}

/// Reads RFC 3339 in any offset; `None` for anything else and for times before 1970.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?.to_offset(UtcOffset::UTC);
    let micros = time.unix_timestamp_nanos() / 1000;
    u64::try_from(micros).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_time_round_trip() {
        for micros in [0, 1, 999_999, 1_772_354_281_000_250, 253_402_300_799_999_999] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(parse_time(&time_text(at)), Some(at));
        }
        assert_eq!(time_text(Timestamp::from_micros(1_772_354_281_000_250)), "2026-03-01T08:38:01.000250Z");
        assert_eq!(
            parse_time("2026-03-01T16:38:01.00025+08:00"),
            Some(Timestamp::from_micros(1_772_354_281_000_250))
        );
        for bad in ["", "yesterday", "2026-03-01", "1969-12-31T23:59:59Z", "1772354281"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
        assert_eq!(time_text(Timestamp::from_micros(u64::MAX)), "9999-12-31T23:59:59.999999Z");
    }
}
