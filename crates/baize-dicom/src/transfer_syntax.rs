//! Which transfer syntaxes are taken from a peer, and which is preferred.

/// All transfer syntaxes in which a data set is accepted, the preferred first.
///
/// A peer that proposes several in one presentation context offers to convert (PS3.8 section 7.1.1.13), and the
/// conversion must not cost image quality: everything lossless comes before everything lossy. Among the
/// lossless, what decodes in the least time comes first, because the network is local and the processors are
/// what a reading waits for. Data sets are stored as they come, so video, which no model reads, can be kept too.
///
/// Left out: JPIP (the pixels are somewhere else), SMPTE ST 2110 (live video, never stored) and the retired
/// JPEG processes and encodings that no reader here could even parse.
const PREFERENCE: &[&str] = &[
    // Native, deflated last.
    "1.2.840.10008.1.2.1",    // Explicit VR Little Endian
    "1.2.840.10008.1.2",      // Implicit VR Little Endian
    "1.2.840.10008.1.2.2",    // Explicit VR Big Endian (retired)
    "1.2.840.10008.1.2.1.98", // Encapsulated Uncompressed Explicit VR Little Endian
    "1.2.840.10008.1.2.1.99", // Deflated Explicit VR Little Endian
    // Lossless.
    "1.2.840.10008.1.2.5",     // RLE Lossless
    "1.2.840.10008.1.2.8.1",   // Deflated Image Frame Compression
    "1.2.840.10008.1.2.4.80",  // JPEG-LS Lossless
    "1.2.840.10008.1.2.4.70",  // JPEG Lossless, first-order prediction
    "1.2.840.10008.1.2.4.57",  // JPEG Lossless
    "1.2.840.10008.1.2.4.201", // High-Throughput JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.202", // High-Throughput JPEG 2000 Lossless with RPCL
    "1.2.840.10008.1.2.4.110", // JPEG XL Lossless
    "1.2.840.10008.1.2.4.90",  // JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.92",  // JPEG 2000 Part 2 Multi-component Lossless
    // Lossy, or possibly so.
    "1.2.840.10008.1.2.4.111", // JPEG XL JPEG Recompression: exactly as lossy as the JPEG it holds
    "1.2.840.10008.1.2.4.81",  // JPEG-LS Near-Lossless
    "1.2.840.10008.1.2.4.203", // High-Throughput JPEG 2000
    "1.2.840.10008.1.2.4.91",  // JPEG 2000
    "1.2.840.10008.1.2.4.93",  // JPEG 2000 Part 2 Multi-component
    "1.2.840.10008.1.2.4.112", // JPEG XL
    "1.2.840.10008.1.2.4.51",  // JPEG Extended, 12 bit
    "1.2.840.10008.1.2.4.50",  // JPEG Baseline, 8 bit
    // Video: kept, not read.
    "1.2.840.10008.1.2.4.100",   // MPEG2 Main Profile / Main Level
    "1.2.840.10008.1.2.4.100.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.101",   // MPEG2 Main Profile / High Level
    "1.2.840.10008.1.2.4.101.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.102",   // MPEG-4 AVC/H.264 High Profile
    "1.2.840.10008.1.2.4.102.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.103",   // MPEG-4 AVC/H.264 BD-compatible
    "1.2.840.10008.1.2.4.103.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.104",   // MPEG-4 AVC/H.264 for 2D video
    "1.2.840.10008.1.2.4.104.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.105",   // MPEG-4 AVC/H.264 for 3D video
    "1.2.840.10008.1.2.4.105.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.106",   // MPEG-4 AVC/H.264 Stereo
    "1.2.840.10008.1.2.4.106.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.107",   // HEVC/H.265 Main Profile
    "1.2.840.10008.1.2.4.108",   // HEVC/H.265 Main 10 Profile
];

/// How many at the front encode every element as it is.
const NATIVE: usize = 3;

/// The preferred one of those that a peer proposes for one presentation context; `None` where none will do.
pub(crate) fn choose(proposed: &[String]) -> Option<&'static str> {
    PREFERENCE.iter().copied().find(|known| proposed.iter().any(|uid| unpadded(uid) == *known))
}

/// As [`choose`], among those without any compression.
pub(crate) fn choose_native(proposed: &[String]) -> Option<&'static str> {
    PREFERENCE[..NATIVE].iter().copied().find(|known| proposed.iter().any(|uid| unpadded(uid) == *known))
}

/// A UID as the wire may bring it, without padding.
pub(crate) fn unpadded(uid: &str) -> &str {
    uid.trim_end_matches(['\0', ' '])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

    use super::*;

    #[test]
    fn every_transfer_syntax_of_the_registry_is_taken_or_left_out_on_purpose() {
        const LEFT_OUT: [&str; 7] = [
            "1.2.840.10008.1.2.4.94",
            "1.2.840.10008.1.2.4.95",
            "1.2.840.10008.1.2.4.204",
            "1.2.840.10008.1.2.4.205",
            "1.2.840.10008.1.2.7.1",
            "1.2.840.10008.1.2.7.2",
            "1.2.840.10008.1.2.7.3",
        ];
        let registered: HashSet<&str> = TransferSyntaxRegistry.iter().map(|syntax| syntax.uid()).collect();
        let decided: HashSet<&str> = PREFERENCE.iter().chain(&LEFT_OUT).copied().collect();
        assert_eq!(decided.len(), PREFERENCE.len() + LEFT_OUT.len(), "one is listed twice");
        assert_eq!(decided, registered);
    }

    #[test]
    fn lossless_wins_whatever_the_order_of_the_proposal() {
        let cases: &[(&[&str], Option<&str>)] = &[
            (&["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"], Some("1.2.840.10008.1.2.4.70")),
            (&["1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2"], Some("1.2.840.10008.1.2")),
            (&["1.2.840.10008.1.2", "1.2.840.10008.1.2.1\0"], Some("1.2.840.10008.1.2.1")),
            (&["1.2.840.10008.1.2.4.91"], Some("1.2.840.10008.1.2.4.91")),
            (&["1.2.840.10008.1.2.4.94", "1.2.3"], None),
            (&[], None),
        ];
        for (proposed, expected) in cases {
            let proposed: Vec<String> = proposed.iter().map(|uid| (*uid).to_owned()).collect();
            assert_eq!(choose(&proposed), *expected, "{proposed:?}");
        }
    }
}
