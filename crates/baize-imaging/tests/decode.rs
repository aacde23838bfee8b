//! From stored samples to brightness, in every transfer syntax and along the whole grey-scale pipeline.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use baize_core::ErrorCode;
use baize_imaging::{Limits, decode, decoded_bytes};
use baize_testkit::{DataSet, ObjectBuilder, Syntax, Value};

const LIMITS: Limits = Limits { max_object_bytes: 64 << 20, max_pixels: 1 << 24 };

/// A row of pixels, rendered.
fn row(builder: ObjectBuilder) -> Vec<f32> {
    decode(&builder.build(), &LIMITS).unwrap().pixels.iter().copied().collect()
}

fn check(what: &str, builder: ObjectBuilder, expected: &[f32]) {
    let found = row(builder);
    let close =
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(close, "{what}: {found:?} where {expected:?} is due");
}

/// One row of 16-bit samples without a window.
fn samples(values: &[u16]) -> ObjectBuilder {
    ObjectBuilder::chest(1).size(1, values.len() as u16).bits(16, 16).window(None).pixels(values.to_vec())
}

#[test]
fn every_syntax_gives_the_samples_that_were_stored() {
    for syntax in Syntax::ALL {
        let builder = ObjectBuilder::chest(0).syntax(syntax).size(96, 80).window(Some((2048.0, 4096.0)));
        let lossy = syntax == Syntax::JpegBaseline;
        let builder = if lossy { builder.window(Some((128.0, 256.0))) } else { builder };
        let image = decode(&builder.build(), &LIMITS).unwrap_or_else(|fault| panic!("{syntax:?}: {fault}"));
        assert_eq!(image.pixels.dim(), (96, 80));
        let (top, tolerance) = if lossy { (255.0, 8.0 / 255.0) } else { (4095.0, 1e-6) };
        for (found, stored) in image.pixels.iter().zip(builder.samples()) {
            assert!((found - f32::from(stored) / top).abs() <= tolerance, "{syntax:?}: {found} for {stored}");
        }
    }
}

#[test]
fn signs_depths_and_polarity_make_no_difference_to_what_is_shown() {
    let plain = ObjectBuilder::chest(4).size(40, 30);
    let expected = row(plain.clone());
    for syntax in
        [Syntax::ExplicitLittle, Syntax::ImplicitLittle, Syntax::ExplicitBig, Syntax::Deflated, Syntax::Rle]
    {
        let object = || plain.clone().syntax(syntax);
        check("MONOCHROME1", object().photometric("MONOCHROME1"), &expected);
        check("signed", object().signed().window(Some((0.0, 4096.0))), &expected);
        check(
            "signed MONOCHROME1",
            object().signed().photometric("MONOCHROME1").window(Some((0.0, 4096.0))),
            &expected,
        );
        for stored in [8, 10, 14, 16] {
            let half = f64::from(1_u32 << (stored - 1));
            let found = row(object().bits(16, stored).window(Some((half, 2.0 * half))));
            let most = 1.0 / 255.0;
            assert!(
                found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < most),
                "{stored} bits, {syntax:?}"
            );
        }
        let found = row(object().bits(8, 8).window(Some((128.0, 256.0))));
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1.0 / 255.0), "8 bits, {syntax:?}");
    }
}

#[test]
fn only_the_stored_bits_count() {
    // 12 bits at the top of 16, with an overlay plane in the lowest bit.
    let high = ObjectBuilder::chest(1)
        .size(1, 3)
        .bits(16, 12)
        .window(Some((2048.0, 4096.0)))
        .pixels(vec![0x0001, 0x7FF1, 0xFFF0])
        .set((0x0028, 0x0102), b"US", Value::Words(vec![15]));
    check("high bit 15", high, &[0.0, 2047.0 / 4095.0, 1.0]);
    // Rubbish above the stored bits.
    let low = ObjectBuilder::chest(1).size(1, 2).bits(16, 12).pixels(vec![0xF000, 0xAFFF]);
    check("rubbish above", low, &[0.0, 1.0]);
    // Bytes in 16-bit words of big endian are swapped.
    let swapped = ObjectBuilder::chest(1)
        .syntax(Syntax::ExplicitBig)
        .size(1, 4)
        .bits(8, 8)
        .window(Some((128.0, 256.0)))
        .set((0x7FE0, 0x0010), b"OW", Value::Words(vec![0x3300, 0xFF66]));
    check("OW of bytes", swapped, &[0.0, 0.2, 0.4, 1.0]);
}

#[test]
fn without_a_window_the_values_that_occur_span_the_range() {
    check("min to max", samples(&[100, 200, 300]), &[0.0, 0.5, 1.0]);
    check("flat", samples(&[7, 7]), &[0.0, 0.0]);
    check("flat and inverted", samples(&[7, 7]).photometric("MONOCHROME1"), &[0.0, 0.0]);
    let no_width = samples(&[100, 200, 300]).window(Some((100.0, 0.0)));
    check("a window of no width is none", no_width, &[0.0, 0.5, 1.0]);
}

