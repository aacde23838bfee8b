//! Values that say nothing, for attributes that must have one.

use crate::element::{DataSet, Element, Tag, Value};

/// What stands for a text.
pub(crate) const REMOVED: &str = "REMOVED";
/// What stands for a person.
const NOBODY: &str = "ANONYMOUS";

const CODE_VALUE: Tag = (0x0008, 0x0100);
const CODING_SCHEME: Tag = (0x0008, 0x0102);
const CODE_MEANING: Tag = (0x0008, 0x0104);

/// A valid value of this VR that is the same for everybody.
pub(crate) fn of(vr: [u8; 2]) -> Element<'static> {
    let text = match &vr {
        b"PN" => NOBODY,
        b"DA" => "19000101",
        b"TM" => "000000",
        b"DT" => "19000101000000",
        b"AS" => "000D",
        b"DS" | b"IS" => "0",
        b"UR" => "urn:removed",
        b"AE" | b"CS" | b"LO" | b"LT" | b"SH" | b"ST" | b"UC" | b"UT" => REMOVED,
        b"SQ" => return Element::sequence(vec![code()]),
        // All binary numbers are of one of these lengths; zero is zero in either byte order.
        b"FD" | b"OD" | b"OV" | b"SV" | b"UV" => return zeros(vr, 8),
        b"AT" | b"FL" | b"OF" | b"OL" | b"SL" | b"UL" => return zeros(vr, 4),
        _ => return zeros(vr, 2),
    };
    Element::text(vr, text)
}

fn zeros(vr: [u8; 2], count: usize) -> Element<'static> {
    Element { vr, value: Value::Bytes(vec![0; count].into()) }
}

/// A code that means that there was one.
fn code() -> DataSet<'static> {
    code_item("REMOVED", "99BAIZE", "Removed")
}

/// One item of a code sequence (PS3.3 section 8.8).
pub(crate) fn code_item(value: &str, scheme: &str, meaning: &str) -> DataSet<'static> {
    DataSet(
        [
            (CODE_VALUE, Element::text(*b"SH", value)),
            (CODING_SCHEME, Element::text(*b"SH", scheme)),
            (CODE_MEANING, Element::text(*b"LO", meaning)),
        ]
        .into(),
    )
}
