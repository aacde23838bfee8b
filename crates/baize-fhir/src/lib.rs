//! The records of the core as HL7 FHIR R4 resources (<http://hl7.org/fhir/R4>).
//!
//! [`Mapper`] makes the resources of a study or of a step at the triage desk. With [`Links::Urn`] they refer to one another
//! as the entries of one transaction Bundle do, without ids, to be sent by conditional update: the same result sent twice
//! changes nothing. With [`Links::Served`] they carry the ids under which the read side serves them. [`Mapper`] is also the
//! [`Wording`](baize_core::ports::Wording) of messages to a FHIR server.
//!
//! What a model made carries the security label AIAST (HL7 AI Transparency on FHIR). What a model could not do is an
//! Observation with a `dataAbsentReason`, never one that says "absent".
//!
//! Architecture Invariant: pure functions: no I/O, no clock. Resources are [`serde_json::Value`]s that only this crate
//! makes; texts for people are in Chinese and English.

mod audit;
mod bundle;
mod capability;
mod device;
mod element;
mod endpoint;
mod finding;
mod imaging;
mod key;
mod mapper;
mod outcome;
mod period;
mod reference;
mod report;
mod standing;
mod subscription;
mod systems;
mod terms;
mod triage;
mod words;

pub use audit::{AuditAction, AuditFacts, audit_event};
pub use bundle::{SearchEntry, search_bundle};
pub use capability::{Capability, SearchParameter, capability_statement};
pub use element::{Resource, instant};
pub use endpoint::{BadEndpoint, Endpoints};
pub use key::{Key, Kind, ObservationName};
pub use mapper::{Links, Mapper, ModelFacts};
pub use outcome::{IssueKind, operation_outcome, said};
pub use period::{Comparison, Period, PeriodQuery};
pub use standing::standing;
pub use subscription::subscription;
pub use systems::{BadSystem, Systems, uri};
pub use terms::BadTerms;
