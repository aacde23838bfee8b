//! The running engine: objects come in and are kept, jobs go through decoding, the device and drawing, and
//! every job ends in exactly one report.
//!
//! [`Engine::start`] takes the loaded models and, for a server, the [`Storage`]; the engine then is the
//! [`Intake`](baize_core::ports::Intake), [`Reader`](baize_core::ports::Reader),
//! [`Events`](baize_core::ports::Events), [`ObjectViews`](baize_core::ports::ObjectViews), [`Urgency`](baize_core::ports::Urgency) and
//! [`HealthCheck`](baize_core::ports::HealthCheck) that the edges talk to. Without storage it only reads, as `baize infer` does.
//!
//! ```text
//! accept ─▶ spool ─▶ ledger ─▶ feeder ─┐
//!                                      ├─▶ admission ─▶ decode ─▶ gate ─▶ batch ─▶ device ─▶ draw ─▶ report
//! read ────────────────────────────────┘
//! ```
//!
//! What decides is `baize-sched`; what computes is one thread that owns the device; what decodes and draws is a
//! bounded pool with a thread kept for STAT work. An image is in memory only from admission to report.
//!
//! [`Guidance`] stands before the models: the routing rules choose which of them see an image, and the gate looks at its
//! pixels, where they are decoded, before a model does.
//!
//! Architecture Invariant: knows neither HTTP nor the DICOM network nor a database.

mod config;
mod device;
mod dispatch;
mod engine;
mod error;
mod events;
mod feed;
mod guidance;
mod intake;
mod metrics;
mod model;
mod pool;
mod post;
mod read;
mod shared;
mod urgency;
mod views;
mod watch;

pub use config::{Due, EngineConfig, Outside};
pub use engine::{Engine, Storage};
pub use error::EngineError;
pub use guidance::{Gatekeeper, Guidance, Verdict};
pub use metrics::Metrics;
pub use watch::{Patience, StudyWatcher};
