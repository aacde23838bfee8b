//! The real binary, end to end: one test program, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends where something unexpected happens, and says what it skips"
)]

mod agreement;
mod cli;
mod corpus;
mod deid;
mod description;
mod dicomweb;
mod fhir;
mod fhir_out;
mod fhir_subscription;
mod fusion;
mod gate;
mod harness;
mod his_round;
mod hl7;
mod hl7_out;
mod kill;
mod lookup;
mod malformed;
mod network;
mod objects;
mod outbox;
mod population;
mod privacy;
mod results;
mod server;
mod studies;
mod triage;
mod upstream;
mod viewer;
mod volume;
mod webhook;
