//! Result objects: what they say, and that implementations of other people read the same from them.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

mod characters;
mod content;
mod loops;
mod peers;
mod support;
mod volume;
