//! The `baize` binary: reads the configuration, plugs the crates together, and speaks to the operator.

mod cli;
mod config;
mod download;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            cli::say_error(&error);
            ExitCode::from(cli::EXIT_FAILURE)
        }
    }
}
