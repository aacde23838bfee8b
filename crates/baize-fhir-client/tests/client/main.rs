//! Sending to servers that do as a test says, and to one that keeps what it gets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something unexpected happens")]

mod scripted;
mod server;
mod smart;
