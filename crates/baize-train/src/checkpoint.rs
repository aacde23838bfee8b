//! Keeping a run on disk, so that it goes on after a kill as if nothing had happened.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::learner::Learner;

#[derive(Serialize, Deserialize)]
struct State<P, H> {
    plan: P,
    epoch: usize,
    history: Vec<H>,
    average: Vec<f32>,
}

fn folder(out: &Path) -> PathBuf {
    out.join("checkpoint")
}

/// Writes the whole run (its plan, how many epochs are done, what each gave) beside the last checkpoint and then takes
/// its place by a rename.
///
/// # Errors
/// Where the disk refuses.
pub(crate) fn save<P: Serialize, H: Serialize>(
    out: &Path,
    plan: &P,
    learner: &Learner,
    epoch: usize,
    history: &[H],
) -> Result<()> {
    let fresh = out.join("checkpoint.new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir_all(&fresh)?;
    learner.save(&fresh)?;
    let state = State { plan, epoch, history: history.iter().collect(), average: learner.average.clone() };
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

/// The run that [`save`] kept, where there is one: the learner, how many epochs are done, and what each gave. `fresh`
/// makes a learner of the plan.
///
/// # Errors
/// Where the checkpoint is of another plan, or is damaged.
pub(crate) fn load<P: DeserializeOwned + PartialEq, H: DeserializeOwned>(
    out: &Path,
    plan: &P,
    fresh: impl FnOnce() -> Learner,
) -> Result<Option<(Learner, usize, Vec<H>)>> {
    // A kill between the two renames leaves only the old one.
    let found = [folder(out), out.join("checkpoint.old")].into_iter().find(|path| path.exists());
    let Some(folder) = found else { return Ok(None) };
    let text = fs::read(folder.join("state.json")).with_context(|| format!("in {}", folder.display()))?;
    let other_settings = || {
        format!(
            "{} belongs to a run with other settings: give another --out or remove it",
            folder.display()
        )
    };
    let state: State<P, H> = serde_json::from_slice(&text).with_context(other_settings)?;
    ensure!(state.plan == *plan, other_settings());
    Ok(Some((fresh().restore(&folder, state.average)?, state.epoch, state.history)))
}
