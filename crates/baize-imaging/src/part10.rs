//! The file around a data set: preamble, file meta group, deflation (PS3.10 section 7).

use std::borrow::Cow;
use std::io::Read;

use baize_core::{ErrorCode, Fault};
use flate2::read::DeflateDecoder;

use crate::Limits;
use crate::element::Walk;
use crate::syntax::{Encoding, PixelCodec, encoding, pixel_codec};

const PREAMBLE: usize = 128;
const META_GROUP: u16 = 0x0002;
const TRANSFER_SYNTAX: (u16, u16) = (0x0002, 0x0010);

/// A DICOM file taken apart.
pub(crate) struct Part10<'a> {
    /// Transfer Syntax UID, without padding.
    pub(crate) transfer_syntax: String,
    /// How the data set is written.
    pub(crate) encoding: Encoding,
    /// The data set as received.
    pub(crate) received: &'a [u8],
    /// The data set, inflated.
    pub(crate) data_set: Cow<'a, [u8]>,
}

impl Part10<'_> {
    /// The transfer syntax writes pixels in fragments. One that is not known does, since only such are new.
    pub(crate) fn is_encapsulated(&self) -> bool {
        pixel_codec(&self.transfer_syntax) != PixelCodec::Native
    }
}

/// Takes the file apart.
pub(crate) fn open<'a>(object: &'a [u8], limits: &Limits) -> Result<Part10<'a>, Fault> {
    let size = object.len() as u64;
    if size > limits.max_object_bytes {
        let message =
            format!("the object has {size} bytes, more than the limit of {}", limits.max_object_bytes);
        return Err(Fault::new(ErrorCode::ObjectTooLarge, message));
    }
    if object.get(PREAMBLE..PREAMBLE + 4) != Some(b"DICM") {
        let message = "the 128-byte preamble with DICM behind it is missing: send a DICOM Part 10 file";
        return Err(Fault::new(ErrorCode::NotDicom, message));
    }
    let file = &object[PREAMBLE + 4..];
    let meta = Encoding { explicit: true, big_endian: false, deflated: false };
    let mut walk = Walk::new(file, meta);
    let mut transfer_syntax = None;
    // The group is walked to its end rather than by its length (0002,0000), which some writers get wrong.
    while walk.peek().is_some_and(|(group, _)| group == META_GROUP) {
        let Some(element) = walk.next()? else { break };
        if element.tag == TRANSFER_SYNTAX {
            transfer_syntax = Some(uid_text(element.value)?);
        }
    }
    if walk.position() == 0 {
        let message = "the file meta group (0002,xxxx) is missing: send a DICOM Part 10 file";
        return Err(Fault::new(ErrorCode::NotDicom, message));
    }
    let transfer_syntax = transfer_syntax.ok_or_else(|| {
        Fault::new(
            ErrorCode::MissingAttribute,
            "Transfer Syntax UID (0002,0010) is missing from the file meta group",
        )
    })?;
    let received = &file[walk.position()..];
    let encoding = encoding(&transfer_syntax);
    let data_set = if encoding.deflated {
        Cow::Owned(inflate(received, limits.max_object_bytes)?)
    } else {
        Cow::Borrowed(received)
    };
    Ok(Part10 { transfer_syntax, encoding, received, data_set })
}

/// Preamble and file meta group of an object, for its data set in another transfer syntax.
///
/// # Errors
/// As [`open`].
pub(crate) fn with_syntax(object: &[u8], transfer_syntax: &str) -> Result<Vec<u8>, Fault> {
    let file = object.get(PREAMBLE + 4..).unwrap_or_default();
    let mut walk = Walk::new(file, Encoding { explicit: true, big_endian: false, deflated: false });
    let mut group = Vec::new();
    while walk.peek().is_some_and(|(group, _)| group == META_GROUP) {
        let begin = walk.position();
        let Some(element) = walk.next()? else { break };
        match element.tag {
            (_, 0) => {}
            TRANSFER_SYNTAX => {
                let mut uid = transfer_syntax.as_bytes().to_vec();
                uid.resize(uid.len().next_multiple_of(2), 0);
                group.extend_from_slice(&[0x02, 0, 0x10, 0, b'U', b'I']);
                group.extend_from_slice(&(uid.len() as u16).to_le_bytes());
                group.extend_from_slice(&uid);
            }
            _ => group.extend_from_slice(&file[begin..walk.position()]),
        }
    }
    let mut written = object[..PREAMBLE + 4].to_vec();
    written.extend_from_slice(&[0x02, 0, 0, 0, b'U', b'L', 4, 0]);
    written.extend_from_slice(&(group.len() as u32).to_le_bytes());
    written.extend_from_slice(&group);
    Ok(written)
}

fn uid_text(value: &[u8]) -> Result<String, Fault> {
    let text = str::from_utf8(value).unwrap_or_default().trim_end_matches(['\0', ' ']);
    let valid = !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !valid {
        let message = "Transfer Syntax UID (0002,0010) is not a DICOM UID";
        return Err(Fault::new(ErrorCode::MalformedObject, message));
    }
    Ok(text.to_owned())
}

/// Inflates a raw DEFLATE stream that may not grow beyond `limit` bytes.
fn inflate(stream: &[u8], limit: u64) -> Result<Vec<u8>, Fault> {
    let mut data_set = Vec::new();
    let read = DeflateDecoder::new(stream).take(limit.saturating_add(1)).read_to_end(&mut data_set);
    if data_set.len() as u64 > limit {
        let message = format!("the deflated data set inflates to more than the limit of {limit} bytes");
        return Err(Fault::new(ErrorCode::ObjectTooLarge, message));
    }
    read.map_err(|_| {
        Fault::new(ErrorCode::MalformedObject, "the deflated data set is damaged or cut short")
    })?;
    Ok(data_set)
}
