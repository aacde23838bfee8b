//! Limits that hold for children only.

use serde::Deserialize;

use super::facts::{Effect, Facts, FiredRule, FiredValue};
use super::header::{Header, RuleError, parse, unique};
use crate::level::{LevelCn, Words};
use crate::request::Vital;

/// The children's limits.
#[derive(Clone, Debug)]
pub struct Paediatric {
    /// Where they come from.
    pub header: Header,
    limits: Vec<Limit>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    id: String,
    vital: Vital,
    #[serde(default)]
    from_months: f64,
    below_months: f64,
    below: Option<f64>,
    above: Option<f64>,
    /// Added to `below` for each completed year.
    #[serde(default)]
    per_year: f64,
    level: LevelCn,
    text: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    limit: Vec<Limit>,
}

impl Paediatric {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let (header, content): (_, File) = parse(file, text)?;
        unique(file, content.limit.iter().map(|limit| limit.id.as_str()))?;
        for limit in &content.limit {
            if limit.below.is_some() == limit.above.is_some() {
                return Err(RuleError::invalid(file, format!("{}: give either below or above", limit.id)));
            }
            if limit.from_months >= limit.below_months {
                return Err(RuleError::invalid(file, format!("{}: no age fits", limit.id)));
            }
        }
        Ok(Self { header, limits: content.limit })
    }

    /// All that fire. They hold for known ages only.
    pub fn assess(&self, facts: &Facts<'_>) -> Vec<FiredRule> {
        let Some(months) = facts.request.age_months else { return Vec::new() };
        let of_this_age =
            self.limits.iter().filter(|limit| (limit.from_months..limit.below_months).contains(&months));
        of_this_age
            .filter_map(|limit| {
                let value = facts.request.vitals.get(limit.vital)?;
                let grown = limit.per_year * (months / 12.0).floor();
                let broken = match (limit.below, limit.above) {
                    (Some(below), _) => Some(below + grown).filter(|bound| value < *bound),
                    (None, above) => above.filter(|bound| value > *bound),
                }?;
                Some(FiredRule {
                    id: limit.id.clone(),
                    level: limit.level,
                    effect: Effect::Raise,
                    field: format!("vitals.{}", limit.vital.field()),
                    value: FiredValue::Number(value),
                    text: limit.text.fill_number("value", value).fill_number("limit", broken),
                    source: self.header.source.clone(),
                })
            })
            .collect()
    }
}
