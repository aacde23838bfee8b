//! How well scores tell positives from negatives, and how well probabilities mean what they say.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Bins of the reliability diagram and of the calibration error.
const BINS: usize = 10;
/// Resamples of the bootstrap.
const RESAMPLES: usize = 1000;

/// One image's answer and truth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scored {
    /// Calibrated probability.
    pub(crate) probability: f64,
    /// Whether the finding is present.
    pub(crate) positive: bool,
    /// Images of the same group (patient) are resampled together.
    pub(crate) group: String,
}

/// An estimate with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// The 2.5th percentile of the resamples.
    pub low: f64,
    /// The 97.5th percentile of the resamples.
    pub high: f64,
}

/// Area under the ROC curve: the probability that a positive scores above a negative, ties counting half
/// (Hanley and McNeil 1982). `NaN` where a class is missing.
pub(crate) fn auc(scored: &[Scored]) -> f64 {
    let all: Vec<(&Scored, u32)> = scored.iter().map(|one| (one, 1)).collect();
    weighted_auc(&ordered(&all))
}

/// By rising probability.
fn ordered<'a>(scored: &[(&'a Scored, u32)]) -> Vec<(&'a Scored, u32)> {
    let mut order = scored.to_vec();
    order.sort_by(|a, b| a.0.probability.total_cmp(&b.0.probability));
    order
}

/// As [`auc`], of images that count several times; they come by rising probability.
fn weighted_auc(order: &[(&Scored, u32)]) -> f64 {
    let (mut below, mut won, mut positives) = (0.0, 0.0, 0.0);
    for ties in order.chunk_by(|a, b| a.0.probability == b.0.probability) {
        let count = |positive: bool| -> f64 {
            ties.iter().filter(|(one, _)| one.positive == positive).map(|(_, n)| f64::from(*n)).sum()
        };
        let (p, n) = (count(true), count(false));
        won += p * (below + n / 2.0);
        below += n;
        positives += p;
    }
    won / (positives * below)
}

/// The fraction of the images of one class that `is_right` holds for; `NaN` without any.
fn rate(scored: &[(&Scored, u32)], positive: bool, is_right: impl Fn(f64) -> bool) -> f64 {
    let (mut right, mut all) = (0.0, 0.0);
    for (one, count) in scored.iter().filter(|(one, _)| one.positive == positive) {
        all += f64::from(*count);
        if is_right(one.probability) {
            right += f64::from(*count);
        }
    }
    right / all
}

/// Mean squared distance of probability and truth (Brier 1950).
pub(crate) fn brier(scored: &[Scored]) -> f64 {
    let total: f64 =
        scored.iter().map(|one| (one.probability - f64::from(u8::from(one.positive))).powi(2)).sum();
    total / scored.len() as f64
}

/// One bin of the reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Images in it.
    pub images: usize,
    /// Their mean probability.
    pub mean_probability: f64,
    /// How many of them are positive, as a fraction.
    pub observed: f64,
}

/// The images by probability in ten bins of equal width; empty bins are left out.
pub(crate) fn reliability(scored: &[Scored]) -> Vec<Bin> {
    let mut bins: BTreeMap<usize, Vec<&Scored>> = BTreeMap::new();
    for one in scored {
        let bin = ((one.probability * BINS as f64) as usize).min(BINS - 1);
        bins.entry(bin).or_default().push(one);
    }
    let summary = |members: Vec<&Scored>| {
        let n = members.len() as f64;
        Bin {
            images: members.len(),
            mean_probability: members.iter().map(|one| one.probability).sum::<f64>() / n,
            observed: members.iter().filter(|one| one.positive).count() as f64 / n,
        }
    };
    bins.into_values().map(summary).collect()
}

/// Expected calibration error over the bins of [`reliability`] (Naeini et al. 2015).
pub(crate) fn calibration_error(bins: &[Bin]) -> f64 {
    let all: usize = bins.iter().map(|bin| bin.images).sum();
    bins.iter().map(|bin| bin.images as f64 * (bin.mean_probability - bin.observed).abs()).sum::<f64>()
        / all as f64
}

/// The points of the ROC curve as (1 - specificity, sensitivity), from the strictest cut to the laxest.
pub(crate) fn roc(scored: &[Scored]) -> Vec<(f64, f64)> {
    let all: Vec<(&Scored, u32)> = scored.iter().map(|one| (one, 1)).collect();
    let mut order = ordered(&all);
    order.reverse();
    let positives = scored.iter().filter(|one| one.positive).count() as f64;
    let negatives = scored.len() as f64 - positives;
    let (mut hits, mut alarms) = (0.0, 0.0);
    let mut points = vec![(0.0, 0.0)];
    for ties in order.chunk_by(|a, b| a.0.probability == b.0.probability) {
        let hit = ties.iter().filter(|(one, _)| one.positive).count();
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
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        for one in scored {
            let next = groups.len();
            groups.entry(&one.group).or_insert(next);
        }
        let all: Vec<(&Scored, u32)> = scored.iter().map(|one| (one, 1)).collect();
        let order = ordered(&all);
        let group_of: Vec<usize> = order.iter().map(|(one, _)| groups[one.group.as_str()]).collect();
        let statistics = |weighted: &[(&Scored, u32)]| {
            [
                weighted_auc(weighted),
                rate(weighted, true, |probability| probability >= threshold),
                rate(weighted, false, |probability| probability < threshold),
            ]
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut resampled: [Vec<f64>; 3] = Default::default();
        for _ in 0..RESAMPLES {
            let mut counts = vec![0u32; groups.len()];
            for _ in 0..groups.len() {
                counts[rng.random_range(0..groups.len())] += 1;
            }
            let weighted: Vec<(&Scored, u32)> = order
                .iter()
                .zip(&group_of)
                .map(|((one, _), group)| (*one, counts[*group]))
                .filter(|(_, count)| *count > 0)
                .collect();
            for (values, value) in resampled.iter_mut().zip(statistics(&weighted)) {
                // A resample without one of the classes says nothing.
                if value.is_finite() {
                    values.push(value);
                }
            }
        }
        let [auc, sensitivity, specificity] = statistics(&order);
        let [auc_values, sensitivity_values, specificity_values] = resampled;
        Self {
            images: scored.len(),
            positives: scored.iter().filter(|one| one.positive).count(),
            auc: interval(auc, auc_values),
            sensitivity: interval(sensitivity, sensitivity_values),
            specificity: interval(specificity, specificity_values),
            brier: brier(scored),
            ece: calibration_error(&reliability(scored)),
        }
    }
}

fn interval(value: f64, mut resampled: Vec<f64>) -> Option<Interval> {
    let last = resampled.len().checked_sub(1)?;
    resampled.sort_by(f64::total_cmp);
    let at = |fraction: f64| resampled[(fraction * last as f64).round() as usize];
    value.is_finite().then(|| Interval { value, low: at(0.025), high: at(0.975) })
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
