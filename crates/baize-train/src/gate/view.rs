//! Whether the gate's features tell from which side an adult chest radiograph was taken (AP or PA): a logistic regression
//! on them, fitted on the training images and measured on those held back.

use baize_models::gate::Signs;
use ndarray::Array1;
use serde::Serialize;

use super::figures::Rate;
use crate::bootstrap::Interval;
use crate::metrics::{Figures, Scored};

/// Steps of the gradient descent, its rate, and the weight of the squared coefficients.
const STEPS: usize = 600;
const RATE: f32 = 0.5;
const RIDGE: f32 = 1e-3;
/// The bootstrap's seed.
const SEED: u64 = 2018;
/// A feature that varies less than this tells nothing.
const LEAST_DEVIATION: f32 = 1e-6;

/// How well the view is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ViewFigures {
    /// Area under the ROC curve for PA against AP.
    pub(super) auc: Option<Interval>,
    /// Views told right at a probability of one half.
    pub(super) accuracy: Rate,
    /// Expected calibration error of the probability, ten bins.
    pub(super) ece: f64,
}

/// From features to the probability that the view is PA.
struct Probe {
    mean: Array1<f32>,
    deviation: Array1<f32>,
    weight: Array1<f32>,
    bias: f32,
}

impl Probe {
    fn fit(images: &[(&Signs, bool)]) -> Self {
        let features = images.first().map_or(0, |(signs, _)| signs.features.len());
        let count = images.len().max(1) as f32;
        let mut mean = Array1::<f32>::zeros(features);
        images.iter().for_each(|(signs, _)| mean += &(&signs.features / count));
        let mut variance = Array1::<f32>::zeros(features);
        for (signs, _) in images {
            let difference = &signs.features - &mean;
            variance += &(&difference * &difference / count);
        }
        let deviation = variance.mapv(|value| value.sqrt().max(LEAST_DEVIATION));
        let mut probe = Self { mean, deviation, weight: Array1::zeros(features), bias: 0.0 };
        let rows: Vec<(Array1<f32>, f32)> = images
            .iter()
            .map(|(signs, is_pa)| (probe.standard(signs), f32::from(u8::from(*is_pa))))
            .collect();
        for _ in 0..STEPS {
            let mut slope = &probe.weight * RIDGE;
            let mut bias = 0.0;
            for (row, truth) in &rows {
                let error = (probe.of_row(row) - truth) / count;
                slope.scaled_add(error, row);
                bias += error;
            }
            probe.weight.scaled_add(-RATE, &slope);
            probe.bias -= RATE * bias;
        }
        probe
    }

    fn standard(&self, signs: &Signs) -> Array1<f32> {
        (&signs.features - &self.mean) / &self.deviation
    }

    fn of_row(&self, row: &Array1<f32>) -> f32 {
        1.0 / (1.0 + (-(self.weight.dot(row) + self.bias)).exp())
    }
}

/// Fits on the first and measures on the second images, each with whether its view is PA and, of the second, its
/// patient. `None` where one side has no image.
pub(super) fn measure(
    training: &[(&Signs, bool)],
    held_back: &[(&Signs, bool, &str)],
) -> Option<ViewFigures> {
    if training.is_empty() || held_back.is_empty() {
        return None;
    }
    let probe = Probe::fit(training);
    let scored: Vec<Scored> = held_back
        .iter()
        .map(|(signs, is_pa, patient)| Scored {
            probability: f64::from(probe.of_row(&probe.standard(signs))),
            positive: *is_pa,
            group: (*patient).to_owned(),
        })
        .collect();
    let figures = Figures::measure(&scored, 0.5, SEED);
    Some(ViewFigures {
        auc: figures.auc,
        accuracy: Rate::of(scored.iter().map(|one| (one.probability >= 0.5) == one.positive)),
        ece: figures.ece,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(features: [f32; 2]) -> Signs {
        Signs { logits: Vec::new(), features: Array1::from_vec(features.to_vec()), likeness: 0.0 }
    }

    #[test]
    fn a_feature_that_tells_the_view_is_found_and_one_that_does_not_is_not() {
        let wave = |index: usize| ((index * 37 % 101) as f32 / 50.0) - 1.0;
        let all: Vec<(Signs, bool)> = (0..200)
            .map(|index| {
                (
                    signs([wave(index) + if index.is_multiple_of(2) { 3.0 } else { 0.0 }, wave(index + 7)]),
                    index.is_multiple_of(2),
                )
            })
            .collect();
        let training: Vec<_> = all.iter().take(100).map(|(signs, is_pa)| (signs, *is_pa)).collect();
        let held: Vec<_> = all.iter().skip(100).map(|(signs, is_pa)| (signs, *is_pa, "p")).collect();
        let told = measure(&training, &held).unwrap();
        assert_eq!((told.accuracy.images, told.accuracy.held), (100, 100));
        let blind: Vec<_> = all.iter().map(|(one, is_pa)| (signs([0.0, one.features[1]]), *is_pa)).collect();
        let training: Vec<_> = blind.iter().take(100).map(|(signs, is_pa)| (signs, *is_pa)).collect();
        let held: Vec<_> = blind.iter().skip(100).map(|(signs, is_pa)| (signs, *is_pa, "p")).collect();
        assert!(measure(&training, &held).unwrap().accuracy.held < 70);
        assert_eq!(measure(&[], &held), None);
    }
}
