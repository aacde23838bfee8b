//! Training and evaluation.
//!
//! [`CxrTraining`] is `baize train cxr`: it reads labelled images, trains a network of `baize-models` with Burn's
//! autodiff on the CPU, goes on from its last epoch after a kill, and writes weights, manifest, card and metrics.
//! [`CxrEvaluation`] is `baize eval cxr`: it measures an installed model through the way that serves (fit,
//! normalisation, executor, calibration).
//! [`FamiliarityTraining`] is `baize train familiarity`: what an installed model's features look like on images it knows.
//! [`GateTraining`] and [`GateEvaluation`] are `baize train gate` and `baize eval gate`: which image shows what.
//! [`TriageTraining`] is `baize train triage`: it learns acuity, admission and the second reader from labelled visits.
//! [`TriageEvaluation`] is `baize eval triage`: it measures the triage that serves on visits whose acuity and outcome
//! are known.
//!
//! The same seed gives the same weights on the same machine, whatever the number of threads.
//!
//! Architecture Invariant: nothing here runs in the server; nothing here knows HTTP or DICOM.

mod assemble;
mod augment;
mod bootstrap;
mod calibrate;
mod card;
mod checkpoint;
mod data;
mod draw;
mod evaluation;
mod export;
mod fast;
mod gate;
mod learner;
mod metrics;
mod network;
mod paediatric;
mod platt;
mod plot;
mod sampler;
mod schedule;
mod scoring;
mod screen;
mod screen_card;
mod start;
mod task;
mod trainer;
mod training;
mod triage;
mod unseen;
mod validation;
mod weights;

pub use bootstrap::Interval;
pub use evaluation::{CxrEvaluation, Evaluation, FamiliarityTraining, LabelEvaluation, Movement, Subgroup};
pub use gate::{GateEvaluation, GateReport, GateTraining};
pub use metrics::{Bin, Figures};
pub use training::{CxrTraining, ScreenTraining};
pub use triage::{TriageEvaluation, TriageReport, TriageTraining};
