//! The objects that carry a result back to the archive, all made from one [`Report`]:
//!
//! | object | for whom |
//! |---|---|
//! | Comprehensive 3D SR, TID 1500 | systems that read measurements: codes, probability, threshold, region |
//! | Secondary Capture | viewers that show images only: the annotated picture |
//! | Grayscale Softcopy Presentation State | viewers that draw boxes and text over the image itself |
//! | Key Object Selection | the list of what belongs to the result |
//!
//! A run that gave no findings is told by a structured report alone, which says how it ended and why, and holds nothing
//! that reads as a negative result.
//!
//! **UIDs** follow from image, model, version and kind (UUIDs by SHA-256), so a result made again replaces itself.
//! **Patient and study** attributes are the image's, byte for byte where its character set is kept: GB18030 (and its
//! subset GBK) stays GB18030 unless a byte of a character is a backslash or another delimiter, at which DCMTK and
//! dciodvfy among others split before they decode; everything else becomes `ISO_IR 192`. What the image lacks stays
//! empty.
//! **Time** is in the zone that the image states in Timezone Offset From UTC (0008,0201), which is then repeated; where
//! it states none, Content Date and Time are UTC and (0008,0201) stays absent, since it would also shift the copied
//! Study Time. Contribution DateTime (0018,A002) carries its offset in any case.
//!
//! Architecture Invariant: nothing here reads a clock, a file or a socket.

mod codes;
mod content;
mod envelope;
mod figures;
mod key_image;
mod presentation;
mod report;
mod selection;
mod source;
mod uids;
mod wording;

use baize_core::{Fault, Language, MANUFACTURER, Report, Timestamp};
use bytes::Bytes;
use dicom_dictionary_std::tags;

use envelope::{Envelope, Kind};
use source::Source;

/// An object that tells a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultObject {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID, the same whenever this result is made.
    pub sop_instance: String,
    /// DICOM Part 10, Explicit VR Little Endian.
    pub bytes: Bytes,
}

/// [`objects_in`] the language that the image's header is written in.
///
/// # Errors
/// As [`objects_in`].
pub fn objects(
    source: &[u8],
    report: &Report,
    overlay_png: Option<&[u8]>,
    now: Timestamp,
) -> Result<Vec<ResultObject>, Fault> {
    let header = Source::read(source)?;
    make(source, &header, report, overlay_png, now, header.language())
}

/// Makes the objects of a result: the structured report first, then, where the model ran, key image (with
/// `overlay_png`), presentation state and key object selection. `source` is the image as received, a Part 10 object.
/// Computes for some milliseconds: not for a thread that serves requests.
///
/// # Errors
/// `NotDicom` where `source` is no Part 10 file; `Internal` where `overlay_png` is no picture.
pub fn objects_in(
    language: Language,
    source: &[u8],
    report: &Report,
    overlay_png: Option<&[u8]>,
    now: Timestamp,
) -> Result<Vec<ResultObject>, Fault> {
    make(source, &Source::read(source)?, report, overlay_png, now, language)
}

fn make(
    source: &[u8],
    header: &Source,
    report: &Report,
    overlay_png: Option<&[u8]>,
    now: Timestamp,
    language: Language,
) -> Result<Vec<ResultObject>, Fault> {
    let envelope = Envelope::new(header, report, language, now);
    let mut made = vec![(Kind::Report, report::build(&envelope))];
    if let Some(png) = overlay_png {
        made.push((Kind::KeyImage, key_image::build(&envelope, png)?));
    }
    if let Some(presentation) = presentation::build(&envelope, source)? {
        made.push((Kind::Presentation, presentation));
    }
    if made.len() > 1 {
        let others: Vec<Kind> = made.iter().map(|(kind, _)| *kind).collect();
        made.push((Kind::Selection, selection::build(&envelope, &others)));
    }
    made.iter().map(|(kind, object)| envelope.seal(*kind, object)).collect()
}

/// Whether Baize made this Part 10 object: a result of ours that comes back is not to be analysed or sent again.
///
/// Goes by what archives keep: Device UID (0018,1002), or Manufacturer (0008,0070) where that was removed.
pub fn is_ours(object: &[u8]) -> bool {
    Source::read(object).is_ok_and(|header| {
        header.code(tags::DEVICE_UID) == Some(uids::DEVICE_UID)
            || header.code(tags::MANUFACTURER) == Some(MANUFACTURER)
    })
}
