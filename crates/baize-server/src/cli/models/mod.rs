//! `baize models`: what is installed, and what others publish.

mod source;
mod upstream;

use std::process::ExitCode;

use anyhow::Context as _;
use baize_core::Language;
use baize_models::{Catalog, gate};
use baize_triage::{AcuityModel as _, FeatureSchema, Request};
use clap::{Args, Subcommand};

use super::{ConfigurationFlags, language, say};
use crate::config::Config;
use crate::wiring;

/// `baize models`
#[derive(Debug, Args)]
pub(crate) struct Models {
    #[command(subcommand)]
    verb: ModelsVerb,
}

#[derive(Debug, Subcommand)]
enum ModelsVerb {
    /// Lists the installed models.
    List(ConfigurationFlags),
    /// Checks manifests and checksums, loads every model and runs it once.
    Verify(ConfigurationFlags),
    /// Fetches the weights of a model that others publish, and installs it once they are trusted.
    Fetch(upstream::Fetch),
    /// Trusts the weights that were fetched, from now on and only these, and installs the model.
    Trust(upstream::Trust),
    /// Makes a model of a file that others published and that lies here.
    Convert(upstream::Convert),
}

impl Models {
    /// # Errors
    /// A manifest that does not hold, a checksum that differs, a model that does not load or run.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let (configuration, verify) = match &self.verb {
            ModelsVerb::List(configuration) => (configuration, false),
            ModelsVerb::Verify(configuration) => (configuration, true),
            ModelsVerb::Fetch(fetch) => return fetch.run(),
            ModelsVerb::Trust(trust) => return trust.run(),
            ModelsVerb::Convert(convert) => return convert.run(),
        };
        let config = configuration.load()?;
        let catalog = Catalog::open(&config.models.weights_dir)?;
        let reader = language::of_operator();
        for entry in catalog.iter() {
            let manifest = &entry.manifest;
            say(&format!("{}  {}", manifest.model(), manifest.intended_use(reader)));
            if manifest.file().preview {
                let how = language::pick(
                    reader,
                    "预览版：仅在 models.enabled 中列出时运行",
                    "preview: runs only where models.enabled names it",
                );
                say(&format!("  {how}"));
            }
            for label in manifest.labels() {
                say(&format!(
                    "  {} {} {}  ≥ {:.3}",
                    label.code.scheme,
                    label.code.value,
                    label.code.meaning.get(reader),
                    label.threshold
                ));
            }
            if verify {
                let device = config.engine.compute.parse::<baize_models::Compute>()?.resolve()?;
                baize_models::self_test(entry, &device)?;
                say(&format!("  {} ({device})", language::pick(reader, "校验通过", "verified")));
            }
        }
        if let Some(gate) = gate::newest(&config.models.weights_dir)? {
            say(&format!("{}  {}", gate.model(), gate.intended_use(reader)));
            if verify {
                gate::self_test(&gate)?;
                say(&format!("  {} (cpu)", language::pick(reader, "校验通过", "verified")));
            }
        }
        triage_model(&config, reader, verify)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The triage model that the configuration chooses, if any; loading it checks its manifest and checksum.
fn triage_model(config: &Config, reader: Language, verify: bool) -> anyhow::Result<()> {
    let Some(folder) = wiring::triage_model_folder(config)? else { return Ok(()) };
    let model = baize_models::triage::load(&folder)?;
    say(&format!("{}  {}", model.model(), model.intended_use(reader)));
    if verify {
        let nobody = FeatureSchema::builtin()?.build(&Request::default(), &[], &[]);
        let answer = model.predict(&[&nobody]);
        answer.map_err(|fault| anyhow::anyhow!(fault.message)).context("triage model")?;
        say(&format!("  {} (cpu)", language::pick(reader, "校验通过", "verified")));
    }
    Ok(())
}
