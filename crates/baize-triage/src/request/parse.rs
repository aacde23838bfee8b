//! From JSON to a [`Request`], with every problem found at once.

use serde_json::{Map, Value};

use super::choices::Choice;
use super::error::{FieldError, FieldProblem};
use super::nearest::nearest;
use super::quantity::{Written, normalised, read};
use super::{Request, Vital, Vitals};
use crate::complaint::MAX_CHARS;
use crate::features::FeatureSchema;
use crate::level::{Words, number};
use crate::rules::{Range, Ranges};

/// What the names and values of a request are checked against.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary<'a> {
    /// Plausible values.
    pub ranges: &'a Ranges,
    /// The `cc_*` and `pmh_*` names.
    pub schema: &'a FeatureSchema,
}

const FIELDS: [&str; 13] = [
    "encounter",
    "age_years",
    "age_months",
    "sex",
    "arrival_mode",
    "chief_complaint",
    "complaint_codes",
    "vitals",
    "history",
    "prior_ed_visits",
    "prior_admissions",
    "pregnant",
    "nurse_level",
];

const VITAL_FIELDS: [&str; 13] = [
    "heart_rate",
    "systolic_bp",
    "diastolic_bp",
    "respiratory_rate",
    "temperature_c",
    "temperature_f",
    "spo2",
    "spo2_scale",
    "on_oxygen",
    "avpu",
    "pain_score",
    "glucose_mmol_l",
    "potassium_mmol_l",
];

const ENCOUNTER_LETTERS: usize = 128;
/// Longer than any number with its unit.
pub(super) const QUANTITY_BYTES: usize = 96;
/// Problems reported at once; a hostile request has no end of them.
const MAX_ERRORS: usize = 64;

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// Every problem of every field, in the order of the fields. One is enough to refuse the request.
    pub fn from_json(value: &Value, vocabulary: Vocabulary<'_>) -> Result<Self, Vec<FieldError>> {
        let mut parser = Parser { vocabulary, errors: Vec::new() };
        let request = parser.request(value);
        parser.finish(request)
    }
}

impl Vitals {
    /// Reads the vital signs of a re-assessment: the object that `vitals` holds in a request.
    ///
    /// # Errors
    /// Every problem of every field.
    pub fn from_json(value: &Value, vocabulary: Vocabulary<'_>) -> Result<Self, Vec<FieldError>> {
        let mut parser = Parser { vocabulary, errors: Vec::new() };
        let vitals = parser.vitals(value);
        parser.finish(vitals)
    }
}

pub(super) struct Parser<'a> {
    pub(super) vocabulary: Vocabulary<'a>,
    pub(super) errors: Vec<FieldError>,
}

