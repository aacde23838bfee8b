//! An object may hold anything: in its header, its pixels, its description.

#![no_main]

use baize_core::ports::{PictureFormat, Rendering};
use baize_imaging::{Limits, decode, describe, picture, read_header};
use bytes::Bytes;

/// Small, so that what is taken beyond them is seen.
const LIMITS: Limits = Limits { max_object_bytes: 1 << 18, max_pixels: 1 << 14 };

/// The decoders of others may panic: that is caught where they are called, and only what escapes is a finding. What is
/// said of our own code is shown.
fn hear_own_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let is_own = |file: &str| file.contains("baize-") || file.contains("fuzz_targets");
        if panic.location().is_some_and(|place| is_own(place.file())) {
            eprintln!("{panic}");
        }
    }));
}

libfuzzer_sys::fuzz_target!(init: hear_own_panics(), |object: &[u8]| {
    let header = read_header(object, &LIMITS);
    match decode(object, &LIMITS) {
        Ok(image) => {
            let (rows, columns) = image.pixels.dim();
            let facts = &image.header.facts;
            assert_eq!((rows as u32, columns as u32), (facts.rows, facts.columns));
            assert!(rows * columns <= LIMITS.max_pixels as usize, "{rows} x {columns}");
            assert!(image.pixels.iter().all(|value| (0.0..=1.0).contains(value)), "a value is outside 0..1");
            assert_eq!(Ok(image.header), header);
        }
        Err(fault) => assert!(!fault.message.is_empty(), "a refusal says why"),
    }
    let object = Bytes::copy_from_slice(object);
    if let Ok(metadata) = describe::metadata(&object, &LIMITS, "http://baize/bulk") {
        let _: serde_json::Value = serde_json::from_str(&metadata).expect("metadata is JSON");
    }
    let _ = describe::frames(&object, &LIMITS);
    let rendering = Rendering { format: PictureFormat::Png, frame: 1, window: None, viewport: Some((32, 32)) };
    let _ = picture(&object, &LIMITS, &rendering);
});
