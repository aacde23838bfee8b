//! Plausible ranges and units of the numbers in a request.

use serde::Deserialize;

use super::header::{Header, RuleError, parse, unique};
use crate::level::Words;
use crate::request::unit_key;

/// What one field takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The field.
    pub name: String,
    /// Its name for people.
    pub label: Words,
    /// The unit its numbers are in, for people.
    pub unit: Words,
    /// Spellings of the same unit.
    pub units: Vec<String>,
    /// The least plausible value, included.
    pub lowest: f64,
    /// The greatest, included.
    pub highest: f64,
    /// Whether only whole numbers make sense.
    #[serde(default)]
    pub whole: bool,
    /// Above this a number without a unit is in doubt.
    #[serde(default)]
    pub needs_unit_above: Option<f64>,
    /// The usual mistake and its remedy.
    #[serde(default)]
    pub hint: Option<Words>,
}

impl Range {
    /// Whether a unit, normalised, is this field's or absent.
    pub(crate) fn takes_unit(&self, unit: &str) -> bool {
        unit.is_empty() || self.units.iter().any(|known| known == unit)
    }
}

/// The ranges of all numeric fields.
#[derive(Clone, Debug)]
pub struct Ranges {
    /// Where they come from.
    pub header: Header,
    fields: Vec<Range>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    field: Vec<Range>,
}

/// Every numeric field of a request.
const NUMERIC: [&str; 14] = [
    "heart_rate",
    "systolic_bp",
    "diastolic_bp",
    "respiratory_rate",
    "temperature_c",
    "temperature_f",
    "spo2",
    "pain_score",
    "glucose_mmol_l",
    "potassium_mmol_l",
    "age_years",
    "age_months",
    "prior_ed_visits",
    "prior_admissions",
];

impl Ranges {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let (header, content): (_, File) = parse(file, text)?;
        let mut fields = content.field;
        unique(file, fields.iter().map(|range| range.name.as_str()))?;
        for name in NUMERIC {
            if !fields.iter().any(|range| range.name == name) {
                return Err(RuleError::invalid(file, format!("the field {name} has no range")));
            }
        }
        for range in &mut fields {
            if !NUMERIC.contains(&range.name.as_str()) {
                return Err(RuleError::invalid(file, format!("there is no field {}", range.name)));
            }
            let finite = range.lowest.is_finite() && range.highest.is_finite();
            if !finite || range.lowest >= range.highest {
                return Err(RuleError::invalid(file, format!("the range of {} is empty", range.name)));
            }
            for unit in &mut range.units {
                *unit = unit_key(unit);
            }
        }
        Ok(Self { header, fields })
    }

    /// The range of a field.
    pub fn get(&self, name: &str) -> Option<&Range> {
        self.fields.iter().find(|range| range.name == name)
    }
}
