//! The one record of what a model saw. Every rendition (JSON, SR, FHIR, HL7, picture) is made from it.

use crate::{Coded, Fault, HeatMap, InstanceIdentity, ModelRef, Text, Timestamp};

/// A rectangle in the stored image's pixel grid: origin top left, before any display transformation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PixelBox {
    /// Columns from the left edge.
    pub x: u32,
    /// Rows from the top edge.
    pub y: u32,
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
}

/// One finding of one model on one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was looked for.
    pub code: Coded,
    /// Calibrated probability, 0 to 1.
    pub probability: f32,
    /// The cut of this model version: positive where `probability >= threshold`.
    pub threshold: f32,
    /// The cut of this model version from which on a finding is critical; above `threshold`. `None` where the version
    /// has none: then no finding of it is ever critical.
    pub critical: Option<f32>,
    /// Where the evidence is strongest; only for a positive finding of a model that can localise.
    pub region: Option<PixelBox>,
    /// How the evidence is spread over the image; only for a positive finding of a model that can localise. `region`
    /// is then its [`HeatMap::region`].
    pub heat: Option<HeatMap>,
}

impl Finding {
    /// Whether the model calls the finding present.
    pub fn is_positive(&self) -> bool {
        self.probability >= self.threshold
    }

    /// Whether the model calls the finding critical: present, and above the critical cut of its version.
    pub fn is_critical(&self) -> bool {
        self.is_positive() && self.critical.is_some_and(|cut| self.probability >= cut)
    }
}

/// Whether the patient belongs to those on whom the model was validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Population {
    /// Yes: the model's figures apply.
    Validated,
    /// No, or it cannot be told, and this is research: the score is shown with this warning and its threshold means
    /// nothing.
    Outside(Text),
}

/// How one model's look at one image ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The model ran.
    Analysed {
        /// One entry per label of the model, in the manifest's order.
        findings: Vec<Finding>,
        /// Whether the model's figures apply to this patient.
        population: Population,
        /// What limits the reading, such as "burned-in text"; empty for a clean image.
        caveats: Vec<Text>,
    },
    /// The image is none that the model may read. Never to be shown as "no finding".
    Refused(Fault),
    /// The image could not be read or the model could not run. Never to be shown as "no finding".
    Failed(Fault),
}

/// What the gate saw in the pixels before a model was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct GateLook {
    /// The gate, in its version.
    pub gate: ModelRef,
    /// The likeliest class, as the gate's manifest writes it.
    pub class: String,
    /// The class for people.
    pub name: Text,
    /// Its calibrated probability, 0 to 1.
    pub probability: f32,
}

/// The result for one (SOP Instance, model, version). Exactly one exists once the job is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The image.
    pub instance: InstanceIdentity,
    /// The model; absent where no installed model reads this kind of image.
    pub model: Option<ModelRef>,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was decided.
    pub finished_at: Timestamp,
    /// What the gate saw, where one looked.
    pub gate: Option<GateLook>,
}
