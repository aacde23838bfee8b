//! The real binary, end to end: one test program, so that it is linked once.

mod cli;
mod corpus;
mod harness;
mod kill;
mod malformed;
mod privacy;
mod server;
