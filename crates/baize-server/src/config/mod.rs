//! The configuration: one struct per component, read in layers, checked as a whole before a port is bound.
//!
//! Every key is documented in `deploy/baize.toml`; a test holds that file against these structs.

mod check;
mod fhir;
mod hl7;
mod layers;
mod lookups;
mod messages;
mod mqtt;

use std::net::SocketAddr;
use std::path::PathBuf;

use baize_dicom::results::Kind;
use serde::{Deserialize, Serialize};

pub(crate) use check::problems;
pub(crate) use fhir::{Fhir, FhirTo, SmartAlgorithm};
pub(crate) use hl7::{Hl7, Hl7Tls};
pub(crate) use layers::{Sources, load};
pub(crate) use messages::{AskedFor, Hl7To, MessageLanguage, WayTo, WebhookTo};
pub(crate) use mqtt::Mqtt;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub storage: Storage,
    pub models: Models,
    pub routing: Routing,
    pub triage: Triage,
    pub fusion: Fusion,
    pub http: Http,
    pub auth: Auth,
    pub dimse: Dimse,
    pub outbox: Outbox,
    pub destinations: Vec<Destination>,
    pub nodes: Vec<Node>,
    pub priors: Priors,
    pub worklist: Worklist,
    pub fhir: Fhir,
    pub hl7: Hl7,
    pub mqtt: Mqtt,
    pub limits: Limits,
    pub engine: Engine,
    pub volumes: Volumes,
    pub lanes: Lanes,
    pub studies: Studies,
    pub log: Log,
}

/// `[storage]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Storage {
    pub data_dir: PathBuf,
    pub spool_gib: u64,
}

/// `[models]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Models {
    pub weights_dir: PathBuf,
    pub enabled: Vec<String>,
}

/// `[routing]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Routing {
    pub rules: Option<PathBuf>,
}

/// `[triage]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Triage {
    pub rules_dir: Option<PathBuf>,
    pub lexicon_dir: Option<PathBuf>,
    pub model: String,
    pub threads: usize,
    pub max_waiting: usize,
}

/// `[fusion]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fusion {
    pub rules: Option<PathBuf>,
    pub acknowledge_minutes: u64,
    pub monitor_wait_minutes: u64,
}

/// `[http]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    pub bind: SocketAddr,
    pub metrics_bind: SocketAddr,
    pub public_url: Option<String>,
    pub allowed_origins: Vec<String>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub tls_terminated_by_proxy: bool,
    pub max_request_mib: u64,
    pub in_flight_per_client: usize,
}

/// `[auth]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Auth {
    pub api_keys: Vec<ApiKey>,
    pub jwt: Option<Jwt>,
}

/// `[[auth.api_keys]]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKey {
    pub name: String,
    pub sha256: String,
    pub roles: Vec<String>,
}

/// `[auth.jwt]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwt {
    pub algorithm: JwtAlgorithm,
    pub key_file: PathBuf,
    pub issuer: String,
    pub audience: String,
}

/// How tokens are signed.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub(crate) enum JwtAlgorithm {
    HS256,
    RS256,
    ES256,
}

/// `[dimse]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dimse {
    pub bind: SocketAddr,
    pub ae_title: String,
    pub allowed_calling_aes: Vec<String>,
    pub allow_any_calling_ae: bool,
    pub stat_calling_aes: Vec<String>,
    pub max_associations: usize,
    pub associations_per_minute: u32,
    pub objects_per_second: u32,
    pub max_pdu: u32,
    pub idle_timeout_seconds: u64,
    pub tls: Option<DimseTls>,
}

/// `[dimse.tls]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct DimseTls {
    pub bind: SocketAddr,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
}

/// `[outbox]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Outbox {
    pub retry_cap_seconds: u64,
    pub alarm_after_seconds: u64,
    pub give_up_after_days: u64,
}

