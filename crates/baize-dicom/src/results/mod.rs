//! The objects that carry a result back to the archive, all made from one [`Report`]:
//!
//! | object | for whom |
//! |---|---|
//! | Comprehensive 3D SR, TID 1500 | systems that read measurements: codes, probability, threshold, region |
//! | Secondary Capture | viewers that show images only: the annotated picture |
//! | Grayscale Softcopy Presentation State | viewers that draw boxes and text over the image itself |
//! | Segmentation | viewers that show pixels over the image: the regions of strongest evidence |
//! | Parametric Map | research: the heat maps as numbers |
//! | Key Object Selection | the list of what belongs to the result |
//!
//! What a model said of a whole series is a Segmentation too: [`volume_segmentation`].
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
mod frames;
mod key_image;
mod parametric_map;
mod presentation;
mod report;
mod segmentation;
mod selection;
mod source;
mod uids;
mod volume;
mod wording;

use baize_core::{Fault, Language, MANUFACTURER, Report, Timestamp};
use bytes::Bytes;
use dicom_dictionary_std::tags;

use envelope::Envelope;
pub use envelope::Kind;
use source::Source;
pub use volume::{Side, SourceSlice, Structure, VolumeResult, volume_segmentation};

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
    kinds: &[Kind],
    source: &[u8],
    report: &Report,
    overlay_png: Option<&[u8]>,
    now: Timestamp,
) -> Result<Vec<ResultObject>, Fault> {
    let header = Source::read(source)?;
    make(kinds, source, &header, report, overlay_png, now, header.language())
}

/// Makes the objects of a result that are of the `kinds`, in the order of [`Kind::ALL`]: the structured report first,
/// then, where the model ran, the others as far as there is something to put into them. `source` is the image as received, a Part 10 object.
/// Computes for some milliseconds: not for a thread that serves requests.
///
/// # Errors
/// `NotDicom` where `source` is no Part 10 file; `Internal` where `overlay_png` is no picture.
pub fn objects_in(
    language: Language,
    kinds: &[Kind],
    source: &[u8],
    report: &Report,
    overlay_png: Option<&[u8]>,
    now: Timestamp,
) -> Result<Vec<ResultObject>, Fault> {
    make(kinds, source, &Source::read(source)?, report, overlay_png, now, language)
}

fn make(
    kinds: &[Kind],
    source: &[u8],
    header: &Source,
    report: &Report,
    overlay_png: Option<&[u8]>,
    now: Timestamp,
    language: Language,
) -> Result<Vec<ResultObject>, Fault> {
    let envelope = Envelope::new(header, report, language, now);
    let mut made = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        let object = match kind {
            Kind::Report => Some(report::build(&envelope)),
            Kind::KeyImage => overlay_png.map(|png| key_image::build(&envelope, png)).transpose()?,
            Kind::Presentation => presentation::build(&envelope, source)?,
            Kind::Segmentation => segmentation::build(&envelope),
            Kind::ParametricMap => parametric_map::build(&envelope),
            // A list of the report alone would say nothing.
            Kind::Selection if made.len() > 1 => {
                let others: Vec<Kind> = made.iter().map(|(kind, _)| *kind).collect();
                Some(selection::build(&envelope, &others))
            }
            Kind::Selection => None,
        };
        made.extend(object.map(|object| (kind, object)));
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
