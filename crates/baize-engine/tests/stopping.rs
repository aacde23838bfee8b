//! Stopping on purpose and stopping because the device is gone.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use baize_core::ports::{HealthCheck as _, Reader as _};
use baize_core::{ErrorCode, Lane, Outcome, SystemClock};
use common::{Bench, JobState, Script, chest, config, eventually, fault};

#[tokio::test(flavor = "multi_thread")]
async fn draining_finishes_what_runs_and_gives_the_rest_back() {
    let bench = Bench::start(config()).await;
    bench.occupy_device().await;
    for seed in 1..=5 {
        bench.accept(chest(seed).build(), Lane::Routine).await.unwrap();
    }
    let engine = Arc::clone(&bench.engine);
    let waiting = tokio::spawn(async move { engine.read(chest(9).build(), Lane::Routine).await });
    eventually("all are decoded", || bench.decoded() == 7.0).await;
    let engine = Arc::clone(&bench.engine);
    let draining = tokio::spawn(async move { engine.drain().await });
    eventually("the jobs are given back", || bench.ledger.count(JobState::Open) == 5).await;
    assert!(!bench.engine.health().ready);
    let late = fault(bench.accept(chest(6).build(), Lane::Stat).await);
    assert_eq!(late.code, ErrorCode::Draining);
    assert!(late.retry_after.is_some());
    bench.script.open();
    draining.await.unwrap();
    assert!(waiting.await.unwrap().is_ok(), "a client that waits gets its answer");
    assert_eq!(bench.ledger.reports().len(), 1, "the image that ran has its report");
    assert_eq!(bench.ledger.count(JobState::Open), 5);

    let Bench { ledger, spool, .. } = bench;
    let next = Bench::on(config(), ledger, spool, Arc::default(), Arc::new(SystemClock)).await;
    next.reported(6).await;
    next.engine.drain().await;
    assert_eq!(next.ledger.count(JobState::Done), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_does_not_wait_for_ever() {
    let mut config = config();
    config.drain_timeout = Duration::from_millis(50);
    let bench = Bench::start(config.clone()).await;
    bench.occupy_device().await;
    bench.engine.drain().await;
    assert_eq!((bench.ledger.reports().len(), bench.ledger.count(JobState::Open)), (0, 1));
    bench.script.open();
    let Bench { ledger, spool, .. } = bench;
    let next = Bench::on(config, ledger, spool, Arc::default(), Arc::new(SystemClock)).await;
    next.reported(1).await;
    assert!(matches!(next.ledger.outcome(&chest(1_000_000).sop_uid()), Outcome::Analysed { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_device_fails_no_image() {
    let bench = Bench::start(config()).await;
    bench.occupy_device().await;
    for seed in 1..=3 {
        bench.accept(chest(seed).build(), Lane::Routine).await.unwrap();
    }
    eventually("all are decoded", || bench.decoded() == 4.0).await;
    bench.script.die();
    bench.script.open();
    bench.engine.device_lost().await;
    assert!(!bench.engine.health().ready);
    let refused = fault(bench.engine.read(chest(9).build(), Lane::Stat).await);
    assert_eq!(refused.code, ErrorCode::DeviceLost);
    let kept = bench.accept(chest(4).build(), Lane::Routine).await;
    assert!(kept.is_ok(), "what comes in is still kept");
    bench.engine.drain().await;
    assert_eq!(bench.ledger.reports(), [], "no image is to blame");

    let Bench { ledger, spool, .. } = bench;
    let next = Bench::on(config(), ledger, spool, Arc::new(Script::default()), Arc::new(SystemClock)).await;
    next.reported(5).await;
    for report in next.ledger.reports() {
        assert!(matches!(report.outcome, Outcome::Analysed { .. }));
    }
}