/// `[[destinations]]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    pub name: String,
    /// Empty where results go by STOW-RS.
    #[serde(default)]
    pub address: String,
    /// Empty where results go by STOW-RS.
    #[serde(default)]
    pub ae_title: String,
    pub calling_ae_title: Option<String>,
    #[serde(default)]
    pub query_charset: QueryCharset,
    pub stow: Option<String>,
    pub authorization_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    #[serde(default = "yes")]
    pub analysed: bool,
    #[serde(default)]
    pub refused: bool,
    #[serde(default = "yes")]
    pub failed: bool,
    #[serde(default)]
    pub priors: bool,
    #[serde(default = "objects")]
    pub objects: Vec<String>,
    #[serde(default = "one")]
    pub concurrency: usize,
    #[serde(default = "destination_max_pdu")]
    pub max_pdu: u32,
    #[serde(default = "connect_timeout_seconds")]
    pub connect_timeout_seconds: u64,
    #[serde(default = "response_timeout_seconds")]
    pub response_timeout_seconds: u64,
    #[serde(default)]
    pub storage_commitment: bool,
    pub tells: Option<Vec<String>>,
    pub tls: Option<PeerTls>,
    pub hl7: Option<Hl7To>,
    pub webhook: Option<WebhookTo>,
    pub fhir: Option<FhirTo>,
}

impl Destination {
    /// By which way results reach it. Where several are configured, which is a mistake, the first counts.
    pub(crate) fn way(&self) -> WayTo<'_> {
        let hl7 = self.hl7.as_ref().map(WayTo::Hl7);
        let webhook = self.webhook.as_ref().map(WayTo::Webhook);
        let fhir = self.fhir.as_ref().map(WayTo::Fhir);
        hl7.or(webhook).or(fhir).or(self.stow.as_deref().map(WayTo::Stow)).unwrap_or(WayTo::Dimse)
    }
}

/// `[destinations.tls]` and `[nodes.tls]`: how to speak TLS to a peer.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct PeerTls {
    pub ca: PathBuf,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub server_name: Option<String>,
}

/// `[[nodes]]`: a system that is asked and gets no results.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    pub name: String,
    pub address: String,
    pub ae_title: String,
    pub calling_ae_title: Option<String>,
    #[serde(default)]
    pub query_charset: QueryCharset,
    #[serde(default = "destination_max_pdu")]
    pub max_pdu: u32,
    #[serde(default = "connect_timeout_seconds")]
    pub connect_timeout_seconds: u64,
    #[serde(default = "response_timeout_seconds")]
    pub response_timeout_seconds: u64,
    pub tls: Option<PeerTls>,
}

/// The character set of questions that are not ASCII.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub(crate) enum QueryCharset {
    #[default]
    #[serde(rename = "ISO_IR 192")]
    IsoIr192,
    #[serde(rename = "GB18030")]
    Gb18030,
}

/// `[priors]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Priors {
    pub from: Vec<String>,
    pub most: usize,
    pub months: u32,
    pub same_modality: bool,
    pub same_body_part: bool,
}

/// `[worklist]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Worklist {
    pub node: Option<String>,
}

fn yes() -> bool {
    true
}

fn objects() -> Vec<String> {
    Kind::USUAL.map(|kind| kind.as_str().to_owned()).to_vec()
}

fn one() -> usize {
    1
}

fn destination_max_pdu() -> u32 {
    131_072
}

fn connect_timeout_seconds() -> u64 {
    10
}

fn response_timeout_seconds() -> u64 {
    60
}

/// `[limits]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub max_object_mib: u64,
    pub max_pixels: u64,
    pub receive_budget_mib: u64,
}

/// `[engine]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Engine {
    pub compute: String,
    pub research_mode: bool,
    pub decode_threads: usize,
    pub max_jobs: usize,
    pub decoded_budget_mib: u64,
    pub largest_bucket: usize,
    pub routine_bucket: usize,
    pub stat_blocking_ms: u64,
    pub drain_seconds: u64,
}

/// `[volumes]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Volumes {
    pub memory_mib: u64,
    pub threads: usize,
}

/// `[lanes]`: within how many seconds a result is due.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lanes {
    pub stat_seconds: u64,
    pub urgent_seconds: u64,
    pub routine_seconds: u64,
}

/// `[studies]`: when a study is taken as complete.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Studies {
    pub quiet_seconds: u64,
    pub stow_quiet_seconds: u64,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub filter: String,
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

impl Default for Storage {
    fn default() -> Self {
        Self { data_dir: "data".into(), spool_gib: 100 }
    }
}

impl Default for Models {
    fn default() -> Self {
        Self { weights_dir: "weights".into(), enabled: Vec::new() }
    }
}

