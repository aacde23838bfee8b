//! What members say about images that they never saw.

use anyhow::Result;
use burn::tensor::Device;

use crate::assemble::Odds;
use crate::metrics::Scored;
use crate::trainer::{Plan, logits};
use crate::training::Trained;
use crate::validation::{Kind, views};

/// The logits of all images that some member never saw, each from that member.
pub(crate) struct Unseen {
    /// Which image of all.
    pub(crate) images: Vec<usize>,
    /// Its logits, as many as the network has outputs.
    rows: Vec<Vec<f64>>,
}

impl Unseen {
    /// Asks every member about its own fold, shown in this way.
    ///
    /// # Errors
    /// Where a batch can't be made.
    pub(crate) fn ask(plan: &Plan, trained: &Trained, kind: Kind) -> Result<Self> {
        let (mut images, mut rows) = (Vec::new(), Vec::new());
        for (member, network) in trained.members.iter().enumerate() {
            let own = trained.unseen(member);
            let views = views(plan, &trained.samples, &own, kind);
            rows.extend(logits(network, &views, plan, &Device::flex())?);
            images.extend(own);
        }
        Ok(Self { images, rows })
    }

    /// One output's logits.
    pub(crate) fn logits(&self, output: usize) -> Vec<f64> {
        self.rows.iter().map(|row| row[output]).collect()
    }

    /// Whether what the output stands for is there.
    pub(crate) fn truths(&self, trained: &Trained, output: usize) -> Vec<bool> {
        self.images.iter().map(|index| trained.samples[*index].truths[output]).collect()
    }

    /// One output's probabilities with the truth.
    pub(crate) fn scored(&self, trained: &Trained, output: usize, odds: Odds) -> Vec<Scored> {
        let one = |(index, row): (&usize, &Vec<f64>)| Scored {
            probability: odds.probability(row[output]),
            positive: trained.samples[*index].truths[output],
            group: trained.samples[*index].patient.clone(),
        };
        self.images.iter().zip(&self.rows).map(one).collect()
    }
}
