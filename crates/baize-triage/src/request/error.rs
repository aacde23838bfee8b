//! Why a field was refused: which, what is wrong with it, and what to do.

use serde::Serialize;

use crate::level::Words;

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldProblem {
    /// Not JSON, or a field that stands twice.
    Unreadable,
    /// There is no such field.
    UnknownField,
    /// A value of the wrong JSON type.
    WrongType,
    /// Text that is no number, or a number with words that are not understood.
    NotANumber,
    /// A unit of another quantity or system.
    WrongUnit,
    /// A value that no patient has.
    OutOfRange,
    /// A word that is not one of the choices.
    UnknownWord,
    /// Two fields that cannot both be true.
    Contradiction,
    /// Longer than is taken.
    TooLong,
    /// Without it nothing can be assessed.
    Missing,
    /// A mistake in Baize.
    Internal,
}

impl FieldProblem {
    /// The stable name used in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnknownField => "unknown_field",
            Self::WrongType => "wrong_type",
            Self::NotANumber => "not_a_number",
            Self::WrongUnit => "wrong_unit",
            Self::OutOfRange => "out_of_range",
            Self::UnknownWord => "unknown_word",
            Self::Contradiction => "contradiction",
            Self::TooLong => "too_long",
            Self::Missing => "missing",
            Self::Internal => "internal",
        }
    }
}

/// A refused field. A request with one is refused as a whole: no part of what a nurse wrote is ever dropped.
/// Holds the value that was sent, which may be patient data: never log it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The path of the field, such as `vitals.spo2` or `complaint_codes[2]`.
    pub field: String,
    /// What kind of problem it is.
    pub problem: FieldProblem,
    /// The value as it was sent, shortened.
    pub value: String,
    /// The problem and the remedy, for a person.
    pub text: Words,
}

impl FieldError {
    pub(crate) fn new(field: &str, problem: FieldProblem, value: &str, text: Words) -> Self {
        Self { field: shortened(field), problem, value: shortened(value), text }
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.text.en)
    }
}

/// At most 64 characters of a text that a caller sent.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 64;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
