//! What a DIMSE response says: the one place where our error codes become status codes.
//!
//! From PS3.4 table B.2-1 (C-STORE) and PS3.7 annex C (general):
//!
//! | status | sent for |
//! |---|---|
//! | `0000` | the object is durable, be it new, known, or a variant of a known one |
//! | `0110` processing failure | our own trouble: disk, database, a mistake in Baize |
//! | `0115` invalid argument value | the command names no SOP Instance, or one that is no UID |
//! | `0122` SOP class not supported | the command's SOP class is not that of its presentation context |
//! | `0124` not authorised | the engine refuses this peer |
//! | `0211` unrecognised operation | anything but C-ECHO, C-STORE and a report of storage commitment |
//! | `A700` out of resources | the spool is full, and nothing else: an operator must make room |
//! | `A710` out of resources | stopping, starting, or saturated: send it again later |
//! | `A900` data set does not match SOP class | UIDs differ between command and data set, or an attribute is missing |
//! | `C000` cannot understand | damaged, too large, or not readable at all |
//!
//! PS3.4 leaves the low byte of `A7xx` to the implementation. `A710` is in that range, although PS3.7 has a
//! general "resource limitation" (0213), because table B.2-1 lists `A7xx` for C-STORE and senders that try again
//! decide by it; it is not `A700`, so that a full disk can be told from a busy moment.

use baize_core::{ErrorClass, ErrorCode, Fault, Language};

/// Error Comment (0000,0902) is an LO: at most 64 characters, no backslash.
const COMMENT_CHARACTERS: usize = 64;

/// The outcome of an operation as the peer is told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// Status (0000,0900).
    pub(crate) code: u16,
    /// Error Comment (0000,0902): ASCII, at most 64 characters.
    pub(crate) comment: Option<String>,
}

impl Status {
    pub(crate) const PROCESSING_FAILURE: u16 = 0x0110;
    pub(crate) const INVALID_ARGUMENT: u16 = 0x0115;
    pub(crate) const SOP_CLASS_NOT_SUPPORTED: u16 = 0x0122;
    pub(crate) const UNRECOGNISED_OPERATION: u16 = 0x0211;
    pub(crate) const MISMATCH: u16 = 0xA900;
    pub(crate) const CANNOT_UNDERSTAND: u16 = 0xC000;

    /// The operation was performed.
    pub(crate) const fn success() -> Self {
        Self { code: 0, comment: None }
    }

    /// A failure with a reason; the reason is cut and cleaned to fit its field.
    pub(crate) fn failure(code: u16, comment: &str) -> Self {
        Self { code, comment: Some(fit(comment)) }
    }
}

impl From<&Fault> for Status {
    fn from(fault: &Fault) -> Self {
        let comment =
            if fault.message.is_empty() { fault.code.title(Language::English) } else { &fault.message };
        Self::failure(code_of(fault.code), comment)
    }
}

/// The status for an error code.
fn code_of(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::SpoolFull => 0xA700,
        ErrorCode::MissingAttribute => Status::MISMATCH,
        ErrorCode::Unauthenticated | ErrorCode::Forbidden => 0x0124,
        // Requests that a C-STORE cannot contain: ours to explain, not the peer's.
        ErrorCode::NotFound | ErrorCode::Cancelled => 0x0110,
        _ => match code.class() {
            ErrorClass::Overload => 0xA710,
            ErrorClass::Internal => 0x0110,
            ErrorClass::Unreadable | ErrorClass::Refused | ErrorClass::Caller => Status::CANNOT_UNDERSTAND,
        },
    }
}

fn fit(comment: &str) -> String {
    comment
        .chars()
        .map(|character| match character {
            ' '..='~' if character != '\\' => character,
            _ => '?',
        })
        .take(COMMENT_CHARACTERS)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_covers_every_error_code() {
        let table = |code| match code {
            ErrorCode::WrongModality => 0xC000,
            ErrorCode::WrongBodyPart => 0xC000,
            ErrorCode::WrongView => 0xC000,
            ErrorCode::MultiFrame => 0xC000,
            ErrorCode::NotGrayscale => 0xC000,
            ErrorCode::NoPixelData => 0xC000,
            ErrorCode::OwnResult => 0xC000,
            ErrorCode::TooSmall => 0xC000,
            ErrorCode::NotRouted => 0xC000,
            ErrorCode::WrongContent => 0xC000,
            ErrorCode::UnfamiliarImage => 0xC000,
            ErrorCode::OutsidePopulation => 0xC000,
            ErrorCode::PoorQuality => 0xC000,
            ErrorCode::UnfitSeries => 0xC000,
            ErrorCode::NotDicom => 0xC000,
            ErrorCode::MalformedObject => 0xC000,
            ErrorCode::MissingAttribute => 0xA900,
            ErrorCode::UnsupportedTransferSyntax => 0xC000,
            ErrorCode::UnsupportedPixelFormat => 0xC000,
            ErrorCode::CorruptPixelData => 0xC000,
            ErrorCode::DimensionsTooLarge => 0xC000,
            ErrorCode::ObjectTooLarge => 0xC000,
            ErrorCode::InvalidRequest => 0xC000,
            ErrorCode::Unauthenticated => 0x0124,
            ErrorCode::Forbidden => 0x0124,
            ErrorCode::NotFound => 0x0110,
            ErrorCode::UnsupportedMediaType => 0xC000,
            ErrorCode::Cancelled => 0x0110,
            ErrorCode::QuotaExceeded => 0xA710,
            ErrorCode::Saturated => 0xA710,
            ErrorCode::Draining => 0xA710,
            ErrorCode::NotReady => 0xA710,
            ErrorCode::DeadlineExceeded => 0xA710,
            ErrorCode::SpoolFull => 0xA700,
            ErrorCode::StorageFailed => 0x0110,
            ErrorCode::InferenceFailed => 0x0110,
            ErrorCode::DeviceLost => 0x0110,
            ErrorCode::Internal => 0x0110,
        };
        for code in ErrorCode::ALL {
            let status = Status::from(&Fault::new(*code, "why"));
            assert_eq!(status, Status { code: table(*code), comment: Some("why".to_owned()) }, "{code}");
            assert_ne!(status.code, 0, "{code} would be acknowledged");
        }
    }

    #[test]
    fn a_comment_always_fits_its_field() {
        let cases = [
            ("plain", "plain"),
            ("a\\b\r\nc", "a?b??c"),
            ("磁盘已满", "????"),
            ("", "The spool is full"),
            (&"x".repeat(80), &"x".repeat(64)),
            (&format!("{} y", "x".repeat(63)), &"x".repeat(63)),
        ];
        for (message, expected) in cases {
            let status = Status::from(&Fault::new(ErrorCode::SpoolFull, message));
            assert_eq!(status.comment.as_deref(), Some(expected));
        }
    }
}
