//! Parameters as exact as the code that reads them: a client that keeps to the description is not refused.

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat};
use utoipa::openapi::{Object, RefOr, Schema};

/// A UID (PS3.5 section 9.1) as paths take it.
const UID: &str = r"^[0-9]+(\.[0-9]+)*$";

/// What paths of several routes hold, by the name of the part.
const PARTS: [(&str, &str, Option<usize>); 5] = [
    ("study", UID, Some(64)),
    ("series", UID, Some(64)),
    ("sop", UID, Some(64)),
    ("frames", r"^[1-9][0-9]*(,[1-9][0-9]*)*$", None),
    ("value", r"^[0-9A-Fa-f]{8}(\.[0-9]+\.[0-9A-Fa-f]{8})*$", None),
];

/// Says what a parameter may hold.
pub(super) fn refine(parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else { return };
    unsigned(schema);
    if parameter.parameter_in != ParameterIn::Path {
        return;
    }
    if let Some((_, pattern, longest)) = PARTS.iter().find(|(name, ..)| *name == parameter.name)
        && schema.pattern.is_none()
    {
        schema.pattern = Some((*pattern).to_owned());
        schema.max_length = *longest;
    }
}

/// `u32` is described as a signed number of 32 bits that is not negative: half of what it takes.
fn unsigned(schema: &mut Object) {
    let is_signed = schema.format == Some(SchemaFormat::KnownFormat(KnownFormat::Int32));
    if is_signed && schema.minimum.is_some() {
        schema.format = None;
        if schema.maximum.is_none() {
            schema.maximum = Some(u32::MAX.into());
        }
    }
}
