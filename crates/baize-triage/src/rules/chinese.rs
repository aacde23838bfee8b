//! The four levels of the 2018 Chinese consensus.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::band::{Band, BandTable, Ends};
use super::danger_zone::DangerZone;
use super::facts::{Effect, Facts, FiredRule, FiredValue};
use super::header::{Header, RuleError, parse, unique};
use crate::level::{LevelCn, Words, number};
use crate::request::{Avpu, Vital};

/// How a level is called and how soon it is seen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelName {
    /// The level.
    pub level: LevelCn,
    /// 急危, 急重, 急症, 非急症.
    pub name: Words,
    /// Ⅰ to Ⅳ.
    pub roman: String,
    /// `red`, `orange`, `yellow`, `green`.
    pub colour: String,
    /// The response time in words.
    pub response: Words,
    /// The category of WS/T 390-2012 that it corresponds to.
    pub wst390: Wst390,
}

/// A category of WS/T 390-2012.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wst390 {
    /// `A` to `D`.
    pub code: String,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
}

/// The rules of the consensus.
#[derive(Clone, Debug)]
pub struct ChineseLevels {
    /// Where they come from.
    pub header: Header,
    levels: Vec<LevelName>,
    vitals: Vec<VitalTable>,
    tachypnoea_above: f64,
    pressure_fall: PressureFall,
    consciousness: Vec<Consciousness>,
    criteria: Vec<Criterion>,
}

#[derive(Clone, Debug)]
struct VitalTable {
    vital: Vital,
    text: Words,
    bands: BandTable<LevelBand>,
}

