//! `[fhir]` and `[destinations.fhir]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::check;

/// `[fhir]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fhir {
    pub patient_system: Option<String>,
    pub patient_issuers: BTreeMap<String, String>,
    pub accession_system: Option<String>,
    pub placer_system: Option<String>,
    pub filler_system: Option<String>,
    pub encounter_system: Option<String>,
    pub practitioner_system: Option<String>,
    pub subscription_endpoints: Vec<String>,
}

/// `[destinations.fhir]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct FhirTo {
    pub url: String,
    pub authorization_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub smart: Option<Smart>,
}

/// `[destinations.fhir.smart]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Smart {
    pub token_url: String,
    pub client_id: String,
    pub algorithm: SmartAlgorithm,
    pub key_file: PathBuf,
    pub key_id: Option<String>,
    #[serde(default = "scope")]
    pub scope: String,
}

/// How the login is signed.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub(crate) enum SmartAlgorithm {
    ES384,
    RS384,
}

fn scope() -> String {
    "system/*.cruds".to_owned()
}

/// Where Bundles go.
pub(super) fn check(key: &dyn Fn(&str) -> String, fhir: &FhirTo, found: &mut Vec<String>) {
    let token_url = fhir.smart.as_ref().map(|smart| ("fhir.smart.token_url", &smart.token_url));
    for (name, url) in std::iter::once(("fhir.url", &fhir.url)).chain(token_url) {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        if host.is_empty() || host.contains('@') || url.contains(['#', ' ', '?']) || url.ends_with('/') {
            found.push(format!(
                "{}: '{url}' is no address, such as https://fhir.hospital.example/r4, without a slash at its end",
                key(name)
            ));
        } else if url.starts_with("http://") && !check::is_loopback(host) {
            found
                .push(format!("{}: '{url}' would carry patient data in clear text: use https://", key(name)));
        }
    }
    if fhir.smart.is_some() && fhir.authorization_file.is_some() {
        found.push(format!(
            "{} and fhir.smart are two ways to log in; keep one",
            key("fhir.authorization_file")
        ));
    }
    let files = [
        ("fhir.ca_file", fhir.ca_file.as_ref()),
        ("fhir.smart.key_file", fhir.smart.as_ref().map(|smart| &smart.key_file)),
    ];
    for (name, path) in files {
        if let Some(path) = path.filter(|path| !path.is_file()) {
            found.push(format!("{}: there is no file {}", key(name), path.display()));
        }
    }
}
