//! What the network makes of each class on average, and how sure it may be.

use baize_models::gate::{Signs, TEMPLATE_SIDE};
use ndarray::{Array1, Array2};

use super::CHEST;

/// A variance below this part of the mean variance counts as this: a feature that hardly moved in training must not
/// turn away every image that moves it.
const LEAST_VARIANCE: f32 = 0.1;

/// The middle of each class and the spread within the classes.
pub(super) struct Familiar {
    /// `[classes, features]`.
    pub(super) means: Array2<f32>,
    /// `[features]`.
    pub(super) precision: Array1<f32>,
}

impl Familiar {
    /// From the signs of images and their classes. A class without images stays at the origin.
    pub(super) fn of(signs: &[Signs], classes: &[usize], count: usize) -> Self {
        let features = signs.first().map_or(0, |one| one.features.len());
        let mut means = Array2::<f32>::zeros((count, features));
        let mut members = vec![0.0f32; count];
        for (one, class) in signs.iter().zip(classes) {
            let mut mean = means.row_mut(*class);
            mean += &one.features;
            members[*class] += 1.0;
        }
        for (mut mean, members) in means.outer_iter_mut().zip(&members) {
            mean /= members.max(1.0);
        }
        let mut variance = Array1::<f32>::zeros(features);
        for (one, class) in signs.iter().zip(classes) {
            let difference = &one.features - &means.row(*class);
            variance += &(&difference * &difference);
        }
        variance /= (signs.len() as f32).max(1.0);
        let least = (variance.mean().unwrap_or(0.0) * LEAST_VARIANCE).max(f32::MIN_POSITIVE);
        Self { means, precision: variance.mapv(|value| 1.0 / value.max(least)) }
    }
}

/// The mean of reduced chest radiographs.
pub(super) fn template(reduced: &[Array1<f32>]) -> Array2<f32> {
    let mut sum = Array2::zeros((TEMPLATE_SIDE, TEMPLATE_SIDE));
    for one in reduced {
        for (to, value) in sum.iter_mut().zip(one) {
            *to += value / reduced.len() as f32;
        }
    }
    sum
}

/// The temperature that makes the probabilities of the true classes likeliest (Guo et al. 2017).
pub(super) fn temperature(signs: &[Signs], classes: &[usize]) -> f32 {
    let loss = |log_temperature: f64| -> f64 {
        let scale = (-log_temperature).exp();
        let one = |(signs, class): (&Signs, &usize)| {
            let logits: Vec<f64> = signs.logits.iter().map(|logit| f64::from(*logit) * scale).collect();
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
            largest + total.ln() - logits[*class]
        };
        signs.iter().zip(classes).map(one).sum()
    };
    // The loss has one minimum in the inverse temperature: narrow it down by thirds.
    let (mut low, mut high) = (-3.0f64, 3.0f64);
    for _ in 0..60 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if loss(a) < loss(b) { high = b } else { low = a }
    }
    ((low + high) / 2.0).exp() as f32
}

/// The value that this fraction of the values does not exceed.
pub(super) fn quantile(values: &[f32], fraction: f64) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let place = (fraction * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

/// Whether a class is that of the chest radiographs.
pub(super) fn is_chest(class: &usize) -> bool {
    *class == CHEST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(features: [f32; 2], logits: [f32; 2]) -> Signs {
        Signs { logits: logits.to_vec(), features: Array1::from_vec(features.to_vec()), likeness: 0.0 }
    }

    #[test]
    fn means_and_spread_are_within_the_classes() {
        let all = [
            signs([0.0, 1.0], [0.0; 2]),
            signs([2.0, 1.0], [0.0; 2]),
            signs([10.0, 5.0], [0.0; 2]),
            signs([12.0, 5.0], [0.0; 2]),
        ];
        let familiar = Familiar::of(&all, &[0, 0, 1, 1], 3);
        assert_eq!(familiar.means.row(0).to_vec(), [1.0, 1.0]);
        assert_eq!(familiar.means.row(1).to_vec(), [11.0, 5.0]);
        assert_eq!(familiar.means.row(2).to_vec(), [0.0, 0.0]);
        // The first feature varies by 1; the second not at all, which counts as a tenth of the mean of 1 and 0.
        assert!((familiar.precision[0] - 1.0).abs() < 1e-5 && (familiar.precision[1] - 20.0).abs() < 1e-3);
    }

    #[test]
    fn the_temperature_undoes_overconfidence() {
        // Logits of 2 against 0 that are right 73.1 % of the time deserve 1 against 0.
        let mut all = Vec::new();
        let mut classes = Vec::new();
        for index in 0..1000 {
            all.push(signs([0.0; 2], [2.0, 0.0]));
            classes.push(usize::from(index >= 731));
        }
        let found = temperature(&all, &classes);
        assert!((found - 2.0).abs() < 0.02, "{found}");
    }

    #[test]
    fn quantiles_count_from_below() {
        let values: Vec<f32> = (0..=100).map(|index| index as f32).rev().collect();
        assert_eq!(quantile(&values, 0.99), 99.0);
        assert_eq!(quantile(&values, 1.0), 100.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
