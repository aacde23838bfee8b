//! `baize key new`: a key for a client and its hash for the configuration.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::say;

/// `baize key`
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// Prints a new random key and its SHA-256; neither is stored.
    New,
}

impl Key {
    /// Prints the pair.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        match self.verb {
            KeyVerb::New => {
                let (key, sha256) = baize_http::generate_api_key();
                say(&format!("key    {key}"));
                say(&format!("sha256 {sha256}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
