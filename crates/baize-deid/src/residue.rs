//! Identifying texts that stand where nobody expects them: a name in a code's meaning, an ID in a label.

use crate::dictionary::{PATIENT_ID, PATIENT_NAME};
use crate::dummy;
use crate::element::{DataSet, Element, Encoding, Tag, Value};
use crate::options::Options;

/// Shorter texts stand by chance in too many others.
const SHORTEST: usize = 4;

/// Who and what must not be found again.
const IDENTIFYING: [Tag; 10] = [
    PATIENT_NAME,
    PATIENT_ID,
    // Accession Number, Other Patient IDs, Other Patient Names.
    (0x0008, 0x0050),
    (0x0010, 0x1000),
    (0x0010, 0x1001),
    // Referring, performing, reading physician and operator.
    (0x0008, 0x0090),
    (0x0008, 0x1050),
    (0x0008, 0x1060),
    (0x0008, 0x1070),
    // Institution Name, where it is not kept.
    INSTITUTION_NAME,
];
const INSTITUTION_NAME: Tag = (0x0008, 0x0080);

/// The identifying texts of an object, as written.
pub(crate) struct Identifying(Vec<Vec<u8>>);

impl Identifying {
    pub(crate) fn of(original: &DataSet<'_>, options: &Options) -> Self {
        let mut texts = Vec::new();
        for tag in IDENTIFYING {
            if tag == INSTITUTION_NAME && options.retain_institution {
                continue;
            }
            let Some(bytes) = original.0.get(&tag).and_then(Element::bytes) else { continue };
            let is_name = matches!(dictionary_vr(tag), Some(vr) if &vr == b"PN");
            // The parts of a name count by themselves.
            let parts = bytes.split(|byte| is_name && matches!(byte, b'^' | b'='));
            let trimmed = parts.map(|part| part.trim_ascii()).filter(|part| part.len() >= SHORTEST);
            texts.extend(trimmed.map(<[u8]>::to_vec));
        }
        Self(texts)
    }

    /// Replaces every text that holds one of them. Returns how many.
    pub(crate) fn clear_from(&self, data_set: &mut DataSet<'_>, encoding: Encoding) -> usize {
        let mut cleared = 0;
        for (tag, element) in &mut data_set.0 {
            let vr = if encoding.explicit { element.vr } else { dictionary_vr(*tag).unwrap_or(element.vr) };
            match &mut element.value {
                Value::Items(items) => {
                    cleared += items.iter_mut().map(|item| self.clear_from(item, encoding)).sum::<usize>();
                }
                Value::Bytes(bytes) if is_prose(vr) && self.is_in(bytes) => {
                    element.value = dummy::of(vr).value;
                    cleared += 1;
                }
                Value::Bytes(_) | Value::Fragments(_) => {}
            }
        }
        cleared
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        let holds = |text: &Vec<u8>| {
            bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
        };
        self.0.iter().any(holds)
    }
}

fn dictionary_vr(tag: Tag) -> Option<[u8; 2]> {
    crate::dictionary::vr(tag)
}

/// Texts in words. Codes (CS) are from closed lists: `CHEST` stays `CHEST` although somebody is called that.
fn is_prose(vr: [u8; 2]) -> bool {
    matches!(&vr, b"LO" | b"LT" | b"PN" | b"SH" | b"ST" | b"UC" | b"UR" | b"UT" | b"UN")
}
