//! Intervals by drawing the data again.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

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

/// Draws whole groups (patients, blocks of visits) with replacement (Efron 1979). The same seed draws the same.
#[derive(Clone, Debug)]
pub(crate) struct Bootstrap {
    group_of: Vec<usize>,
    groups: usize,
    resamples: usize,
    seed: u64,
}

impl Bootstrap {
    /// For cases that belong to these groups, in order.
    pub(crate) fn new<'a>(groups: impl Iterator<Item = &'a str>, resamples: usize, seed: u64) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let group_of = groups
            .map(|group| {
                let next = numbers.len();
                *numbers.entry(group).or_insert(next)
            })
            .collect();
        Self { group_of, groups: numbers.len(), resamples, seed }
    }

    /// How many groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// The statistics with their intervals. `statistics` gets how often each case counts and returns the same number
    /// of values every time; one that is not finite is undefined there. A statistic that is undefined for the data
    /// as they are, or for every resample, has no interval.
    pub(crate) fn intervals(&self, statistics: impl Fn(&[u32]) -> Vec<f64>) -> Vec<Option<Interval>> {
        let values = statistics(&vec![1; self.group_of.len()]);
        let mut resampled: Vec<Vec<f64>> = vec![Vec::with_capacity(self.resamples); values.len()];
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut weights = vec![0; self.group_of.len()];
        for _ in 0..self.resamples {
            let mut counts = vec![0u32; self.groups];
            for _ in 0..self.groups {
                counts[rng.random_range(0..self.groups)] += 1;
            }
            for (weight, group) in weights.iter_mut().zip(&self.group_of) {
                *weight = counts[*group];
            }
            for (drawn, value) in resampled.iter_mut().zip(statistics(&weights)) {
                // A resample without one of the classes says nothing.
                if value.is_finite() {
                    drawn.push(value);
                }
            }
        }
        values.into_iter().zip(resampled).map(|(value, drawn)| interval(value, drawn)).collect()
    }
}

fn interval(value: f64, mut resampled: Vec<f64>) -> Option<Interval> {
    let last = resampled.len().checked_sub(1)?;
    resampled.sort_by(f64::total_cmp);
    let at = |fraction: f64| resampled[(fraction * last as f64).round() as usize];
    value.is_finite().then(|| Interval { value, low: at(0.025), high: at(0.975) })
}