#[derive(Clone, Debug)]
struct LevelBand {
    id: String,
    level: LevelCn,
    min_age_years: Option<f64>,
    waived_by_normal_breathing: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PressureFall {
    id: String,
    at_least: f64,
    and_below: f64,
    level: LevelCn,
    text: Words,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Consciousness {
    avpu: Avpu,
    id: String,
    level: LevelCn,
    text: Words,
}

/// A manual criterion, met by a complaint code or a red flag. A condition on age holds where the age is unknown.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Criterion {
    id: String,
    level: LevelCn,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    red_flags: Vec<String>,
    above_age_years: Option<f64>,
    below_age_years: Option<f64>,
    text: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    level: Vec<LevelName>,
    vital: Vec<VitalRows>,
    tachypnoea: Tachypnoea,
    pressure_fall: PressureFall,
    consciousness: Vec<Consciousness>,
    criterion: Vec<Criterion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tachypnoea {
    above: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VitalRows {
    vital: Vital,
    step: f64,
    band: Vec<LevelRow>,
    text: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelRow {
    id: String,
    from: Option<f64>,
    above: Option<f64>,
    to: Option<f64>,
    below: Option<f64>,
    level: LevelCn,
    min_age_years: Option<f64>,
    #[serde(default)]
    waived_by_normal_breathing: bool,
}

impl ChineseLevels {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let (header, content): (_, File) = parse(file, text)?;
        let numbers: Vec<u8> = content.level.iter().map(|level| level.level.get()).collect();
        if numbers != [1, 2, 3, 4] {
            return Err(RuleError::invalid(file, "the levels 1 to 4 must each be named once, in order"));
        }
        let mut vitals = Vec::new();
        for rows in content.vital {
            let bands = rows
                .band
                .into_iter()
                .map(|row| {
                    let ends = Ends { from: row.from, above: row.above, to: row.to, below: row.below };
                    let outcome = LevelBand {
                        id: row.id,
                        level: row.level,
                        min_age_years: row.min_age_years,
                        waived_by_normal_breathing: row.waived_by_normal_breathing,
                    };
                    Band::new(ends, outcome)
                })
                .collect::<Result<_, _>>();
            let bands = bands
                .and_then(|bands| BandTable::new(bands, rows.step))
                .map_err(|reason| RuleError::invalid(file, format!("{}: {reason}", rows.vital.field())))?;
            vitals.push(VitalTable { vital: rows.vital, text: rows.text, bands });
        }
        let rules = Self {
            header,
            levels: content.level,
            vitals,
            tachypnoea_above: content.tachypnoea.above,
            pressure_fall: content.pressure_fall,
            consciousness: content.consciousness,
            criteria: content.criterion,
        };
        let vital_ids = rules.vitals.iter().flat_map(|table| table.bands.outcomes()).map(|band| &band.id);
        let ids = vital_ids
            .chain(rules.consciousness.iter().map(|row| &row.id))
            .chain(rules.criteria.iter().map(|row| &row.id))
            .chain([&rules.pressure_fall.id]);
        unique(file, ids.map(String::as_str))?;
        unique(file, rules.vitals.iter().map(|table| table.vital.field()))?;
        for row in rules.criteria.iter() {
            if row.codes.is_empty() && row.red_flags.is_empty() {
                let reason = format!("{}: a criterion needs codes or red flags", row.id);
                return Err(RuleError::invalid(file, reason));
            }
        }
        Ok(rules)
    }

    /// The complaint codes that the rules speak of.
    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        self.criteria.iter().flat_map(|row| &row.codes).map(String::as_str)
    }

    /// The ids of the red flags that the rules speak of.
    pub fn red_flags(&self) -> BTreeSet<&str> {
        self.criteria.iter().flat_map(|row| &row.red_flags).map(String::as_str).collect()
    }

    /// The name, colour and response time of a level.
    pub fn name(&self, level: LevelCn) -> Option<&LevelName> {
        self.levels.iter().find(|name| name.level == level)
    }

    /// All that fire; levels 1 to 3.
    pub fn assess(&self, facts: &Facts<'_>, danger_zone: &DangerZone) -> Vec<FiredRule> {
        let mut fired = Vec::new();
        let normal_breathing = self.breathes_normally(facts, danger_zone);
        for table in &self.vitals {
            fired.extend(self.vital(facts, table, normal_breathing));
        }
        fired.extend(self.pressure_fall(facts));
        if let Some(avpu) = facts.request.vitals.avpu
            && let Some(row) = self.consciousness.iter().find(|row| row.avpu == avpu)
        {
            let value = FiredValue::Text(row.text.zh.clone());
            fired.push(self.fire(&row.id, row.level, "vitals.avpu", value, row.text.clone()));
        }
        fired.extend(self.manual(facts));
        fired
    }

    fn fire(&self, id: &str, level: LevelCn, field: &str, value: FiredValue, text: Words) -> FiredRule {
        FiredRule {
            id: id.to_owned(),
            level,
            effect: Effect::Raise,
            field: field.to_owned(),
            value,
            text,
            source: self.header.source.clone(),
        }
    }

    /// Whether the respiratory rate is known to be normal; unknown is not normal.
    fn breathes_normally(&self, facts: &Facts<'_>, danger_zone: &DangerZone) -> bool {
        let limit = match facts.request.age_months {
            Some(months) => danger_zone.child_respiratory_limit(months).unwrap_or(self.tachypnoea_above),
            None => self.tachypnoea_above,
        };
        facts.request.vitals.respiratory_rate.is_some_and(|rate| rate <= limit)
    }

    fn vital(&self, facts: &Facts<'_>, table: &VitalTable, normal_breathing: bool) -> Option<FiredRule> {
        let value = facts.request.vitals.get(table.vital)?;
        let age = facts.request.age_years();
        let band = table
            .bands
            .at(value)
            .filter(|band| !(band.waived_by_normal_breathing && normal_breathing))
            .filter(|band| band.min_age_years.is_none_or(|least| age.is_none_or(|years| years >= least)))
            .min_by_key(|band| band.level)?;
        if band.level == LevelCn::LEAST_URGENT {
            return None;
        }
        let name = self.name(band.level)?;
        let text = table.text.fill_number("value", value).fill(
            "level",
            &format!("{}级", name.roman),
            &format!("level {}", band.level.get()),
        );
        let field = format!("vitals.{}", table.vital.field());
        Some(self.fire(&band.id, band.level, &field, FiredValue::Number(value), text))
    }

    fn pressure_fall(&self, facts: &Facts<'_>) -> Option<FiredRule> {
        let rule = &self.pressure_fall;
        let before = facts.previous?.systolic_bp?;
        let now = facts.request.vitals.systolic_bp?;
        let fall = before - now;
        (fall >= rule.at_least && now < rule.and_below).then(|| {
            let text = rule.text.fill_number("value", now).fill("fall", &number(fall), &number(fall));
            self.fire(&rule.id, rule.level, "vitals.systolic_bp", FiredValue::Number(now), text)
        })
    }

    fn manual(&self, facts: &Facts<'_>) -> impl Iterator<Item = FiredRule> {
        let age = facts.request.age_years();
        let facts = *facts;
        self.criteria
            .iter()
            .filter(move |row| {
                row.above_age_years.is_none_or(|limit| age.is_none_or(|years| years > limit))
                    && row.below_age_years.is_none_or(|limit| age.is_none_or(|years| years < limit))
            })
            .filter_map(move |row| {
                let code = facts.codes.iter().find(|code| row.codes.contains(code));
                let flag = facts.red_flags.iter().find(|id| row.red_flags.contains(id));
                let (field, met) = match (code, flag) {
                    (Some(code), _) => ("complaints", code),
                    (None, Some(flag)) => ("red_flags", flag),
                    (None, None) => return None,
                };
                let value = FiredValue::Text(met.clone());
                Some(self.fire(&row.id, row.level, field, value, row.text.clone()))
            })
    }
}
