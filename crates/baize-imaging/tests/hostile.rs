//! Whatever arrives ends in an image or in a typed fault, within bounded memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use baize_core::{ErrorClass, ErrorCode};
use baize_imaging::{Limits, decode, read_header};
use baize_testkit::{ObjectBuilder, Syntax, Value, malformed};
use proptest::prelude::*;

const LIMITS: Limits = Limits { max_object_bytes: 8 << 20, max_pixels: 1 << 20 };

/// Decodes; panics if the outcome is not one that a caller may be told.
fn survive(name: &str, object: &[u8]) -> Option<ErrorCode> {
    let header = read_header(object, &LIMITS);
    match decode(object, &LIMITS) {
        Ok(image) => {
            assert!(image.pixels.iter().all(|value| (0.0..=1.0).contains(value)), "{name}: out of range");
            assert_eq!(header.as_ref(), Ok(&image.header), "{name}");
            None
        }
        Err(fault) => {
            let class = fault.code.class();
            assert!(matches!(class, ErrorClass::Refused | ErrorClass::Unreadable), "{name}: {fault}");
            assert!(!fault.message.is_empty(), "{name}");
            Some(fault.code)
        }
    }
}

#[test]
fn six_hundred_malformed_objects() {
    let mut faults = 0;
    for (name, object) in malformed(2026, 600) {
        faults += usize::from(survive(&name, &object).is_some());
    }
    // Some damage leaves an image an image; most must not.
    assert!(faults > 400, "only {faults} of 600 were noticed");
    if let Some(peak) = peak_memory() {
        assert!(peak < 512 << 20, "{} MiB were needed", peak >> 20);
    }
}

/// The most memory that this process ever held, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

#[test]
fn every_cut_of_a_small_object_is_noticed() {
    for syntax in
        [Syntax::ExplicitLittle, Syntax::ImplicitLittle, Syntax::ExplicitBig, Syntax::Deflated, Syntax::Rle]
    {
        let object = ObjectBuilder::chest(3).size(6, 5).syntax(syntax).build();
        for end in 0..object.len() {
            let outcome = survive("cut", &object[..end]);
            // What follows the last sample is only padding and an end mark.
            assert!(
                outcome.is_some() || end + 16 > object.len(),
                "{syntax:?} cut to {end} of {}",
                object.len()
            );
        }
    }
}

/// A JPEG 2000 stream with a number of its header changed.
fn lying(position: usize, bytes: &[u8]) -> Vec<u8> {
    let mut stream = Syntax::Jpeg2000.stream().unwrap().to_vec();
    stream[position..position + bytes.len()].copy_from_slice(bytes);
    let builder = ObjectBuilder::chest(1).syntax(Syntax::Jpeg2000);
    builder.set((0x7FE0, 0x0010), b"OB", Value::Fragments(vec![stream])).build().to_vec()
}

#[test]
fn a_lying_codestream_is_refused_before_its_decoder_allocates() {
    let check = |what: &str, object: &[u8], said: &str| {
        let fault = decode(object, &LIMITS).unwrap_err();
        assert_eq!(fault.code, ErrorCode::CorruptPixelData, "{what}: {fault}");
        assert!(fault.message.contains(said), "{what}: {fault}");
    };
    // Positions in the SIZ and COD segments of the stored stream.
    check("width", &lying(8, &0xFFFF_FFF0_u32.to_be_bytes()), "claims 96 x 4294967280");
    check("height", &lying(12, &65_535_u32.to_be_bytes()), "claims 65535 x 80");
    check("components", &lying(40, &16_384_u16.to_be_bytes()), "16384 components");
    check("tiles", &lying(24, &[0, 0, 0, 1, 0, 0, 0, 1]), "many tiles");
    check("blocks and levels", &lying(54, &[33]), "damaged");

    for (syntax, at) in [(Syntax::JpegBaseline, 0xC0), (Syntax::JpegLossless, 0xC3), (Syntax::JpegLs, 0xF7)] {
        let mut stream = syntax.stream().unwrap().to_vec();
        let frame = stream.windows(2).position(|pair| pair == [0xFF, at]).unwrap();
        stream[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
        let builder = ObjectBuilder::chest(1).syntax(syntax);
        let object = builder.set((0x7FE0, 0x0010), b"OB", Value::Fragments(vec![stream])).build();
        check("JPEG", &object, "claims 65535 x 65535");
    }
}

#[test]
fn jpeg_of_twelve_bits_is_refused_and_never_guessed() {
    let mut stream = Syntax::JpegBaseline.stream().unwrap().to_vec();
    let frame = stream.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    stream[frame + 1] = 0xC1;
    stream[frame + 4] = 12;
    let builder = ObjectBuilder::chest(1).syntax(Syntax::JpegBaseline).bits(16, 12);
    let object = builder.set((0x7FE0, 0x0010), b"OB", Value::Fragments(vec![stream])).build();
    assert_eq!(decode(&object, &LIMITS).unwrap_err().code, ErrorCode::UnsupportedPixelFormat);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_damage_never_panics(
        syntax in prop::sample::select(Syntax::ALL.to_vec()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut object = ObjectBuilder::chest(9).size(24, 20).syntax(syntax).build().to_vec();
        for (position, byte) in edits {
            let at = position.index(object.len());
            object[at] = byte;
        }
        if let Some(cut) = cut {
            object.truncate(cut.index(object.len()));
        }
        survive("random damage", &object);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), dicom in any::<bool>()) {
        let mut object = bytes;
        if dicom && object.len() > 132 {
            object[128..132].copy_from_slice(b"DICM");
        }
        survive("random bytes", &object);
    }
}
