//! Where the next page of a search begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The parameter that holds it. Opaque to callers.
pub(super) const NAME: &str = "_page";

/// What a place is a place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Of the studies, which come first.
    Studies,
    /// Of the steps of visits.
    Steps,
    /// Of a short list that is made as a whole.
    Listed,
}

/// The next resource: of the subject at `place`, or behind it where there is none any more, the one after `skip` others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) part: Part,
    pub(super) place: u64,
    pub(super) skip: usize,
}

impl Cursor {
    pub(super) fn text(self) -> String {
        let part = match self.part {
            Part::Studies => 's',
            Part::Steps => 'v',
            Part::Listed => 'l',
        };
        URL_SAFE_NO_PAD.encode(format!("{part}.{}.{}", self.place, self.skip))
    }

    /// `None` where it is none of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = plain.split('.');
        let part = match parts.next()? {
            "s" => Part::Studies,
            "v" => Part::Steps,
            "l" => Part::Listed,
            _ => return None,
        };
        let cursor = Self { part, place: parts.next()?.parse().ok()?, skip: parts.next()?.parse().ok()? };
        parts.next().is_none().then_some(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_nothing_else_is_one() {
        for part in [Part::Studies, Part::Steps, Part::Listed] {
            let cursor = Cursor { part, place: u64::MAX, skip: 7 };
            assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }
        for bad in [
            "",
            "x",
            "!!",
            &URL_SAFE_NO_PAD.encode("s.1"),
            &URL_SAFE_NO_PAD.encode("s.1.2.3"),
            &URL_SAFE_NO_PAD.encode("s.-1.2"),
        ] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
