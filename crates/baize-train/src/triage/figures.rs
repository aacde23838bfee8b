//! The figures of a set of visits, each with its interval.

use baize_triage::Acuity;
use serde::Serialize;

use super::answer::{Answer, ModelAnswer};
use super::confusion::{Confusion, is_urgent};
use super::visit::Visit;
use crate::bootstrap::{Bootstrap, Interval};
use crate::metrics::{Bin, Ranked, Scored, mean, reliability};

/// A visit with what was answered.
pub(super) struct Case<'a> {
    pub(super) visit: &'a Visit,
    pub(super) answer: Answer,
}

/// How intervals are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resampling {
    pub(super) resamples: usize,
    pub(super) seed: u64,
}

impl Resampling {
    pub(super) fn of(self, cases: &[&Case<'_>]) -> Bootstrap {
        Bootstrap::new(cases.iter().map(|case| case.visit.block.as_str()), self.resamples, self.seed)
    }
}

/// One figure. Where the model did not run there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Figure {
    Measured(Interval),
    Absent { absent: Absence },
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Absence {
    #[serde(rename = "model did not run")]
    NotRun,
    #[serde(rename = "undefined: a class is missing")]
    Undefined,
}

impl From<Option<Interval>> for Figure {
    fn from(interval: Option<Interval>) -> Self {
        interval.map_or(Self::Absent { absent: Absence::Undefined }, Self::Measured)
    }
}

/// A list of figures that is taken from the front.
pub(super) struct Measured(std::vec::IntoIter<Option<Interval>>);

impl Measured {
    /// Measures. Without any case the model ran for none.
    pub(super) fn new(
        cases: &[&Case<'_>],
        resampling: Resampling,
        statistics: impl Fn(&[u32]) -> Vec<f64>,
    ) -> Option<Self> {
        (!cases.is_empty()).then(|| Self(resampling.of(cases).intervals(statistics).into_iter()))
    }

    /// The next figure of what was measured, if it was.
    pub(super) fn next(measured: &mut Option<Self>) -> Figure {
        match measured {
            Some(measured) => measured.0.next().flatten().into(),
            None => Figure::Absent { absent: Absence::NotRun },
        }
    }
}

/// How good the levels are that somebody or something called.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Decision {
    /// Called as they are.
    pub(super) accuracy: Figure,
    /// Called otherwise: under- and over-triage together.
    pub(super) mistriage: Figure,
    /// Cohen's kappa, quadratic weights.
    pub(super) quadratic_kappa: Figure,
    /// Called calmer than true, of all visits.
    pub(super) under_triage: Figure,
    /// Called more urgent than true, of all visits.
    pub(super) over_triage: Figure,
    /// Of the visits truly at level 1 or 2, called 1 or 2.
    pub(super) recall_urgent: Figure,
    /// Truth by call.
    pub(super) confusion: Option<Confusion>,
}

impl Decision {
    /// The statistics behind [`Self::next`].
    pub(super) fn statistics(pairs: &[(Acuity, Acuity)], weights: &[u32]) -> [f64; 6] {
        let confusion = Confusion::of(pairs, weights);
        let accuracy = confusion.accuracy();
        [
            accuracy,
            1.0 - accuracy,
            confusion.quadratic_kappa(),
            confusion.under_triage(),
            confusion.over_triage(),
            confusion.recall_urgent(),
        ]
    }

    pub(super) fn next(measured: &mut Option<Measured>, pairs: &[(Acuity, Acuity)]) -> Self {
        let confusion = measured.as_ref().map(|_| Confusion::of(pairs, &vec![1; pairs.len()]));
        let mut next = || Measured::next(measured);
        Self {
            accuracy: next(),
            mistriage: next(),
            quadratic_kappa: next(),
            under_triage: next(),
            over_triage: next(),
            recall_urgent: next(),
            confusion,
        }
    }
}

/// How good a probability is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Probability {
    /// Area under the ROC curve.
    pub(super) auc: Figure,
    /// Mean squared error.
    pub(super) brier: Figure,
    /// Expected calibration error, ten bins of equal width.
    pub(super) ece: Figure,
    /// Mean probability.
    pub(super) predicted: Figure,
    /// How often it was so.
    pub(super) observed: Figure,
    /// The reliability diagram; empty where the model did not run.
    pub(super) reliability: Vec<Bin>,
}

impl Probability {
    pub(super) fn statistics(ranked: &Ranked<'_>, weights: &[u32]) -> [f64; 5] {
        [
            ranked.auc(weights),
            ranked.brier(weights),
            ranked.calibration_error(weights),
            ranked.predicted(weights),
            ranked.observed(weights),
        ]
    }

