//! Asks other systems about studies that came in: an archive for the patient's earlier studies, a worklist for how
//! urgent the order is.
//!
//! The ledger makes an inquiry together with each new study ([`Inquiries`](baize_core::ports::Inquiries));
//! [`Lookup`] takes them one by one and per kind, so that an archive that does not answer holds up no order. What cannot
//! be found out now is asked again at growing intervals, also after a crash, and given up after a day: by then a
//! radiologist has read the study.
//!
//! - **Priors**: [`Relevance`] decides which of the earlier studies are worth having; the archive is asked to send them,
//!   one study at a time. They come in by the same door as everything else, in the routine lane. A study of somebody
//!   else who has the same Patient ID is none: issuer, date of birth and sex must not contradict.
//! - **Orders**: STAT and HIGH of the worklist raise the study ([`Urgency`](baize_core::ports::Urgency)). Nothing lowers.
//!
//! Architecture Invariant: this crate speaks no protocol and knows no database; both are behind ports. No study that was
//! fetched as a prior has priors fetched for itself: the ledger makes no inquiry about it.

mod metrics;
mod orders;
mod priors;
mod relevance;
mod service;

pub use metrics::Metrics;
pub use relevance::{Relevance, same_patient};
pub use service::{Lookup, Parts, Source};
