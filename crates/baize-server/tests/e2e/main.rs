//! The real binary, end to end: one test program, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test ends where something unexpected happens, and says what it skips"
)]

mod cli;
mod corpus;
mod dicomweb;
mod harness;
mod kill;
mod malformed;
mod objects;
mod outbox;
mod privacy;
mod server;
mod studies;
mod triage;
