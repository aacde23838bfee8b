//! The FHIR R4 read side: results as resources, found by what an integrator knows of them.
//!
//! `query` understands a search, `find` runs it over the ledger page by page, `load` reads what resources are made from,
//! and `baize-fhir` makes them. `subscriptions` keeps who is to be notified, `criteria` runs a search for a change. Errors leave as OperationOutcome.
//!
//! Architecture Invariant: nothing is shown before its record in the audit trail is durable.
//!
//! Architecture Invariant: the ledger narrows a search by its indexes, and each resource that was made is held against the
//! whole search again, so that nothing is shown that does not match.

mod accept;
mod audit;
mod candidate;
mod criteria;
mod cursor;
mod find;
mod load;
mod outcome;
mod parameters;
mod query;
mod read;
pub(crate) mod routes;
mod scope;
pub(crate) mod subscriptions;
mod token;
mod wish;

use std::sync::Arc;

use baize_core::ports::{AuditTrail, ResultSearch, Subscriptions};
use baize_fhir::{Endpoints, Mapper};

pub use criteria::SearchCriteria;
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
    /// Who is to be notified.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// Where notifications may go.
    pub endpoints: Endpoints,
}

/// Where it is served, below the public URL.
pub(crate) const ROOT: &str = "/fhir";
/// The media type of everything that is served here.
pub(crate) const FHIR_JSON: &str = "application/fhir+json";
