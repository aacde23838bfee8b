//! The REST edge against fake ports.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not count as tests"
)]

mod auth;
mod cors;
mod dicomweb;
mod dicomweb_client;
mod events;
mod fakes;
mod fakes_hospital;
mod fhir;
mod fhir_subscription;
mod fhir_world;
mod harness;
mod hospital;
mod imaging;
mod infer;
mod limits;
mod logs;
mod openapi;
mod outbox;
mod over_tcp;
mod reading;
mod reviews;
mod stow;
mod system;
mod tokens;
mod triage;
mod triage_input;
mod triage_schema;
mod whole_studies;
