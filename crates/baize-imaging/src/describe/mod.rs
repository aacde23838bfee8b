//! An object in the DICOM JSON model (PS3.18 annex F), and its large values.
//!
//! Written over the same walk as everything else here, so that text is decoded before it is split (in GB18030
//! a backslash may be half a character), each item in its own character set, and nothing is copied but what
//! is said.

mod bulk;
mod frames;
mod native;
mod transcode;
mod value;
mod vr;

use baize_core::{ErrorCode, Fault};
use serde_json::{Map, Value, json};

use crate::Limits;
use crate::attributes::tags;
use crate::element::{Element, PIXEL_TAGS, Tag, Walk, malformed};
use crate::part10;
use crate::syntax::{self, Encoding};
use crate::text::Charset;

pub use bulk::bulk;
pub use frames::frames;
pub use native::native_frames;
pub use transcode::transcode;

/// Sequences within sequences that are followed; the deepest trees in use stay below 20.
const MAX_DEPTH: usize = 32;

/// Binary values up to this size stand in the text, longer ones are referred to.
const MAX_INLINE: usize = 1024;

/// Data Set Trailing Padding.
const PADDING: Tag = (0xFFFC, 0xFFFC);

/// All attributes of an object; large values are references that begin with `bulk_url` and end in the path
/// that [`bulk`] takes.
///
/// # Errors
/// `ObjectTooLarge`, `NotDicom` or `MalformedObject`.
pub fn metadata(object: &[u8], limits: &Limits, bulk_url: &str) -> Result<String, Fault> {
    let file = part10::open(object, limits)?;
    let mut attributes = Map::new();
    let writer = Writer { bulk_url: Some(bulk_url), signed: false };
    writer.data_set(
        Walk::new(&file.data_set, file.encoding),
        &Charset::declared(None),
        "",
        0,
        &mut attributes,
    )?;
    // Tells how the pixels behind the references are encoded (PS3.18 section 10.4.1.1.2).
    attributes.insert("00083002".into(), json!({ "vr": "UI", "Value": [file.transfer_syntax] }));
    Ok(Value::Object(attributes).to_string())
}

/// The attributes up to the pixels and without large values, from the start of an object's file; `None` where
/// the start ends before they do.
///
/// # Errors
/// `ObjectTooLarge` or `NotDicom`.
pub fn header(start: &[u8], limits: &Limits) -> Result<Option<String>, Fault> {
    let file = match part10::open(start, limits) {
        Ok(file) => file,
        // A deflated data set, or one whose file meta group is as long as the start.
        Err(fault) if fault.code == ErrorCode::MalformedObject => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let mut attributes = Map::new();
    let writer = Writer { bulk_url: None, signed: false };
    let walk = Walk::new(&file.data_set, file.encoding);
    match writer.data_set(walk, &Charset::declared(None), "", 0, &mut attributes) {
        Ok(_) => Ok(Some(Value::Object(attributes).to_string())),
        Err(_) => Ok(None),
    }
}

/// The attributes of a data set that is no file, such as an answer to a query, without large values.
///
/// # Errors
/// `MalformedObject`.
pub fn data_set(bytes: &[u8], transfer_syntax: &str) -> Result<Map<String, Value>, Fault> {
    let mut attributes = Map::new();
    let writer = Writer { bulk_url: None, signed: false };
    let walk = Walk::new(bytes, syntax::encoding(transfer_syntax));
    writer.data_set(walk, &Charset::declared(None), "", 0, &mut attributes)?;
    Ok(attributes)
}

/// What is the same for all values of an object.
#[derive(Clone, Copy)]
struct Writer<'u> {
    /// What references begin with; `None` leaves large values out.
    bulk_url: Option<&'u str>,
    /// Pixel Representation says that pixel values are signed.
    signed: bool,
}

impl Writer<'_> {
    /// Adds the elements of a data set or an item, and says how far it walked. `path` names it within the object.
    fn data_set(
        mut self,
        mut walk: Walk<'_>,
        inherited: &Charset,
        path: &str,
        depth: usize,
        attributes: &mut Map<String, Value>,
    ) -> Result<usize, Fault> {
        let mut own = None;
        while let Some(element) = walk.next()? {
            let tag = element.tag;
            if tag == tags::CHARACTER_SET {
                own = Some(Charset::declared(Some(element.value)));
                // The text is Unicode now, whatever it was.
                attributes.insert(key(tag), json!({ "vr": "CS", "Value": ["ISO_IR 192"] }));
                continue;
            }
            // Group lengths count bytes of an encoding that this is not.
            if tag.1 == 0 || tag == PADDING {
                continue;
            }
            if tag == tags::PIXEL_REPRESENTATION {
                self.signed = element.words().next() == Some(1);
            }
            let charset = own.as_ref().unwrap_or(inherited);
            if let Some(written) = self.element(&element, charset, path, depth)? {
                attributes.insert(key(tag), written);
            }
            if PIXEL_TAGS.contains(&tag) && element.undefined_length {
                break;
            }
        }
        Ok(walk.position())
    }

    fn element(
        self,
        element: &Element<'_>,
        charset: &Charset,
        path: &str,
        depth: usize,
    ) -> Result<Option<Value>, Fault> {
        let vr = vr::of(element, self.signed);
        let name = vr::name(&vr);
        let place = format!("{path}{}", key(element.tag));
        if PIXEL_TAGS.contains(&element.tag) || (value::is_binary(vr) && element.value.len() > MAX_INLINE) {
            let reference =
                self.bulk_url.map(|url| json!({ "vr": name, "BulkDataURI": format!("{url}/{place}") }));
            return Ok(reference);
        }
        if vr == *b"SQ" {
            let items = self.items(element, charset, &place, depth)?;
            return Ok(Some(if items.is_empty() {
                json!({ "vr": name })
            } else {
                json!({ "vr": name, "Value": items })
            }));
        }
        Ok(Some(value::write(element, vr, name, charset)))
    }

    fn items(
        self,
        element: &Element<'_>,
        charset: &Charset,
        place: &str,
        depth: usize,
    ) -> Result<Vec<Value>, Fault> {
        if depth == MAX_DEPTH {
            return Err(malformed(element.tag, "its sequences are nested too deeply"));
        }
        let mut items = Vec::new();
        each_item(element, |number, item| {
            let mut attributes = Map::new();
            let path = format!("{place}.{number}.");
            let end = self.data_set(item, charset, &path, depth + 1, &mut attributes)?;
            items.push(Value::Object(attributes));
            Ok(end)
        })?;
        Ok(items)
    }
}

/// Calls `each` with the number of every item and a walk over it; `each` says how far it walked, which is to
/// the item's end.
fn each_item<'a>(
    sequence: &Element<'a>,
    mut each: impl FnMut(usize, Walk<'a>) -> Result<usize, Fault>,
) -> Result<(), Fault> {
    let encoding: Encoding = sequence.encoding;
    let mut walk = Walk::new(sequence.value, encoding);
    let mut number = 0;
    while let Some(item) = walk.next_item()? {
        let elements = Walk::item(item, encoding);
        let end = each(number, elements)?;
        number += 1;
        // An item of undefined length was handed out with all that follows its end mark of eight bytes.
        if end < item.len() {
            walk = Walk::new(item.get(end + 8..).unwrap_or_default(), encoding);
        }
    }
    Ok(())
}

/// A tag as the JSON model writes it.
fn key((group, element): Tag) -> String {
    format!("{group:04X}{element:04X}")
}

#[cfg(test)]
mod tests;
