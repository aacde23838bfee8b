//! Keeping a run on disk, so that it goes on after a kill as if nothing had happened.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::trainer::{Plan, Session};

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

#[derive(Serialize, Deserialize)]
struct State {
    plan: Plan,
    epoch: usize,
    history: Vec<Epoch>,
    average: Vec<f32>,
}

fn folder(out: &Path) -> PathBuf {
    out.join("checkpoint")
}

/// Writes the whole run beside the last checkpoint and then takes its place by a rename.
///
/// # Errors
/// Where the disk refuses.
pub(crate) fn save(out: &Path, session: &Session, history: &[Epoch]) -> Result<()> {
    let fresh = out.join("checkpoint.new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir_all(&fresh)?;
    session.net.valid().save_file(fresh.join("weights.bpk"))?;
    session.optimizer.save(fresh.join("optimizer.bpk"))?;
    let state = State {
        plan: session.plan.clone(),
        epoch: session.epoch,
        history: history.to_vec(),
        average: session.average.clone(),
    };
    fs::write(fresh.join("state.json"), serde_json::to_vec(&state)?)?;
    let (current, old) = (folder(out), out.join("checkpoint.old"));
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    if current.exists() {
        fs::rename(&current, &old)?;
    }
    fs::rename(&fresh, &current)?;
    Ok(())
}

/// The run that [`save`] kept, where there is one.
///
/// # Errors
/// Where the checkpoint is of another plan, or is damaged.
pub(crate) fn load(out: &Path, plan: &Plan, device: &Device) -> Result<Option<(Session, Vec<Epoch>)>> {
    // A kill between the two renames leaves only the old one.
    let found = [folder(out), out.join("checkpoint.old")].into_iter().find(|path| path.exists());
    let Some(folder) = found else { return Ok(None) };
    let text = fs::read(folder.join("state.json")).with_context(|| format!("in {}", folder.display()))?;
    let state: State = serde_json::from_slice(&text).with_context(|| format!("in {}", folder.display()))?;
    ensure!(
        state.plan == *plan,
        "{} belongs to a run with other settings: give another --out or remove it",
        folder.display()
    );
    let mut session = Session::start(plan.clone(), device);
    session.net = session.net.valid().try_load_file(folder.join("weights.bpk"))?.train();
    session.optimizer = Session::optimizer(plan).load(folder.join("optimizer.bpk"))?;
    ensure!(state.average.len() == session.average.len(), "{} has a wrong size", folder.display());
    session.average = state.average;
    session.epoch = state.epoch;
    Ok(Some((session, state.history)))
}