impl Parser<'_> {
    pub(super) fn finish<T>(self, parsed: T) -> Result<T, Vec<FieldError>> {
        if self.errors.is_empty() { Ok(parsed) } else { Err(self.errors) }
    }

    pub(super) fn fail(&mut self, field: &str, problem: FieldProblem, value: &Value, text: Words) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(FieldError::new(field, problem, &shown(value), text));
        }
    }

    fn request(&mut self, value: &Value) -> Request {
        let Some(fields) = self.object("", value) else { return Request::default() };
        self.refuse_unknown("", fields, &FIELDS);
        let request = Request {
            encounter: self.text(fields, "encounter", ENCOUNTER_LETTERS),
            age_months: self.age(fields),
            sex: self.choice(fields, "", "sex"),
            arrival_mode: self.choice(fields, "", "arrival_mode"),
            chief_complaint: self.text(fields, "chief_complaint", MAX_CHARS),
            complaint_codes: self.complaint_codes(fields).unwrap_or_default(),
            vitals: fields.get("vitals").map(|vitals| self.vitals(vitals)).unwrap_or_default(),
            history: self.history(fields),
            prior_ed_visits: self.quantity(fields, "", "prior_ed_visits"),
            prior_admissions: self.quantity(fields, "", "prior_admissions"),
            pregnant: self.choice(fields, "", "pregnant"),
            nurse_level: self.nurse_level(fields, "nurse_level"),
        };
        let empty = request.chief_complaint.is_none()
            && request.complaint_codes.is_empty()
            && request.vitals.is_empty()
            && request.age_months.is_none();
        if empty && self.errors.is_empty() {
            self.fail(
                "chief_complaint",
                FieldProblem::Missing,
                &Value::Null,
                Words::new(
                    "没有可评估的内容：请至少填写 chief_complaint、complaint_codes、vitals 或年龄之一",
                    "there is nothing to assess: give at least one of chief_complaint, complaint_codes, vitals and the age",
                ),
            );
        }
        request
    }

    fn vitals(&mut self, value: &Value) -> Vitals {
        const AT: &str = "vitals.";
        let Some(fields) = self.object("vitals", value) else { return Vitals::default() };
        self.refuse_unknown(AT, fields, &VITAL_FIELDS);
        let mut vitals = Vitals::default();
        for vital in Vital::ALL {
            if !matches!(vital, Vital::SystolicBp | Vital::DiastolicBp | Vital::TemperatureC) {
                vitals.set(vital, self.quantity(fields, AT, vital.field()));
            }
        }
        (vitals.systolic_bp, vitals.diastolic_bp) = self.blood_pressure(fields);
        vitals.temperature_c = self.temperature(fields);
        vitals.on_oxygen = self.choice(fields, AT, "on_oxygen");
        vitals.avpu = self.choice(fields, AT, "avpu");
        vitals.spo2_scale = self.spo2_scale(fields);
        vitals
    }

    pub(super) fn object<'v>(&mut self, field: &str, value: &'v Value) -> Option<&'v Map<String, Value>> {
        match value {
            Value::Object(fields) => Some(fields),
            Value::Null if !field.is_empty() => None,
            _ => {
                let text = Words::new("应为 JSON 对象", "must be a JSON object");
                self.fail(field, FieldProblem::WrongType, value, text);
                None
            }
        }
    }

    pub(super) fn refuse_unknown(&mut self, at: &str, fields: &Map<String, Value>, known: &[&str]) {
        for (name, value) in fields {
            if known.contains(&name.as_str()) {
                continue;
            }
            let names = known.join(", ");
            let text = match nearest(name, known) {
                Some(meant) => Words::new(
                    format!("没有此字段，是否指 {meant}？请改名或删除"),
                    format!("there is no such field; did you mean {meant}? Rename or remove it"),
                ),
                None => Words::new(
                    format!("没有此字段，请删除；可用字段：{names}"),
                    format!("there is no such field, remove it; the fields are {names}"),
                ),
            };
            self.fail(&format!("{at}{name}"), FieldProblem::UnknownField, value, text);
        }
    }

    pub(super) fn text(&mut self, fields: &Map<String, Value>, name: &str, most: usize) -> Option<String> {
        let value = fields.get(name)?;
        let text = match value {
            Value::Null => return None,
            Value::String(text) => text.trim(),
            Value::Number(written) if name == "encounter" => return Some(written.to_string()),
            _ => {
                self.fail(name, FieldProblem::WrongType, value, Words::new("应为文本", "must be a text"));
                return None;
            }
        };
        if text.chars().nth(most).is_some() {
            let words = Words::new(
                format!("过长，最多 {most} 个字符"),
                format!("too long: at most {most} characters"),
            );
            self.fail(name, FieldProblem::TooLong, value, words);
            return None;
        }
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn choice<T: Choice>(
        &mut self,
        fields: &Map<String, Value>,
        at: &str,
        name: &str,
    ) -> Option<T> {
        let value = fields.get(name)?;
        let word = match value {
            Value::Null => return None,
            Value::Bool(truth) => truth.to_string(),
            Value::String(word) if word.len() <= QUANTITY_BYTES => normalised(word),
            _ => String::from("?"),
        };
        if word.is_empty() {
            return None;
        }
        let found = T::from_word(&word);
        if found.is_none() {
            let names = T::names();
            let text = Words::new(format!("应为以下之一：{names}"), format!("must be one of {names}"));
            self.fail(&format!("{at}{name}"), FieldProblem::UnknownWord, value, text);
        }
        found
    }

    /// A number with or without its unit; for values that are one number.
    pub(super) fn quantity(&mut self, fields: &Map<String, Value>, at: &str, name: &str) -> Option<f64> {
        let value = fields.get(name)?;
        let path = format!("{at}{name}");
        match self.written(&path, name, value)? {
            Written::One(quantity) => self.checked(&path, name, value, quantity.value, &quantity.unit),
            // "7/10": the scale's maximum is the unit.
            Written::Pair(first, second) if second.unit.is_empty() => {
                self.checked(&path, name, value, first, &format!("/{}", number(second.value)))
            }
            _ => {
                self.not_a_number(&path, name, value);
                None
            }
        }
    }

    /// What a value holds, before its unit and range are looked at; `None` where it is absent or refused.
    pub(super) fn written(&mut self, path: &str, name: &str, value: &Value) -> Option<Written> {
        match value {
            Value::Null => None,
            Value::Number(written) => {
                let value = written.as_f64().unwrap_or(f64::MAX);
                Some(Written::One(super::quantity::Quantity { value, unit: String::new() }))
            }
            Value::String(text) if text.len() <= QUANTITY_BYTES => match read(text) {
                Written::Blank => None,
                Written::NotANumber => {
                    self.not_a_number(path, name, value);
                    None
                }
                written => Some(written),
            },
            Value::String(_) => {
                let text = Words::new("过长，应为一个数值", "too long for a number");
                self.fail(path, FieldProblem::TooLong, value, text);
                None
            }
            _ => {
                let text = Words::new("应为数值，例如 36.5", "must be a number, such as 36.5");
                self.fail(path, FieldProblem::WrongType, value, text);
                None
            }
        }
    }

    pub(super) fn not_a_number(&mut self, path: &str, name: &str, value: &Value) {
        let (zh, en) = self.hint(name);
        let text = Words::new(
            format!("不是可识别的数值，请用阿拉伯数字填写；未测量则不填{zh}"),
            format!(
                "is not a number that is understood; write digits, or leave it out if it was not measured{en}"
            ),
        );
        self.fail(path, FieldProblem::NotANumber, value, text);
    }

    fn hint(&self, name: &str) -> (String, String) {
        match self.vocabulary.ranges.get(name).and_then(|range| range.hint.as_ref()) {
            Some(hint) => (format!("；{}", hint.zh), format!("; {}", hint.en)),
            None => (String::new(), String::new()),
        }
    }

    /// The value if its unit is the field's and it is plausible.
    pub(super) fn checked(
        &mut self,
        path: &str,
        name: &str,
        sent: &Value,
        value: f64,
        unit: &str,
    ) -> Option<f64> {
        // A field of the request without a range is a mistake of the rule files, found when they are loaded.
        let range: &Range = self.vocabulary.ranges.get(name)?;
        let (hint_zh, hint_en) = self.hint(name);
        if !range.takes_unit(unit) {
            let text = Words::new(
                format!("单位“{unit}”不适用，{}的单位为 {}{hint_zh}", range.label.zh, range.unit.zh),
                format!(
                    "the unit {unit:?} does not fit; {} is in {}{hint_en}",
                    range.label.en, range.unit.en
                ),
            );
            self.fail(path, FieldProblem::WrongUnit, sent, text);
            return None;
        }
        if !(range.lowest..=range.highest).contains(&value) || (range.whole && value.fract() != 0.0) {
            let (low, high) = (number(range.lowest), number(range.highest));
            let (of_zh, of_en) = (&range.unit.zh, &range.unit.en);
            let whole = if range.whole { ("的整数", "a whole number ") } else { ("", "") };
            let text = Words::new(
                format!("{}应为 {low} 至 {high} {of_zh}{}{hint_zh}", range.label.zh, whole.0),
                format!("{} must be {}from {low} to {high} {of_en}{hint_en}", range.label.en, whole.1),
            );
            self.fail(path, FieldProblem::OutOfRange, sent, text);
            return None;
        }
        if unit.is_empty() && range.needs_unit_above.is_some_and(|most| value > most) {
            let text = Words::new(
                format!("数值较大且未注明单位，无法确定单位{hint_zh}"),
                format!("the value is so large that its unit is in doubt{hint_en}"),
            );
            self.fail(path, FieldProblem::WrongUnit, sent, text);
            return None;
        }
        Some(value)
    }
}

/// A value as it is repeated in an error: never a whole document.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) => "[…]".to_owned(),
        Value::Object(_) => "{…}".to_owned(),
        other => other.to_string(),
    }
}
