//! The file around a data set (PS3.10 section 7): taken apart, and made anew.

use std::borrow::Cow;
use std::io::{Read as _, Write as _};

use baize_core::{ErrorCode, Fault};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::element::{DataSet, Element, Encoding};
use crate::{read, write};

const PREFIX_END: usize = 132;
const TRANSFER_SYNTAX_UID: (u16, u16) = (0x0002, 0x0010);
/// Baize's, as on the network (`baize-dicom`): the same for every installation.
const IMPLEMENTATION_CLASS_UID: &str = "2.25.100840381294574814434461900802660565717";
const IMPLEMENTATION_VERSION_NAME: &str = "BAIZE_DEID";
const DEFLATED: [&str; 2] = ["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95"];

/// A DICOM file taken apart.
pub(crate) struct File<'a> {
    pub(crate) transfer_syntax: String,
    pub(crate) encoding: Encoding,
    /// The data set, inflated.
    pub(crate) data_set: Cow<'a, [u8]>,
}

/// Takes a file apart.
///
/// # Errors
/// `NotDicom`, `MalformedObject`, `MissingAttribute`, `ObjectTooLarge`, `UnsupportedTransferSyntax`.
pub(crate) fn open(object: &[u8], most_bytes: u64) -> Result<File<'_>, Fault> {
    if object.get(PREFIX_END - 4..PREFIX_END) != Some(b"DICM") {
        let message = "the 128-byte preamble with DICM behind it is missing: give a DICOM Part 10 file";
        return Err(Fault::new(ErrorCode::NotDicom, message));
    }
    let file = &object[PREFIX_END..];
    let (meta, start) = read::file_meta(file)?;
    let transfer_syntax = meta.text(TRANSFER_SYNTAX_UID).ok_or_else(|| {
        Fault::new(ErrorCode::MissingAttribute, "Transfer Syntax UID (0002,0010) is missing")
    })?;
    // PS3.5 section A.4 demands Explicit VR Little Endian of every encapsulated syntax of the standard; what a private
    // one is written in nobody knows.
    if !transfer_syntax.starts_with("1.2.840.10008.1.2") {
        let message = "the data set is in a private transfer syntax: convert it first";
        return Err(Fault::new(ErrorCode::UnsupportedTransferSyntax, message));
    }
    let encoding = Encoding {
        explicit: transfer_syntax != "1.2.840.10008.1.2",
        big_endian: transfer_syntax == "1.2.840.10008.1.2.2",
        deflated: DEFLATED.contains(&transfer_syntax.as_str()),
    };
    let received = &file[start..];
    let data_set =
        if encoding.deflated { Cow::Owned(inflate(received, most_bytes)?) } else { Cow::Borrowed(received) };
    Ok(File { transfer_syntax, encoding, data_set })
}

/// Makes a file of a data set. Nothing of the old file meta group is carried over: it may name the sender.
///
/// # Errors
/// `Internal`; none is known to occur.
pub(crate) fn close(file: &File<'_>, sop_class: &str, sop_instance: &str, body: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let encoding = Encoding { explicit: true, big_endian: false, deflated: false };
    let meta = DataSet(
        [
            (0x0001, Element { vr: *b"OB", value: crate::element::Value::Bytes(vec![0, 1].into()) }),
            (0x0002, Element::text(*b"UI", sop_class)),
            (0x0003, Element::text(*b"UI", sop_instance)),
            (0x0010, Element::text(*b"UI", &file.transfer_syntax)),
            (0x0012, Element::text(*b"UI", IMPLEMENTATION_CLASS_UID)),
            (0x0013, Element::text(*b"SH", IMPLEMENTATION_VERSION_NAME)),
        ]
        .into_iter()
        .map(|(element, value)| ((0x0002, element), value))
        .collect(),
    );
    let meta = write::data_set(&meta, encoding)?;
    let length = u32::try_from(meta.len()).unwrap_or(u32::MAX);
    let mut bytes = vec![0; PREFIX_END - 4];
    bytes.extend_from_slice(b"DICM");
    bytes.extend_from_slice(&[0x02, 0x00, 0x00, 0x00, b'U', b'L', 0x04, 0x00]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&meta);
    if !file.encoding.deflated {
        bytes.extend_from_slice(&body);
        return Ok(bytes);
    }
    let failed = |error: std::io::Error| Fault::new(ErrorCode::Internal, format!("cannot deflate: {error}"));
    let mut encoder = DeflateEncoder::new(bytes, Compression::default());
    encoder.write_all(&body).map_err(failed)?;
    let mut bytes = encoder.finish().map_err(failed)?;
    // PS3.5 section A.5: an odd stream is padded with one NUL.
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    Ok(bytes)
}

fn inflate(stream: &[u8], limit: u64) -> Result<Vec<u8>, Fault> {
    let mut data_set = Vec::new();
    let read = DeflateDecoder::new(stream).take(limit.saturating_add(1)).read_to_end(&mut data_set);
    if data_set.len() as u64 > limit {
        let message = format!("the deflated data set inflates to more than the limit of {limit} bytes");
        return Err(Fault::new(ErrorCode::ObjectTooLarge, message));
    }
    read.map_err(|_| Fault::new(ErrorCode::MalformedObject, "the deflated data set is damaged or cut short"))?;
    Ok(data_set)
}
