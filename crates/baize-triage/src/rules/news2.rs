//! NEWS2: the aggregate score of seven parameters.

use serde::{Deserialize, Serialize};

use super::band::{Band, BandTable, Ends};
use super::facts::{Effect, Facts, FiredRule, FiredValue};
use super::header::{Header, RuleError, parse, unique};
use crate::level::{LevelCn, Words};
use crate::request::{Avpu, Request, Vital, Vitals};

/// The score and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct News2Result {
    /// Whether the score is made for this patient.
    pub applies: bool,
    /// Why it is not, or what was assumed.
    pub reason: Option<Words>,
    /// The sum over the parameters that are there; `None` where the score does not apply or none is there.
    pub score: Option<u8>,
    /// `low`, `low_medium`, `medium` or `high`; of an incomplete score the least that it can be.
    pub band: Option<String>,
    /// Whether all seven parameters are there.
    pub complete: bool,
    /// The fields of those that are not.
    pub missing: Vec<String>,
}

/// The rules of NEWS2.
#[derive(Clone, Debug)]
pub struct News2 {
    /// Where they come from.
    pub header: Header,
    min_age_years: f64,
    oxygen_score: u8,
    altered_consciousness_score: u8,
    red_score: u8,
    parameters: Vec<Parameter>,
    risks: Vec<Risk>,
}

