//! How probabilities become a level, and how the two scales meet.

use serde::Deserialize;

use super::header::{Header, RuleError, parse};
use crate::level::{Acuity, LevelCn};

/// The decision policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where it comes from.
    pub header: Header,
    /// What a level too calm costs, where a level too urgent costs 1.
    pub under_triage_weight: f64,
    /// The share of visits for which the second reader alerts.
    pub alert_budget: f32,
    /// Nobody is called calmer than this without a model.
    pub acuity_without_model: Acuity,
    acuities: Vec<AcuityRow>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcuityRow {
    acuity: Acuity,
    level: LevelCn,
    sub: Option<String>,
    target_minutes: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    under_triage_weight: f64,
    alert_budget: f32,
    acuity_without_model: Acuity,
    acuity: Vec<AcuityRow>,
}

impl Policy {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        let (header, content): (_, File) = parse(file, text)?;
        let fail = |reason: &str| Err(RuleError::invalid(file, reason));
        let rows = &content.acuity;
        let numbers: Vec<u8> = rows.iter().map(|row| row.acuity.get()).collect();
        if numbers != [1, 2, 3, 4, 5] {
            return fail("the acuities 1 to 5 must each have a row, in order");
        }
        if !rows.is_sorted_by_key(|row| row.level) || !rows.is_sorted_by_key(|row| row.target_minutes) {
            return fail("a calmer acuity must not have a more urgent level or an earlier target");
        }
        for level in 1..=4 {
            if !rows.iter().any(|row| row.level.get() == level) {
                return fail("every level must belong to an acuity");
            }
        }
        // Below 1 the policy would prefer to call patients too calm.
        if !(1.0..=100.0).contains(&content.under_triage_weight) {
            return fail("under_triage_weight must be from 1 to 100");
        }
        if !(0.0..=1.0).contains(&content.alert_budget) {
            return fail("alert_budget must be from 0 to 1");
        }
        Ok(Self {
            header,
            under_triage_weight: content.under_triage_weight,
            alert_budget: content.alert_budget,
            acuity_without_model: content.acuity_without_model,
            acuities: content.acuity,
        })
    }

    /// The Chinese level of an acuity.
    pub fn level(&self, acuity: Acuity) -> LevelCn {
        self.row(acuity).map_or(LevelCn::MOST_URGENT, |row| row.level)
    }

    /// `a` or `b` of level Ⅳ.
    pub fn sub_level(&self, acuity: Acuity) -> Option<&str> {
        self.row(acuity).and_then(|row| row.sub.as_deref())
    }

    /// Within how many minutes a patient of this acuity is seen.
    pub fn target_minutes(&self, acuity: Acuity) -> u32 {
        self.row(acuity).map_or(0, |row| row.target_minutes)
    }

    /// The calmest acuity that a level allows.
    pub fn calmest(&self, level: LevelCn) -> Acuity {
        let of_level = self.acuities.iter().rev().find(|row| row.level == level);
        of_level.map_or(Acuity::MOST_URGENT, |row| row.acuity)
    }

    /// The acuity of the least expected cost; of equal ones the more urgent.
    ///
    /// `probabilities[k]` is that of acuity `k + 1`. A call costs its distance from the truth, times
    /// [`Self::under_triage_weight`] where it is calmer than the truth. Probabilities that are no numbers give
    /// the most urgent acuity.
    pub fn decide(&self, probabilities: &[f32; 5]) -> Acuity {
        let cost = |called: u8| -> f64 {
            let terms = probabilities.iter().zip(1_u8..).map(|(probability, truth)| {
                let distance = f64::from(called) - f64::from(truth);
                let cost = if distance > 0.0 { distance * self.under_triage_weight } else { -distance };
                f64::from(*probability) * cost
            });
            terms.sum()
        };
        let mut best = (Acuity::MOST_URGENT, cost(1));
        for acuity in (2..=5).filter_map(Acuity::new) {
            let expected = cost(acuity.get());
            if expected < best.1 {
                best = (acuity, expected);
            }
        }
        best.0
    }

    /// The probability of being too calm from which on one level more urgent costs less than it saves: the cost of calling
    /// somebody too urgent against that of calling somebody too calm.
    pub fn raise_pays(&self) -> f32 {
        (1.0 / (1.0 + self.under_triage_weight)) as f32
    }

    fn row(&self, acuity: Acuity) -> Option<&AcuityRow> {
        self.acuities.iter().find(|row| row.acuity == acuity)
    }
}
