//! Pieces that many resources are made of.

use baize_core::{Text, Timestamp};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::key::Key;
use crate::systems::uri;

/// A resource with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// What it is called.
    pub key: Key,
    /// The resource as FHIR JSON.
    pub json: Value,
}

/// An object in the making: what is absent is left out, since FHIR knows neither null nor empty arrays.
#[derive(Debug, Default)]
pub(crate) struct Object(Map<String, Value>);

impl Object {
    pub(crate) fn resource(kind: &str) -> Self {
        Self::default().with("resourceType", json!(kind))
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        let is_empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !is_empty {
            self.0.insert(name.to_owned(), value);
        }
    }

    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn maybe<T: Into<Value>>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with(name, value.into()),
            None => self,
        }
    }

    pub(crate) fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// A time as FHIR's `instant` and `dateTime` write it, in UTC to the microsecond.
pub fn instant(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let nanos = i128::from(at.as_micros()) * 1000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(format).ok())
        // Past the year 9999, which no clock says.
        .unwrap_or_else(|| "9999-12-31T23:59:59.999999Z".to_owned())
}

/// A day of DICOM (`YYYYMMDD`) as FHIR's `date`; `None` where it is no day.
pub(crate) fn date(day: &str) -> Option<String> {
    let format = format_description!("[year][month][day]");
    let parsed = time::Date::parse(day.trim(), format).ok()?;
    parsed.format(format_description!("[year]-[month]-[day]")).ok()
}

/// A code with what it is called in both languages.
pub(crate) fn coding(system: &str, code: &str, display: &Text) -> Value {
    json!({ "system": system, "code": code, "display": display.en, "_display": translated(&display.zh) })
}

/// A code of a system that has English names only.
pub(crate) fn plain_coding(system: &str, code: &str, display: &str) -> Value {
    json!({ "system": system, "code": code, "display": display })
}

/// The Chinese writing of an English text (the core extension "translation").
fn translated(zh: &str) -> Value {
    json!({ "extension": [{
        "url": "http://hl7.org/fhir/StructureDefinition/translation",
        "extension": [
            { "url": "lang", "valueCode": "zh-CN" },
            { "url": "content", "valueString": zh },
        ],
    }] })
}

/// A concept with one code.
pub(crate) fn concept(system: &str, code: &str, display: &Text) -> Value {
    json!({ "coding": [coding(system, code, display)], "text": both(display) })
}

/// A concept of a system that has English names only.
pub(crate) fn plain_concept(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [plain_coding(system, code, display)] })
}

/// Both languages on one line.
pub(crate) fn both(text: &Text) -> String {
    match text.zh == text.en {
        true => text.en.clone(),
        false => format!("{} / {}", text.zh, text.en),
    }
}

/// What a reader is told, line by line in both languages, as the resource's narrative.
pub(crate) fn narrative(lines: &[Text]) -> Value {
    let block = |language: &str, of: fn(&Text) -> &str| {
        let said: Vec<String> = lines.iter().map(|line| format!("<p>{}</p>", escaped(of(line)))).collect();
        format!("<div lang=\"{language}\" xml:lang=\"{language}\">{}</div>", said.concat())
    };
    let (zh, en) = (block("zh-CN", |line| &line.zh), block("en", |line| &line.en));
    json!({
        "status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{zh}{en}</div>"),
    })
}

fn escaped(text: &str) -> String {
    let sound = |character: &char| !character.is_control() || matches!(character, '\n' | '\t');
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars().filter(sound) {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Text of others as FHIR's `string` may hold it: no control characters, no space around; `None` where nothing is left.
pub(crate) fn clean(text: &str) -> Option<String> {
    let sound: String =
        text.chars().filter(|character| !character.is_control() || *character == '\n').collect();
    let trimmed = sound.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// An identifier, if there is something to identify by.
pub(crate) fn identifier(kind: Option<(&str, &str)>, system: Option<&str>, value: &str) -> Option<Value> {
    let value = clean(value)?;
    let kind = kind.map(|(code, display)| plain_concept(uri::IDENTIFIER_TYPE, code, display));
    Some(Object::default().maybe("type", kind).maybe("system", system).with("value", json!(value)).done())
}

/// The identifier that a resource of ours has everywhere.
pub(crate) fn own_identifier(key: &Key) -> Value {
    json!({ "system": uri::RFC3986, "value": key.urn() })
}

/// The label of what a model made (HL7 AI Transparency on FHIR).
pub(crate) fn made_by_a_model() -> Value {
    json!([plain_coding(uri::OBSERVATION_VALUE, "AIAST", "Artificial Intelligence asserted")])
}

/// A remark in both languages.
pub(crate) fn annotation(text: &Text) -> Value {
    json!({ "text": both(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_days() {
        for (day, expected) in [
            ("20240229", Some("2024-02-29")),
            ("20230229", None),
            ("2024", None),
            ("", None),
            (" 20240101 ", Some("2024-01-01")),
        ] {
            assert_eq!(date(day).as_deref(), expected, "{day}");
        }
    }

    #[test]
    fn text_of_others_becomes_neither_markup_nor_an_empty_string() {
        let told = narrative(&[Text { zh: "<script>\u{0}".into(), en: "a & \"b\"".into() }]);
        let div = told["div"].as_str().unwrap();
        assert!(
            div.contains("&lt;script&gt;") && div.contains("a &amp; &quot;b&quot;") && !div.contains('\u{0}')
        );
        assert_eq!(clean(" \u{0}\t "), None);
        assert_eq!(clean(" a\u{7}b ").as_deref(), Some("ab"));
        assert_eq!(identifier(None, Some("urn:x"), " "), None);
    }

    #[test]
    fn nothing_absent_is_written() {
        let object = Object::default().with("a", json!([])).with("b", json!("")).maybe("c", None::<String>);
        assert_eq!(object.with("d", json!(false)).done(), json!({ "d": false }));
    }
}
