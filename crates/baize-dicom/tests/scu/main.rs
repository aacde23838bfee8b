//! The service class user against archives and worklists of other people.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where something unexpected happens, and says what it skips"
)]

mod archives;
mod misbehaving;
mod support;
mod worklists;
