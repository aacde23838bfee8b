//! What the engine needs to know of its models.

use baize_core::{ErrorCode, Fault, ImageFacts, ModelRef, Population};
use baize_models::{Familiarity, Manifest, Prediction};
use baize_routing::{BodyPartFrom, Decision};

use crate::Outside;
use crate::post::Known;

/// The models that are loaded, in the order of their executors.
pub(crate) struct Models {
    manifests: Vec<Manifest>,
    /// One for each model, where it is on record.
    familiarity: Vec<Option<Familiarity>>,
    outside: Outside,
}

impl Models {
    pub(crate) fn new(models: Vec<(Manifest, Option<Familiarity>)>, outside: Outside) -> Self {
        let (manifests, familiarity) = models.into_iter().unzip();
        Self { manifests, familiarity, outside }
    }

    pub(crate) fn known(&self, index: usize) -> Option<Known<'_>> {
        let familiarity = self.familiarity.get(index)?.as_ref();
        Some(Known { manifest: self.manifests.get(index)?, familiarity })
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Manifest> {
        self.manifests.get(index)
    }

    pub(crate) fn refs(&self) -> Vec<ModelRef> {
        self.manifests.iter().map(Manifest::model).collect()
    }

    pub(crate) fn index_of(&self, model: &ModelRef) -> Option<usize> {
        self.manifests.iter().position(|manifest| manifest.model() == *model)
    }

    /// The models that may read such an image after what the rules decided, with what each says about the patient:
    /// first those that were validated on such patients. Where images outside are refused and no model was validated on
    /// the patient, one model stands for all, so that the image ends in one refusal, once the gate has looked at it.
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
        let routed =
            self.manifests.iter().enumerate().filter(|(_, one)| decision.choice.includes(&one.model()));
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
        admitted.sort_by_key(|(_, population)| *population != Population::Validated);
        if self.outside == Outside::Refuse {
            let validated = admitted.iter().filter(|(_, population)| *population == Population::Validated);
            let kept = validated.count().max(1);
            admitted.truncate(kept);
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

/// Whether the population that the model was validated on lets it run.
///
/// # Errors
/// `OutsidePopulation`, unless this is research.
pub(crate) fn check_population(
    manifest: &Manifest,
    facts: &ImageFacts,
    outside: Outside,
) -> Result<(), Fault> {
    match outside {
        Outside::Refuse => manifest.refuse_outside(facts),
        Outside::Score => Ok(()),
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

#[cfg(test)]
mod tests {
    use baize_core::AgeYears;
    use baize_routing::Rules;

    use super::*;

    /// Models `child` (1 to 5 years) and `adult` (18 years and more).
    fn models(outside: Outside) -> Models {
        let manifest = |id: &str, from: &str, below: &str| {
            let text = include_str!("../tests/common/fake.toml")
                .replace("id = \"fake\"", &format!("id = \"{id}\""))
                .replace("from_years = 0.0", &format!("from_years = {from}"))
                .replace("below_years = 200.0", &format!("below_years = {below}"));
            Manifest::parse(&text, "a test").unwrap()
        };
        let both = [manifest("child", "1.0", "6.0"), manifest("adult", "18.0", "120.0")];
        Models::new(both.map(|manifest| (manifest, None)).into(), outside)
    }

    #[test]
    fn a_patient_goes_to_the_models_that_know_such_patients() {
        let facts = |age: Option<f32>| ImageFacts {
            modality: Some("DX".to_owned()),
            body_part: Some("CHEST".to_owned()),
            view: Some("PA".to_owned()),
            frames: 1,
            rows: 500,
            columns: 500,
            age: age.map(AgeYears),
            ..ImageFacts::default()
        };
        let decision = Rules::parse("", "none").unwrap().route(&facts(None), None);
        let ids = |outside, age| -> Vec<String> {
            let models = models(outside);
            let chosen = models.choose(&facts(age), &decision).unwrap();
            chosen.iter().map(|(index, _)| models.get(*index).unwrap().model().id).collect()
        };
        assert_eq!(ids(Outside::Refuse, Some(3.0)), ["child"]);
        assert_eq!(ids(Outside::Refuse, Some(64.0)), ["adult"]);
        // Nobody knows such patients: one refusal, not one for each model.
        assert_eq!(ids(Outside::Refuse, Some(12.0)).len(), 1);
        assert_eq!(ids(Outside::Refuse, None).len(), 1);
        assert_eq!(
            ids(Outside::Score, Some(64.0)),
            ["adult", "child"],
            "who knows such patients comes first"
        );
    }
}
