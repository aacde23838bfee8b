//! What is made, as others will read it: against the rules of FHIR R4 by an independent validator, and against what was
//! found.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where something unexpected happens, and says what it skips"
)]

mod fixtures;
mod rules;
mod studies;
mod visits;
