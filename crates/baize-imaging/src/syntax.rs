//! What a Transfer Syntax UID says about the bytes (PS3.5 section 10 and annex A).

/// How the elements of a data set are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// The value representation stands in every element.
    pub(crate) explicit: bool,
    /// Numbers have their highest byte first.
    pub(crate) big_endian: bool,
    /// The data set is one DEFLATE stream.
    pub(crate) deflated: bool,
}

/// How the pixels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PixelCodec {
    /// Samples as they are.
    Native,
    /// Samples as they are, in fragments.
    NativeFragments,
    /// DEFLATE, per frame.
    DeflatedFrames,
    /// RLE Lossless, PS3.5 annex G.
    Rle,
    /// JPEG: baseline, extended and lossless.
    Jpeg,
    /// JPEG-LS.
    JpegLs,
    /// JPEG 2000 and High-Throughput JPEG 2000.
    Jpeg2000,
    /// JPEG XL.
    JpegXl,
    /// None that can be read.
    Unknown,
}

/// The encoding of the data set. A syntax that is not known is taken as Explicit VR Little Endian: PS3.5
/// section A.4 demands that of every encapsulated syntax, so a header can be read where the pixels cannot.
pub(crate) fn encoding(uid: &str) -> Encoding {
    Encoding {
        explicit: uid != "1.2.840.10008.1.2",
        big_endian: uid == "1.2.840.10008.1.2.2",
        deflated: matches!(uid, "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.4.95"),
    }
}

/// The codec of the pixels.
pub(crate) fn pixel_codec(uid: &str) -> PixelCodec {
    let Some(suffix) = uid.strip_prefix("1.2.840.10008.1.2") else {
        return PixelCodec::Unknown;
    };
    match suffix {
        "" | ".1" | ".1.99" | ".2" => PixelCodec::Native,
        ".1.98" => PixelCodec::NativeFragments,
        ".8.1" => PixelCodec::DeflatedFrames,
        ".5" => PixelCodec::Rle,
        ".4.50" | ".4.51" | ".4.57" | ".4.70" => PixelCodec::Jpeg,
        ".4.80" | ".4.81" => PixelCodec::JpegLs,
        ".4.90" | ".4.91" | ".4.201" | ".4.202" | ".4.203" => PixelCodec::Jpeg2000,
        ".4.110" | ".4.111" | ".4.112" => PixelCodec::JpegXl,
        _ => PixelCodec::Unknown,
    }
}
