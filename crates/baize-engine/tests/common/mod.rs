//! A ledger, a spool and a model in memory, and an engine around them.

#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod model;
mod storage;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{Acceptance, Door, Intake as _};
use baize_core::{Clock, Fault, Lane, SystemClock};
use baize_engine::{Due, Engine, EngineConfig, Guidance, Outside, Storage};
use baize_models::Manifest;
use baize_routing::Rules;
use baize_sched::Bucket;
use baize_testkit::ObjectBuilder;
use bytes::Bytes;
use prometheus_client::registry::Registry;

pub(crate) use model::{FakeModel, Script, manifest};
pub(crate) use storage::{JobState, MemoryLedger, MemorySpool};

/// Rows and columns of the test images.
pub(crate) const SIDE: u16 = 32;

pub(crate) fn config() -> EngineConfig {
    EngineConfig {
        limits: baize_imaging::Limits { max_object_bytes: 1 << 20, max_pixels: 1 << 20 },
        receive_bytes: 8 << 20,
        threads: 2,
        admission: baize_sched::Limits { jobs: 64, bytes: 1 << 30, stat_jobs: 8, stat_bytes: 1 << 20 },
        largest_bucket: Bucket::of_size(4).unwrap(),
        routine_bucket: Bucket::of_size(4).unwrap(),
        stat_budget: None,
        delay: Duration::ZERO,
        due: Due {
            stat: Duration::from_secs(60),
            urgent: Duration::from_secs(600),
            routine: Duration::from_secs(7200),
        },
        outside: Outside::Score,
        drain_timeout: Duration::from_secs(60),
    }
}

/// No rules and no gate.
pub(crate) fn unguided() -> Guidance {
    Guidance { rules: Rules::parse("", "no rules").unwrap(), gate: None }
}

/// A chest image that no other seed gives.
pub(crate) fn chest(seed: u64) -> ObjectBuilder {
    ObjectBuilder::chest(seed).size(SIDE, SIDE)
}

/// An image of two grey values, on which [`FakeModel`] panics.
pub(crate) fn poison(seed: u64) -> ObjectBuilder {
    let side = usize::from(SIDE);
    let stripes = (0..side * side).map(|index| if index % side < side / 2 { 1000 } else { 3000 }).collect();
    chest(seed).bits(16, 12).window(Some((2048.0, 4096.0))).pixels(stripes)
}

/// An engine with storage in memory and one fake model.
pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) spool: Arc<MemorySpool>,
    pub(crate) script: Arc<Script>,
}

impl Bench {
    pub(crate) async fn start(config: EngineConfig) -> Self {
        let bench =
            Self::on(config, Arc::default(), Arc::default(), Arc::default(), Arc::new(SystemClock)).await;
        bench.engine.warmed_up().await.unwrap();
        bench
    }

    /// An engine on storage that exists; it may still be warming up.
    pub(crate) async fn on(
        config: EngineConfig,
        ledger: Arc<MemoryLedger>,
        spool: Arc<MemorySpool>,
        script: Arc<Script>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::guided(config, manifest(), unguided(), ledger, spool, script, clock).await
    }

    /// An engine whose model has this manifest, behind these rules and this gate.
    pub(crate) async fn guided(
        config: EngineConfig,
        manifest: Manifest,
        guidance: Guidance,
        ledger: Arc<MemoryLedger>,
        spool: Arc<MemorySpool>,
        script: Arc<Script>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let model = FakeModel::new(manifest, Arc::clone(&script));
        let storage = Storage { ledger: ledger.clone(), spool: spool.clone() };
        let device = "fake".to_owned();
        let engine = Engine::start(config, vec![Box::new(model)], guidance, device, clock, Some(storage))
            .await
            .unwrap();
        Self { engine: Arc::new(engine), ledger, spool, script }
    }

    pub(crate) async fn accept(&self, object: Bytes, lane: Lane) -> Result<Acceptance, Fault> {
        self.engine.accept(object, Door::Stow { client: "test".to_owned() }, lane).await
    }

    /// Holds the device with an image of its own, so that what comes next has to wait.
    pub(crate) async fn occupy_device(&self) {
        self.script.close();
        self.accept(chest(1_000_000).build(), Lane::Stat).await.unwrap();
        eventually("the device is busy", || self.script.waiting() == 1).await;
    }

    /// The value of a metric line that begins with `name`, such as `baize_cancelled_total{stage="post"}`.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let mut registry = Registry::default();
        self.engine.metrics().register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.split(' ').next().unwrap().parse().unwrap())
    }

    /// Images decoded so far.
    pub(crate) fn decoded(&self) -> f64 {
        self.metric("baize_decode_seconds_count")
    }

    /// Waits until so many images are in the ledger with their reports.
    pub(crate) async fn reported(&self, count: usize) {
        eventually("all jobs are reported", || self.ledger.reports().len() >= count).await;
    }
}

/// Waits for a condition; gives up after a time that only a hang takes.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..6000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came true that {what}");
}

/// The fault of something that must fail.
pub(crate) fn fault<T: Debug>(result: Result<T, Fault>) -> Fault {
    result.unwrap_err()
}
