//! `baize train cxr`: from labelled images to a folder that the server can load.

use std::path::PathBuf;

use anyhow::{Context, Result};
use baize_models::Normalisation;
use baize_models::networks::ResidualShape;
use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::augment::{Strength, augment};
use crate::checkpoint;
use crate::data::{self, Sample, Split};
use crate::export::{Finished, export};
use crate::metrics::{Scored, auc};
use crate::trainer::{Plan, Session, logits, sample_rng, serving_view};

/// Epochs between two validations.
const VALIDATE_EVERY: usize = 4;

/// Trains the paediatric pneumonia network.
#[derive(Clone, Debug, clap::Args)]
pub struct CxrTraining {
    /// The images: a tar archive or a folder.
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// CSV file with the columns path, pneumonia (0 or 1) and patient.
    #[arg(long, value_name = "CSV")]
    pub labels: PathBuf,
    /// Folder for the checkpoint and, in the end, the weights, manifest, card and metrics. A run that was
    /// interrupted goes on from its checkpoint here.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Epochs of as many images as the rarer class has, twice.
    #[arg(long, default_value_t = 48)]
    pub epochs: usize,
    /// Decides the split, the first weights and every random change.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl CxrTraining {
    fn plan(&self) -> Plan {
        Plan {
            network: ResidualShape { stem: 16, widths: vec![32, 64, 128], blocks: vec![1, 2, 2], members: 1 },
            size: 128,
            normalisation: Normalisation::STANDARD,
            epochs: self.epochs,
            batch: 32,
            peak_rate: 2e-3,
            weight_decay: 0.05,
            smoothing: 0.03,
            average: 0.997,
            validation: 0.12,
            seed: self.seed,
        }
    }

    /// Runs, or goes on with, the training. Returns the folder that the server can load.
    ///
    /// # Errors
    /// Where the images can't be read, the folder can't be written, or the loss diverges.
    pub fn run(&self) -> Result<PathBuf> {
        let device = Device::flex();
        let plan = self.plan();
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let samples = data::read(&self.data, &self.labels)?;
        let split = data::split(&samples, plan.validation, plan.seed)?;
        let validation = Validation::new(&plan, &samples, &split);
        tracing::info!(training = split.training.len(), validation = split.validation.len(), "images read");

        let mut session = Session::start(plan.clone(), &device);
        let mut history = Vec::new();
        let fresh = || Session::start(plan.clone(), &device).learner;
        if let Some((learner, epoch, before)) = checkpoint::load(&self.out, &plan, fresh)? {
            tracing::info!(epochs = epoch, "going on from the checkpoint");
            (session.learner, session.epoch, history) = (learner, epoch, before);
        }
        let bar = progress_bar(plan.epochs);
        while session.epoch < plan.epochs {
            let epoch = session.epoch + 1;
            bar.set_position(session.epoch as u64);
            let loss = session.train_epoch(&samples, &split.training, |step, steps, loss| {
                bar.set_message(format!("step {step}/{steps}, loss {loss:.3}"));
                bar.tick();
            })?;
            let mut entry = Epoch { epoch, loss, auc: None, auc_shifted: None };
            if epoch.is_multiple_of(VALIDATE_EVERY) || epoch == plan.epochs {
                let (plain, shifted) = validation.scores(&plan, &session, &device)?;
                entry.auc = Some(validation.auc(&plain));
                entry.auc_shifted = Some(validation.auc(&shifted));
            }
            tracing::info!(epoch, loss, auc = entry.auc, auc_shifted = entry.auc_shifted, "epoch done");
            history.push(entry);
            checkpoint::save(&self.out, &plan, &session.learner, session.epoch, &history)?;
        }
        bar.finish_and_clear();
        export(
            &self.out,
            &Finished {
                session: &session,
                history: &history,
                samples: &samples,
                split: &split,
                validation: &validation,
                command: format!(
                    "baize train cxr --data kermany_train.tar --labels kermany_train.csv --epochs {} --seed {}",
                    self.epochs, self.seed
                ),
            },
        )
    }
}

/// One line of the run's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    /// Counted from 1.
    pub(crate) epoch: usize,
    /// Mean training loss.
    pub(crate) loss: f32,
    /// AUC of the averaged weights on the validation images as they are; absent where not measured.
    pub(crate) auc: Option<f64>,
    /// The same on the validation images as another site might make them.
    pub(crate) auc_shifted: Option<f64>,
}

/// The validation images, as the server would see them and as another site might make them.
pub(crate) struct Validation {
    plain: Vec<Array2<f32>>,
    shifted: Vec<Array2<f32>>,
    pub(crate) positive: Vec<bool>,
}

impl Validation {
    pub(crate) fn new(plan: &Plan, samples: &[Sample], split: &Split) -> Self {
        let plain =
            split.validation.par_iter().map(|&index| serving_view(plan, samples[index].pixels.view()));
        let shifted = split.validation.par_iter().map(|&index| {
            let mut rng = sample_rng(!plan.seed, 0, index);
            augment(
                samples[index].pixels.view(),
                plan.size,
                &plan.normalisation,
                &Strength::SHIFTED,
                &mut rng,
            )
        });
        Self {
            plain: plain.collect(),
            shifted: shifted.collect(),
            positive: split.validation.iter().map(|&index| samples[index].positive).collect(),
        }
    }

    /// The images as the server would prepare them.
    pub(crate) fn plain(&self) -> &[Array2<f32>] {
        &self.plain
    }

    /// The images as another site might make them.
    pub(crate) fn shifted(&self) -> &[Array2<f32>] {
        &self.shifted
    }

    fn auc(&self, logits: &[f64]) -> f64 {
        let one = |(logit, positive): (&f64, &bool)| Scored {
            probability: *logit,
            positive: *positive,
            group: String::new(),
        };
        auc(&logits.iter().zip(&self.positive).map(one).collect::<Vec<_>>())
    }

    /// Logits of the averaged weights on both kinds of images.
    pub(crate) fn scores(
        &self,
        plan: &Plan,
        session: &Session,
        device: &Device,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let net = session.averaged();
        Ok((logits(&net, &self.plain, plan.size, device)?, logits(&net, &self.shifted, plan.size, device)?))
    }
}

pub(crate) fn progress_bar(epochs: usize) -> ProgressBar {
    let bar = ProgressBar::new(epochs as u64);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} epoch {pos}/{len} [{elapsed}, {eta} left] {msg}")
    {
        bar.set_style(style);
    }
    bar
}
