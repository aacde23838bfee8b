//! What is not known and would matter.

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::header::{Header, RuleError, parse};
use crate::level::Words;
use crate::request::{Sex, Vital};

/// Something to ask or measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The field of the request.
    pub field: String,
    /// Why it matters.
    pub text: Words,
}

/// What matters to whom, most important first.
#[derive(Clone, Debug)]
pub struct MissingRules {
    /// Where the order comes from.
    pub header: Header,
    asks: Vec<Ask>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    field: String,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    history: Vec<String>,
    sex: Option<Sex>,
    from_age_years: Option<f64>,
    below_age_years: Option<f64>,
    text: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    ask: Vec<Ask>,
}

impl MissingRules {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let (header, content): (_, File) = parse(file, text)?;
        let nobody =
            Facts { request: &Default::default(), codes: &[], history: &[], red_flags: &[], previous: None };
        match content.ask.iter().find(|ask| is_missing(&ask.field, &nobody).is_none()) {
            Some(ask) => Err(RuleError::invalid(file, format!("there is no field {}", ask.field))),
            None => Ok(Self { header, asks: content.ask }),
        }
    }

    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        self.asks.iter().flat_map(|ask| &ask.codes).map(String::as_str)
    }

    pub(super) fn history(&self) -> impl Iterator<Item = &str> {
        self.asks.iter().flat_map(|ask| &ask.history).map(String::as_str)
    }

    /// What to ask next, each field once.
    pub fn list(&self, facts: &Facts<'_>) -> Vec<Missing> {
        let mut list: Vec<Missing> = Vec::new();
        for ask in &self.asks {
            let wanted = is_missing(&ask.field, facts) == Some(true) && ask.matters(facts);
            if wanted && !list.iter().any(|listed| listed.field == ask.field) {
                list.push(Missing { field: ask.field.clone(), text: ask.text.clone() });
            }
        }
        list
    }
}

impl Ask {
    /// Conditions on sex and age hold where these are unknown.
    fn matters(&self, facts: &Facts<'_>) -> bool {
        let age = facts.request.age_years();
        (self.codes.is_empty() || facts.any_code(&self.codes))
            && (self.history.is_empty() || facts.any_history(&self.history))
            && self.sex.is_none_or(|sex| facts.request.sex.is_none_or(|known| known == sex))
            && self.from_age_years.is_none_or(|from| age.is_none_or(|years| years >= from))
            && self.below_age_years.is_none_or(|below| age.is_none_or(|years| years < below))
    }
}

/// Whether a field is not known; `None` where there is no such field.
fn is_missing(field: &str, facts: &Facts<'_>) -> Option<bool> {
    let request = facts.request;
    let missing = match field {
        "chief_complaint" => facts.codes.is_empty() && facts.red_flags.is_empty(),
        "age_years" => request.age_months.is_none(),
        "sex" => request.sex.is_none(),
        "pregnant" => request.pregnant.is_none(),
        "history" => request.history.is_none(),
        "vitals.avpu" => request.vitals.avpu.is_none(),
        "vitals.on_oxygen" => request.vitals.on_oxygen.is_none(),
        _ => {
            let name = field.strip_prefix("vitals.")?;
            let vital = Vital::ALL.into_iter().find(|vital| vital.field() == name)?;
            request.vitals.get(vital).is_none()
        }
    };
    Some(missing)
}
