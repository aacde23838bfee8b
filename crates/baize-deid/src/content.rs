//! Content trees of structured reports (PS3.3 section C.17.3): what a content item says besides its attributes.

use crate::element::{DataSet, Tag, Value};

const VALUE_TYPE: Tag = (0x0040, 0xA040);
const CONCEPT_NAME: Tag = (0x0040, 0xA043);
const CODE_VALUE: Tag = (0x0008, 0x0100);

/// Concepts about the patient (PS3.16 TID 1007) whose answers are numbers or codes, which elsewhere stay: sex, age,
/// species, breed; and size, weight and body mass index.
const CHARACTERISTICS: [&str; 8] =
    ["121032", "121033", "121034", "121035", "8302-2", "29463-7", "8339-4", "60621009"];

/// The item is an answer about the patient that only Retain Patient Characteristics lets stand.
pub(crate) fn is_patient_characteristic(item: &DataSet<'_>) -> bool {
    let Some(Value::Items(concepts)) = item.0.get(&CONCEPT_NAME).map(|element| &element.value) else {
        return false;
    };
    let concept = concepts.first().and_then(|code| code.text(CODE_VALUE));
    item.0.contains_key(&VALUE_TYPE) && concept.is_some_and(|code| CHARACTERISTICS.contains(&code.as_str()))
}
