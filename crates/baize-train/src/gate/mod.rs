//! The gate: training, and measuring on labelled images.

mod augment;
mod card;
mod drawn;
mod evaluation;
mod export;
mod familiar;
mod figures;
mod session;
mod sources;
mod spoilt;
mod training;
mod view;

pub use evaluation::{GateEvaluation, GateReport};
pub use training::GateTraining;

/// The classes, in the order of the logits. The last one is for everything else.
pub(crate) const CLASSES: [&str; 7] =
    ["abdomen-ct", "breast-mr", "chest-ct", "chest-radiograph", "hand-radiograph", "head-ct", "other"];
/// The place of the chest radiographs.
pub(crate) const CHEST: usize = 3;
/// The places of all kinds of images that the gate knows.
pub(crate) const EVERY_KIND: [usize; OTHER] = [0, 1, 2, 3, 4, 5];
/// The place of everything else.
pub(crate) const OTHER: usize = CLASSES.len() - 1;
