//! STOW-RS against a service that does as it is told, and against Orthanc.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where something unexpected happens, and says what it skips"
)]

mod orthanc;
mod scripted;
mod service;
