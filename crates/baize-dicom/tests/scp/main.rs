//! The provider over real sockets on the loopback interface.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests may")]

mod misbehaving;
mod orthanc;
mod pace;
mod peers;
mod refusing;
mod stopping;
mod storing;
mod support;
mod tls;
