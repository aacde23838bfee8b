//! What a payload says.

use std::collections::BTreeMap;

use baize_core::Timestamp;
use baize_core::ports::{HospitalMessage, Measurement, MessageKey, News};
use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// The names of vital signs with the values that can be measured, as the profile `hl7/standard.toml` has them.
const SIGNS: [(&str, f64, f64); 9] = [
    ("heart_rate", 0.0, 400.0),
    ("systolic_bp", 0.0, 400.0),
    ("diastolic_bp", 0.0, 300.0),
    ("respiratory_rate", 0.0, 150.0),
    ("temperature_c", 10.0, 50.0),
    ("spo2", 0.0, 100.0),
    ("pain_score", 0.0, 10.0),
    ("glucose_mmol_l", 0.0, 200.0),
    ("potassium_mmol_l", 0.0, 20.0),
];

/// Why a payload cannot be used. Holds nothing that was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReading {
    /// It is no such JSON object.
    #[error("the payload is no reading, at line {line}, column {column}")]
    Json {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// A text is missing.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// There is no vital sign of a name that it has.
    #[error("a vital sign has a name that is not known")]
    UnknownSign,
    /// A value cannot have been measured.
    #[error("{0} is outside of what can be measured")]
    Impossible(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    id: String,
    device: String,
    patient_id: String,
    issuer: Option<String>,
    encounter: Option<String>,
    measured_at: Option<String>,
    vitals: BTreeMap<String, f64>,
}

/// Understands a payload.
///
/// # Errors
/// [`BadReading`]; the same payload can never be used.
pub fn reading(payload: &Bytes, received_at: Timestamp) -> Result<HospitalMessage, BadReading> {
    let read: Payload = serde_json::from_slice(payload)
        .map_err(|error| BadReading::Json { line: error.line(), column: error.column() })?;
    for (name, text) in [("id", &read.id), ("device", &read.device), ("patient_id", &read.patient_id)] {
        if text.trim().is_empty() {
            return Err(BadReading::Empty(name));
        }
    }
    let given =
        |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let measured_at = given(read.measured_at);
    let mut measurements = Vec::with_capacity(read.vitals.len());
    for (name, value) in read.vitals {
        let sign = SIGNS.iter().find(|(known, ..)| *known == name);
        let (known, low, high) = *sign.ok_or(BadReading::UnknownSign)?;
        if !(low..=high).contains(&value) {
            return Err(BadReading::Impossible(known));
        }
        measurements.push(Measurement { name, value, measured_at: measured_at.clone() });
    }
    Ok(HospitalMessage {
        key: MessageKey {
            sender: format!("mqtt|{}", read.device),
            control_id: read.id,
            digest: Sha256::digest(payload).into(),
        },
        kind: "MQTT".to_owned(),
        received_at,
        raw: payload.clone(),
        news: News::Vitals {
            patient_id: read.patient_id.trim().to_owned(),
            issuer: given(read.issuer),
            encounter: given(read.encounter),
            measurements,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HospitalMessage, BadReading> {
        reading(&Bytes::copy_from_slice(text.as_bytes()), Timestamp::from_micros(7))
    }

    #[test]
    fn a_reading_is_understood() {
        let text = r#"{"id": "1", "device": "bed7", "patient_id": " MZ1 ", "encounter": "",
            "measured_at": "2026-03-15T09:30:00+08:00", "vitals": {"spo2": 91.5, "heart_rate": 118}}"#;
        let message = read(text).unwrap();
        assert_eq!((message.key.sender.as_str(), message.key.control_id.as_str()), ("mqtt|bed7", "1"));
        let News::Vitals { patient_id, issuer, encounter, measurements } = message.news else {
            panic!("vital signs")
        };
        assert_eq!((patient_id.as_str(), issuer, encounter), ("MZ1", None, None));
        let values: Vec<_> = measurements.iter().map(|one| (one.name.as_str(), one.value)).collect();
        assert_eq!(values, [("heart_rate", 118.0), ("spo2", 91.5)]);
        assert!(measurements.iter().all(|one| one.measured_at.is_some()));
        assert_ne!(read(&text.replace("118", "119")).unwrap().key, message.key, "every byte counts");
    }

    #[test]
    fn what_cannot_be_is_refused_as_a_whole() {
        let of = |vitals: &str| {
            read(&format!(r#"{{"id": "1", "device": "d", "patient_id": "W1", "vitals": {{{vitals}}}}}"#))
        };
        assert!(of(r#""spo2": 91"#).is_ok());
        for (vitals, expected) in [
            (r#""spo2": 91, "puls": 80"#, BadReading::UnknownSign),
            (r#""spo2": 101"#, BadReading::Impossible("spo2")),
            (r#""heart_rate": 80, "temperature_c": 98.6"#, BadReading::Impossible("temperature_c")),
        ] {
            assert_eq!(of(vitals).unwrap_err(), expected, "{vitals}");
        }
        for text in [
            "",
            "{",
            "[]",
            r#"{"id": 1}"#,
            r#"{"id": "1", "device": "d", "patient_id": "W", "vitals": {}, "x": 1}"#,
        ] {
            assert!(matches!(read(text), Err(BadReading::Json { .. })), "{text}");
        }
        let nobody = r#"{"id": "1", "device": "d", "patient_id": " ", "vitals": {}}"#;
        assert_eq!(read(nobody).unwrap_err(), BadReading::Empty("patient_id"));
    }
}
