//! The outbox over the real ledger and spool: with couriers that do as told, and with real peers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests may fail loudly")]

mod commitment;
mod crash;
mod fakes;
mod messages;
mod misbehaving;
mod orthanc;
mod peers;
mod service;
mod support;
mod tls;
