//! What images and monitors do to visits at the desk, over a hospital in memory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not count as tests"
)]

mod fusion;
mod monitors;
mod world;
