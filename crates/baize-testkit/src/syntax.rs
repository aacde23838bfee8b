//! Transfer syntaxes that the builder can write.

/// How an object is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Implicit VR Little Endian.
    ImplicitLittle,
    /// Explicit VR Little Endian.
    ExplicitLittle,
    /// Explicit VR Big Endian.
    ExplicitBig,
    /// Deflated Explicit VR Little Endian.
    Deflated,
    /// RLE Lossless.
    Rle,
    /// JPEG Baseline, 8 bits. Like all that follow: a stored stream of the phantom of seed 0, so the builder's
    /// size and bits are those of [`Syntax::stream`].
    JpegBaseline,
    /// JPEG Lossless, first-order prediction, 12 bits.
    JpegLossless,
    /// JPEG-LS Lossless, 12 bits.
    JpegLs,
    /// JPEG 2000 Lossless, 12 bits.
    Jpeg2000,
    /// High-Throughput JPEG 2000 Lossless, 12 bits.
    Htj2k,
    /// JPEG XL Lossless, 12 bits.
    JpegXl,
}

/// Rows and columns of the stored streams.
pub(crate) const STREAM_SIZE: (u16, u16) = (96, 80);

impl Syntax {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ImplicitLittle,
        Self::ExplicitLittle,
        Self::ExplicitBig,
        Self::Deflated,
        Self::Rle,
        Self::JpegBaseline,
        Self::JpegLossless,
        Self::JpegLs,
        Self::Jpeg2000,
        Self::Htj2k,
        Self::JpegXl,
    ];

    /// The Transfer Syntax UID.
    pub const fn uid(self) -> &'static str {
        match self {
            Self::ImplicitLittle => "1.2.840.10008.1.2",
            Self::ExplicitLittle => "1.2.840.10008.1.2.1",
            Self::ExplicitBig => "1.2.840.10008.1.2.2",
            Self::Deflated => "1.2.840.10008.1.2.1.99",
            Self::Rle => "1.2.840.10008.1.2.5",
            Self::JpegBaseline => "1.2.840.10008.1.2.4.50",
            Self::JpegLossless => "1.2.840.10008.1.2.4.70",
            Self::JpegLs => "1.2.840.10008.1.2.4.80",
            Self::Jpeg2000 => "1.2.840.10008.1.2.4.90",
            Self::Htj2k => "1.2.840.10008.1.2.4.201",
            Self::JpegXl => "1.2.840.10008.1.2.4.110",
        }
    }

    /// The stored stream of a syntax for which there is no encoder here: the chest phantom of seed 0 with 96
    /// rows and 80 columns.
    pub const fn stream(self) -> Option<&'static [u8]> {
        match self {
            Self::ImplicitLittle | Self::ExplicitLittle | Self::ExplicitBig | Self::Deflated | Self::Rle => {
                None
            }
            Self::JpegBaseline => Some(include_bytes!("../streams/phantom-8.jpg")),
            Self::JpegLossless => Some(include_bytes!("../streams/phantom-12.ljpg")),
            Self::JpegLs => Some(include_bytes!("../streams/phantom-12.jls")),
            Self::Jpeg2000 => Some(include_bytes!("../streams/phantom-12.j2k")),
            Self::Htj2k => Some(include_bytes!("../streams/phantom-12.jph")),
            Self::JpegXl => Some(include_bytes!("../streams/phantom-12.jxl")),
        }
    }

    pub(crate) const fn explicit(self) -> bool {
        !matches!(self, Self::ImplicitLittle)
    }

    pub(crate) const fn big_endian(self) -> bool {
        matches!(self, Self::ExplicitBig)
    }
}
