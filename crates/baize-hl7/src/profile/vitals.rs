//! Vital signs in OBX segments.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::file::Profile;
use super::map::date;
use super::types::{Mapped, Vital};
use crate::codec::{Code, Issue, Message, Path, Position, Segment};

/// The names that a triage request has for vital signs.
const NAMES: [&str; 9] = [
    "heart_rate",
    "systolic_bp",
    "diastolic_bp",
    "respiratory_rate",
    "temperature_c",
    "spo2",
    "pain_score",
    "glucose_mmol_l",
    "potassium_mmol_l",
];

/// Which observation is which sign.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VitalRule {
    name: String,
    /// OBX-3.1 or OBX-3.4.
    codes: Vec<String>,
    /// By the sender's unit (OBX-6.1) without case; the key "" stands for an absent unit, where that is safe.
    units: BTreeMap<String, Conversion>,
    /// Values outside are no measurement but a slip: refused.
    range: [f64; 2],
}

/// `value * scale + offset` is in the unit that the sign's name has.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Conversion {
    scale: f64,
    #[serde(default)]
    offset: f64,
}

impl VitalRule {
    pub(super) fn check(&self) -> Result<(), String> {
        let [low, high] = self.range;
        if !NAMES.contains(&self.name.as_str()) {
            return Err(format!("'{}' is no vital sign: use one of {}", self.name, NAMES.join(", ")));
        }
        if self.codes.is_empty() || self.units.is_empty() {
            return Err(format!("vital {}: codes and units must not be empty", self.name));
        }
        if self.units.keys().any(|unit| unit.to_lowercase() != *unit) {
            return Err(format!("vital {}: units are written in lower case", self.name));
        }
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(format!("vital {}: the range must rise", self.name));
        }
        let conversions = self.units.values();
        if conversions
            .clone()
            .any(|unit| unit.scale == 0.0 || !unit.scale.is_finite() || !unit.offset.is_finite())
        {
            return Err(format!("vital {}: a unit's scale must not be zero", self.name));
        }
        Ok(())
    }
}

/// Reads the fields of one OBX.
struct Observation<'a> {
    message: &'a Message,
    segment: &'a Segment,
    occurrence: usize,
}

impl Observation<'_> {
    fn path(&self, field: usize, component: usize) -> Path {
        Path {
            segment: "OBX".to_owned(),
            occurrence: self.occurrence,
            field,
            repetition: None,
            component: (component > 1).then_some(component),
            subcomponent: None,
        }
    }

    fn text(&self, field: usize, component: usize) -> Option<String> {
        let text = self.message.text_in(self.segment, &self.path(field, component))?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The value, and the component that holds it. Of a structured numeric (SN) only a plain number counts: "less
    /// than", ranges and ratios are no measurement, and neither are several values.
    fn number(&self) -> (Option<f64>, usize) {
        let is_structured = self.text(2, 1).as_deref() == Some("SN");
        let component = if is_structured { 2 } else { 1 };
        let plain = !is_structured
            || (matches!(self.text(5, 1).as_deref(), None | Some("=")) && self.text(5, 3).is_none());
        let alone = self.segment.repetitions(5, self.message.delimiters()).count() == 1;
        let text = self.text(5, component).filter(|_| plain && alone);
        (text.and_then(|text| text.parse().ok()), component)
    }

    fn warning(&self, code: Code, field: usize, what: &str) -> Issue {
        Issue::warning(code, Position::field("OBX", self.occurrence, field), what)
    }
}

impl Profile {
    pub(super) fn vitals(&self, message: &Message, issues: &mut Vec<Issue>) -> Vec<Vital> {
        let delimiters = message.delimiters();
        let mut vitals = Vec::new();
        let mut occurrence = 0;
        // The time of the whole group (OBR-7), for an OBX that has none.
        let mut group_time = None;
        let mut groups = 0;
        for segment in message.segments() {
            if segment.is("OBR", delimiters) {
                groups += 1;
                let path = Path {
                    segment: "OBR".to_owned(),
                    occurrence: groups,
                    field: 7,
                    repetition: None,
                    component: None,
                    subcomponent: None,
                };
                group_time =
                    message.text_in(segment, &path).map(|value| Mapped { value, path: path.to_string() });
            } else if segment.is("OBX", delimiters) {
                occurrence += 1;
                let observation = Observation { message, segment, occurrence };
                vitals.extend(self.vital(&observation, group_time.clone(), issues));
            }
        }
        vitals
    }

    /// The sign that an observation is; `None` where it is none. One that cannot be used is reported: a value in an
    /// unknown unit is not guessed.
    fn vital(
        &self,
        observation: &Observation<'_>,
        group_time: Option<Mapped>,
        issues: &mut Vec<Issue>,
    ) -> Option<Vital> {
        let codes = [observation.text(3, 1), observation.text(3, 4)];
        let is = |rule: &&VitalRule| codes.iter().flatten().any(|code| rule.codes.contains(code));
        let rule = self.vitals.iter().find(is)?;
        // Table 0085: deleted, wrong, cannot be obtained.
        if matches!(observation.text(11, 1).as_deref(), Some("D" | "W" | "X")) {
            issues.push(observation.warning(
                Code::TableValueNotFound,
                11,
                "the sender withdraws this observation",
            ));
            return None;
        }
        let (number, component) = observation.number();
        let Some(number) = number.filter(|number| number.is_finite()) else {
            issues.push(observation.warning(Code::DataType, 5, "the value of this vital sign is no number"));
            return None;
        };
        let unit = observation.text(6, 1).unwrap_or_default().to_lowercase();
        let Some(conversion) = rule.units.get(&unit) else {
            let what = "the profile does not know this unit for this vital sign";
            issues.push(observation.warning(Code::TableValueNotFound, 6, what));
            return None;
        };
        let value = ((number * conversion.scale + conversion.offset) * 100.0).round() / 100.0;
        if !(rule.range[0]..=rule.range[1]).contains(&value) {
            let what = "the value of this vital sign is outside of what can be measured";
            issues.push(observation.warning(Code::DataType, 5, what));
            return None;
        }
        let own = observation.text(14, 1);
        let own = own.map(|value| Mapped { value, path: observation.path(14, 1).to_string() });
        let mut measured_at = own.or(group_time);
        date(&mut measured_at, issues);
        Some(Vital {
            name: rule.name.clone(),
            value,
            path: observation.path(5, component).to_string(),
            measured_at,
        })
    }
}
