//! HL7 dates and times (data types DT, DTM and TS) as ISO 8601.

use time::{Date, Month, Time};

/// `20260315093000.5+0800` → `2026-03-15T09:30:00+08:00`; as exact as the text is. A zone that isn't given isn't
/// invented. `None` for what is no date.
pub(super) fn iso(text: &str) -> Option<String> {
    let (moment, zone) = match text.find(['+', '-']) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    };
    let (digits, fraction) = moment.split_once('.').unwrap_or((moment, ""));
    let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric(digits) || !numeric(fraction) || !matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | 14) {
        return None;
    }
    let part = |from: usize, usual: u8| -> Option<u8> {
        digits.get(from..from + 2).map_or(Some(usual), |text| text.parse().ok())
    };
    let year: i32 = digits[..4].parse().ok()?;
    let (month, day) = (part(4, 1)?, part(6, 1)?);
    Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let (hour, minute, second) = (part(8, 0)?, part(10, 0)?, part(12, 0)?);
    Time::from_hms(hour, minute, second).ok()?;
    let mut iso = match digits.len() {
        4 => format!("{year:04}"),
        6 => format!("{year:04}-{month:02}"),
        8 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"),
    };
    if let Some(zone) = zone {
        if zone.len() != 5 || !numeric(&zone[1..]) {
            return None;
        }
        if digits.len() > 8 {
            iso.push_str(&format!("{}:{}", &zone[..3], &zone[3..]));
        }
    }
    Some(iso)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_their_precision() {
        for (text, expected) in [
            ("20260315093000", Some("2026-03-15T09:30:00")),
            ("20260315093000.1234+0800", Some("2026-03-15T09:30:00+08:00")),
            ("202603150930-0500", Some("2026-03-15T09:30:00-05:00")),
            ("20260315", Some("2026-03-15")),
            ("202603", Some("2026-03")),
            ("1970", Some("1970")),
            ("20261315", None),
            ("20260230", None),
            ("2026031525", None),
            ("196203520", None),
            ("2026-03-15", None),
            ("王", None),
            ("", None),
            ("20260315+8", None),
        ] {
            assert_eq!(iso(text).as_deref(), expected, "{text}");
        }
    }
}
