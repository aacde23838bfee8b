//! `baize train cxr` and `baize train screen`: from labelled images to a folder that the server can load.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baize_models::networks::ResidualNet;
use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::data::{self, Sample, Truth};
use crate::export::Finished;
use crate::start::Start;
use crate::trainer::{Lessons, Plan, Session};
use crate::validation::Validation;
use crate::{checkpoint, paediatric, screen, task};

/// Epochs between two validations.
const VALIDATE_EVERY: usize = 10;

/// Trains the paediatric pneumonia network.
#[derive(Clone, Debug, clap::Args)]
pub struct CxrTraining {
    /// The images: a tar archive or a folder.
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// CSV file with the columns path, pneumonia (0 or 1), kind (bacterial, viral or empty) and patient.
    #[arg(long, value_name = "CSV")]
    pub labels: PathBuf,
    /// Folder for the checkpoints and, in the end, the weights, manifest, card and metrics. A run that was
    /// interrupted goes on from its checkpoint here.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Epochs of each member, of as many images as the rarer class has, twice.
    #[arg(long, default_value_t = 20)]
    pub epochs: usize,
    /// Decides the first weights and every random change.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl CxrTraining {
    /// Runs, or goes on with, the training. Returns the folder that the server can load.
    ///
    /// # Errors
    /// Where the images can't be read, the folder can't be written, or the loss diverges.
    pub fn run(&self) -> Result<PathBuf> {
        let plan = task::paediatric(self.epochs, self.seed);
        let trained = train(&plan, &self.data, &self.labels, &task::paediatric_truths(), &self.out, None)?;
        let (epochs, seed) = (self.epochs, self.seed);
        paediatric::export(
            &self.out,
            &Finished {
                trained: &trained,
                plan: &plan,
                command: format!(
                    "baize train cxr --data kermany_train.tar --labels kermany_train.csv --epochs {epochs} --seed {seed}"
                ),
            },
        )
    }
}

/// Trains the screen for chest radiographs of adults.
#[derive(Clone, Debug, clap::Args)]
pub struct ScreenTraining {
    /// The images: a tar archive or a folder.
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// CSV file with the columns path, patient, source, view, and one of 0 or 1 for each finding and for no_finding.
    #[arg(long, value_name = "CSV")]
    pub labels: PathBuf,
    /// The folder of the version of cxr-pneumonia-paed whose first member the networks start from.
    #[arg(long, value_name = "DIR")]
    pub start: PathBuf,
    /// Folder for the checkpoints and, in the end, the weights, manifest, card and metrics. A run that was
    /// interrupted goes on from its checkpoint here.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Epochs of each member.
    #[arg(long, default_value_t = 30)]
    pub epochs: usize,
    /// Decides the folds, the first heads and every random change.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl ScreenTraining {
    /// Runs, or goes on with, the training. Returns the folder that the server can load.
    ///
    /// # Errors
    /// As [`CxrTraining::run`], and where the model to start from does not fit.
    pub fn run(&self) -> Result<PathBuf> {
        let start = Start::open(&self.start)?;
        let plan = task::adult(self.epochs, self.seed, Some(start.sha256.clone()));
        let truths = task::adult_truths();
        let trained = train(&plan, &self.data, &self.labels, &truths, &self.out, Some(&start))?;
        let (epochs, seed) = (self.epochs, self.seed);
        screen::export(
            &self.out,
            &Finished {
                trained: &trained,
                plan: &plan,
                command: format!(
                    "baize train screen --data nih_adult_trainval.tar --labels nih_adult_trainval.csv --start {} \
                     --epochs {epochs} --seed {seed}",
                    start.place
                ),
            },
        )
    }
}

/// One line of a member's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    /// Counted from 1.
    pub(crate) epoch: usize,
    /// Mean training loss.
    pub(crate) loss: f32,
    /// Mean AUC of the averaged weights on the images of the member's own fold; absent where not measured.
    pub(crate) auc: Option<f64>,
    /// The same on these images as another site might make them.
    pub(crate) auc_shifted: Option<f64>,
}

