//! The verbs of the command line.

mod deidentify;
mod dicom;
mod doctor;
mod export;
mod hl7;
mod infer;
mod key;
mod language;
mod models;
mod route;
mod serve;
mod train;
mod triage;
mod volume;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config, Sources};

/// Exit status for a command that could not do its work.
pub(crate) const EXIT_FAILURE: u8 = 1;

/// Baize (白泽): hospital inference server. Research use, not a medical device.
#[derive(Debug, Parser)]
#[command(name = "baize", version = wiring_version(), propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

fn wiring_version() -> &'static str {
    crate::wiring::VERSION
}

/// Where the configuration comes from; the same for every verb that has one.
#[derive(Clone, Debug, Args)]
struct ConfigurationFlags {
    /// TOML file; every key is documented in deploy/baize.toml.
    #[arg(long, value_name = "FILE", env = "BAIZE_CONFIG")]
    config: Option<PathBuf>,
    /// Sets one key, such as http.bind=127.0.0.1:9000; wins over file and environment.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// A verb with the configuration that it runs under.
#[derive(Debug, Args)]
struct Configured<V: Args> {
    #[command(flatten)]
    configuration: ConfigurationFlags,
    #[command(flatten)]
    verb: V,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs the server until SIGTERM or Ctrl-C, then drains.
    Serve(Configured<serve::Serve>),
    /// Reads image files with the same pipeline, without a server.
    Infer(Configured<infer::Infer>),
    /// Divides a series of slices into structures and measures them.
    Volume(Configured<volume::VolumeVerb>),
    /// Assesses patients offline: JSON lines in, JSON lines out.
    Triage(Configured<triage::Triage>),
    /// De-identifies DICOM files (PS3.15 Basic Profile).
    Deidentify(Configured<deidentify::Deidentify>),
    /// Writes what was gathered into data sets.
    Export(export::Export),
    /// Trains a model.
    Train(train::Train),
    /// Evaluates a model on a labelled set.
    Eval(train::Eval),
    /// Lists or verifies the installed models.
    Models(models::Models),
    /// Says which device and models are there and what is misconfigured.
    Doctor(ConfigurationFlags),
    /// Asks the archives and worklists of the configuration.
    Dicom(dicom::Dicom),
    /// Checks HL7 v2 messages.
    Hl7(hl7::Hl7),
    /// Says which routing rules hold for DICOM files, and why the others do not.
    Route(Configured<route::Route>),
    /// Makes an API key, or a key for de-identification.
    Key(key::Key),
}

impl ConfigurationFlags {
    fn load(&self) -> anyhow::Result<Config> {
        config::load(&Sources {
            file: self.config.clone(),
            flags: self.set.clone(),
            environment: std::env::vars().collect(),
        })
    }
}

/// Runs the verb.
///
/// # Errors
/// What kept the verb from its work; the caller prints it.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.verb {
        Verb::Serve(serve) => serve.verb.run(sound(serve.configuration.load()?)?),
        Verb::Infer(infer) => infer.verb.run(sound(infer.configuration.load()?)?),
        Verb::Volume(volume) => volume.verb.run(&sound(volume.configuration.load()?)?),
        Verb::Triage(triage) => triage.verb.run(sound(triage.configuration.load()?)?),
        Verb::Deidentify(verb) => verb.verb.run(sound(verb.configuration.load()?)?),
        Verb::Export(export) => export.run(),
        Verb::Train(train) => train.run(),
        Verb::Eval(eval) => eval.run(),
        Verb::Models(models) => models.run(),
        Verb::Doctor(configuration) => doctor::run(configuration.load()),
        Verb::Dicom(dicom) => dicom.run(),
        Verb::Hl7(hl7) => hl7.run(),
        Verb::Route(route) => route.verb.run(&sound(route.configuration.load()?)?),
        Verb::Key(key) => key.run(),
    }
}

/// The configuration, if nothing is wrong with it.
fn sound(config: Config) -> anyhow::Result<Config> {
    let problems = config::problems(&config);
    if problems.is_empty() {
        return Ok(config);
    }
    let list: Vec<String> = problems.iter().map(|problem| format!("  - {problem}")).collect();
    anyhow::bail!("the configuration has {} problem(s):\n{}", problems.len(), list.join("\n"))
}

/// Writes a line to standard output. A closed pipe (`| head`) is no error.
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes an error to standard error, with its causes.
pub(crate) fn say_error(error: &anyhow::Error) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "baize: {error:#}");
}
