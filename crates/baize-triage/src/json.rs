//! JSON in, JSON out: the core of offline triage.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::level::Words;
use crate::request::{FieldError, FieldProblem, Request};
use crate::triage::Triage;

/// Reads JSON text, such as the body of a request or a line of a file. A byte order mark is passed over.
///
/// # Errors
/// The place that is not JSON, a number that is out of all range, or a field that stands twice: of two values one would
/// be lost.
pub fn read_json(text: &[u8]) -> Result<Value, Vec<FieldError>> {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_slice(text);
    let read =
        Once { repeated: false }.deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let error = match read.and_then(|value| json.end().map(|()| value)) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let words = match error.is_data() {
        true => Words::new("出现了两次，请只保留一个", "stands twice; keep only one of them"),
        false => Words::new(
            format!("不是有效的 JSON（第 {} 行第 {} 列），或数值过大", error.line(), error.column()),
            format!("is not valid JSON: {error}"),
        ),
    };
    let path = track.path().to_string();
    // A key that was not read to its end is shown as a question mark, and the whole as a dot.
    let field = path.trim_end_matches('?').trim_end_matches('.');
    Err(vec![FieldError::new(field, FieldProblem::Unreadable, "", words)])
}

/// A value whose objects have no key twice.
struct Once {
    /// Its own key stood before: an error that has to be raised here to be found under that key.
    repeated: bool,
}

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        match self.repeated {
            true => Err(D::Error::custom("the key stands twice")),
            false => json.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self { repeated: false })? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let repeated = fields.contains_key(&key);
            fields.insert(key, entries.next_value_seed(Self { repeated })?);
        }
        Ok(Value::Object(fields))
    }
}

/// Assesses a request written as JSON; the answer has the fields of [`crate::Assessment`].
///
/// # Errors
/// Every field that was refused, with the reason and the remedy. A request with a refused field is not assessed.
pub fn assess_json(triage: &Triage, request: &Value) -> Result<Value, Vec<FieldError>> {
    let request = Request::from_json(request, triage.vocabulary())?;
    written(&triage.assess(&request))
}

/// [`assess_json`] for many requests, in order; the model sees them together.
pub fn assess_json_many(triage: &Triage, requests: &[Value]) -> Vec<Result<Value, Vec<FieldError>>> {
    let mut parsed = Vec::new();
    let mut answers: Vec<Option<Vec<FieldError>>> = Vec::new();
    for request in requests {
        match Request::from_json(request, triage.vocabulary()) {
            Ok(request) => {
                parsed.push(request);
                answers.push(None);
            }
            Err(errors) => answers.push(Some(errors)),
        }
    }
    let mut assessments = triage.assess_many(&parsed).into_iter();
    let mut answer = |errors: Option<Vec<FieldError>>| match errors {
        Some(errors) => Err(errors),
        None => assessments.next().map_or_else(|| Err(lost()), |assessment| written(&assessment)),
    };
    answers.into_iter().map(&mut answer).collect()
}

/// An assessment always has a JSON form: its maps have text keys and its floats were checked to be finite. By way of text,
/// where 0.1 stays 0.1: a value of its own would show the digits of an f32 widened to f64.
fn written(assessment: &crate::Assessment) -> Result<Value, Vec<FieldError>> {
    let text = serde_json::to_string(assessment).map_err(|_| lost())?;
    serde_json::from_str(&text).map_err(|_| lost())
}

fn lost() -> Vec<FieldError> {
    let text =
        Words::new("内部错误：未能生成评估结果", "internal error: the assessment could not be written");
    vec![FieldError::new("", FieldProblem::Internal, "", text)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_is_read_as_it_is() {
        for text in [
            r#"{"a": [1, -2, 2.5, true, null, "３８．５", {"b": "胸痛"}], "": 1e300}"#,
            "[]",
            "\"text\"",
            " 7 ",
            "18446744073709551615",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read_json(text.as_bytes()).unwrap(), expected, "{text}");
        }
        assert_eq!(read_json("\u{feff}{}".as_bytes()).unwrap(), serde_json::json!({}));
    }

    #[test]
    fn what_would_lose_a_value_is_refused_by_name() {
        let deep = "[".repeat(100_000);
        for (text, field) in [
            (r#"{"vitals": {"spo2": 84, "spo2": 98}}"#, "vitals.spo2"),
            (r#"{"vitals": {"heart_rate": 1e999}}"#, "vitals.heart_rate"),
            (r#"{"history": ["pmh_htn", "pmh"#, "history[1]"),
            (r#"{"vitals": {"#, "vitals"),
            ("", ""),
            ("{", ""),
            ("{}{}", ""),
            ("{'a': 1}", ""),
            ("not json", ""),
            (deep.as_str(), "*"),
        ] {
            let errors = read_json(text.as_bytes()).unwrap_err();
            assert_eq!(errors[0].problem, FieldProblem::Unreadable);
            assert!(field == "*" || errors[0].field == field, "{text}: {:?}", errors[0]);
        }
        assert!(read_json(b"\"\xff\"").is_err(), "not UTF-8");
    }
}