#[test]
fn the_first_window_and_its_function_count() {
    let windowed = |center: &str, width: &str, function: &str| {
        samples(&[0, 50, 75, 100])
            .text((0x0028, 0x1050), b"DS", center)
            .text((0x0028, 0x1051), b"DS", width)
            .text((0x0028, 0x1056), b"CS", function)
    };
    check("linear", windowed("50.5", "51", "LINEAR"), &[0.0, 0.5, 1.0, 1.0]);
    check("two windows", windowed("50.5\\1", "51\\2", ""), &[0.0, 0.5, 1.0, 1.0]);
    check("exact", windowed("50", "100", "LINEAR_EXACT"), &[0.0, 0.5, 0.75, 1.0]);
    let sigmoid = |x: f32| 1.0 / (1.0 + (-4.0 * (x - 50.0) / 100.0).exp());
    check("sigmoid", windowed("50", "100", "SIGMOID"), &[0.0, 50.0, 75.0, 100.0].map(sigmoid));
    let fault = decode(&windowed("wide", "100", "").build(), &LIMITS).unwrap_err();
    assert_eq!(fault.code, ErrorCode::MalformedObject);
    assert!(fault.message.contains("(0028,1050)"), "{fault}");
}

#[test]
fn rescaling_comes_before_the_window() {
    let rescaled = samples(&[0, 50, 100])
        .text((0x0028, 0x1052), b"DS", "-100")
        .text((0x0028, 0x1053), b"DS", "2")
        .window(Some((0.5, 201.0)));
    check("slope and intercept", rescaled, &[0.0, 0.5, 1.0]);
    let negative = samples(&[0, 50, 100]).text((0x0028, 0x1053), b"DS", "-1");
    check("a negative slope inverts", negative, &[1.0, 0.5, 0.0]);
}

fn lut(descriptor: [u16; 3], data: &[u16]) -> Value {
    let mut item = DataSet::default();
    item.set((0x0028, 0x3002), b"US", Value::Words(descriptor.to_vec()));
    item.set((0x0028, 0x3006), b"OW", Value::Words(data.to_vec()));
    Value::Sequence(vec![item])
}

#[test]
fn tables_are_looked_up_and_clamped() {
    for syntax in [Syntax::ExplicitLittle, Syntax::ImplicitLittle, Syntax::ExplicitBig] {
        let object = || samples(&[9, 10, 11, 12, 500]).syntax(syntax);
        let voi = object().set((0x0028, 0x3010), b"SQ", lut([3, 10, 8], &[0, 51, 255]));
        check("VOI LUT", voi.clone(), &[0.0, 0.0, 0.2, 1.0, 1.0]);
        check("a VOI LUT comes before a window", voi.window(Some((10.0, 2.0))), &[0.0, 0.0, 0.2, 1.0, 1.0]);
        let modality = object().set((0x0028, 0x3000), b"SQ", lut([3, 10, 16], &[100, 200, 300]));
        check("Modality LUT", modality, &[0.0, 0.0, 0.5, 1.0, 1.0]);
    }
    let packed = samples(&[0, 1, 2, 3]).set((0x0028, 0x3010), b"SQ", lut([4, 0, 8], &[0x3300, 0xFF66]));
    check("two entries in a word", packed, &[0.0, 0.2, 0.4, 1.0]);
    let short = samples(&[0, 1]).set((0x0028, 0x3010), b"SQ", lut([300, 0, 16], &[1, 2]));
    assert_eq!(decode(&short.build(), &LIMITS).unwrap_err().code, ErrorCode::MalformedObject);
}

#[test]
fn padding_is_black_and_does_not_count() {
    let pad =
        |builder: ObjectBuilder, value: u16| builder.set((0x0028, 0x0120), b"US", Value::Words(vec![value]));
    check("padding", pad(samples(&[0, 100, 200, 65_535]), 65_535), &[0.0, 0.5, 1.0, 0.0]);
    let inverted = pad(samples(&[0, 100, 200]).photometric("MONOCHROME1"), 0);
    check("padding under MONOCHROME1", inverted, &[0.0, 1.0, 0.0]);
    let range = pad(samples(&[0, 3, 100, 200]), 5).set((0x0028, 0x0121), b"US", Value::Words(vec![0]));
    check("a range of padding", range, &[0.0, 0.0, 0.0, 1.0]);
    let signed = pad(samples(&[0x8000, 0, 100]).signed(), 0x8000);
    check("negative padding", signed, &[0.0, 0.0, 1.0]);
    check("nothing but padding", pad(samples(&[9, 9]), 9), &[0.0, 0.0]);
}

