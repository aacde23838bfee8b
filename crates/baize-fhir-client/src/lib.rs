//! The way to a FHIR R4 server: a [`MessageCourier`](baize_core::ports::MessageCourier) that sends transaction Bundles.
//!
//! [`FhirClient`] posts each message to the server's base and takes it as accepted only where the answer is a
//! transaction-response in which every entry succeeded. It logs in with a line from a file, or by SMART Backend Services
//! (`private_key_jwt`, client credentials).
//!
//! [`RestHooks`] notifies the receivers of Subscriptions.
//!
//! Architecture Invariant: what a message says is `baize-fhir`'s; this crate only carries it.

mod answer;
mod client;
mod hooks;
mod login;

pub use client::{FhirClient, FhirClientConfig, FhirClientError};
pub use hooks::{RestHookParts, RestHooks};
pub use login::{Login, SmartKey, SmartLogin};
