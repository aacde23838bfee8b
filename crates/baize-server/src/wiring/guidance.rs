//! Routing rules and gate from the configuration.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use baize_engine::{Gatekeeper, Guidance};
use baize_models::gate;
use baize_routing::Rules;

use crate::config::Config;

/// The rules of the file that the configuration names, or the built-in ones.
///
/// # Errors
/// A file that cannot be read, or that does not hold: its line and the remedy.
pub(crate) fn routing_rules(config: &Config) -> anyhow::Result<Rules> {
    let Some(path) = &config.routing.rules else { return Ok(Rules::builtin()?) };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("routing.rules: cannot read {}", path.display()))?;
    Rules::parse(&text, &path.display().to_string()).context("routing.rules")
}

/// Rules and gate. Reads weights from disk: not for a thread that serves requests.
///
/// # Errors
/// As [`routing_rules`]; a gate that does not load.
pub(crate) fn guidance(config: &Config, weights_dir: &Path) -> anyhow::Result<Guidance> {
    let gate = gate::newest(weights_dir)?.map(|gate| -> Arc<dyn Gatekeeper> { gate });
    Ok(Guidance { rules: routing_rules(config)?, gate })
}
