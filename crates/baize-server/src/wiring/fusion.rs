//! Fusion of images and triage from the configuration.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use baize_core::SystemClock;
use baize_desk::{Desk, Fusion, FusionParts, MonitorParts, Monitors};
use baize_engine::Engine;
use baize_fusion::FusionRules;
use baize_store::SqliteLedger;

use crate::config::Config;

const MINUTE: Duration = Duration::from_secs(60);

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

/// The workers that bring images and monitors to the desk. Reads the rules: not for a thread that serves requests.
///
/// # Errors
/// As [`fusion_rules`].
pub(super) fn open(
    config: &Config,
    desk: &Arc<Desk>,
    ledger: &Arc<SqliteLedger>,
    engine: &Arc<Engine>,
) -> anyhow::Result<(Arc<Fusion>, Arc<Monitors>)> {
    let rules = Arc::new(fusion_rules(config)?);
    let minutes = |count: u64| MINUTE.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    let fusion = Fusion::new(FusionParts {
        desk: desk.clone(),
        rules: rules.clone(),
        records: ledger.clone(),
        hospital: ledger.clone(),
        studies: ledger.clone(),
        urgency: engine.clone(),
        announce: engine.clone(),
        clock: Arc::new(SystemClock),
        warn_after: minutes(config.fusion.acknowledge_minutes),
    });
    let monitors = Monitors::new(MonitorParts {
        desk: desk.clone(),
        rules,
        feed: ledger.clone(),
        records: ledger.clone(),
        clock: Arc::new(SystemClock),
        wait: minutes(config.fusion.monitor_wait_minutes),
    });
    Ok((Arc::new(fusion), Arc::new(monitors)))
}