#[derive(Clone, Debug)]
struct Parameter {
    vital: Vital,
    spo2_scale: Option<u8>,
    oxygen: Option<bool>,
    scores: BandTable<u8>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Risk {
    id: String,
    band: String,
    from: Option<u8>,
    #[serde(default)]
    single_red: bool,
    level: Option<LevelCn>,
    text: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    min_age_years: f64,
    pregnancy: Pregnancy,
    oxygen_score: u8,
    altered_consciousness_score: u8,
    red_score: u8,
    parameter: Vec<ParameterRow>,
    risk: Vec<Risk>,
}

/// The only thing that NEWS2 says about pregnancy; written out so that nobody looks for it in vain.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pregnancy {
    DoesNotApply,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterRow {
    vital: Vital,
    spo2_scale: Option<u8>,
    oxygen: Option<bool>,
    step: f64,
    band: Vec<ScoreRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoreRow {
    from: Option<f64>,
    above: Option<f64>,
    to: Option<f64>,
    below: Option<f64>,
    score: u8,
}

/// The parameters with bands; consciousness and oxygen have a score each.
const BANDED: [Vital; 5] =
    [Vital::RespiratoryRate, Vital::Spo2, Vital::SystolicBp, Vital::HeartRate, Vital::TemperatureC];

impl News2 {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let (header, content): (_, File) = parse(file, text)?;
        let Pregnancy::DoesNotApply = content.pregnancy;
        unique(file, content.risk.iter().map(|risk| risk.id.as_str()))?;
        if !content.risk.iter().any(|risk| risk.from == Some(0)) {
            return Err(RuleError::invalid(file, "no risk begins at 0"));
        }
        if content.risk.iter().any(|risk| risk.from.is_some() == risk.single_red) {
            return Err(RuleError::invalid(file, "a risk is either `from` a score or `single_red`"));
        }
        let froms: Vec<u8> = content.risk.iter().filter_map(|risk| risk.from).collect();
        if !froms.is_sorted_by(|a, b| a > b) {
            return Err(RuleError::invalid(file, "the risks must stand from the highest score down"));
        }
        let mut scores = content.parameter.iter().flat_map(|row| &row.band).map(|band| band.score);
        if scores.any(|score| score > content.red_score) || content.oxygen_score > content.red_score {
            return Err(RuleError::invalid(file, "no parameter scores more than red_score"));
        }
        let mut parameters = Vec::new();
        for row in content.parameter {
            let bands = row
                .band
                .iter()
                .map(|band| {
                    let ends = Ends { from: band.from, above: band.above, to: band.to, below: band.below };
                    Band::new(ends, band.score)
                })
                .collect::<Result<_, _>>();
            let scores = bands
                .and_then(|bands| BandTable::new(bands, row.step))
                .map_err(|reason| RuleError::invalid(file, format!("{}: {reason}", row.vital.field())))?;
            parameters.push(Parameter {
                vital: row.vital,
                spo2_scale: row.spo2_scale,
                oxygen: row.oxygen,
                scores,
            });
        }
        let rules = Self {
            header,
            min_age_years: content.min_age_years,
            oxygen_score: content.oxygen_score,
            altered_consciousness_score: content.altered_consciousness_score,
            red_score: content.red_score,
            parameters,
            risks: content.risk,
        };
        rules.check_coverage(file)?;
        Ok(rules)
    }

    /// Every parameter has exactly one table in every situation.
    fn check_coverage(&self, file: &str) -> Result<(), RuleError> {
        for vital in BANDED {
            for scale in [1, 2] {
                for oxygen in [false, true] {
                    let tables = self.tables(vital, scale, oxygen).count();
                    if tables != 1 {
                        let what = vital.field();
                        let reason =
                            format!("{what}: {tables} tables for scale {scale}, oxygen {oxygen}; want 1");
                        return Err(RuleError::invalid(file, reason));
                    }
                }
            }
        }
        match self.parameters.iter().find(|parameter| !BANDED.contains(&parameter.vital)) {
            Some(other) => {
                Err(RuleError::invalid(file, format!("{} is no parameter of NEWS2", other.vital.field())))
            }
            None => Ok(()),
        }
    }

    fn tables(&self, vital: Vital, scale: u8, oxygen: bool) -> impl Iterator<Item = &BandTable<u8>> {
        self.parameters
            .iter()
            .filter(move |parameter| {
                parameter.vital == vital
                    && parameter.spo2_scale.is_none_or(|wanted| wanted == scale)
                    && parameter.oxygen.is_none_or(|wanted| wanted == oxygen)
            })
            .map(|parameter| &parameter.scores)
    }

    /// The score, and the rule it fires.
    pub fn assess(&self, facts: &Facts<'_>) -> (News2Result, Option<FiredRule>) {
        let request = facts.request;
        if let Some(reason) = self.refusal(request) {
            let result = News2Result {
                applies: false,
                reason: Some(reason),
                score: None,
                band: None,
                complete: false,
                missing: Vec::new(),
            };
            return (result, None);
        }
        let (scores, missing) = self.scores(&request.vitals);
        let total: u8 = scores.iter().sum();
        let single_red = scores.iter().any(|score| *score >= self.red_score);
        let risk = self.risks.iter().find(|risk| match risk.from {
            Some(from) => total >= from,
            None => risk.single_red && single_red,
        });
        let known = !scores.is_empty();
        let fired = risk.filter(|_| known).and_then(|risk| self.fire(risk, total));
        let unknown_age = Words::new("年龄未知，按成人评分", "the age is unknown; scored as an adult");
        let result = News2Result {
            applies: true,
            reason: request.age_months.is_none().then_some(unknown_age),
            score: known.then_some(total),
            band: risk.filter(|_| known).map(|risk| risk.band.clone()),
            complete: missing.is_empty(),
            missing,
        };
        (result, fired)
    }

    fn fire(&self, risk: &Risk, total: u8) -> Option<FiredRule> {
        Some(FiredRule {
            id: risk.id.clone(),
            level: risk.level?,
            effect: Effect::Raise,
            field: "news2".to_owned(),
            value: FiredValue::Number(f64::from(total)),
            text: risk.text.fill_number("value", f64::from(total)),
            source: self.header.source.clone(),
        })
    }

    fn refusal(&self, request: &Request) -> Option<Words> {
        let age = self.min_age_years;
        if request.age_years().is_some_and(|years| years < age) {
            return Some(Words::new(
                format!("NEWS2 不适用于 {age} 岁以下患者，已按儿童标准评估"),
                format!("NEWS2 is not made for patients under {age}; the children's limits were used"),
            ));
        }
        (request.pregnant == Some(true)).then(|| {
            Words::new(
                "NEWS2 不适用于妊娠患者，请采用产科早期预警评分",
                "NEWS2 is not made for pregnancy; use an obstetric early-warning score",
            )
        })
    }

    /// The scores of the parameters that are there, and the fields of those that are not.
    fn scores(&self, vitals: &Vitals) -> (Vec<u8>, Vec<String>) {
        let scale = vitals.spo2_scale.unwrap_or(1);
        // Scale 2 scores a high saturation on oxygen; where nobody said, it is taken as on oxygen.
        let oxygen = vitals.on_oxygen.unwrap_or(true);
        let mut scores = Vec::new();
        let mut missing = Vec::new();
        for vital in BANDED {
            let score = vitals.get(vital).and_then(|value| {
                self.tables(vital, scale, oxygen).flat_map(|table| table.at(value)).max().copied()
            });
            match score {
                Some(score) => scores.push(score),
                None => missing.push(format!("vitals.{}", vital.field())),
            }
        }
        match vitals.avpu {
            Some(Avpu::Alert) => scores.push(0),
            Some(_) => scores.push(self.altered_consciousness_score),
            None => missing.push("vitals.avpu".to_owned()),
        }
        match vitals.on_oxygen {
            Some(on_oxygen) => scores.push(if on_oxygen { self.oxygen_score } else { 0 }),
            None => missing.push("vitals.on_oxygen".to_owned()),
        }
        (scores, missing)
    }
}
