//! Fields that speak of one quantity together: blood pressure, the two temperatures, the two ages.

use serde_json::{Map, Value};

use super::error::FieldProblem;
use super::parse::Parser;
use super::quantity::Written;
use crate::level::{Words, number};

impl Parser<'_> {
    /// Systolic and diastolic pressure; `130/80` in `systolic_bp` gives both where `diastolic_bp` does not
    /// contradict it.
    pub(super) fn blood_pressure(&mut self, fields: &Map<String, Value>) -> (Option<f64>, Option<f64>) {
        const AT: &str = "vitals.";
        const SYSTOLIC: &str = "vitals.systolic_bp";
        const DIASTOLIC: &str = "vitals.diastolic_bp";
        let diastolic = self.quantity(fields, AT, "diastolic_bp");
        let Some(sent) = fields.get("systolic_bp") else { return (None, diastolic) };
        let (systolic, second) = match self.written(SYSTOLIC, "systolic_bp", sent) {
            None | Some(Written::Blank | Written::NotANumber) => (None, None),
            Some(Written::One(one)) => {
                (self.checked(SYSTOLIC, "systolic_bp", sent, one.value, &one.unit), None)
            }
            Some(Written::Pair(first, second)) => (
                self.checked(SYSTOLIC, "systolic_bp", sent, first, &second.unit),
                self.checked(SYSTOLIC, "diastolic_bp", sent, second.value, &second.unit),
            ),
        };
        let diastolic = match (diastolic, second) {
            (Some(one), Some(other)) if (one - other).abs() > 0.5 => {
                let text = Words::new(
                    format!("舒张压写作 {}，与 diastolic_bp 的 {} 不一致", number(other), number(one)),
                    format!("says {} where diastolic_bp says {}", number(other), number(one)),
                );
                self.fail(SYSTOLIC, FieldProblem::Contradiction, sent, text);
                None
            }
            (one, other) => one.or(other),
        };
        if let (Some(high), Some(low)) = (systolic, diastolic)
            && low > high
        {
            let text = Words::new(
                format!("舒张压 {} 高于收缩压 {}，是否填反？", number(low), number(high)),
                format!("diastolic {} is above systolic {}; are they swapped?", number(low), number(high)),
            );
            self.fail(DIASTOLIC, FieldProblem::Contradiction, sent, text);
        }
        (systolic, diastolic)
    }

    /// The temperature in °C; where both scales are given they have to agree.
    pub(super) fn temperature(&mut self, fields: &Map<String, Value>) -> Option<f64> {
        let celsius = self.quantity(fields, "vitals.", "temperature_c");
        let fahrenheit = self.quantity(fields, "vitals.", "temperature_f");
        let converted = fahrenheit.map(|value| ((value - 32.0) / 1.8 * 100.0).round() / 100.0);
        if let (Some(one), Some(other)) = (celsius, converted)
            && (one - other).abs() > 0.1
        {
            let text = Words::new(
                format!("相当于 {} ℃，与 temperature_c 不一致，请只填一项", number(other)),
                format!("is {} °C, which temperature_c contradicts; give only one of them", number(other)),
            );
            let sent = fields.get("temperature_f").unwrap_or(&Value::Null);
            self.fail("vitals.temperature_f", FieldProblem::Contradiction, sent, text);
        }
        celsius.or(converted)
    }

    /// Age in months from either field or both. With both, the months are the whole age, or those beyond the
    /// completed years.
    pub(super) fn age(&mut self, fields: &Map<String, Value>) -> Option<f64> {
        let years = self.quantity(fields, "", "age_years");
        let months = self.quantity(fields, "", "age_months");
        match (years, months) {
            (None, months) => months,
            (Some(years), None) => Some(years * 12.0),
            (Some(years), Some(months)) => {
                let completed = years.floor() * 12.0;
                if (completed..completed + 12.0).contains(&months) {
                    return Some(months);
                }
                if years.fract() == 0.0 && months < 12.0 {
                    return Some(completed + months);
                }
                let text = Words::new(
                    "与 age_years 不一致；请只填一项，或填写总月龄",
                    "does not fit age_years; give one of them, or the whole age in months",
                );
                let sent = fields.get("age_months").unwrap_or(&Value::Null);
                self.fail("age_months", FieldProblem::Contradiction, sent, text);
                None
            }
        }
    }

    /// Scale 1 or 2 of NEWS2's SpO2.
    pub(super) fn spo2_scale(&mut self, fields: &Map<String, Value>) -> Option<u8> {
        let sent = fields.get("spo2_scale")?;
        match (sent, sent.as_str().map(str::trim)) {
            (Value::Null, _) | (_, Some("")) => None,
            (_, Some("1")) => Some(1),
            (_, Some("2")) => Some(2),
            (Value::Number(scale), _) if scale.as_f64() == Some(1.0) => Some(1),
            (Value::Number(scale), _) if scale.as_f64() == Some(2.0) => Some(2),
            _ => {
                let text = Words::new(
                    "应为 1 或 2；2 仅用于医师已设定 88%–92% 目标的高碳酸血症患者",
                    "must be 1 or 2; 2 only where a clinician has set a target of 88 to 92 %",
                );
                self.fail("vitals.spo2_scale", FieldProblem::UnknownWord, sent, text);
                None
            }
        }
    }
}
