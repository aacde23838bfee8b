//! What the engine needs to know of its models.

use baize_core::{ErrorCode, Fault, ImageFacts, ModelRef, Population};
use baize_models::{Manifest, Prediction};
use baize_routing::{BodyPartFrom, Decision};

/// The models that are loaded, in the order of their executors.
pub(crate) struct Models(Vec<Manifest>);

impl Models {
    pub(crate) fn new(manifests: Vec<Manifest>) -> Self {
        Self(manifests)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Manifest> {
        self.0.get(index)
    }

    pub(crate) fn refs(&self) -> Vec<ModelRef> {
        self.0.iter().map(Manifest::model).collect()
    }

    pub(crate) fn index_of(&self, model: &ModelRef) -> Option<usize> {
        self.0.iter().position(|manifest| manifest.model() == *model)
    }

    /// The models that may read such an image after what the rules decided, with what each says about the patient.
    ///
    /// # Errors
    /// Where there is none: the refusal that came nearest to reading it, or `NotRouted` where a rule names none.
    pub(crate) fn choose(
        &self,
        facts: &ImageFacts,
        decision: &Decision,
    ) -> Result<Vec<(usize, Population)>, Fault> {
        if facts.rows == 0 || facts.columns == 0 {
            return Err(Fault::new(
                ErrorCode::NoPixelData,
                "the object has no Rows or Columns and so no image",
            ));
        }
        let mut admitted = Vec::new();
        let mut refusals = Vec::new();
        let routed = self.0.iter().enumerate().filter(|(_, one)| decision.choice.includes(&one.model()));
        for (index, manifest) in routed {
            let answer = match decision.body_part_from {
                BodyPartFrom::Header => manifest.admits(facts),
                BodyPartFrom::Pixels => manifest.admits_by_pixels(facts),
            };
            match answer {
                Ok(population) => admitted.push((index, population)),
                Err(fault) => refusals.push(fault),
            }
        }
        if !admitted.is_empty() {
            return Ok(admitted);
        }
        let nearest = refusals.into_iter().max_by_key(|fault| nearness(fault.code));
        Err(nearest.unwrap_or_else(|| match &decision.route {
            Some(route) => {
                let message = format!("the route '{route}' gives such images to no model that is loaded");
                Fault::new(ErrorCode::NotRouted, message)
            }
            None => Fault::new(ErrorCode::WrongModality, "no model is installed"),
        }))
    }
}

/// How far an image came through a model's conditions, which are looked at in this order.
fn nearness(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::WrongModality => 0,
        ErrorCode::WrongBodyPart => 1,
        ErrorCode::WrongView => 2,
        _ => 3,
    }
}

/// Whether the prediction has one probability and one heat map per label. A value that is no number must not
/// pass for a low probability.
pub(crate) fn is_sound(manifest: &Manifest, prediction: &Prediction) -> bool {
    let labels = manifest.labels().len();
    prediction.probabilities.len() == labels
        && prediction.heat.dim().0 == labels
        && prediction.probabilities.iter().all(|probability| (0.0..=1.0).contains(probability))
}