#[test]
fn an_inverse_shape_inverts_once() {
    let inverse = |builder: ObjectBuilder| builder.text((0x2050, 0x0020), b"CS", "INVERSE");
    check("alone", inverse(samples(&[0, 100])), &[1.0, 0.0]);
    check("with MONOCHROME1", inverse(samples(&[0, 100]).photometric("MONOCHROME1")), &[1.0, 0.0]);
}

#[test]
fn images_that_no_model_may_read_are_refused_by_kind() {
    let check = |what: &str, builder: ObjectBuilder, code: ErrorCode| {
        let fault = decode(&builder.build(), &LIMITS).unwrap_err();
        assert_eq!(fault.code, code, "{what}: {fault}");
    };
    let chest = || ObjectBuilder::chest(1).size(16, 16);
    let word = |element: u16, value: u16| chest().set((0x0028, element), b"US", Value::Words(vec![value]));
    check("frames", chest().frames(3), ErrorCode::MultiFrame);
    check("colour", word(0x0002, 3).photometric("RGB"), ErrorCode::NotGrayscale);
    check("palette", chest().photometric("PALETTE COLOR"), ErrorCode::NotGrayscale);
    check("a report", chest().remove((0x7FE0, 0x0010)), ErrorCode::NoPixelData);
    let float = chest().remove((0x7FE0, 0x0010)).set((0x7FE0, 0x0008), b"OF", Value::Bytes(vec![0; 1024]));
    check("float", float, ErrorCode::UnsupportedPixelFormat);
    check("32 bits", word(0x0100, 32), ErrorCode::UnsupportedPixelFormat);
    check("no bits", word(0x0101, 0), ErrorCode::MalformedObject);
    check("high bit", word(0x0102, 16), ErrorCode::MalformedObject);
    check("no rows", word(0x0010, 0), ErrorCode::MalformedObject);
    check("more rows than pixels", word(0x0010, 17), ErrorCode::CorruptPixelData);
    check(
        "absurd",
        word(0x0010, 65_535).set((0x0028, 0x0011), b"US", Value::Words(vec![65_535])),
        ErrorCode::DimensionsTooLarge,
    );
    let fragments = chest().set((0x7FE0, 0x0010), b"OB", Value::Fragments(vec![vec![0; 512]]));
    check("fragments in a native syntax", fragments, ErrorCode::MalformedObject);
    let plain = chest().syntax(Syntax::Rle).set((0x7FE0, 0x0010), b"OW", Value::Words(vec![0; 256]));
    check("plain pixels in a compressed syntax", plain, ErrorCode::MalformedObject);
}

#[test]
fn a_syntax_without_a_decoder_is_named() {
    let object = ObjectBuilder::chest(1).syntax(Syntax::Rle).build();
    let mpeg: Vec<u8> = object.to_vec();
    let at = mpeg.windows(19).position(|window| window == b"1.2.840.10008.1.2.5").unwrap();
    let mut mpeg = mpeg;
    mpeg[at..at + 19].copy_from_slice(b"1.2.840.10008.1.2.9");
    let fault = decode(&mpeg, &LIMITS).unwrap_err();
    assert_eq!(fault.code, ErrorCode::UnsupportedTransferSyntax);
    assert!(fault.message.contains("1.2.840.10008.1.2.9"), "{fault}");
}

#[test]
fn a_stream_that_ends_early_is_no_image() {
    for syntax in Syntax::ALL {
        let Some(stream) = syntax.stream() else { continue };
        for part in [1, 4, 9, 14, 19] {
            let cut = stream[..stream.len() * part / 20].to_vec();
            let builder = ObjectBuilder::chest(1).syntax(syntax);
            let object = builder.set((0x7FE0, 0x0010), b"OB", Value::Fragments(vec![cut])).build();
            let fault = decode(&object, &LIMITS)
                .err()
                .unwrap_or_else(|| panic!("{syntax:?} cut at {part}/20 is shown"));
            assert_eq!(fault.code, ErrorCode::CorruptPixelData, "{syntax:?} cut at {part}/20: {fault}");
        }
    }
}

#[test]
fn a_stream_may_come_in_several_fragments() {
    for syntax in [Syntax::JpegLossless, Syntax::JpegLs, Syntax::Jpeg2000, Syntax::JpegXl] {
        let builder = ObjectBuilder::chest(1).syntax(syntax);
        let whole = decode(&builder.build(), &LIMITS).unwrap().pixels;
        let (first, second) = syntax.stream().unwrap().split_at(1000);
        let fragments = Value::Fragments(vec![first.to_vec(), second.to_vec()]);
        let parts = builder.set((0x7FE0, 0x0010), b"OB", fragments).build();
        assert_eq!(decode(&parts, &LIMITS).unwrap().pixels, whole, "{syntax:?}");
    }
}

#[test]
fn what_decoding_holds_is_known_from_the_header() {
    let image = decode(&ObjectBuilder::chest(1).build(), &LIMITS).unwrap();
    assert!(decoded_bytes(&image.header.facts) >= 256 * 208 * 4);
}
