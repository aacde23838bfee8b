//! Vital signs of devices that speak MQTT, on the same way as those of monitors that speak HL7.
//!
//! A device publishes a JSON object, with QoS 1, to a topic below the configured one:
//!
//! ```json
//! { "id": "bed7-000123", "device": "bed7", "patient_id": "MZ1", "issuer": "HIS", "encounter": "V20260001",
//!   "measured_at": "2026-03-15T09:30:00+08:00", "vitals": { "heart_rate": 118, "spo2": 91 } }
//! ```
//!
//! `issuer`, `encounter` and `measured_at` may be left out. The names of vital signs are those of a triage request and
//! fix the unit: `heart_rate` and `respiratory_rate` in 1/min, `systolic_bp` and `diastolic_bp` in mmHg, `temperature_c`
//! in °C, `spo2` in %, `pain_score` 0 to 10, `glucose_mmol_l` and `potassium_mmol_l` in mmol/l. A payload with a name or
//! a value that cannot be is refused as a whole: half a reading would look like a whole one.
//!
//! [`reading()`] understands a payload. `Subscriber`, with the feature `client`, takes payloads from a broker and
//! acknowledges each (PUBACK) only after it is durable; what the broker brings twice counts once.

#[cfg(feature = "client")]
mod client;
mod reading;

#[cfg(feature = "client")]
pub use client::{Subscriber, SubscriberConfig};
pub use reading::{BadReading, reading};
