//! ESI's danger-zone vital signs by age.

use serde::Deserialize;

use super::facts::{Effect, Facts, FiredRule, FiredValue};
use super::header::{Header, RuleError, parse, unique};
use crate::level::{LevelCn, Words};
use crate::request::Vital;

/// The rules of the danger zone.
#[derive(Clone, Debug)]
pub struct DangerZone {
    /// Where they come from.
    pub header: Header,
    content: File,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    level: LevelCn,
    spo2: Saturation,
    age: Vec<AgeRow>,
    texts: Texts,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saturation {
    id: String,
    below: f64,
    effect: Effect,
    text: Words,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgeRow {
    id: String,
    #[serde(default)]
    from_months: f64,
    below_months: Option<f64>,
    heart_rate_above: f64,
    respiratory_rate_above: f64,
    effect: Effect,
    group: Words,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    heart_rate: Words,
    respiratory_rate: Words,
}

impl AgeRow {
    fn holds(&self, months: f64) -> bool {
        months >= self.from_months && self.below_months.is_none_or(|end| months < end)
    }
}

impl DangerZone {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let (header, content): (_, File) = parse(file, text)?;
        unique(file, content.age.iter().map(|row| row.id.as_str()).chain([content.spo2.id.as_str()]))?;
        let mut next = Some(0.0);
        for row in &content.age {
            if next != Some(row.from_months) {
                return Err(RuleError::invalid(file, format!("{}: gap or overlap of ages", row.id)));
            }
            next = row.below_months;
        }
        if next.is_some() || content.age.is_empty() {
            return Err(RuleError::invalid(file, "the last age must be open above"));
        }
        Ok(Self { header, content })
    }

    /// All that fire. A patient of unknown age is in the last, the adults' row.
    pub fn assess(&self, facts: &Facts<'_>) -> Vec<FiredRule> {
        let vitals = &facts.request.vitals;
        let mut fired = Vec::new();
        let saturation = &self.content.spo2;
        if let Some(value) = vitals.spo2.filter(|value| *value < saturation.below) {
            let text = saturation.text.fill_number("value", value);
            fired.push(self.fire(saturation.id.clone(), saturation.effect, Vital::Spo2, value, text));
        }
        let months = facts.request.age_months.unwrap_or(f64::MAX);
        if let Some(row) = self.content.age.iter().find(|row| row.holds(months)) {
            let texts = &self.content.texts;
            for (vital, limit, text) in [
                (Vital::HeartRate, row.heart_rate_above, &texts.heart_rate),
                (Vital::RespiratoryRate, row.respiratory_rate_above, &texts.respiratory_rate),
            ] {
                if let Some(value) = vitals.get(vital).filter(|value| *value > limit) {
                    let text = text.fill_number("value", value).fill_number("limit", limit).fill(
                        "group",
                        &row.group.zh,
                        &row.group.en,
                    );
                    let id = format!("{}.{}", row.id, vital.field());
                    fired.push(self.fire(id, row.effect, vital, value, text));
                }
            }
        }
        fired
    }

    /// The respiratory limit of a child of this age; `None` for an adult.
    pub(super) fn child_respiratory_limit(&self, months: f64) -> Option<f64> {
        let row = self.content.age.iter().find(|row| row.holds(months))?;
        row.below_months.is_some().then_some(row.respiratory_rate_above)
    }

    fn fire(&self, id: String, effect: Effect, vital: Vital, value: f64, text: Words) -> FiredRule {
        FiredRule {
            id,
            level: self.content.level,
            effect,
            field: format!("vitals.{}", vital.field()),
            value: FiredValue::Number(value),
            text,
            source: self.header.source.clone(),
        }
    }
}
