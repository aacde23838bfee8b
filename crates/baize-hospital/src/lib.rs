//! What the hospital's information system tells, and what follows from it.
//!
//! [`HospitalService`] stands before the ledger: it takes messages in ([`Hospital`](baize_core::ports::Hospital)) and
//! people's words about orders and studies ([`Reconciliation`](baize_core::ports::Reconciliation)). The ledger keeps
//! each together with what must follow from it in one transaction; this service does what follows outside of it:
//! raises studies in memory that their order has raised, lists orders whose time is past, forgets old messages.
//!
//! Architecture Invariant: this crate speaks no protocol and knows no database; both are behind ports. It decides
//! nothing: which order a study answers is decided in the transaction that enters either.

mod metrics;
mod service;

pub use metrics::Metrics;
pub use service::{HospitalService, Parts, Settings};
