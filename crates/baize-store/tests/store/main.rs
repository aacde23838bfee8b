//! The stores as their users see them: through the ports of the core.
//!
//! `conformance` holds what every ledger must do, whatever database is behind it; the rest is about this
//! crate's own stores: surviving `kill -9`, random histories against a model, files on disk.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests may fail loudly")]

mod archive;
mod conformance;
mod crash;
mod fixtures;
mod fusion;
mod histories;
mod hospital;
mod search;
mod spool;
mod sqlite;
mod subscriptions;
