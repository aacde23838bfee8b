//! One object: header and pixels.

use std::path::PathBuf;

use baize_core::{ErrorCode, Fault};
use baize_deid::{Concern, Deidentified, Key, Options, deidentify, suspicious_text};
use baize_imaging::{Image, Limits, decode};
use sha2::{Digest as _, Sha256};

/// An image beyond this many pixels is not looked at, and held back for that.
const MOST_PIXELS: u64 = 128 << 20;

/// A de-identified object with everything that speaks against writing it.
pub(in crate::cli) struct Cleaned {
    pub(in crate::cli) object: Deidentified,
    /// Those of the header, and those of the pixels.
    pub(in crate::cli) concerns: Vec<Concern>,
    /// The decoded image, where it is a greyscale one of a single frame.
    pub(in crate::cli) image: Option<Image>,
}

impl Cleaned {
    /// Where the object belongs in a folder of objects.
    pub(in crate::cli) fn path(&self) -> PathBuf {
        let names = &self.object.names;
        [names.study.new.as_str(), &names.series.new, &format!("{}.dcm", names.sop.new)].iter().collect()
    }

    /// The concerns as a text.
    pub(in crate::cli) fn reasons(&self) -> String {
        self.concerns.iter().map(|concern| concern.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// De-identifies an object and looks at its pixels.
///
/// # Errors
/// As [`deidentify`].
pub(in crate::cli) fn clean(
    bytes: &[u8],
    key: &Key,
    options: &Options,
    most_bytes: u64,
) -> Result<Cleaned, Fault> {
    let object = deidentify(bytes, key, options, most_bytes)?;
    let limits = Limits { max_object_bytes: most_bytes, max_pixels: MOST_PIXELS };
    let (image, concern) = match decode(bytes, &limits) {
        Ok(image) => {
            let (rows, columns) = image.pixels.dim();
            let concern =
                match image.pixels.as_slice().and_then(|pixels| suspicious_text(pixels, rows, columns)) {
                    Some(false) => None,
                    Some(true) => Some(Concern::TextSuspected),
                    None => Some(Concern::PixelsNotChecked),
                };
            (Some(image), concern)
        }
        Err(fault) if fault.code == ErrorCode::NoPixelData => (None, None),
        Err(_) => (None, Some(Concern::PixelsNotChecked)),
    };
    let concerns = object.concerns.iter().copied().chain(concern).collect();
    Ok(Cleaned { object, concerns, image })
}

/// SHA-256 in hexadecimal.
pub(in crate::cli) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
