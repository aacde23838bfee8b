//! One segment: its text, split only when it is asked for.

use super::delimiters::Delimiters;
use super::path::{Path, is_segment_name};

/// What the name of a segment looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// As the standard has it.
    Good,
    /// The same in lower case.
    LowerCase,
    /// This is no segment.
    None,
}

/// A segment as it was written. Nothing of it is interpreted before it is asked for, so unknown segments and
/// surplus fields survive, and it takes no more memory than its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub(super) text: String,
    /// The carriage returns and line feeds behind it, as they were.
    pub(super) ending: String,
}

impl Segment {
    /// Its name, such as `PID`; for a line that is no segment, what stands before the first separator.
    pub fn name<'a>(&'a self, delimiters: &Delimiters) -> &'a str {
        match self.text.get(..3) {
            // The separator of a header segment is the character behind its name.
            Some(name) if is_header(name) => name,
            _ => self.text.split(delimiters.field).next().unwrap_or_default(),
        }
    }

    /// Whether it has this name, in capitals or not.
    pub fn is(&self, name: &str, delimiters: &Delimiters) -> bool {
        self.name(delimiters).eq_ignore_ascii_case(name)
    }

    /// The text of the whole segment.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether its name has the shape of a segment's.
    pub(super) fn naming(&self, delimiters: &Delimiters) -> Naming {
        let name = self.name(delimiters);
        if is_segment_name(name) {
            Naming::Good
        } else if is_segment_name(&name.to_ascii_uppercase()) && name.len() < self.text.len() {
            Naming::LowerCase
        } else {
            Naming::None
        }
    }

    /// Whether a line without a segment's name may go on with the text of this segment: senders leave carriage
    /// returns in notes, reports and encoded documents. What looks like a segment with a damaged name goes on with
    /// nothing.
    pub(super) fn goes_on_in(&self, line: &Self, delimiters: &Delimiters) -> bool {
        let damaged =
            line.text.split_once(delimiters.field).is_some_and(|(name, _)| name.chars().count() == 3);
        let text_type = |kind: &str| matches!(kind, "TX" | "FT" | "ST" | "ED" | "RP" | "");
        !damaged
            && (self.is("NTE", delimiters)
                || self.is("OBX", delimiters) && text_type(self.field(2, delimiters).unwrap_or_default()))
    }

    /// The raw text of a field, all repetitions; `None` where the segment ends before it. MSH-1 is the separator.
    pub fn field(&self, number: usize, delimiters: &Delimiters) -> Option<&str> {
        if is_header(self.name(delimiters)) {
            return match number {
                0 => None,
                1 => self.text.get(3..4),
                _ => self.text.split(delimiters.field).nth(number - 1),
            };
        }
        self.text.split(delimiters.field).nth(number).filter(|_| number > 0)
    }

    /// The repetitions of a field.
    pub fn repetitions<'a>(
        &'a self,
        number: usize,
        delimiters: &'a Delimiters,
    ) -> impl Iterator<Item = &'a str> + 'a {
        let whole = self.is_verbatim(number, delimiters);
        let field = self.field(number, delimiters);
        let split = field.filter(|_| !whole).map(|field| field.split(delimiters.repetition));
        split.into_iter().flatten().chain(field.filter(|_| whole))
    }

    /// The raw text at a path: as deep as the path goes.
    pub(super) fn raw(&self, path: &Path, delimiters: &Delimiters) -> Option<&str> {
        let field = self.field(path.field, delimiters)?;
        if self.is_verbatim(path.field, delimiters) {
            return Some(field);
        }
        if path.repetition.is_none() && path.component.is_none() {
            return Some(field);
        }
        let repetition = field.split(delimiters.repetition).nth(path.repetition.unwrap_or(1) - 1)?;
        let Some(component) = path.component else { return Some(repetition) };
        let component = repetition.split(delimiters.component).nth(component - 1)?;
        let Some(subcomponent) = path.subcomponent else { return Some(component) };
        component.split(delimiters.subcomponent).nth(subcomponent - 1)
    }

    /// Header fields 1 and 2 are the delimiters themselves.
    pub(super) fn is_verbatim(&self, field: usize, delimiters: &Delimiters) -> bool {
        field <= 2 && is_header(self.name(delimiters))
    }

    /// Writes raw text at the leaf of a path; what is missing before it is added empty.
    pub(super) fn set_raw(&mut self, path: &Path, raw: &str, delimiters: &Delimiters) {
        let index = if is_header(self.name(delimiters)) { path.field - 1 } else { path.field };
        let whole = path.repetition.is_none() && path.component.is_none();
        self.text = replaced(&self.text, delimiters.field, index, |field| {
            if whole {
                return raw.to_owned();
            }
            replaced(field, delimiters.repetition, path.repetition.unwrap_or(1) - 1, |repetition| {
                let Some(component) = path.component else { return raw.to_owned() };
                replaced(repetition, delimiters.component, component - 1, |component| {
                    let Some(subcomponent) = path.subcomponent else { return raw.to_owned() };
                    replaced(component, delimiters.subcomponent, subcomponent - 1, |_| raw.to_owned())
                })
            })
        });
    }
}

/// The text with its `index`-th part changed.
fn replaced(text: &str, separator: char, index: usize, change: impl FnOnce(&str) -> String) -> String {
    let mut parts: Vec<&str> = text.split(separator).collect();
    if parts.len() <= index {
        parts.resize(index + 1, "");
    }
    let new = change(parts[index]);
    parts[index] = &new;
    let mut buffer = [0; 4];
    parts.join(separator.encode_utf8(&mut buffer))
}

/// Segments that declare delimiters.
pub(super) fn is_header(name: &str) -> bool {
    matches!(name, "MSH" | "BHS" | "FHS")
}
