//! What a model may look at: an ordered, named, versioned list, built the same way for a patient at the desk and for
//! a row of training data.
//!
//! Never race, ethnicity, language, religion or insurance: there is no field for them in a [`Request`].

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::level::{Words, number};
use crate::request::{ArrivalMode, Avpu, Request, Sex};
use crate::rules::RuleError;

const FILE: &str = "features.toml";

/// The names of the features, in order.
#[derive(Clone, Debug)]
pub struct FeatureSchema {
    version: String,
    names: Vec<String>,
    descriptions: Vec<Description>,
    index: HashMap<String, usize>,
    typical: Vec<f32>,
    complaints: Vec<String>,
}

/// What a feature is, as far as its words depend on it.
#[derive(Clone, Debug)]
enum Description {
    /// A number: "heart rate 120".
    Number(Words),
    /// One of several: "arrival: ambulance".
    Flag(Words),
    /// Whether a number or choice is unknown.
    Missing(Words),
}

/// The features of one patient.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    values: Vec<f32>,
}

impl Features {
    /// The values in the order of [`FeatureSchema::names`]; all finite.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    number: Vec<NumberRow>,
    choice: Vec<ChoiceRow>,
    labels: BTreeMap<String, Words>,
    complaints: Complaints,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NumberRow {
    name: String,
    typical: f32,
    label: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoiceRow {
    name: String,
    label: Words,
    values: BTreeMap<String, Words>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Complaints {
    codes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    names: toml::map::Map<String, toml::Value>,
}

impl FeatureSchema {
    /// The schema that this version of Baize builds.
    ///
    /// # Errors
    /// A mistake in its file, which the tests exclude.
    pub fn builtin() -> Result<Self, RuleError> {
        let fail = |error: toml::de::Error| RuleError::invalid(FILE, error.to_string());
        let file: File = toml::from_str(include_str!("../schema/features.toml")).map_err(fail)?;
        let history: History = toml::from_str(include_str!("../schema/history.toml")).map_err(fail)?;
        let mut schema = Self {
            version: file.version,
            names: Vec::new(),
            descriptions: Vec::new(),
            index: HashMap::new(),
            typical: Vec::new(),
            complaints: file.complaints.codes.clone(),
        };
        for row in file.number {
            schema.push(row.name.clone(), row.typical, Description::Number(row.label.clone()))?;
            schema.push(format!("{}_missing", row.name), 0.0, Description::Missing(row.label))?;
        }
        for row in file.choice {
            for (value, words) in &row.values {
                let label = Words::new(
                    format!("{}：{}", row.label.zh, words.zh),
                    format!("{}: {}", row.label.en, words.en),
                );
                schema.push(format!("{}_{value}", row.name), 0.0, Description::Flag(label))?;
            }
            schema.push(format!("{}_missing", row.name), 0.0, Description::Missing(row.label))?;
        }
        for (name, label) in file.labels {
            let description =
                if name.ends_with("_count") { Description::Number(label) } else { Description::Flag(label) };
            schema.push(name, 0.0, description)?;
        }
        for code in file.complaints.codes {
            let label = Words::new(code.clone(), code.clone());
            schema.push(code, 0.0, Description::Flag(label))?;
        }
        for (name, words) in history.names {
            let pair: [String; 2] = words.try_into().map_err(fail)?;
            let [zh, en] = pair;
            let label = Words::new(format!("既往史：{zh}"), format!("history: {en}"));
            schema.push(name, 0.0, Description::Flag(label))?;
        }
        schema.check()?;
        Ok(schema)
    }

    fn push(&mut self, name: String, typical: f32, description: Description) -> Result<(), RuleError> {
        if self.index.insert(name.clone(), self.names.len()).is_some() {
            return Err(RuleError::invalid(FILE, format!("the feature {name} stands twice")));
        }
        self.names.push(name);
        self.typical.push(typical);
        self.descriptions.push(description);
        Ok(())
    }

    /// Everything that [`Self::build`] writes has a place.
    fn check(&self) -> Result<(), RuleError> {
        let mut written = Writer { schema: self, values: self.typical.clone(), lost: None };
        written.request(&Request::default(), &[], &[]);
        for word in SEXES
            .map(|(_, word)| word)
            .into_iter()
            .chain(ARRIVALS.map(|(_, word)| word))
            .chain(AVPUS.map(|(_, word)| word))
        {
            written.set(word, 0.0);
        }
        match written.lost {
            Some(name) => Err(RuleError::invalid(FILE, format!("there is no feature {name}"))),
            None => Ok(()),
        }
    }

    /// The version; a model is served only with the one it was trained on.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a feature stands.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The value that a feature takes where it is unknown: of a number the typical one, of a flag 0.
    pub fn typical(&self) -> &[f32] {
        &self.typical
    }

    /// The 200 complaint codes, in order.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Whether a complaint code exists.
    pub fn knows_complaint(&self, code: &str) -> bool {
        code.starts_with("cc_") && self.index.contains_key(code)
    }

    /// Whether a name of history exists.
    pub fn knows_history(&self, name: &str) -> bool {
        name.starts_with("pmh_") && self.index.contains_key(name)
    }

    /// The features of a request whose complaints are `codes` (negated ones left out) and whose history is `history`:
    /// what was sent, and what the text adds. A name that does not exist is impossible after parsing and changes
    /// nothing. For a row of training data both are the row's columns, as in the request.
    pub fn build(&self, request: &Request, codes: &[String], history: &[String]) -> Features {
        let mut writer = Writer { schema: self, values: self.typical.clone(), lost: None };
        writer.request(request, codes, history);
        Features { values: writer.values }
    }

    /// A feature with its value in words, for an explanation; a complaint code's words are the lexicon's.
    pub fn describe(&self, feature: usize, value: f32) -> Option<Words> {
        Some(match self.descriptions.get(feature)? {
            Description::Flag(label) => label.clone(),
            Description::Number(label) => {
                let value = number(f64::from(value));
                Words::new(format!("{} {value}", label.zh), format!("{} {value}", label.en))
            }
            Description::Missing(label) => {
                Words::new(format!("{}未知", label.zh), format!("{} not known", label.en))
            }
        })
    }
}

const SEXES: [(Sex, &str); 3] =
    [(Sex::Female, "sex_female"), (Sex::Male, "sex_male"), (Sex::Other, "sex_other")];

const ARRIVALS: [(ArrivalMode, &str); 7] = [
    (ArrivalMode::Ambulance, "arrival_ambulance"),
    (ArrivalMode::Car, "arrival_car"),
    (ArrivalMode::Other, "arrival_other"),
    (ArrivalMode::Police, "arrival_police"),
    (ArrivalMode::PublicTransport, "arrival_public_transport"),
    (ArrivalMode::WalkIn, "arrival_walk_in"),
    (ArrivalMode::Wheelchair, "arrival_wheelchair"),
];

const AVPUS: [(Avpu, &str); 5] = [
    (Avpu::Alert, "avpu_alert"),
    (Avpu::Confusion, "avpu_confusion"),
    (Avpu::Pain, "avpu_pain"),
    (Avpu::Unresponsive, "avpu_unresponsive"),
    (Avpu::Voice, "avpu_voice"),
];

struct Writer<'a> {
    schema: &'a FeatureSchema,
    values: Vec<f32>,
    /// A name without a place.
    lost: Option<String>,
}

impl Writer<'_> {
    fn set(&mut self, name: &str, value: f32) {
        match self.schema.index.get(name) {
            Some(place) => self.values[*place] = value,
            None => self.lost = Some(name.to_owned()),
        }
    }

    fn number(&mut self, name: &str, value: Option<f64>) {
        self.set(&format!("{name}_missing"), f32::from(u8::from(value.is_none())));
        if let Some(value) = value {
            self.set(name, value as f32);
        }
    }

    fn choice<T: PartialEq>(&mut self, group: &str, value: Option<T>, words: &[(T, &str)]) {
        self.set(&format!("{group}_missing"), f32::from(u8::from(value.is_none())));
        if let Some((_, word)) = words.iter().find(|(known, _)| value.as_ref() == Some(known)) {
            self.set(word, 1.0);
        }
    }

    fn request(&mut self, request: &Request, codes: &[String], history: &[String]) {
        let vitals = &request.vitals;
        let pair = vitals.systolic_bp.zip(vitals.diastolic_bp);
        let shock = vitals.heart_rate.zip(vitals.systolic_bp).filter(|(_, pressure)| *pressure > 0.0);
        self.number("age_years", request.age_years());
        self.number("heart_rate", vitals.heart_rate);
        self.number("systolic_bp", vitals.systolic_bp);
        self.number("diastolic_bp", vitals.diastolic_bp);
        self.number("respiratory_rate", vitals.respiratory_rate);
        self.number("temperature_c", vitals.temperature_c);
        self.number("spo2", vitals.spo2);
        self.number("pain_score", vitals.pain_score);
        self.number("glucose_mmol_l", vitals.glucose_mmol_l);
        self.number("potassium_mmol_l", vitals.potassium_mmol_l);
        self.number("shock_index", shock.map(|(rate, pressure)| rate / pressure));
        self.number("pulse_pressure", pair.map(|(high, low)| high - low));
        self.number("prior_ed_visits", request.prior_ed_visits);
        self.number("prior_admissions", request.prior_admissions);
        self.choice("sex", request.sex, &SEXES);
        self.choice("arrival", request.arrival_mode, &ARRIVALS);
        self.choice("avpu", vitals.avpu, &AVPUS);
        self.choice("oxygen", vitals.on_oxygen, &[(true, "oxygen_yes"), (false, "oxygen_no")]);
        self.choice("pregnancy", request.pregnant, &[(true, "pregnancy_yes"), (false, "pregnancy_no")]);
        // No complaint recognised is as good as none given; an empty history is a healthy patient.
        self.names("complaint", codes.is_empty(), codes);
        self.names("history", request.history.is_none(), history);
    }

    fn names(&mut self, group: &str, missing: bool, names: &[String]) {
        self.set(&format!("{group}_missing"), f32::from(u8::from(missing)));
        self.set(&format!("{group}_count"), names.len() as f32);
        for name in names {
            self.set(name, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Vitals;

    #[test]
    fn the_schema_holds_what_it_says_and_nothing_it_must_not() {
        let schema = FeatureSchema::builtin().unwrap();
        assert_eq!(schema.version(), "1");
        assert_eq!(schema.complaints().len(), 200);
        let history = schema.names().iter().filter(|name| name.starts_with("pmh_")).count();
        assert_eq!(history, 281);
        for never in ["race", "ethnic", "lang", "insur", "relig", "audit"] {
            assert!(!schema.names().iter().any(|name| name.starts_with(never)), "{never}");
        }
        let first = ["age_years", "age_years_missing", "heart_rate", "heart_rate_missing"];
        assert_eq!(schema.names()[..4], first);
    }

    #[test]
    fn what_is_unknown_is_typical_and_flagged() {
        let schema = FeatureSchema::builtin().unwrap();
        let at = |features: &Features, name: &str| features.values()[schema.index(name).unwrap()];
        let nothing = schema.build(&Request::default(), &[], &[]);
        assert_eq!(at(&nothing, "heart_rate"), 84.0);
        assert_eq!(at(&nothing, "heart_rate_missing"), 1.0);
        assert_eq!(at(&nothing, "shock_index_missing"), 1.0);
        assert_eq!(at(&nothing, "history_missing"), 1.0);
        assert_eq!(at(&nothing, "sex_missing"), 1.0);

        let request = Request {
            age_months: Some(30.0 * 12.0),
            sex: Some(Sex::Female),
            vitals: Vitals { heart_rate: Some(120.0), systolic_bp: Some(100.0), ..Vitals::default() },
            history: Some(Vec::new()),
            ..Request::default()
        };
        let some = schema.build(&request, &["cc_chestpain".to_owned()], &[]);
        assert_eq!(at(&some, "age_years"), 30.0);
        assert_eq!(at(&some, "heart_rate"), 120.0);
        assert_eq!(at(&some, "heart_rate_missing"), 0.0);
        assert_eq!(at(&some, "shock_index"), 1.2);
        assert_eq!(at(&some, "sex_female"), 1.0);
        assert_eq!(at(&some, "sex_missing"), 0.0);
        assert_eq!(at(&some, "cc_chestpain"), 1.0);
        assert_eq!(at(&some, "complaint_count"), 1.0);
        assert_eq!(at(&some, "complaint_missing"), 0.0);
        assert_eq!(at(&some, "history_missing"), 0.0);
        assert!(some.values().iter().all(|value| value.is_finite()));
    }
}
