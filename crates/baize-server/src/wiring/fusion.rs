//! Fusion of images and triage from the configuration.

use anyhow::Context as _;
use baize_fusion::FusionRules;

use crate::config::Config;

/// The rules of the file that the configuration names, or the built-in ones.
///
/// # Errors
/// A file that cannot be read, or that does not hold: its line and the remedy.
pub(crate) fn fusion_rules(config: &Config) -> anyhow::Result<FusionRules> {
    let Some(path) = &config.fusion.rules else { return Ok(FusionRules::builtin()?) };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("fusion.rules: cannot read {}", path.display()))?;
    FusionRules::parse(&text, &path.display().to_string()).context("fusion.rules")
}
