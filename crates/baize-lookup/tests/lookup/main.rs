//! The lookup over a real ledger, in virtual time, against archives and worklists that do as they are told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something unexpected happens")]

mod fakes;
mod orders;
mod priors;
