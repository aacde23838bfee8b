//! Applying the rules to a report.

use baize_core::{Finding, Outcome, Population, Report, Text};
use baize_triage::{Vital, Vitals, Words};

use crate::file::Strength;
use crate::rules::{FusionRules, Rule, Sign};

/// What is known of the patient.
#[derive(Clone, Copy, Debug)]
pub struct Patient<'a> {
    /// Age in years with fraction.
    pub age_years: Option<f64>,
    /// The newest of each vital sign.
    pub vitals: &'a Vitals,
}

/// What a rule says of a finding that it speaks of.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Its conditions hold: the visit is at least as urgent as its level.
    Raise,
    /// Its conditions would hold if one of these signs, which nobody has measured, were beyond its limit.
    Measure(Vec<Vital>),
    /// The patient is none of those on whom the model was validated, so the threshold means nothing and the rule
    /// raises nothing; this is why.
    OutsidePopulation(Text),
}

/// One rule and one finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The finding.
    pub finding: &'a Finding,
    /// What the rule says.
    pub verdict: Verdict,
}

impl FusionRules {
    /// What the rules say of a report, in the order of the rules. Empty where no rule speaks, and for an image that was
    /// refused or could not be read: that says nothing about the patient.
    pub fn judge<'a>(&'a self, report: &'a Report, patient: &Patient<'_>) -> Vec<Judgement<'a>> {
        let Outcome::Analysed { findings, population, .. } = &report.outcome else { return Vec::new() };
        let mut judgements = Vec::new();
        for rule in self.rules().iter().filter(|rule| rule.fits_age(patient.age_years)) {
            for finding in findings.iter().filter(|finding| rule.speaks_of(finding)) {
                let verdict = match (rule.signs(patient.vitals), population) {
                    (Signs::Normal, _) => continue,
                    (_, Population::Outside(why)) => Verdict::OutsidePopulation(why.clone()),
                    (Signs::Unknown(signs), Population::Validated) => Verdict::Measure(signs),
                    (Signs::Hold, Population::Validated) => Verdict::Raise,
                };
                judgements.push(Judgement { rule, finding, verdict });
            }
        }
        judgements
    }

    /// Whether a sign that some rule looks at is beyond its limit after and was not before, or the other way round, or
    /// was not known before.
    pub fn are_touched(&self, before: &Vitals, after: &Vitals) -> bool {
        let holds = |sign: &Sign, vitals: &Vitals| vitals.get(sign.vital).map(|value| sign.holds(value));
        self.rules().iter().flat_map(|rule| &rule.any).any(|sign| holds(sign, before) != holds(sign, after))
    }
}

/// Whether the vital signs are as a rule asks for.
enum Signs {
    Hold,
    Unknown(Vec<Vital>),
    Normal,
}

impl Rule {
    /// The rule's text about a finding.
    pub fn text_of(&self, finding: &Finding) -> Words {
        let probability = format!("{:.2}", finding.probability);
        let fill =
            |text: &str, name: &str| text.replace("{finding}", name).replace("{probability}", &probability);
        let name = &finding.code.meaning;
        Words::new(fill(&self.text.zh, &name.zh), fill(&self.text.en, &name.en))
    }

    fn fits_age(&self, years: Option<f64>) -> bool {
        // Where nobody knows the age, a rule that might hold does.
        let Some(years) = years else { return true };
        self.from_years.is_none_or(|from| years >= from) && self.below_years.is_none_or(|below| years < below)
    }

    fn speaks_of(&self, finding: &Finding) -> bool {
        let code = &finding.code;
        let named =
            self.findings.iter().any(|(scheme, value)| *scheme == code.scheme && *value == code.value);
        named
            && match self.strength {
                Strength::Positive => finding.is_positive(),
                Strength::Critical => finding.is_critical(),
            }
    }

    fn signs(&self, vitals: &Vitals) -> Signs {
        if self.any.is_empty() {
            return Signs::Hold;
        }
        let mut unknown = Vec::new();
        for sign in &self.any {
            match vitals.get(sign.vital) {
                Some(value) if sign.holds(value) => return Signs::Hold,
                Some(_) => {}
                None => unknown.push(sign.vital),
            }
        }
        if unknown.is_empty() { Signs::Normal } else { Signs::Unknown(unknown) }
    }
}
