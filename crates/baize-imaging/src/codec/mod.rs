//! The decoders. Each looks at the compressed stream's own header first: a stream that claims another size
//! than the DICOM header is refused before its decoder allocates for it. Samples of colour come pixel by pixel.

pub(crate) mod jpeg;
pub(crate) mod jpeg2000;
pub(crate) mod jpegxl;
pub(crate) mod rle;

use baize_core::Fault;

use crate::layout::{Layout, corrupt};

/// Refuses a stream of another size than the header's.
fn check_size(layout: &Layout, height: u64, width: u64, components: u64) -> Result<(), Fault> {
    let due = layout.space.components() as u64;
    if (height, width, components) == (layout.rows as u64, layout.columns as u64, due) {
        return Ok(());
    }
    Err(corrupt(format!(
        "the compressed stream claims {height} x {width} with {components} components where the header says {} x {} \
         with {due}",
        layout.rows, layout.columns
    )))
}

/// A damaged stream, by its kind.
fn damaged(kind: &str) -> Fault {
    corrupt(format!("the {kind} stream is damaged or cut short"))
}

/// The big-endian number at a position of a stream.
fn be16(bytes: &[u8], position: usize) -> Option<u16> {
    bytes.get(position..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

/// The big-endian number at a position of a stream.
fn be32(bytes: &[u8], position: usize) -> Option<u32> {
    bytes.get(position..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}
