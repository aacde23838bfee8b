//! The REST edge of Baize: DICOMweb storage, reading one image while the caller waits, the work list with
//! findings and annotated pictures, triage, FHIR, the outbox, live events, health and metrics.
//!
//! [`router`] builds the application over the ports of `baize-core`; [`serve`] puts it on a socket, with TLS
//! where asked for; [`metrics_router`] belongs on a listener of its own; [`openapi`] describes it all.
//!
//! - Who may call what is one table, `access`.
//! - Every error leaves as RFC 9457 `application/problem+json`, made in `problem`; the HTTP status of an
//!   [`ErrorCode`](baize_core::ErrorCode) is decided in `status` and nowhere else.
//! - Uploads are read in `upload` under a per-object, a per-request and a process-wide limit.
//!
//! Architecture Invariant: the wire types of `dto` never leave this crate, and this crate knows neither
//! DICOM's encoding, nor the models, nor the storage: it sees the ports and the triage desk.

mod access;
mod app;
mod auth;
mod config;
mod dicomweb;
mod dto;
mod extract;
mod fhir;
mod json_body;
mod language;
mod layers;
mod media;
mod metrics;
mod openapi;
mod problem;
mod routes;
mod serve;
mod status;
mod stow;
mod upload;

pub use access::Role;
pub use app::{Ports, router};
pub use auth::generate_api_key;
pub use config::{ApiKey, AuthConfig, BuildInfo, ConfigError, HttpConfig, JwtConfig, JwtKey};
pub use fhir::{FhirPorts, SearchCriteria};
pub use layers::is_origin;
pub use metrics::{Metrics, metrics_router};
pub use openapi::openapi;
pub use serve::{ServeError, ServeOptions, serve};
