//! Starting from the trunk of a model that has learnt something like it.

use std::path::Path;

use anyhow::{Result, bail};
use baize_models::networks::ResidualTrunk;
use baize_models::{Entry, NetworkFile, sha256_hex};
use burn::module::Module;
use burn::tensor::Device;

use crate::weights::flatten;

/// A model to start from.
pub(crate) struct Start {
    trunk: ResidualTrunk,
    /// Of the trunk's values.
    pub(crate) sha256: String,
    /// Its folder's place among the models, for the command that a reader would type.
    pub(crate) place: String,
}

impl Start {
    /// Reads an installed version.
    ///
    /// # Errors
    /// Where it does not hold, or is no residual network.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let entry = Entry::open(folder)?;
        let file = entry.manifest.file();
        let NetworkFile::ResidualCnn(shape) = &file.network else {
            bail!("{} is no residual network", folder.display());
        };
        let network = shape.init(file.labels.len(), &Device::flex()).try_load_file(entry.weights_path())?;
        let Some(trunk) = network.trunks.first().cloned() else {
            bail!("{} has no member", folder.display())
        };
        let values = flatten(&trunk).into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        Ok(Self {
            trunk,
            sha256: sha256_hex(&values),
            place: format!("weights/{}/{}", file.id, file.version),
        })
    }

    /// Its first member.
    pub(crate) fn trunk(&self) -> ResidualTrunk {
        self.trunk.clone()
    }
}
