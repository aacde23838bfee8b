//! `baize hl7`: what Baize makes of HL7 v2 messages, one JSON object each.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use baize_hl7::{Charset, Limits, check};
use clap::{Args, Subcommand};

use super::say;

/// Exit status when some message cannot be acted on.
const EXIT_SOME_REFUSED: u8 = 3;

/// Longest message that is checked: what a file holds need not fit a connection.
const MAX_BYTES: usize = 64 << 20;

/// `baize hl7`.
#[derive(Debug, Args)]
pub(crate) struct Hl7 {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Says for each message whether it can be read, and what is odd or wrong about it.
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// Files of messages: bare, MLLP-framed, or in batch envelopes.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What a message is written in whose MSH-18 is empty, unknown or untrue.
    #[arg(long, value_name = "NAME", default_value = "GB 18030-2000")]
    fallback_charset: Charset,
}

impl Hl7 {
    /// Prints one line for each message. Ends with status 3 where one of them cannot be acted on.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let Verb::Check(Check { files, fallback_charset }) = self.verb;
        let limits = Limits { max_bytes: MAX_BYTES, fallback: fallback_charset, ..Limits::default() };
        let mut refused = false;
        for file in files {
            let name = file.display().to_string();
            let bytes = std::fs::read(&file).with_context(|| name.clone())?;
            for checked in check(&name, &bytes, &limits) {
                refused |= !checked.ok;
                say(&serde_json::to_string(&checked)?);
            }
        }
        Ok(if refused { ExitCode::from(EXIT_SOME_REFUSED) } else { ExitCode::SUCCESS })
    }
}
