//! The FHIR side: identifier systems from the configuration, models from their manifests.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use baize_core::{ModelRef, SystemClock, Text};
use baize_fhir::{Endpoints, Mapper, ModelFacts, Systems};
use baize_fhir_client::{
    FhirClient, FhirClientConfig, Login, RestHookParts, RestHooks, SmartKey, SmartLogin,
};
use baize_http::FhirPorts;
use baize_outbox::Way;
use baize_store::SqliteLedger;
use serde::Deserialize;

use super::VERSION;
use crate::config::{self, Config, Destination, FhirTo, SmartAlgorithm};

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
pub(super) fn ports(mapper: Arc<Mapper>, ledger: &Arc<SqliteLedger>, endpoints: Endpoints) -> FhirPorts {
    FhirPorts {
        mapper,
        search: ledger.clone(),
        audit: ledger.clone(),
        subscriptions: ledger.clone(),
        endpoints,
    }
}

/// Where notifications may go.
///
/// # Errors
/// An entry that is no host.
pub(crate) fn endpoints(fhir: &config::Fhir) -> anyhow::Result<Endpoints> {
    let bad = |entry| {
        anyhow::anyhow!(
            "fhir.subscription_endpoints: '{entry}' is no host or host:port, such as his.hospital.example:8443"
        )
    };
    Endpoints::new(&fhir.subscription_endpoints).map_err(bad)
}

/// What notifies the receivers of subscriptions.
///
/// # Errors
/// An HTTP client that cannot be set up.
pub(super) fn hooks(ledger: &Arc<SqliteLedger>, endpoints: Endpoints) -> anyhow::Result<Arc<RestHooks>> {
    let parts = RestHookParts {
        subscriptions: ledger.clone(),
        search: ledger.clone(),
        audit: ledger.clone(),
        clock: Arc::new(SystemClock),
        endpoints,
    };
    Ok(Arc::new(RestHooks::new(parts).context("fhir.subscription_endpoints")?))
}

/// Bundles to a FHIR server.
///
/// # Errors
/// A key or file of authorities that cannot be used.
pub(super) fn bundles(destination: &Destination, fhir: &FhirTo, mapper: &Arc<Mapper>) -> anyhow::Result<Way> {
    let courier = fhir_client(destination, fhir)?;
    Ok(Way::Messages { wording: mapper.clone(), courier: Arc::new(courier) })
}

/// The client that carries them. Reads files.
///
/// # Errors
/// A key or file of authorities that cannot be used.
pub(crate) fn fhir_client(destination: &Destination, fhir: &FhirTo) -> anyhow::Result<FhirClient> {
    let named = || format!("destination {}: fhir", destination.name);
    let login = match (&fhir.smart, &fhir.authorization_file) {
        (Some(smart), _) => {
            let unreadable = || format!("smart.key_file: cannot read {}", smart.key_file.display());
            let pem = fs::read_to_string(&smart.key_file).with_context(unreadable).with_context(named)?;
            Login::Smart(SmartLogin {
                token_url: smart.token_url.clone(),
                client_id: smart.client_id.clone(),
                key: match smart.algorithm {
                    SmartAlgorithm::ES384 => SmartKey::Es384(pem),
                    SmartAlgorithm::RS384 => SmartKey::Rs384(pem),
                },
                key_id: smart.key_id.clone(),
                scope: smart.scope.clone(),
            })
        }
        (None, Some(path)) => Login::File(path.clone()),
        (None, None) => Login::None,
    };
    let config = FhirClientConfig {
        url: fhir.url.clone(),
        login,
        ca_file: fhir.ca_file.clone(),
        connect_timeout: Duration::from_secs(destination.connect_timeout_seconds),
        response_timeout: Duration::from_secs(destination.response_timeout_seconds),
    };
    FhirClient::new(config, Arc::new(SystemClock)).with_context(named)
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
