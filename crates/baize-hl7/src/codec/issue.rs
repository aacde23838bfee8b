//! What is wrong with a message, where, and under which code the sender hears of it.

use std::fmt;

use serde::{Serialize, Serializer};

/// Message error condition codes of HL7 table 0357.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// 100: the message is not made of segments in an order that can be read.
    SegmentSequence,
    /// 101: a field is missing without which the message cannot be used.
    RequiredFieldMissing,
    /// 102: a value is not of its data type.
    DataType,
    /// 103: a value is not in its table.
    TableValueNotFound,
    /// 200: nobody here reads this message type.
    UnsupportedMessageType,
    /// 201: nobody here reads this event.
    UnsupportedEvent,
    /// 202: the processing ID is unknown.
    UnsupportedProcessingId,
    /// 203: the version is not 2.x.
    UnsupportedVersion,
    /// 204: the patient, order or visit that the message speaks of is unknown.
    UnknownKey,
    /// 205: the key is in use already.
    DuplicateKey,
    /// 206: the record cannot be changed now.
    RecordLocked,
    /// 207: trouble on the receiver's side.
    ApplicationInternal,
}

impl Code {
    /// The number in table 0357.
    pub const fn number(self) -> u16 {
        match self {
            Self::SegmentSequence => 100,
            Self::RequiredFieldMissing => 101,
            Self::DataType => 102,
            Self::TableValueNotFound => 103,
            Self::UnsupportedMessageType => 200,
            Self::UnsupportedEvent => 201,
            Self::UnsupportedProcessingId => 202,
            Self::UnsupportedVersion => 203,
            Self::UnknownKey => 204,
            Self::DuplicateKey => 205,
            Self::RecordLocked => 206,
            Self::ApplicationInternal => 207,
        }
    }

    /// The text in table 0357.
    pub const fn text(self) -> &'static str {
        match self {
            Self::SegmentSequence => "Segment sequence error",
            Self::RequiredFieldMissing => "Required field missing",
            Self::DataType => "Data type error",
            Self::TableValueNotFound => "Table value not found",
            Self::UnsupportedMessageType => "Unsupported message type",
            Self::UnsupportedEvent => "Unsupported event code",
            Self::UnsupportedProcessingId => "Unsupported processing id",
            Self::UnsupportedVersion => "Unsupported version id",
            Self::UnknownKey => "Unknown key identifier",
            Self::DuplicateKey => "Duplicate key identifier",
            Self::RecordLocked => "Application record locked",
            Self::ApplicationInternal => "Application internal error",
        }
    }

    /// Whether sending the same message again can never help, so that it is rejected (AR, CR) rather than
    /// answered with an error (HL7 2.5.1 section 2.9.2.2: type, event, processing ID, version).
    pub const fn rejects(self) -> bool {
        matches!(
            self,
            Self::SegmentSequence
                | Self::UnsupportedMessageType
                | Self::UnsupportedEvent
                | Self::UnsupportedProcessingId
                | Self::UnsupportedVersion
        )
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

/// How much an issue matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The message can be used; the sender should know.
    Warning,
    /// The message cannot be used as it is.
    Error,
}

/// A place in a message; a 0 means "not that deep".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    /// The segment's name, empty for the message as a whole.
    pub segment: String,
    /// Which of the segments of that name, from 1.
    pub sequence: usize,
    /// The field, from 1.
    pub field: usize,
    /// The repetition, from 1.
    pub repetition: usize,
    /// The component, from 1.
    pub component: usize,
    /// The subcomponent, from 1.
    pub subcomponent: usize,
}

impl Position {
    /// The message as a whole.
    pub fn message() -> Self {
        Self::default()
    }

    /// A segment.
    pub fn segment(name: &str, sequence: usize) -> Self {
        Self { segment: name.to_owned(), sequence, ..Self::default() }
    }

    /// A field.
    pub fn field(name: &str, sequence: usize, field: usize) -> Self {
        Self { field, ..Self::segment(name, sequence) }
    }

    /// The parts down to the deepest that is known, as ERR-2 (data type ERL) has them.
    pub fn parts(&self) -> Vec<String> {
        let numbers = [self.sequence, self.field, self.repetition, self.component, self.subcomponent];
        let depth = numbers.iter().take_while(|number| **number > 0).count();
        let mut parts = vec![self.segment.clone()];
        parts.extend(numbers.iter().take(depth).map(usize::to_string));
        parts
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segment.is_empty() {
            return f.write_str("message");
        }
        write!(f, "{}", self.segment)?;
        if self.sequence > 1 {
            write!(f, "[{}]", self.sequence)?;
        }
        if self.field > 0 {
            write!(f, "-{}", self.field)?;
        }
        if self.repetition > 1 {
            write!(f, "[{}]", self.repetition)?;
        }
        for deeper in [self.component, self.subcomponent] {
            if deeper > 0 {
                write!(f, ".{deeper}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{} at {position}: {message}", .code.number())]
pub struct Issue {
    /// How much it matters.
    pub severity: Severity,
    /// Its code in table 0357.
    pub code: Code,
    /// Where.
    pub position: Position,
    /// One English sentence for a person. Holds no value of the message: it is logged and sent back.
    pub message: String,
}

impl Issue {
    /// What makes the message unusable.
    pub fn error(code: Code, position: Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, position, message: message.into() }
    }

    /// What the sender should know.
    pub fn warning(code: Code, position: Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, code, position, message: message.into() }
    }

    /// Whether it makes the message unusable.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
