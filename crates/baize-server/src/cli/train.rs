//! `baize train` and `baize eval`.

use std::process::ExitCode;

use anyhow::Context as _;
use baize_models::{Catalog, Compute, gate};
use baize_train::{
    CxrEvaluation, CxrTraining, FamiliarityTraining, GateEvaluation, GateTraining, ScreenTraining,
    TriageEvaluation, TriageTraining,
};
use clap::{Args, Subcommand};

use super::{ConfigurationFlags, say};
use crate::config::Log;
use crate::{telemetry, wiring};

/// `baize train`
#[derive(Debug, Args)]
pub(crate) struct Train {
    #[command(subcommand)]
    what: TrainWhat,
}

#[derive(Debug, Subcommand)]
enum TrainWhat {
    /// The paediatric pneumonia network on chest radiographs.
    Cxr(CxrTraining),
    /// What an installed model knows, so that the server can tell an image that is far from it.
    Familiarity {
        #[command(flatten)]
        training: FamiliarityTraining,
        #[command(flatten)]
        configuration: ConfigurationFlags,
        /// The model, as "id" (its newest version) or "id@version".
        #[arg(long, default_value = "cxr-pneumonia-paed")]
        model: String,
    },
    /// The screen for chest radiographs of adults.
    Screen(ScreenTraining),
    /// The gate, which tells from the pixels what an image shows.
    Gate(GateTraining),
    /// The triage model: acuity, admission and the second reader.
    Triage(TriageTraining),
}

impl Train {
    /// Trains and prints the folder of the finished model.
    ///
    /// # Errors
    /// Images or labels that cannot be read, a folder that cannot be written.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::install(&Log::default())?;
        match self.what {
            TrainWhat::Familiarity { training, configuration, model } => {
                let config = configuration.load()?;
                let catalog = Catalog::open(&config.models.weights_dir)?;
                let device = config.engine.compute.parse::<Compute>()?.resolve()?;
                for entry in wiring::enabled_models(&catalog, &[model])? {
                    say(&training.run(entry, &device)?.display().to_string());
                }
            }
            TrainWhat::Cxr(training) => say(&training.run()?.display().to_string()),
            TrainWhat::Screen(training) => say(&training.run()?.display().to_string()),
            TrainWhat::Gate(training) => say(&training.run()?.display().to_string()),
            TrainWhat::Triage(training) => say(&training.run()?.display().to_string()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `baize eval`
#[derive(Debug, Args)]
pub(crate) struct Eval {
    #[command(subcommand)]
    what: EvalWhat,
}

#[derive(Debug, Subcommand)]
enum EvalWhat {
    /// A chest radiograph model on labelled images, through the way that serves.
    Cxr {
        #[command(flatten)]
        evaluation: CxrEvaluation,
        #[command(flatten)]
        configuration: ConfigurationFlags,
        /// The model, as "id" (its newest version) or "id@version".
        #[arg(long, default_value = "cxr-pneumonia-paed")]
        model: String,
    },
    /// The installed gate, on images whose content is known.
    Gate {
        #[command(flatten)]
        evaluation: GateEvaluation,
        #[command(flatten)]
        configuration: ConfigurationFlags,
    },
    /// The triage that serves, on visits whose acuity and outcome are known.
    Triage {
        #[command(flatten)]
        evaluation: TriageEvaluation,
        #[command(flatten)]
        configuration: ConfigurationFlags,
    },
}

impl Eval {
    /// Prints the table; the files go into the folder named.
    ///
    /// # Errors
    /// A model that is not installed, an image that is missing or damaged, visits that cannot be read.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            EvalWhat::Cxr { evaluation, configuration, model } => {
                let config = configuration.load()?;
                telemetry::install(&config.log)?;
                let catalog = Catalog::open(&config.models.weights_dir)?;
                let device = config.engine.compute.parse::<Compute>()?.resolve()?;
                for entry in wiring::enabled_models(&catalog, &[model])? {
                    say(&evaluation.run(entry, &device)?.to_string());
                }
            }
            EvalWhat::Gate { evaluation, configuration } => {
                let config = configuration.load()?;
                telemetry::install(&config.log)?;
                let gate = gate::newest(&config.models.weights_dir)?;
                let gate =
                    gate.context("no gate is installed: there is no folder gate in models.weights_dir")?;
                say(&evaluation.run(&gate)?.to_string());
            }
            EvalWhat::Triage { evaluation, configuration } => {
                let config = configuration.load()?;
                telemetry::install(&config.log)?;
                say(&evaluation.run(&*wiring::triage(&config)?)?.to_string());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
