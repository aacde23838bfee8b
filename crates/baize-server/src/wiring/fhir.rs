//! The FHIR side: identifier systems from the configuration, models from their manifests.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use baize_core::{ModelRef, Text};
use baize_fhir::{Mapper, ModelFacts, Systems};
use baize_http::FhirPorts;
use baize_store::SqliteLedger;
use serde::Deserialize;

use super::VERSION;
use crate::config::{self, Config};

/// What all kinds of manifests say.
#[derive(Deserialize)]
struct Said {
    id: String,
    version: String,
    sha256: String,
    intended_use: Words,
}

#[derive(Deserialize)]
struct Words {
    zh: String,
    en: String,
}

/// The hospital's identifier systems.
pub(crate) fn systems(fhir: &config::Fhir) -> Systems {
    Systems {
        patient: fhir.patient_system.clone(),
        patient_issuers: fhir.patient_issuers.clone(),
        accession: fhir.accession_system.clone(),
        placer: fhir.placer_system.clone(),
        filler: fhir.filler_system.clone(),
        encounter: fhir.encounter_system.clone(),
        practitioner: fhir.practitioner_system.clone(),
    }
}

/// Makes resources. Reads manifests: not on a thread that serves requests.
///
/// # Errors
/// A folder of weights that cannot be listed.
pub(super) fn mapper(config: &Config) -> anyhow::Result<Mapper> {
    let models = installed(&config.models.weights_dir)?;
    Ok(Mapper::new(systems(&config.fhir), models, VERSION)?)
}

/// What the edge stands on.
pub(super) fn ports(mapper: Arc<Mapper>, ledger: &Arc<SqliteLedger>) -> FhirPorts {
    FhirPorts { mapper, search: ledger.clone(), audit: ledger.clone(), hospital: ledger.clone() }
}

/// Every model whose manifest can be read; one that cannot is told by name and version alone.
fn installed(weights: &Path) -> anyhow::Result<Vec<ModelFacts>> {
    let mut found = Vec::new();
    for kind in folders(weights)? {
        for version in folders(&kind)? {
            let text = fs::read_to_string(version.join("manifest.toml"));
            let Some(said) = text.ok().and_then(|text| toml::from_str::<Said>(&text).ok()) else { continue };
            found.push(ModelFacts {
                model: ModelRef { id: said.id, version: said.version },
                sha256: said.sha256,
                intended_use: Text { zh: said.intended_use.zh, en: said.intended_use.en },
            });
        }
    }
    Ok(found)
}

fn folders(parent: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let unreadable = || format!("models.weights_dir: cannot list {}", parent.display());
    let entries = fs::read_dir(parent).with_context(unreadable)?;
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.with_context(unreadable)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_installed_model_is_told_with_its_checksum() {
        let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/../../weights");
        let models = installed(Path::new(weights)).unwrap();
        let names: Vec<&str> = models.iter().map(|facts| facts.model.id.as_str()).collect();
        assert!(names.contains(&"cxr-pneumonia-paed") && names.contains(&"triage"), "{names:?}");
        assert!(models.iter().all(|facts| facts.sha256.len() == 64 && !facts.intended_use.zh.is_empty()));
    }
}
