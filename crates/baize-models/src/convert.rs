//! Weights that others have trained, as a model folder of ours.

use std::fs;
use std::path::Path;

use burn::tensor::Device;

use crate::ModelError;
use crate::catalog::{Entry, MANIFEST, sha256_hex};
use crate::networks::Network;
use crate::recipe::{Recipe, WEIGHTS};

/// Reads weights as others saved them (`.pt`, `.pth`, `.onnx`) and writes the model's folder under `weights_dir`, which is
/// returned when it has been read back. An earlier folder of the version is replaced.
///
/// # Errors
/// Weights that are not those of the recipe's network: some missing, of another shape, or more than it has; a folder that
/// cannot be written.
pub fn convert(recipe: &Recipe, weights: &Path, weights_dir: &Path) -> Result<Entry, ModelError> {
    let origin = weights.display().to_string();
    let fail = |problem: String| ModelError::Weights { origin: origin.clone(), problem };
    let source = fs::read(weights).map_err(|source| ModelError::Io { path: weights.to_owned(), source })?;
    let url = recipe.upstream.files.first().map_or("", |file| file.url.as_str());
    let created_by = format!(
        "baize models convert, from {} ({url}, SHA-256 {})",
        recipe.upstream.name,
        sha256_hex(&source)
    );
    let name = weights.file_name().unwrap_or_default().to_string_lossy();
    let draft = recipe.manifest(&name, &sha256_hex(&source), &created_by).map_err(&fail)?;
    let network = Network::load(&draft, source, &Device::flex()).map_err(&fail)?;
    let packed = network.pack().map_err(&fail)?;
    let manifest = recipe.manifest(WEIGHTS, &sha256_hex(&packed), &created_by).map_err(&fail)?;
    let folder = weights_dir.join(&manifest.file().id).join(&manifest.file().version);
    let text = toml::to_string(manifest.file()).map_err(|error| fail(error.to_string()))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|source| ModelError::Io { path, source })
    };
    fs::create_dir_all(&folder).map_err(|source| ModelError::Io { path: folder.clone(), source })?;
    write(WEIGHTS, &packed)?;
    // Last: a folder without a manifest is an error that is seen, weights without theirs are not.
    write(MANIFEST, text.as_bytes())?;
    Entry::open(&folder)
}