impl Default for Triage {
    fn default() -> Self {
        Self { rules_dir: None, lexicon_dir: None, model: String::new(), threads: 2, max_waiting: 256 }
    }
}

impl Default for Fusion {
    fn default() -> Self {
        Self { rules: None, acknowledge_minutes: 5, monitor_wait_minutes: 60 }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            bind: (LOOPBACK, 8642).into(),
            metrics_bind: (LOOPBACK, 9642).into(),
            public_url: None,
            allowed_origins: Vec::new(),
            tls_cert: None,
            tls_key: None,
            tls_terminated_by_proxy: false,
            max_request_mib: 1024,
            in_flight_per_client: 32,
        }
    }
}

impl Default for Dimse {
    fn default() -> Self {
        Self {
            bind: (LOOPBACK, 11112).into(),
            ae_title: "BAIZE".into(),
            allowed_calling_aes: Vec::new(),
            allow_any_calling_ae: false,
            stat_calling_aes: Vec::new(),
            max_associations: 32,
            associations_per_minute: 0,
            objects_per_second: 0,
            max_pdu: 131_072,
            idle_timeout_seconds: 60,
            tls: None,
        }
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self { retry_cap_seconds: 900, alarm_after_seconds: 3600, give_up_after_days: 30 }
    }
}

impl Default for Priors {
    fn default() -> Self {
        Self { from: Vec::new(), most: 3, months: 60, same_modality: true, same_body_part: true }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_object_mib: 256, max_pixels: 100_000_000, receive_budget_mib: 512 }
    }
}

impl Default for Volumes {
    fn default() -> Self {
        Self { memory_mib: 1536, threads: 2 }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            compute: "auto".into(),
            research_mode: false,
            decode_threads: 2,
            max_jobs: 256,
            decoded_budget_mib: 1024,
            largest_bucket: 8,
            routine_bucket: 4,
            stat_blocking_ms: 500,
            drain_seconds: 30,
        }
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self { stat_seconds: 60, urgent_seconds: 600, routine_seconds: 7200 }
    }
}

