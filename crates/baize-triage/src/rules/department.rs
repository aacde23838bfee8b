//! Which department a patient is sent to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::header::{Header, RuleError, parse, unique};
use crate::level::{LevelCn, Words};
use crate::request::Sex;

/// A department.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Department {
    /// Stable code.
    pub code: String,
    /// 科室.
    pub zh: String,
    /// Its English name.
    pub en: String,
}

/// The departments and who goes where.
#[derive(Clone, Debug)]
pub struct Departments {
    /// Where the map comes from.
    pub header: Header,
    departments: Vec<Department>,
    rules: Vec<Rule>,
    otherwise: usize,
}

#[derive(Clone, Debug)]
struct Rule {
    department: usize,
    when: Condition,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    codes: Vec<String>,
    red_flags: Vec<String>,
    level_at_most: Option<LevelCn>,
    level_at_least: Option<LevelCn>,
    from_age_years: Option<f64>,
    below_age_years: Option<f64>,
    sex: Option<Sex>,
    pregnant: Option<bool>,
    temperature_from: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    otherwise: String,
    department: Vec<DepartmentRow>,
    rule: Vec<RuleRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DepartmentRow {
    code: String,
    name: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    id: String,
    department: String,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    red_flags: Vec<String>,
    level_at_most: Option<LevelCn>,
    level_at_least: Option<LevelCn>,
    from_age_years: Option<f64>,
    below_age_years: Option<f64>,
    sex: Option<Sex>,
    pregnant: Option<bool>,
    temperature_from: Option<f64>,
}

impl Departments {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let (header, content): (_, File) = parse(file, text)?;
        unique(file, content.department.iter().map(|row| row.code.as_str()))?;
        unique(file, content.rule.iter().map(|row| row.id.as_str()))?;
        let departments: Vec<Department> = content
            .department
            .into_iter()
            .map(|row| Department { code: row.code, zh: row.name.zh, en: row.name.en })
            .collect();
        let find = |code: &str| {
            departments
                .iter()
                .position(|department| department.code == code)
                .ok_or_else(|| RuleError::invalid(file, format!("there is no department {code}")))
        };
        let otherwise = find(&content.otherwise)?;
        let mut rules = Vec::new();
        for row in content.rule {
            rules.push(Rule {
                department: find(&row.department)?,
                when: Condition {
                    codes: row.codes,
                    red_flags: row.red_flags,
                    level_at_most: row.level_at_most,
                    level_at_least: row.level_at_least,
                    from_age_years: row.from_age_years,
                    below_age_years: row.below_age_years,
                    sex: row.sex,
                    pregnant: row.pregnant,
                    temperature_from: row.temperature_from,
                },
            });
        }
        Ok(Self { header, departments, rules, otherwise })
    }

    /// The codes that lead somewhere whatever else is known.
    pub(super) fn covered(&self) -> BTreeSet<&str> {
        let by_codes_alone = self.rules.iter().filter(|rule| rule.when.is_codes_alone());
        by_codes_alone.flat_map(|rule| &rule.when.codes).map(String::as_str).collect()
    }

    /// Every complaint code that a rule speaks of.
    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().flat_map(|rule| &rule.when.codes).map(String::as_str)
    }

    /// Every red flag that a rule speaks of.
    pub fn red_flags(&self) -> BTreeSet<&str> {
        self.rules.iter().flat_map(|rule| &rule.when.red_flags).map(String::as_str).collect()
    }

    /// The department of the first rule that holds.
    pub fn suggest(&self, facts: &Facts<'_>, level: LevelCn) -> &Department {
        let first = self.rules.iter().find(|rule| rule.when.holds(facts, level));
        &self.departments[first.map_or(self.otherwise, |rule| rule.department)]
    }
}

impl Condition {
    fn is_codes_alone(&self) -> bool {
        let nothing = Self {
            codes: self.codes.clone(),
            // Another way to meet the rule, no further condition.
            red_flags: self.red_flags.clone(),
            level_at_most: None,
            level_at_least: None,
            from_age_years: None,
            below_age_years: None,
            sex: None,
            pregnant: None,
            temperature_from: None,
        };
        *self == nothing
    }

    fn holds(&self, facts: &Facts<'_>, level: LevelCn) -> bool {
        let request = facts.request;
        let age = request.age_years();
        let complaint = (self.codes.is_empty() && self.red_flags.is_empty())
            || facts.any_code(&self.codes)
            || facts.any_red_flag(&self.red_flags);
        complaint
            && self.level_at_most.is_none_or(|most| level <= most)
            && self.level_at_least.is_none_or(|least| level >= least)
            && self.from_age_years.is_none_or(|from| age.is_some_and(|years| years >= from))
            && self.below_age_years.is_none_or(|below| age.is_some_and(|years| years < below))
            && self.sex.is_none_or(|sex| request.sex == Some(sex))
            && self.pregnant.is_none_or(|pregnant| request.pregnant == Some(pregnant))
            && self
                .temperature_from
                .is_none_or(|from| request.vitals.temperature_c.is_some_and(|value| value >= from))
    }
}
