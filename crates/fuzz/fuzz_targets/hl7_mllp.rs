//! Whoever calls our HL7 port, or is called by us, may say anything: frames, headers, messages, acknowledgements.

#![no_main]

libfuzzer_sys::fuzz_target!(|conversation: &[u8]| {
    baize_hl7::mllp::fuzzing::server(conversation);
    baize_hl7::mllp::fuzzing::client(conversation);
});