impl Default for Studies {
    fn default() -> Self {
        Self { quiet_seconds: 60, stow_quiet_seconds: 2 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotated() -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/baize.toml");
        std::fs::read_to_string(path).unwrap()
    }

    /// Optional keys stand in the annotated file as comments (`# key = …`): uncommenting them all must
    /// give a file that still parses, and what is not commented out must equal the built-in defaults.
    #[test]
    fn the_annotated_file_is_the_defaults() {
        let file: Config = toml::from_str(&annotated()).unwrap();
        assert_eq!(file, Config::default());
    }

    #[test]
    fn every_key_is_documented_in_the_annotated_file() {
        let uncommented: String = annotated()
            .lines()
            .map(|line| match line.strip_prefix("#: ") {
                Some(key) => format!("{key}\n"),
                None => format!("{line}\n"),
            })
            .collect();
        let documented: toml::Table = toml::from_str(&uncommented).unwrap();
        let full = Config {
            auth: Auth {
                api_keys: vec![ApiKey { name: String::new(), sha256: String::new(), roles: vec![] }],
                jwt: Some(Jwt {
                    algorithm: JwtAlgorithm::RS256,
                    key_file: PathBuf::new(),
                    issuer: String::new(),
                    audience: String::new(),
                }),
            },
            http: Http {
                public_url: Some("u".into()),
                tls_cert: Some("c".into()),
                tls_key: Some("k".into()),
                ..Http::default()
            },
            routing: Routing { rules: Some("r".into()) },
            fhir: Fhir {
                patient_system: Some("s".into()),
                patient_issuers: [("HIS".to_owned(), "s".to_owned())].into(),
                accession_system: Some("s".into()),
                placer_system: Some("s".into()),
                filler_system: Some("s".into()),
                encounter_system: Some("s".into()),
                practitioner_system: Some("s".into()),
                subscription_endpoints: Vec::new(),
            },
            triage: Triage {
                rules_dir: Some("r".into()),
                lexicon_dir: Some("l".into()),
                ..Triage::default()
            },
            fusion: Fusion { rules: Some("f".into()), ..Fusion::default() },
            destinations: vec![Destination {
                name: String::new(),
                address: String::new(),
                ae_title: String::new(),
                calling_ae_title: Some(String::new()),
                query_charset: QueryCharset::Gb18030,
                stow: Some(String::new()),
                authorization_file: Some(PathBuf::new()),
                ca_file: Some(PathBuf::new()),
                analysed: true,
                refused: false,
                failed: true,
                priors: false,
                objects: vec![String::new()],
                concurrency: 1,
                max_pdu: 1,
                connect_timeout_seconds: 1,
                response_timeout_seconds: 1,
                storage_commitment: true,
                tells: Some(vec![String::new()]),
                hl7: Some(Hl7To {
                    address: String::new(),
                    sending_application: String::new(),
                    sending_facility: String::new(),
                    receiving_application: String::new(),
                    receiving_facility: String::new(),
                    charset: String::new(),
                    language: MessageLanguage::Chinese,
                    utc_offset: String::new(),
                    acknowledgement: AskedFor::Original,
                    codes: Some("c".into()),
                }),
                webhook: Some(WebhookTo {
                    url: String::new(),
                    secret_file: Some("s".into()),
                    secret_env: Some("S".into()),
                }),
                fhir: Some(FhirTo {
                    url: String::new(),
                    authorization_file: Some("a".into()),
                    ca_file: Some("c".into()),
                    smart: Some(fhir::Smart {
                        token_url: String::new(),
                        client_id: String::new(),
                        algorithm: SmartAlgorithm::ES384,
                        key_file: "k".into(),
                        key_id: Some("k".into()),
                        scope: String::new(),
                    }),
                }),
                tls: Some(PeerTls {
                    ca: "c".into(),
                    certificate: Some("c".into()),
                    key: Some("k".into()),
                    server_name: Some("n".into()),
                }),
            }],
            dimse: Dimse {
                tls: Some(DimseTls {
                    bind: ([127, 0, 0, 1], 0).into(),
                    certificate: "c".into(),
                    key: "k".into(),
                    client_ca: Some("c".into()),
                }),
                ..Dimse::default()
            },
            nodes: vec![Node {
                name: String::new(),
                address: String::new(),
                ae_title: String::new(),
                calling_ae_title: Some(String::new()),
                query_charset: QueryCharset::Gb18030,
                max_pdu: 1,
                connect_timeout_seconds: 1,
                response_timeout_seconds: 1,
                tls: Some(PeerTls {
                    ca: "c".into(),
                    certificate: Some("c".into()),
                    key: Some("k".into()),
                    server_name: Some("n".into()),
                }),
            }],
            worklist: Worklist { node: Some(String::new()) },
            mqtt: Mqtt {
                broker: Some("b".into()),
                user: Some("u".into()),
                password_file: Some("p".into()),
                ca_file: Some("c".into()),
                ..Mqtt::default()
            },
            hl7: Hl7 {
                bind: Some(([127, 0, 0, 1], 2575).into()),
                tls: Some(Hl7Tls { certificate: "c".into(), key: "k".into(), client_ca: Some("c".into()) }),
                ..Hl7::default()
            },
            ..Config::default()
        };
        let known = toml::Table::try_from(&full).unwrap();
        // A list of tables has its keys in its first one.
        let table = |value: &toml::Value| value.get(0).unwrap_or(value).as_table().cloned().unwrap();
        for (section, keys) in &known {
            for (key, value) in &table(keys) {
                let section_there = documented.get(section).map(table);
                let found = section_there.as_ref().and_then(|there| there.get(key));
                assert!(found.is_some(), "deploy/baize.toml does not document {section}.{key}");
                let inner = match value {
                    toml::Value::Array(items) => items.first().and_then(toml::Value::as_table),
                    other => other.as_table(),
                };
                let documented_inner = match found {
                    Some(toml::Value::Array(items)) => items.first().and_then(toml::Value::as_table),
                    Some(other) => other.as_table(),
                    None => None,
                };
                for inner_key in inner.into_iter().flat_map(|table| table.keys()) {
                    assert!(
                        documented_inner.is_some_and(|table| table.contains_key(inner_key)),
                        "deploy/baize.toml does not document {section}.{key}.{inner_key}"
                    );
                }
            }
        }
        let parsed: Result<Config, _> = documented.try_into();
        assert!(parsed.is_ok(), "the file documents a key that does not exist: {parsed:?}");
    }
}
