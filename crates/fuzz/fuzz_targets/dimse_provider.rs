//! A peer that calls us may say anything: PDUs, negotiation, command sets, data sets.

#![no_main]

libfuzzer_sys::fuzz_target!(|conversation: &[u8]| {
    baize_dicom::fuzzing::provider(conversation);
});
