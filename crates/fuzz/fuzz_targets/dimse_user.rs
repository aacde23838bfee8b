//! An archive that we send to may answer anything.

#![no_main]

use std::sync::OnceLock;

use bytes::Bytes;

libfuzzer_sys::fuzz_target!(|answers: &[u8]| {
    static OBJECT: OnceLock<(Bytes, String)> = OnceLock::new();
    let (object, sop_instance) = OBJECT.get_or_init(|| {
        let builder = baize_fuzz::object();
        (builder.build(), builder.sop_uid())
    });
    baize_dicom::fuzzing::user(answers, object, baize_fuzz::CR, sop_instance);
});
