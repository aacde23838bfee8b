//! Plugs the crates together: configuration values in, running parts out.

mod edges;
mod engine;
mod fhir;
mod fusion;
mod guidance;
mod hospital;
mod lookup;
mod messages;
#[cfg(feature = "mqtt")]
mod mqtt;
mod outbox;
mod peers;
mod server;
mod triage;

pub(crate) use edges::dimse_tls;
pub(crate) use engine::{enabled_models, image_limits, offline_engine};
pub(crate) use fhir::{endpoints, fhir_client, systems};
pub(crate) use fusion::fusion_rules;
pub(crate) use guidance::{guidance, routing_rules};
pub(crate) use hospital::{hl7_profile, hl7_tls};
pub(crate) use messages::{mllp, tells, webhook};
pub(crate) use outbox::{scu, stow};
pub(crate) use peers::{Peer, peer};
pub(crate) use server::Server;
pub(crate) use triage::{triage, triage_model_folder};

/// The release.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bytes in a MiB, the unit of sizes in the configuration.
pub(crate) const MIB: u64 = 1 << 20;
