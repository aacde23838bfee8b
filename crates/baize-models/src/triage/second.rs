//! What the second reader looks at: the nurse's level beside what the model, the rules and the vital signs say.
//!
//! The groups of vital signs and pain are those on which the Korean scale (KTAS) raises a level; the model of acuity never
//! saw pain. All of it is small on purpose: the second reader was trained on a few hundred visits.

use baize_triage::{Acuity, FeatureSchema, Features, ModelOutput};

use super::levels::log_odds;

/// How many values the second reader sees.
pub const SIGNS: usize = 20;

/// Where the features stand that the second reader looks at itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondReader {
    pain: Measured,
    temperature: Measured,
    heart_rate: Measured,
    systolic: Measured,
    respiration: Measured,
    alert: usize,
    avpu_unknown: usize,
}

/// Where a number stands, and the flag that says that it is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measured {
    value: usize,
    missing: usize,
}

impl SecondReader {
    /// Finds the features.
    ///
    /// # Errors
    /// A sentence that names the one that is not there.
    pub fn new(schema: &FeatureSchema) -> Result<Self, String> {
        let find = |name: &str| schema.index(name).ok_or_else(|| format!("the feature schema has no {name}"));
        let measured = |name: &str| {
            Ok::<_, String>(Measured { value: find(name)?, missing: find(&format!("{name}_missing"))? })
        };
        Ok(Self {
            pain: measured("pain_score")?,
            temperature: measured("temperature_c")?,
            heart_rate: measured("heart_rate")?,
            systolic: measured("systolic_bp")?,
            respiration: measured("respiratory_rate")?,
            alert: find("avpu_alert")?,
            avpu_unknown: find("avpu_missing")?,
        })
    }

    /// What the second reader sees of a patient whom the model gives `opinion`, the nurse `nurse` and the rules, if any
    /// fired, at least `rules`. What was not measured counts as unremarkable.
    pub fn signs(
        &self,
        patient: &Features,
        opinion: &ModelOutput,
        nurse: Acuity,
        rules: Option<Acuity>,
    ) -> [f32; SIGNS] {
        let values = patient.values();
        let known = |at: Measured| (values[at.missing] == 0.0).then(|| values[at.value]);
        let holds = |at: Measured, test: fn(f32) -> bool| known(at).is_some_and(test);
        let probabilities = &opinion.acuity_probabilities;
        let more_urgent: f32 = probabilities.iter().take(usize::from(nurse.get()) - 1).sum();
        let urgent = probabilities[0] + probabilities[1];
        let calm = nurse.get() >= 4;
        let fever = holds(self.temperature, |degrees| degrees >= 38.0);
        let clouded = values[self.avpu_unknown] == 0.0 && values[self.alert] == 0.0;
        let flag = |holds: bool| f32::from(u8::from(holds));
        [
            flag(nurse.get() == 2),
            flag(nurse.get() == 3),
            flag(nurse.get() == 4),
            flag(nurse.get() == 5),
            log_odds(more_urgent),
            log_odds(urgent),
            log_odds(probabilities[0] / urgent.max(f32::EPSILON)),
            log_odds(opinion.admission),
            flag(rules.is_some_and(|level| level < nurse)),
            flag(nurse.get() == 5 && holds(self.pain, |score| score >= 4.0)),
            flag(nurse.get() == 4 && holds(self.pain, |score| score >= 4.0)),
            flag(nurse.get() == 3 && holds(self.pain, |score| score >= 7.0)),
            flag(fever),
            flag(fever && calm),
            flag(holds(self.heart_rate, |rate| rate > 100.0)),
            flag(holds(self.heart_rate, |rate| rate >= 110.0)),
            flag(holds(self.heart_rate, |rate| rate < 60.0)),
            flag(holds(self.systolic, |pressure| pressure < 100.0)),
            flag(holds(self.respiration, |rate| rate >= 22.0)),
            flag(clouded),
        ]
    }
}
