//! The way to an archive by STOW-RS (PS3.18 section 10.5): a [`Courier`](baize_core::ports::Courier) beside C-STORE.
//!
//! One object travels in one request, so that whatever the archive answers is about that object. What counts as an
//! answer:
//!
//! | the archive says | the delivery is |
//! |---|---|
//! | 200 or 202, and the object stands in Referenced SOP Sequence | acknowledged, with the Warning Reason where there is one |
//! | the object stands in Failed SOP Sequence, whatever the HTTP status | as C-STORE with its Failure Reason: refused, or tried again where the archive is out of resources |
//! | 400, 404, 409, 413, 415 and other 4xx without a word about the object | refused, with the HTTP status |
//! | 401, 403, 407, 408, 429 | tried again: mended by a new token, or by waiting |
//! | 3xx, 5xx, nothing in time, a broken connection, an answer that is no DICOM JSON or names another object | tried again |
//!
//! Failure Reason (0008,1197) and Warning Reason (0008,1196) are statuses of C-STORE (PS3.18 table 10.5.3-2), which is
//! why a delivery's status means the same for both ways.
//!
//! Architecture Invariant: HTTP and DICOM JSON stay in this crate, and it knows no other edge.

mod answer;
mod client;

pub use client::{StowClient, StowConfig, StowError};
