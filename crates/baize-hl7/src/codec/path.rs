//! Where in a message a value is: `PID-3[2].4.1`, `OBX[3]-5`, `ZDS-1.1`.

use std::fmt;
use std::str::FromStr;

/// Highest index of any level; above it a path is a slip, and writing to it would take memory.
const MAX_INDEX: usize = 999;

/// A place in a message. Indices count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The segment's name, such as `PID`.
    pub segment: String,
    /// Which of the segments of that name.
    pub occurrence: usize,
    /// The field.
    pub field: usize,
    /// The repetition, where one is named.
    pub repetition: Option<usize>,
    /// The component, where one is named.
    pub component: Option<usize>,
    /// The subcomponent, where one is named.
    pub subcomponent: Option<usize>,
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no path: write it like PID-3[2].4.1 or OBX[3]-5, each index from 1 to {MAX_INDEX}")]
pub struct BadPath(String);

impl FromStr for Path {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| BadPath(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Path> {
    let (segment, rest) = text.split_once('-')?;
    let (segment, occurrence) = indexed(segment)?;
    if !is_segment_name(segment) {
        return None;
    }
    let mut levels = rest.split('.');
    let (field, repetition) = indexed(levels.next()?)?;
    let component = levels.next().map(number).map_or(Some(None), |level| level.map(Some))?;
    let subcomponent = levels.next().map(number).map_or(Some(None), |level| level.map(Some))?;
    if levels.next().is_some() {
        return None;
    }
    let field = number(field)?;
    Some(Path {
        segment: segment.to_owned(),
        occurrence: occurrence.unwrap_or(1),
        field,
        repetition,
        component,
        subcomponent,
    })
}

/// `PID[2]` → (`PID`, 2).
fn indexed(text: &str) -> Option<(&str, Option<usize>)> {
    match text.strip_suffix(']') {
        None => Some((text, None)),
        Some(open) => {
            let (name, index) = open.split_once('[')?;
            Some((name, Some(number(index)?)))
        }
    }
}

fn number(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (1..=MAX_INDEX).contains(number))
}

/// Three characters: a capital letter, then capital letters or digits.
pub(super) fn is_segment_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() == 3
        && bytes[0].is_ascii_uppercase()
        && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segment)?;
        if self.occurrence > 1 {
            write!(f, "[{}]", self.occurrence)?;
        }
        write!(f, "-{}", self.field)?;
        if let Some(repetition) = self.repetition {
            write!(f, "[{repetition}]")?;
        }
        for level in [self.component, self.subcomponent].into_iter().flatten() {
            write!(f, ".{level}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip_and_bad_ones_are_refused() {
        for good in ["PID-3", "PID-3[2].4.1", "OBX[3]-5", "ZDS-1.1", "PV1-19.1", "OBX[12]-3[1].1"] {
            assert_eq!(good.parse::<Path>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "PID",
            "PID-",
            "PID-0",
            "PID-3.",
            "PID-3.1.1.1",
            "pid-3",
            "PIDX-3",
            "PID-3[0]",
            "PID-3[1",
            "PID-+3",
            "PID-1000",
            "PID[]-1",
            "-3",
            "王ID-1",
        ] {
            assert!(bad.parse::<Path>().is_err(), "{bad} must be refused");
        }
    }
}
