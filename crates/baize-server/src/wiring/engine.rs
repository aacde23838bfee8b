//! Models and engine from the configuration.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use baize_core::SystemClock;
use baize_engine::{Due, Engine, EngineConfig, Outside, Patience, Storage};
use baize_models::{Catalog, Compute, Entry};
use baize_sched::Bucket;

use super::{MIB, guidance};
use crate::config::Config;

/// Of the jobs and bytes in memory, the share that only STAT work may take: one in this many.
const STAT_SHARE: u64 = 8;

/// The models that shall run: those named, or the newest version of each that is no preview.
///
/// # Errors
/// A name that is not installed, listed with those that are; no model at all.
pub(crate) fn enabled_models<'a>(catalog: &'a Catalog, enabled: &[String]) -> anyhow::Result<Vec<&'a Entry>> {
    let installed: Vec<&Entry> = catalog.iter().collect();
    let newest_of = |id: &str| installed.iter().rev().find(|entry| entry.manifest.model().id == id).copied();
    let ready = |entry: &&&Entry| !entry.manifest.file().preview;
    if !enabled.is_empty() {
        return enabled
            .iter()
            .map(|name| {
                let exact =
                    installed.iter().find(|entry| entry.manifest.model().to_string() == *name).copied();
                exact.or_else(|| newest_of(name)).with_context(|| {
                    let known: Vec<_> =
                        installed.iter().map(|entry| entry.manifest.model().to_string()).collect();
                    format!("models.enabled: '{name}' is not installed; there are: {}", known.join(", "))
                })
            })
            .collect();
    }
    let mut newest: Vec<&Entry> = Vec::new();
    for entry in installed.iter().filter(ready).rev() {
        if newest.iter().all(|newer| newer.manifest.file().id != entry.manifest.file().id) {
            newest.insert(0, entry);
        }
    }
    anyhow::ensure!(
        !newest.is_empty(),
        "models.weights_dir holds no model but, perhaps, previews: name one in models.enabled"
    );
    Ok(newest)
}

/// The server's engine.
///
/// # Errors
/// A model that is missing or does not load; settings that the engine refuses.
pub(crate) async fn start_engine(config: &Config, storage: Option<Storage>) -> anyhow::Result<Arc<Engine>> {
    let compute: Compute = config.engine.compute.parse().context("engine.compute")?;
    let device = compute.resolve().context("engine.compute")?;
    let weights_dir = config.models.weights_dir.clone();
    let enabled = config.models.enabled.clone();
    let name = device.to_string();
    // Checksums and weights are read from disk and unpacked: not on a thread that serves requests.
    let chosen = config.clone();
    let (executors, guidance) = tokio::task::spawn_blocking(move || {
        let catalog = Catalog::open(&weights_dir)?;
        let executors = enabled_models(&catalog, &enabled)?
            .into_iter()
            .map(|entry| Ok(baize_models::load(entry, &device)?))
            .collect::<anyhow::Result<Vec<_>>>()?;
        anyhow::Ok((executors, guidance(&chosen, &weights_dir)?))
    })
    .await??;
    let clock = Arc::new(SystemClock);
    let engine = Engine::start(settings(config)?, executors, guidance, name, clock, storage).await?;
    Ok(Arc::new(engine))
}

/// An engine that only reads, for `baize infer`.
///
/// # Errors
/// As [`start_engine`].
pub(crate) async fn offline_engine(config: &Config) -> anyhow::Result<Arc<Engine>> {
    start_engine(config, None).await
}

fn settings(config: &Config) -> anyhow::Result<EngineConfig> {
    let engine = &config.engine;
    let decoded_bytes = engine.decoded_budget_mib * MIB;
    let bucket = |key: &str, size| Bucket::of_size(size).with_context(|| format!("engine.{key} = {size}"));
    Ok(EngineConfig {
        limits: image_limits(config),
        receive_bytes: config.limits.receive_budget_mib * MIB,
        threads: engine.decode_threads,
        admission: baize_sched::Limits {
            jobs: engine.max_jobs,
            bytes: decoded_bytes,
            stat_jobs: engine.max_jobs / STAT_SHARE as usize,
            stat_bytes: decoded_bytes / STAT_SHARE,
        },
        largest_bucket: bucket("largest_bucket", engine.largest_bucket)?,
        routine_bucket: bucket("routine_bucket", engine.routine_bucket)?,
        stat_budget: Some(Duration::from_millis(engine.stat_blocking_ms)),
        delay: Duration::ZERO,
        due: Due {
            stat: Duration::from_secs(config.lanes.stat_seconds),
            urgent: Duration::from_secs(config.lanes.urgent_seconds),
            routine: Duration::from_secs(config.lanes.routine_seconds),
        },
        outside: if engine.research_mode { Outside::Score } else { Outside::Refuse },
        drain_timeout: Duration::from_secs(engine.drain_seconds),
    })
}

/// When a study is taken as complete.
pub(super) fn patience(config: &Config) -> Patience {
    Patience {
        quiet: Duration::from_secs(config.studies.quiet_seconds),
        stow: Duration::from_secs(config.studies.stow_quiet_seconds),
    }
}

/// How large an object may be.
pub(crate) fn image_limits(config: &Config) -> baize_imaging::Limits {
    baize_imaging::Limits {
        max_object_bytes: config.limits.max_object_mib * MIB,
        max_pixels: config.limits.max_pixels,
    }
}