    pub(super) fn next(measured: &mut Option<Measured>, scored: &[Scored]) -> Self {
        let mut next = || Measured::next(measured);
        Self {
            auc: next(),
            brier: next(),
            ece: next(),
            predicted: next(),
            observed: next(),
            reliability: reliability(scored),
        }
    }
}

/// All figures of a set of visits.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Population {
    /// Visits.
    pub(super) visits: usize,
    /// For how many of them the model ran; the figures of the model are theirs.
    pub(super) model_ran: usize,
    /// The model's most probable level.
    pub(super) most_probable: Decision,
    /// The model's level of the least expected cost.
    pub(super) least_cost: Decision,
    /// The level that the desk shows, rules included; where the model did not run, the cautious level with them.
    pub(super) shown: Decision,
    /// That the true level is 1 or 2.
    pub(super) urgent: Probability,
    /// Of admission.
    pub(super) admission: Probability,
    /// The calibration errors of the five levels' probabilities, averaged (Kull et al. 2019).
    pub(super) acuity_ece: Figure,
}

impl Population {
    /// Measures all figures.
    pub(super) fn measure(cases: &[&Case<'_>], resampling: Resampling) -> Self {
        let shown: Vec<_> = cases.iter().map(|case| (case.visit.acuity, case.answer.level)).collect();
        let mut of_shown =
            Measured::new(cases, resampling, |weights| Decision::statistics(&shown, weights).to_vec());
        let (ran, answers): (Vec<&Case<'_>>, Vec<ModelAnswer>) =
            cases.iter().filter_map(|case| case.answer.model.map(|model| (*case, model))).unzip();
        let pairs = |level: fn(&ModelAnswer) -> Acuity| -> Vec<(Acuity, Acuity)> {
            ran.iter().zip(&answers).map(|(case, model)| (case.visit.acuity, level(model))).collect()
        };
        let most_probable = pairs(|model| model.most_probable);
        let least_cost = pairs(|model| model.least_cost);
        let probability_urgent = |model: &ModelAnswer| model.probabilities[0] + model.probabilities[1];
        let urgent_scores = scores(&ran, probability_urgent, |visit| is_urgent(visit.acuity));
        let admission_scores = scores(&ran, |model| model.admission, |visit| visit.admitted);
        let (urgent, admission) = (Ranked::new(&urgent_scores), Ranked::new(&admission_scores));
        let levels: Vec<Vec<Scored>> = (1..=5).map(|level| level_scores(&ran, level)).collect();
        let levels: Vec<Ranked<'_>> = levels.iter().map(|scores| Ranked::new(scores)).collect();
        let mut of_model = Measured::new(&ran, resampling, |weights| {
            let mut values = Vec::new();
            values.extend(Decision::statistics(&most_probable, weights));
            values.extend(Decision::statistics(&least_cost, weights));
            values.extend(Probability::statistics(&urgent, weights));
            values.extend(Probability::statistics(&admission, weights));
            values.push(mean(levels.iter().map(|level| (level.calibration_error(weights), 1))));
            values
        });
        Self {
            visits: cases.len(),
            model_ran: ran.len(),
            most_probable: Decision::next(&mut of_model, &most_probable),
            least_cost: Decision::next(&mut of_model, &least_cost),
            shown: Decision::next(&mut of_shown, &shown),
            urgent: Probability::next(&mut of_model, &urgent_scores),
            admission: Probability::next(&mut of_model, &admission_scores),
            acuity_ece: Measured::next(&mut of_model),
        }
    }
}

/// A probability of each case that the model ran for, with whether it was so.
fn scores(
    cases: &[&Case<'_>],
    probability: impl Fn(&ModelAnswer) -> f64,
    positive: impl Fn(&Visit) -> bool,
) -> Vec<Scored> {
    let score = |case: &&Case<'_>| {
        let model = case.answer.model.as_ref()?;
        Some(Scored {
            // Sums of rounded probabilities may leave the range by a hair.
            probability: probability(model).clamp(0.0, 1.0),
            positive: positive(case.visit),
            group: case.visit.block.clone(),
        })
    };
    cases.iter().filter_map(score).collect()
}

fn level_scores(cases: &[&Case<'_>], level: u8) -> Vec<Scored> {
    let place = usize::from(level) - 1;
    scores(cases, |model| model.probabilities[place], |visit| visit.acuity.get() == level)
}
