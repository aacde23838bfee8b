//! The FHIR R4 read side: results as resources, found by what an integrator knows of them.
//!
//! `query` understands a search, `find` runs it over the ledger page by page, `load` reads what resources are made from,
//! and `baize-fhir` makes them. Errors leave as OperationOutcome.
//!
//! Architecture Invariant: nothing is shown before its record in the audit trail is durable.
//!
//! Architecture Invariant: the ledger narrows a search by its indexes, and each resource that was made is held against the
//! whole search again, so that nothing is shown that does not match.

mod accept;
mod audit;
mod candidate;
mod cursor;
mod find;
mod load;
mod outcome;
mod parameters;
mod query;
mod read;
pub(crate) mod routes;
mod scope;
mod token;

use std::sync::Arc;

use baize_core::ports::{AuditTrail, ResultSearch};
use baize_fhir::Mapper;

pub(crate) use outcome::{is_fhir, render};
pub(crate) use scope::Scope;

/// What the FHIR side stands on.
#[derive(Clone)]
pub struct FhirPorts {
    /// Makes the resources.
    pub mapper: Arc<Mapper>,
    /// Finds what they are made from.
    pub search: Arc<dyn ResultSearch>,
    /// Who saw what.
    pub audit: Arc<dyn AuditTrail>,
}

/// Where it is served, below the public URL.
pub(crate) const ROOT: &str = "/fhir";
/// The media type of everything that is served here.
pub(crate) const FHIR_JSON: &str = "application/fhir+json";
