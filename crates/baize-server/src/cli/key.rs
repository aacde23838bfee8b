//! `baize key`: secrets for clients and for de-identification.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::deidentify::write_new_private;
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
    /// Writes a new random key for `baize deidentify` and `baize export` into a file that only this account can read.
    /// Keep it as carefully as the patients' names, and keep it: without it a later run gives the same patients other
    /// pseudonyms.
    Deid {
        /// The file; it must not exist.
        file: PathBuf,
    },
}

impl Key {
    /// Prints the pair, or writes the file.
    ///
    /// # Errors
    /// A file that exists or cannot be written.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        match &self.verb {
            KeyVerb::New => {
                let (key, sha256) = baize_http::generate_api_key();
                say(&format!("key    {key}"));
                say(&format!("sha256 {sha256}"));
            }
            KeyVerb::Deid { file } => {
                let secret: [u8; 32] = rand::random();
                let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
                write_new_private(file, format!("{digits}\n").as_bytes())
                    .with_context(|| format!("cannot write {}", file.display()))?;
                say(&file.display().to_string());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
