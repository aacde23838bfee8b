//! How well scores tell positives from negatives, and how well probabilities mean what they say.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bootstrap::{Bootstrap, Interval};

/// Bins of the reliability diagram and of the calibration error.
const BINS: usize = 10;
/// Resamples of the bootstrap.
const RESAMPLES: usize = 1000;

/// One case's answer and truth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scored {
    /// Calibrated probability.
    pub(crate) probability: f64,
    /// Whether what is looked for is there.
    pub(crate) positive: bool,
    /// Cases of the same group (patient) are resampled together.
    pub(crate) group: String,
}

impl Scored {
    fn truth(&self) -> f64 {
        f64::from(u8::from(self.positive))
    }
}

/// Cases that are measured many times over, each time counting differently: `weights` of the methods are in the order
/// of the cases.
pub(crate) struct Ranked<'a> {
    scored: &'a [Scored],
    /// By rising probability.
    order: Vec<usize>,
}

impl<'a> Ranked<'a> {
    /// Sorts once.
    pub(crate) fn new(scored: &'a [Scored]) -> Self {
        let mut order: Vec<usize> = (0..scored.len()).collect();
        order.sort_by(|a, b| scored[*a].probability.total_cmp(&scored[*b].probability));
        Self { scored, order }
    }

    /// Area under the ROC curve: the probability that a positive scores above a negative, ties counting half
    /// (Hanley and McNeil 1982). `NaN` where a class is missing.
    pub(crate) fn auc(&self, weights: &[u32]) -> f64 {
        let (mut below, mut won, mut positives) = (0.0, 0.0, 0.0);
        for ties in self.order.chunk_by(|a, b| self.scored[*a].probability == self.scored[*b].probability) {
            let (mut p, mut n) = (0.0, 0.0);
            for &case in ties {
                let class = if self.scored[case].positive { &mut p } else { &mut n };
                *class += f64::from(weights[case]);
            }
            won += p * (below + n / 2.0);
            below += n;
            positives += p;
        }
        won / (positives * below)
    }

    /// The fraction of the cases of one class that `is_right` holds for; `NaN` without any.
    pub(crate) fn rate(&self, weights: &[u32], positive: bool, is_right: impl Fn(f64) -> bool) -> f64 {
        let of_class = self.scored.iter().zip(weights).filter(|(one, _)| one.positive == positive);
        mean(of_class.map(|(one, weight)| (f64::from(u8::from(is_right(one.probability))), *weight)))
    }

    /// Mean squared distance of probability and truth (Brier 1950).
    pub(crate) fn brier(&self, weights: &[u32]) -> f64 {
        let cases = self.scored.iter().zip(weights);
        mean(cases.map(|(one, weight)| ((one.probability - one.truth()).powi(2), *weight)))
    }

    /// Expected calibration error over the bins of [`reliability`] (Naeini et al. 2015).
    pub(crate) fn calibration_error(&self, weights: &[u32]) -> f64 {
        let (mut gaps, mut all) = ([0.0; BINS], 0.0);
        for (one, weight) in self.scored.iter().zip(weights) {
            gaps[bin(one.probability)] += f64::from(*weight) * (one.probability - one.truth());
            all += f64::from(*weight);
        }
        gaps.iter().map(|gap| gap.abs()).sum::<f64>() / all
    }

    /// Mean probability.
    pub(crate) fn predicted(&self, weights: &[u32]) -> f64 {
        mean(self.scored.iter().zip(weights).map(|(one, weight)| (one.probability, *weight)))
    }

    /// The fraction of positives.
    pub(crate) fn observed(&self, weights: &[u32]) -> f64 {
        mean(self.scored.iter().zip(weights).map(|(one, weight)| (one.truth(), *weight)))
    }
}

/// The weighted mean; `NaN` of nothing.
pub(crate) fn mean(values: impl Iterator<Item = (f64, u32)>) -> f64 {
    let (mut sum, mut all) = (0.0, 0.0);
    for (value, weight) in values {
        sum += value * f64::from(weight);
        all += f64::from(weight);
    }
    sum / all
}

/// Each case once.
fn once(scored: &[Scored]) -> Vec<u32> {
    vec![1; scored.len()]
}

/// [`Ranked::auc`] of each case once.
pub(crate) fn auc(scored: &[Scored]) -> f64 {
    Ranked::new(scored).auc(&once(scored))
}

fn bin(probability: f64) -> usize {
    ((probability * BINS as f64) as usize).min(BINS - 1)
}

/// One bin of the reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Cases in it.
    pub cases: usize,
    /// Their mean probability.
    pub mean_probability: f64,
    /// How many of them are positive, as a fraction.
    pub observed: f64,
}

/// The cases by probability in ten bins of equal width; empty bins are left out.
pub(crate) fn reliability(scored: &[Scored]) -> Vec<Bin> {
    let mut bins: BTreeMap<usize, Vec<&Scored>> = BTreeMap::new();
    for one in scored {
        bins.entry(bin(one.probability)).or_default().push(one);
    }
    let summary = |members: Vec<&Scored>| {
        let n = members.len() as f64;
        Bin {
            cases: members.len(),
            mean_probability: members.iter().map(|one| one.probability).sum::<f64>() / n,
            observed: members.iter().filter(|one| one.positive).count() as f64 / n,
        }
    };
    bins.into_values().map(summary).collect()
}

/// The points of the ROC curve as (1 - specificity, sensitivity), from the strictest cut to the laxest.
pub(crate) fn roc(scored: &[Scored]) -> Vec<(f64, f64)> {
    let mut order = Ranked::new(scored).order;
    order.reverse();
    let positives = scored.iter().filter(|one| one.positive).count() as f64;
    let negatives = scored.len() as f64 - positives;
    let (mut hits, mut alarms) = (0.0, 0.0);
    let mut points = vec![(0.0, 0.0)];
    for ties in order.chunk_by(|a, b| scored[*a].probability == scored[*b].probability) {
        let hit = ties.iter().filter(|case| scored[**case].positive).count();
        hits += hit as f64;
        alarms += (ties.len() - hit) as f64;
        points.push((alarms / negatives, hits / positives));
    }
    points
}

/// The figures of one set of images at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Images.
    pub images: usize,
    /// Of them positive.
    pub positives: usize,
    /// Area under the ROC curve; absent where a class is missing.
    pub auc: Option<Interval>,
    /// Positives at or above the threshold; absent without positives.
    pub sensitivity: Option<Interval>,
    /// Negatives below the threshold; absent without negatives.
    pub specificity: Option<Interval>,
    /// Mean squared error of the probabilities.
    pub brier: f64,
    /// Expected calibration error, ten bins of equal width.
    pub ece: f64,
}

impl Figures {
    /// Measures; intervals are percentiles of a seeded bootstrap that draws whole groups.
    pub(crate) fn measure(scored: &[Scored], threshold: f64, seed: u64) -> Self {
        let ranked = Ranked::new(scored);
        let bootstrap = Bootstrap::new(scored.iter().map(|one| one.group.as_str()), RESAMPLES, seed);
        let measured = bootstrap.intervals(|weights| {
            vec![
                ranked.auc(weights),
                ranked.rate(weights, true, |probability| probability >= threshold),
                ranked.rate(weights, false, |probability| probability < threshold),
            ]
        });
        let measured = |place: usize| measured.get(place).copied().flatten();
        let every = once(scored);
        Self {
            images: scored.len(),
            positives: scored.iter().filter(|one| one.positive).count(),
            auc: measured(0),
            sensitivity: measured(1),
            specificity: measured(2),
            brier: ranked.brier(&every),
            ece: ranked.calibration_error(&every),
        }
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
