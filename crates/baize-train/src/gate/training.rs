//! `baize train gate`: from labelled images to a folder that the server can load.

use std::path::PathBuf;

use anyhow::{Context, Result};
use baize_models::Normalisation;
use baize_models::networks::ResidualShape;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::export::{Finished, export};
use super::session::{Plan, Session};
use super::sources;
use crate::checkpoint;
use crate::training::progress_bar;

/// Trains the gate, which tells from the pixels what an image shows.
#[derive(Clone, Debug, clap::Args)]
pub struct GateTraining {
    /// Folder with mednist_train.tar, kermany_train.tar, kermany_train.csv, nih_adult_trainval.tar and
    /// nih_adult_trainval.csv.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder for the checkpoint and, in the end, the weights, manifest, card and metrics. A run that was
    /// interrupted goes on from its checkpoint here.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Epochs of `--images` images.
    #[arg(long, default_value_t = 18)]
    pub epochs: usize,
    /// Images of an epoch.
    #[arg(long, default_value_t = 14_400)]
    pub images: usize,
    /// Decides the split, the first weights and every random change.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// One line of the run's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Epoch {
    /// Counted from 1.
    pub(super) epoch: usize,
    /// Mean training loss.
    pub(super) loss: f32,
}

impl GateTraining {
    fn plan(&self) -> Plan {
        Plan {
            network: ResidualShape { stem: 16, widths: vec![20, 40, 80], blocks: vec![1, 1, 1], members: 1 },
            size: 64,
            normalisation: Normalisation::STANDARD,
            epochs: self.epochs,
            images: self.images,
            batch: 64,
            peak_rate: 4e-3,
            weight_decay: 0.02,
            smoothing: 0.02,
            average: 0.995,
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
        let pictures = sources::read(&self.data)?;
        let split = sources::split(&pictures, plan.seed);
        tracing::info!(training = split.training.len(), validation = split.validation.len(), "images read");

        let mut session = Session::start(plan.clone(), &device);
        let mut history: Vec<Epoch> = Vec::new();
        let fresh = || Session::start(plan.clone(), &device).learner;
        if let Some((learner, epoch, before)) = checkpoint::load(&self.out, &plan, fresh)? {
            tracing::info!(epochs = epoch, "going on from the checkpoint");
            (session.learner, session.epoch, history) = (learner, epoch, before);
        }
        let bar = progress_bar(plan.epochs);
        while session.epoch < plan.epochs {
            bar.set_position(session.epoch as u64);
            let loss = session.train_epoch(&pictures, &split.training, |step, steps, loss| {
                bar.set_message(format!("step {step}/{steps}, loss {loss:.3}"));
                bar.tick();
            })?;
            tracing::info!(epoch = session.epoch, loss, "epoch done");
            history.push(Epoch { epoch: session.epoch, loss });
            checkpoint::save(&self.out, &plan, &session.learner, session.epoch, &history)?;
        }
        bar.finish_and_clear();
        let (epochs, images, seed) = (self.epochs, self.images, self.seed);
        export(
            &self.out,
            &Finished {
                session: &session,
                history: &history,
                pictures: &pictures,
                split: &split,
                command: format!("baize train gate --epochs {epochs} --images {images} --seed {seed}"),
            },
        )
    }
}