/// The members of a finished run, with the images.
pub(crate) struct Trained {
    pub(crate) samples: Vec<Sample>,
    /// The fold of each image.
    pub(crate) folds: Vec<usize>,
    /// The averaged networks, without autodiff; member `n` never saw fold `n`.
    pub(crate) members: Vec<ResidualNet>,
    pub(crate) history: Vec<Vec<Epoch>>,
}

impl Trained {
    /// The images that a member never saw.
    pub(crate) fn unseen(&self, member: usize) -> Vec<usize> {
        (0..self.samples.len()).filter(|index| self.folds[*index] == member).collect()
    }
}

/// Trains all members, one after another, or goes on where an earlier run stopped.
fn train(
    plan: &Plan,
    images: &Path,
    labels: &Path,
    truths: &[Truth],
    out: &Path,
    start: Option<&Start>,
) -> Result<Trained> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let samples = data::read(images, labels, truths)?;
    let folds = data::folds(&samples, plan.labels, plan.folds, plan.deal, plan.seed)?;
    tracing::info!(images = samples.len(), members = plan.members, "images read");
    let mut trained = Trained { samples, folds, members: Vec::new(), history: Vec::new() };
    let bar = progress_bar(plan.members * plan.epochs);
    for member in 0..plan.members {
        let folder = out.join(format!("member-{}", member + 1));
        let (network, history) = train_member(plan, &trained, member, &folder, start, &bar)?;
        trained.members.push(network);
        trained.history.push(history);
    }
    bar.finish_and_clear();
    Ok(trained)
}

fn train_member(
    plan: &Plan,
    trained: &Trained,
    member: usize,
    folder: &Path,
    start: Option<&Start>,
    bar: &ProgressBar,
) -> Result<(ResidualNet, Vec<Epoch>)> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let device = Device::flex();
    let fresh = || {
        let mut session = Session::start(plan.clone(), member, &device);
        if let Some(start) = start {
            session.learner.begin_with(start.trunk());
        }
        session
    };
    let mut session = fresh();
    let mut history: Vec<Epoch> = Vec::new();
    if let Some((learner, epoch, before)) = checkpoint::load(folder, plan, || fresh().learner)? {
        tracing::info!(member = member + 1, epochs = epoch, "going on from the checkpoint");
        (session.learner, session.epoch, history) = (learner, epoch, before);
    }
    if session.epoch == plan.epochs {
        return Ok((session.averaged(), history));
    }
    let samples = &trained.samples;
    let training = (0..samples.len()).filter(|index| trained.folds[*index] != member).collect();
    let lessons = Lessons::new(plan, samples, training);
    let validation = Validation::new(plan, samples, &trained.unseen(member));
    let mut measured = String::new();
    while session.epoch < plan.epochs {
        let epoch = session.epoch + 1;
        bar.set_position((member * plan.epochs + session.epoch) as u64);
        let loss = session.train_epoch(&lessons, |step, steps, loss| {
            bar.set_message(format!(
                "member {}/{}, step {step}/{steps}, loss {loss:.3}{measured}",
                member + 1,
                plan.members
            ));
            bar.tick();
        })?;
        let mut entry = Epoch { epoch, loss, auc: None, auc_shifted: None };
        if epoch.is_multiple_of(VALIDATE_EVERY) || epoch == plan.epochs {
            let [plain, shifted] = validation.auc(&session.averaged(), plan, &device)?;
            (entry.auc, entry.auc_shifted) = (Some(plain), Some(shifted));
            measured = format!(", validation AUC {plain:.3}, shifted {shifted:.3}");
        }
        tracing::info!(
            member = member + 1,
            epoch,
            loss,
            auc = entry.auc,
            auc_shifted = entry.auc_shifted,
            "epoch done"
        );
        history.push(entry);
        checkpoint::save(folder, plan, &session.learner, session.epoch, &history)?;
    }
    Ok((session.averaged(), history))
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
