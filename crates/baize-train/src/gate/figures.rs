//! Rates, their intervals, and who was taken for whom.

use serde::Serialize;

use super::CLASSES;
use crate::bootstrap::Interval;

/// How often something holds, with a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Images.
    pub images: usize,
    /// Of them, those that it holds for.
    pub held: usize,
    /// The fraction with Wilson's interval (Wilson 1927), which also holds close to 0 and 1.
    pub fraction: Option<Interval>,
}

impl Rate {
    /// Counts.
    pub(super) fn of(answers: impl Iterator<Item = bool>) -> Self {
        let (mut images, mut held) = (0, 0);
        for answer in answers {
            images += 1;
            held += usize::from(answer);
        }
        Self { images, held, fraction: wilson(held, images) }
    }
}

fn wilson(held: usize, images: usize) -> Option<Interval> {
    if images == 0 {
        return None;
    }
    let (n, p) = (images as f64, held as f64 / images as f64);
    // The 97.5th percentile of the normal distribution.
    let z = 1.959_963_985;
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Some(Interval { value: p, low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.fraction {
            Some(i) => {
                write!(f, "{:.4} ({:.4}-{:.4}), {} of {}", i.value, i.low, i.high, self.held, self.images)
            }
            None => f.write_str("-"),
        }
    }
}

/// How often each true class (row) was taken for each class (column), in the order of [`CLASSES`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Confusion {
    pub(super) counts: [[usize; CLASSES.len()]; CLASSES.len()],
}

impl Confusion {
    /// Counts pairs of true and seen class.
    pub(super) fn of(pairs: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut confusion = Self::default();
        for (truth, seen) in pairs {
            confusion.counts[truth][seen] += 1;
        }
        confusion
    }
}

/// Area under the ROC curve of scores that should be higher for the first than for the second.
pub(super) fn separation(high: &[f64], low: &[f64]) -> f64 {
    let scored = |scores: &[f64], positive: bool| {
        let one = move |score: &f64| crate::metrics::Scored { probability: *score, positive, group: String::new() };
        scores.iter().map(one).collect::<Vec<_>>()
    };
    let mut all = scored(high, true);
    all.extend(scored(low, false));
    crate::metrics::auc(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_wilsons_interval() {
        // 95 of 100: the interval as tables give it.
        let rate = Rate::of((0..100).map(|index| index < 95));
        let interval = rate.fraction.unwrap();
        assert!((interval.low - 0.8882).abs() < 1e-3 && (interval.high - 0.9785).abs() < 1e-3, "{interval:?}");
        let all = Rate::of((0..50).map(|_| true)).fraction.unwrap();
        assert!(all.high == 1.0 && all.low > 0.92, "{all:?}");
        assert_eq!(Rate::of(std::iter::empty()).fraction, None);
    }

    #[test]
    fn separation_is_an_area() {
        assert_eq!(separation(&[2.0, 3.0], &[0.0, 1.0]), 1.0);
        assert_eq!(separation(&[1.0], &[1.0]), 0.5);
    }
}
