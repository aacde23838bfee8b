//! Failure and warning reasons of PS3.18 section 10.5.3 (Store Instances Response).

use baize_core::{ErrorClass, ErrorCode};

/// The object is not one of the study in the URL; of the family "data set does not match".
pub(super) const OTHER_STUDY: u16 = 0xA900;

/// The SOP Instance UID was there with a different data set. The standard's three warning reasons (coercion,
/// discarded elements, SOP Class mismatch) say something else and it allows others; this one is PS3.7's
/// "duplicate SOP Instance" (0x0111) as a warning.
pub(super) const VARIANT: u16 = 0xB111;

/// Failure Reason (0008,1197) for a code.
pub(super) fn of(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::UnsupportedTransferSyntax => 0xC122,
        ErrorCode::UnsupportedMediaType => 0xC000,
        _ => match code.class() {
            // Refused: out of resources. Sending again later helps.
            ErrorClass::Overload => 0xA700,
            // Processing failure.
            ErrorClass::Internal | ErrorClass::Caller => 0x0110,
            // Cannot understand.
            ErrorClass::Unreadable | ErrorClass::Refused => 0xC000,
        },
    }
}
