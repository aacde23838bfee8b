//! Vital signs, each in one unit.

use serde::{Deserialize, Serialize};

use super::choices::Avpu;

/// A measured sign that bands are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vital {
    /// Beats per minute.
    HeartRate,
    /// mmHg.
    SystolicBp,
    /// mmHg.
    DiastolicBp,
    /// Breaths per minute.
    RespiratoryRate,
    /// °C.
    TemperatureC,
    /// Percent.
    Spo2,
    /// 0-10.
    PainScore,
    /// mmol/L.
    GlucoseMmolL,
    /// mmol/L.
    PotassiumMmolL,
}

impl Vital {
    /// All signs, in the order of the request.
    pub const ALL: [Self; 9] = [
        Self::HeartRate,
        Self::SystolicBp,
        Self::DiastolicBp,
        Self::RespiratoryRate,
        Self::TemperatureC,
        Self::Spo2,
        Self::PainScore,
        Self::GlucoseMmolL,
        Self::PotassiumMmolL,
    ];

    /// Its field in `vitals`.
    pub fn field(self) -> &'static str {
        match self {
            Self::HeartRate => "heart_rate",
            Self::SystolicBp => "systolic_bp",
            Self::DiastolicBp => "diastolic_bp",
            Self::RespiratoryRate => "respiratory_rate",
            Self::TemperatureC => "temperature_c",
            Self::Spo2 => "spo2",
            Self::PainScore => "pain_score",
            Self::GlucoseMmolL => "glucose_mmol_l",
            Self::PotassiumMmolL => "potassium_mmol_l",
        }
    }
}

/// What was measured; an absent value was not measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vitals {
    /// Beats per minute.
    pub heart_rate: Option<f64>,
    /// mmHg.
    pub systolic_bp: Option<f64>,
    /// mmHg.
    pub diastolic_bp: Option<f64>,
    /// Breaths per minute.
    pub respiratory_rate: Option<f64>,
    /// °C, as measured; a temperature given in °F is converted and rounded to 0.01.
    pub temperature_c: Option<f64>,
    /// Percent.
    pub spo2: Option<f64>,
    /// Whether the patient gets oxygen.
    pub on_oxygen: Option<bool>,
    /// 2 where a clinician has set the target of hypercapnic respiratory failure (88-92 %).
    pub spo2_scale: Option<u8>,
    /// Consciousness.
    pub avpu: Option<Avpu>,
    /// 0-10.
    pub pain_score: Option<f64>,
    /// mmol/L.
    pub glucose_mmol_l: Option<f64>,
    /// mmol/L.
    pub potassium_mmol_l: Option<f64>,
}

impl Vitals {
    /// The value of a sign.
    pub fn get(&self, vital: Vital) -> Option<f64> {
        match vital {
            Vital::HeartRate => self.heart_rate,
            Vital::SystolicBp => self.systolic_bp,
            Vital::DiastolicBp => self.diastolic_bp,
            Vital::RespiratoryRate => self.respiratory_rate,
            Vital::TemperatureC => self.temperature_c,
            Vital::Spo2 => self.spo2,
            Vital::PainScore => self.pain_score,
            Vital::GlucoseMmolL => self.glucose_mmol_l,
            Vital::PotassiumMmolL => self.potassium_mmol_l,
        }
    }

    /// Sets or clears a sign.
    pub fn set(&mut self, vital: Vital, value: Option<f64>) {
        let slot = match vital {
            Vital::HeartRate => &mut self.heart_rate,
            Vital::SystolicBp => &mut self.systolic_bp,
            Vital::DiastolicBp => &mut self.diastolic_bp,
            Vital::RespiratoryRate => &mut self.respiratory_rate,
            Vital::TemperatureC => &mut self.temperature_c,
            Vital::Spo2 => &mut self.spo2,
            Vital::PainScore => &mut self.pain_score,
            Vital::GlucoseMmolL => &mut self.glucose_mmol_l,
            Vital::PotassiumMmolL => &mut self.potassium_mmol_l,
        };
        *slot = value;
    }

    /// Whether nothing at all was measured.
    pub fn is_empty(&self) -> bool {
        Vital::ALL.iter().all(|vital| self.get(*vital).is_none()) && self.avpu.is_none()
    }

    /// These signs with `newer` ones in their place where they were measured again.
    #[must_use]
    pub fn updated_by(&self, newer: &Self) -> Self {
        let mut merged = self.clone();
        for vital in Vital::ALL {
            if let Some(value) = newer.get(vital) {
                merged.set(vital, Some(value));
            }
        }
        merged.on_oxygen = newer.on_oxygen.or(self.on_oxygen);
        merged.spo2_scale = newer.spo2_scale.or(self.spo2_scale);
        merged.avpu = newer.avpu.or(self.avpu);
        merged
    }
}
