//! The MLLP server and client against raw sockets, each other, and python-hl7.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test code")]

mod client;
mod harness;
mod malformed;
mod peers;
mod server;
mod tls;
