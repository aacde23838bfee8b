//! The images that a member never saw, as they are and as other sites might have made them.

use anyhow::Result;
use baize_models::networks::ResidualNet;
use burn::tensor::Device;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::augment::{Strength, augment};
use crate::data::Sample;
use crate::metrics::{Scored, auc};
use crate::trainer::{Plan, logits, sample_rng, serving_view};

/// How validation images are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// As the server would prepare them.
    Plain,
    /// As another site might make them.
    Shifted,
    /// As a site might make them whose healthy patients look ill.
    Harsh,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Shifted, Self::Harsh];

    fn strength(self) -> Option<Strength> {
        match self {
            Self::Plain => None,
            Self::Shifted => Some(Strength::SHIFTED),
            Self::Harsh => Some(Strength::HARSH),
        }
    }
}

/// These images of all, prepared in one way.
pub(crate) fn views(plan: &Plan, samples: &[Sample], indices: &[usize], kind: Kind) -> Vec<Array2<f32>> {
    let view = |&index: &usize| {
        let pixels = samples[index].pixels.view();
        match kind.strength() {
            None => serving_view(plan, pixels),
            Some(strength) => {
                let mut rng = sample_rng(!plan.seed, kind as usize, index);
                augment(pixels, plan.size, &plan.normalisation, &strength, &mut rng)
            }
        }
    };
    indices.par_iter().map(view).collect()
}

/// What a member is watched by while it learns.
pub(crate) struct Validation {
    plain: Vec<Array2<f32>>,
    shifted: Vec<Array2<f32>>,
    truths: Vec<Vec<bool>>,
}

impl Validation {
    /// On these images of all.
    pub(crate) fn new(plan: &Plan, samples: &[Sample], indices: &[usize]) -> Self {
        Self {
            plain: views(plan, samples, indices, Kind::Plain),
            shifted: views(plan, samples, indices, Kind::Shifted),
            truths: indices.iter().map(|&index| samples[index].truths.clone()).collect(),
        }
    }

    /// The mean AUC over the labels, on plain and on shifted images.
    ///
    /// # Errors
    /// Where a batch can't be made.
    pub(crate) fn auc(&self, net: &ResidualNet, plan: &Plan, device: &Device) -> Result<[f64; 2]> {
        let of = |views: &[Array2<f32>]| -> Result<f64> {
            let rows = logits(net, views, plan, device)?;
            let label = |label: usize| {
                let one = |(row, truths): (&Vec<f64>, &Vec<bool>)| Scored {
                    probability: row[label],
                    positive: truths[label],
                    group: String::new(),
                };
                auc(&rows.iter().zip(&self.truths).map(one).collect::<Vec<_>>())
            };
            Ok((0..plan.labels).map(label).sum::<f64>() / plan.labels as f64)
        };
        Ok([of(&self.plain)?, of(&self.shifted)?])
    }
}
