//! `baize route FILE…`: which rules hold for a file, which models would see it, and what the gate makes of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use baize_core::ports::Door;
use baize_core::{Fault, GateLook, ImageFacts, Language, Population};
use baize_engine::Guidance;
use baize_imaging::{decode, read_header};
use baize_models::{Catalog, Manifest};
use baize_routing::{BodyPartFrom, Choice};
use clap::Args;

use super::language::{self, pick};
use super::{EXIT_FAILURE, say};
use crate::config::Config;
use crate::wiring;

/// `baize route`
#[derive(Debug, Args)]
pub(crate) struct Route {
    /// DICOM files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// As if this AE title had sent them by C-STORE.
    #[arg(long, value_name = "AE", conflicts_with = "client")]
    calling_ae: Option<String>,
    /// As if this API client had sent them by STOW-RS.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
}

/// What routes an image.
struct Router {
    config: Config,
    guidance: Guidance,
    manifests: Vec<Manifest>,
    door: Option<Door>,
    reader: Language,
}

impl Route {
    /// Prints what happens to each file; fails where one is no DICOM object.
    ///
    /// # Errors
    /// Rules, gate or models that do not hold.
    pub(crate) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let catalog = Catalog::open(&config.models.weights_dir)?;
        let entries = wiring::enabled_models(&catalog, &config.models.enabled)?;
        let manifests: Vec<Manifest> = entries.iter().map(|entry| entry.manifest.clone()).collect();
        let guidance = wiring::guidance(config, &config.models.weights_dir)?;
        if let Some(problem) = guidance.problem(&manifests) {
            anyhow::bail!(problem);
        }
        let dimse = self.calling_ae.map(|calling_ae| Door::Dimse { calling_ae });
        let door = dimse.or_else(|| self.client.map(|client| Door::Stow { client }));
        let reader = language::of_operator();
        let router = Router { config: config.clone(), guidance, manifests, door, reader };
        let mut unreadable = false;
        for file in &self.files {
            say(&file.display().to_string());
            if let Err(error) = router.explain(file) {
                unreadable = true;
                say(&format!("  {error:#}"));
            }
        }
        Ok(if unreadable { ExitCode::from(EXIT_FAILURE) } else { ExitCode::SUCCESS })
    }
}

impl Router {
    fn explain(&self, file: &Path) -> anyhow::Result<()> {
        let object = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let limits = wiring::image_limits(&self.config);
        let header = read_header(&object, &limits)?;
        let facts = &header.facts;
        for step in self.guidance.rules.explain(facts, self.door.as_ref()) {
            say(&format!("  {}", step.text(self.reader)));
        }
        let decision = self.guidance.rules.route(facts, self.door.as_ref());
        if decision.choice == Choice::ByManifest {
            let all =
                pick(self.reader, "可用模型：所有适用的模型", "models: all whose manifest accepts the image");
            say(&format!("  {all}"));
        }
        if let Some(lane) = decision.lane {
            say(&format!("  {} {lane}", pick(self.reader, "优先级至少为", "lane: at least")));
        }
        // Decoded once, and only for a model that the gate guards.
        let mut image = None;
        for manifest in self.manifests.iter().filter(|one| decision.choice.includes(&one.model())) {
            let admitted = admitted(manifest, facts, decision.body_part_from);
            self.tell(manifest, admitted.as_ref().map(drop).map_err(Clone::clone));
            if admitted.is_err() {
                continue;
            }
            let known = match self.config.engine.research_mode {
                true => Ok(()),
                false => manifest.refuse_outside(facts),
            };
            if manifest.content().is_empty() {
                self.tell_look(None, known.as_ref().err());
            } else {
                let decoded = image.get_or_insert_with(|| decode(&object, &limits));
                match decoded {
                    Ok(image) => {
                        let verdict = self.guidance.look(manifest, image.pixels.view());
                        let answer = verdict.answer.and(known);
                        self.tell_look(verdict.look.as_ref(), answer.as_ref().err());
                    }
                    Err(fault) => self.tell_look(None, Some(fault)),
                }
            }
        }
        Ok(())
    }

    fn tell(&self, manifest: &Manifest, header: Result<(), Fault>) {
        let model = manifest.model();
        say(&match header {
            Ok(()) => format!("  {model}: {}", pick(self.reader, "头信息符合", "the header fits")),
            Err(fault) => format!("  {model}: {} — {fault}", fault.code.title(self.reader)),
        });
    }

    fn tell_look(&self, look: Option<&GateLook>, fault: Option<&Fault>) {
        if let Some(look) = look {
            let (gate, name) = (&look.gate, look.name.get(self.reader));
            let words = pick(self.reader, "图像内容核对", "the pixels show");
            say(&format!("    {gate}: {words}: {name} ({:.3})", look.probability));
        }
        say(&match fault {
            None => format!("    {}", pick(self.reader, "交由该模型判读", "the model reads it")),
            Some(fault) => format!("    {} — {fault}", fault.code.title(self.reader)),
        });
    }
}

fn admitted(manifest: &Manifest, facts: &ImageFacts, from: BodyPartFrom) -> Result<Population, Fault> {
    match from {
        BodyPartFrom::Header => manifest.admits(facts),
        BodyPartFrom::Pixels => manifest.admits_by_pixels(facts),
    }
}
