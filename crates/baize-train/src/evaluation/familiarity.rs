//! `baize train familiarity`: what an installed model knows, from images that it was trained or validated on.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};
use baize_models::familiarity::FILE;
use baize_models::{ComputeDevice, Entry, Familiarity};
use ndarray::Array2;
use rayon::prelude::*;
use serde::Deserialize;

use super::{CHUNK, Images};
use crate::scoring::predictions;

/// Notes beside a model's weights what its features look like on images that it knows, so that the server can tell an
/// image that is far from all of them.
#[derive(Clone, Debug, clap::Args)]
pub struct FamiliarityTraining {
    /// CSV file with a column `path`: images that the model was trained or validated on.
    #[arg(long, value_name = "CSV")]
    pub manifest: PathBuf,
    /// The images: a folder or a tar archive.
    #[arg(long, value_name = "PATH")]
    pub root: PathBuf,
}

#[derive(Deserialize)]
struct Row {
    path: String,
}

impl FamiliarityTraining {
    /// Looks at all images and writes `familiarity.toml` into the model's folder. Returns the file.
    ///
    /// # Errors
    /// Where an image is missing or damaged, there are too few, or the folder can't be written.
    pub fn run(&self, entry: &Entry, device: &ComputeDevice) -> Result<PathBuf> {
        let name = self.manifest.display();
        let mut reader =
            csv::Reader::from_path(&self.manifest).with_context(|| format!("cannot open {name}"))?;
        let paths: BTreeSet<String> = reader
            .deserialize()
            .map(|row: Result<Row, _>| row.map(|row| row.path))
            .collect::<Result<_, _>>()
            .with_context(|| format!("in {name}"))?;
        let names: BTreeSet<&str> = paths.iter().map(String::as_str).collect();
        let images = Images::find(&self.root, &names)?;
        let mut executor = baize_models::load(entry, device)?;
        let manifest = &entry.manifest;
        let view = |name: &&str| {
            let picture = images.picture(name)?.with_context(|| format!("cannot read {name}"))?;
            Ok(manifest.prepare(manifest.fit(picture.pixels.view()).pixels.view()))
        };
        let names: Vec<&str> = names.into_iter().collect();
        let mut features = Vec::with_capacity(names.len());
        for chunk in names.chunks(CHUNK) {
            let views: Vec<Array2<f32>> = chunk.par_iter().map(view).collect::<Result<_>>()?;
            features.extend(predictions(executor.as_mut(), &views)?.into_iter().map(|one| one.features));
        }
        let known = Familiarity::learn(manifest, &features).map_err(anyhow::Error::msg)?;
        let file = entry.folder().join(FILE);
        std::fs::write(&file, toml::to_string(&known)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}
